"""Every op as the commands that a person would have typed."""

from __future__ import annotations

import base64

import pytest

from tests.configs import address, key, network, networks, private_key
from wgd.access.revoking import Connection, Revoke
from wgd.endpoints import NOWHERE
from wgd.kinds.address import AddressAdd, AddressDelete
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.kinds.nftables import NftElements, NftTransaction
from wgd.kinds.passage import Passage, PassageDelete, PassageInsert
from wgd.kinds.peer import NO_PRESHARED_KEY, PeerEdit, PeersSet, Stripped
from wgd.kinds.policy import OPENED, OWN, Policy, PolicyAdd, PolicyDelete
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.kinds.sysctl import SysctlRestore, SysctlSet
from wgd.model import Op
from wgd.nftset import SetEdit

PEER = base64.b64encode(key("a")).decode()
CAMERAS = (Route(network("10.11.12.0/24"), "wg0"), Route(network("fd00::/64"), "wg0", 1024))


def peers(edit: PeerEdit) -> PeersSet:
    return PeersSet(refs=(), interface="wg0", edits=(edit,))


COMMANDS: tuple[tuple[Op, tuple[str, ...]], ...] = (
    (
        LinkCreate(refs=(), name="wg0", mtu=None, userspace=False),
        ("ip link add dev wg0 group 119 type wireguard",),
    ),
    (
        LinkCreate(refs=(), name="wg0", mtu=1380, userspace=False),
        ("ip link add dev wg0 group 119 mtu 1380 type wireguard",),
    ),
    (
        LinkCreate(refs=(), name="wg0", mtu=1380, userspace=True),
        ("wireguard-go wg0", "ip link set dev wg0 group 119 mtu 1380"),
    ),
    (LinkSet(refs=(), name="wg0", mtu=1380), ("ip link set dev wg0 mtu 1380",)),
    (LinkSet(refs=(), name="wg0", group=119), ("ip link set dev wg0 group 119",)),
    (LinkUp(refs=(), name="wg0"), ("ip link set dev wg0 up",)),
    (LinkDelete(refs=(), name="wg0"), ("ip link delete dev wg0",)),
    (
        DeviceSet(refs=(), interface="wg0", private_key=private_key("a"), listen_port=51820, fwmark=0xCA6C),
        ("wg set wg0 private-key … listen-port 51820 fwmark 0xca6c",),
    ),
    (peers(PeerEdit(key("a"), "one", remove=True)), (f"wg set wg0 peer {PEER} remove  # one",)),
    (
        peers(PeerEdit(key("a"), preshared_key=private_key("psk"), persistent_keepalive=25)),
        (f"wg set wg0 peer {PEER} preshared-key … persistent-keepalive 25",),
    ),
    (
        peers(PeerEdit(key("a"), preshared_key=NO_PRESHARED_KEY, persistent_keepalive=0)),
        (f"wg set wg0 peer {PEER} preshared-key /dev/null persistent-keepalive off",),
    ),
    (
        peers(PeerEdit(key("a"), endpoint=("2001:db8::1", 51820))),
        (f"wg set wg0 peer {PEER} endpoint [2001:db8::1]:51820",),
    ),
    (
        peers(PeerEdit(key("a"), add_allowed_ips=networks("10.0.0.0/8", "fd00::/64"))),
        (f"wg set wg0 peer {PEER} allowed-ips +10.0.0.0/8,+fd00::/64",),
    ),
    (
        peers(
            PeerEdit(
                key("a"),
                add_allowed_ips=networks("10.0.0.0/8"),
                remove_allowed_ips=networks("fd00::/64"),
            )
        ),
        (f"wg set wg0 peer {PEER} allowed-ips +10.0.0.0/8,-fd00::/64",),
    ),
    (
        peers(PeerEdit(key("a"), endpoint=NOWHERE, stripped=Stripped("203.0.113.9:1", 0.0))),
        (f"wg set wg0 peer {PEER} endpoint [::%lo]:0",),
    ),
    (
        AddressAdd(refs=(), interface="wg0", address=address("172.27.0.1/16")),
        ("ip address add 172.27.0.1/16 dev wg0 proto 119",),
    ),
    (
        AddressDelete(refs=(), interface="wg0", address=address("172.27.0.1/16")),
        ("ip address delete 172.27.0.1/16 dev wg0",),
    ),
    (
        RouteSet(refs=(), routes=CAMERAS),
        ("ip route add 10.11.12.0/24 dev wg0 proto 119", "ip route add fd00::/64 dev wg0 proto 119"),
    ),
    (
        RouteSet(refs=(), routes=CAMERAS[:1], replace=True),
        ("ip route replace 10.11.12.0/24 dev wg0 proto 119",),
    ),
    (
        RouteDelete(refs=(), routes=CAMERAS[:1]),
        ("ip route delete 10.11.12.0/24 dev wg0 proto 119",),
    ),
    (
        SysctlSet(refs=(), path="net/ipv4/conf/eth0.7/forwarding", value="1"),
        ("sysctl -w net/ipv4/conf/eth0.7/forwarding=1",),
    ),
    (
        SysctlRestore(refs=(), path="net/ipv4/conf/wg0/forwarding", value="0"),
        ("sysctl -w net/ipv4/conf/wg0/forwarding=0",),
    ),
    (
        PolicyAdd(refs=(), policy=Policy(4, "wg0", OWN)),
        ("ip -4 rule add pref 119 iif wg0 fwmark 0/0x1000000 blackhole protocol 119",),
    ),
    (
        PolicyDelete(refs=(), policy=Policy(6, "eth0", OPENED)),
        ("ip -6 rule delete pref 120 iif eth0 fwmark 0/0x1000000 blackhole protocol 119",),
    ),
    (
        PassageInsert(refs=(), passage=Passage(4, "DOCKER-USER", "wg0", ("-i", "wg0", "-o", "eth0"))),
        ("iptables -w -I DOCKER-USER -i wg0 -o eth0 -m comment --comment wgd:wg0 -j ACCEPT",),
    ),
    (
        PassageDelete(refs=(), passage=Passage(6, "FORWARD", "wg0", ("-i", "wg0"))),
        ("ip6tables -w -D FORWARD -i wg0 -m comment --comment wgd:wg0 -j ACCEPT",),
    ),
    (
        Revoke(
            refs=(),
            connections=(Connection(4, 0x0A000001, 0x0A000002, 6, 80), Connection(6, 1, 2, 58, 0)),
        ),
        (
            "conntrack --delete --family ipv4 --orig-src 10.0.0.1 --reply-src 10.0.0.2 --proto 6"
            " --reply-port-src 80",
            "conntrack --delete --family ipv6 --orig-src ::1 --reply-src ::2 --proto 58",
        ),
    ),
    (
        NftElements(
            refs=(),
            edits=(
                SetEdit("a", "ipv4_addr . ipv4_addr", (bytes((10, 0, 0, 1, 10, 0, 0, 2)),)),
                SetEdit("b", "ipv4_addr intervals", (bytes(7) + b"\7",), (bytes(8),)),
                SetEdit("c", "ipv6_addr", tuple(bytes(14) + n.to_bytes(2) for n in range(1, 102))),
            ),
        ),
        (
            "nft 'add element inet wgd a { 10.0.0.1 . 10.0.0.2 }'",
            "nft 'delete element inet wgd b { 0.0.0.0 }'",
            "nft 'add element inet wgd b { 0.0.0.0-0.0.0.7 }'",
            "nft 'add element inet wgd c { " + ", ".join(f"::{n:x}" for n in range(1, 101)) + " }'",
            "nft 'add element inet wgd c { ::65 }'",
        ),
    ),
    (
        NftTransaction(refs=(), lines=("add table inet wgd", "delete table inet wgd")),
        ("nft 'add table inet wgd'", "nft 'delete table inet wgd'"),
    ),
)


@pytest.mark.parametrize(("op", "expected"), COMMANDS, ids=[commands[0][:60] for _, commands in COMMANDS])
def test_commands(op: Op, expected: tuple[str, ...]) -> None:
    assert (*op.commands(),) == expected


def test_every_op_is_in_the_table() -> None:
    assert {type(op).__name__ for op, _ in COMMANDS} == {op.__name__ for op in Op.__subclasses__()}
