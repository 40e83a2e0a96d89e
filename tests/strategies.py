"""Random configs that `wgd check` would accept, and random mischief of a second administrator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import strategies as st

from tests.configs import address, config, interface, key, network, networks, private_key, side
from tests.fake import FakeKernel
from wgd.config.document import (
    Config,
    Endpoint,
    Forward,
    Input,
    Interface,
    Masquerade,
    Opens,
    Peer,
    PortRange,
)
from wgd.errors import KernelError
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkSet
from wgd.kinds.nftables import NftElements
from wgd.kinds.peer import PeerEdit
from wgd.nftset import NamedSet, SetEdit
from wgd.protocols import Kernel

NAMES = ("ann", "bob", "cem", "dia")
PORTS = (PortRange("tcp", 80, 80), PortRange("udp", 5000, 5010), PortRange("icmp"))
ENDPOINTS = (None, Endpoint("198.51.100.15", 51820), Endpoint("2001:db8::7", 51820))
CROWDS = {
    "crowd": tuple(f"172.20.0.{number}/32" for number in range(3, 29, 2)),
    "crowd6": tuple(f"fd00:0::{number:x}/128" for number in range(3, 29, 2)),
    "ranges": tuple(f"10.11.{number}.0/24" for number in range(12, 38, 2)),
}
"""Networks of so many addresses that rules look into sets of them."""


# Making a strategy takes longer than drawing from it: each is made once.
_one = functools.cache(st.sampled_from)
_truth = st.booleans()


@functools.cache
def _some(items: tuple[str, ...], least: int = 0, most: int | None = None) -> st.SearchStrategy[list[str]]:
    return st.lists(_one(items), min_size=least, max_size=most, unique=True)


@functools.cache
def _rules(words: tuple[str, ...], names: tuple[str, ...], most: int) -> st.SearchStrategy[list[Forward]]:
    return st.lists(_forward(words, names), max_size=most)


@functools.cache
def interfaces(number: int) -> st.SearchStrategy[Interface]:
    """wg0 or wg1, each with addresses of its own."""
    return _interfaces(number)


@st.composite
def _interfaces(draw: st.DrawFn, number: int) -> Interface:
    addresses = (
        f"172.2{number}.0.1/16",
        f"172.2{number}.0.9/16",
        f"10.{number}.0.1/24",
        f"fd00:{number}::1/64",
    )
    own = draw(_some(addresses, 1))
    peers = draw(_peers(number))
    names = tuple(peer.name for peer in peers)
    words = ("any", "internet", "10.11.12.0/24", f"192.168.1{number}0.0/24")
    forwards = draw(_rules((*names, *words, *CROWDS), names, 3))
    entering = draw(_rules((*names, *words, *CROWDS), names, 2))
    masquerades = draw(_masquerades(words)) if forwards else []
    return interface(
        f"wg{number}",
        *own,
        private_key=private_key(draw(_one(("one", "two")))),
        listen_port=draw(_one((None, 51820 + number, 40000 + number))),
        mtu=draw(_one((None, 0, 1380, 1420))),
        fwmark=draw(_one((0, 7))),
        enabled=draw(_one(range(6))) > 0,
        fail_closed=bool(forwards) and draw(_one(range(3))) == 0,
        log_drops=draw(_truth),
        foreign=draw(_one((None, *Opens))) if forwards else None,
        clamp_mss=draw(_one((None, None, True, False))),
        peers=tuple(peers),
        forwards=tuple(forwards),
        masquerades=tuple(masquerades),
        inputs=tuple(Input(rule.source, rule.ports) for rule in entering if not rule.source.internet),
    )


@functools.cache
def _peers(number: int) -> st.SearchStrategy[list[Peer]]:
    return _peers_of(number)


@st.composite
def _peers_of(draw: st.DrawFn, number: int) -> list[Peer]:
    """Each with a part of what there is; no prefix twice."""
    names = draw(_some(NAMES))
    prefixes = [f"172.2{number}.0.{i}/32" for i in range(2, 6)]
    prefixes += [f"192.168.1{number}{i}.0/24" for i in range(3)] + [
        f"fd00:{number}::2/128",
        f"fd0{number}::/32",
    ]
    owners = _one((*names, None))
    owner = {prefix: draw(owners) for prefix in prefixes}
    return [
        Peer(
            name,
            key(name),
            networks(*(prefix for prefix in prefixes if owner[prefix] == name)),
            endpoint=draw(_one(ENDPOINTS)),
            persistent_keepalive=draw(_one((0, 25))),
            preshared_key=draw(_one((None, private_key("psk")))),
            routes=draw(_truth),
            enabled=draw(_one(range(4))) > 0,
        )
        for name in names
    ]


@st.composite
def _forward(draw: st.DrawFn, words: tuple[str, ...], names: tuple[str, ...]) -> Forward:
    one, other = (draw(_some(words, 1, 2)) for _ in "ab")
    ports = draw(_ports)
    source, target = (side(*words, peers=names, **CROWDS) for words in (one, other))
    return Forward(source, target, tuple(ports))


_ports = st.lists(st.sampled_from(PORTS), unique=True)


@functools.cache
def _masquerades(words: tuple[str, ...]) -> st.SearchStrategy[list[Masquerade]]:
    return st.lists(_masquerade(words), max_size=1)


@st.composite
def _masquerade(draw: st.DrawFn, words: tuple[str, ...]) -> Masquerade:
    device = draw(_one(("eth0", "wlp0s0f0")))
    own = draw(_one((None, None, "10.11.12.1", "fd00:9::7")))
    return Masquerade(device, side(draw(_one(words))), ip_address(own) if own else None)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """None, one or both of wg0 and wg1."""
    numbers = draw(_one(((), (0,), (0,), (1,), (0, 1))))
    return config(*(draw(interfaces(number)) for number in numbers))


_configs = configs()
_FIELDS = ("peers", "addresses", "mtu", "listen_port", "fwmark", "forwards", "inputs")
_fields = st.lists(st.sampled_from(_FIELDS))


@st.composite
def edits(draw: st.DrawFn) -> tuple[Config, Config]:
    """A config and what an edit makes of it: often a small one."""
    before = draw(_configs)
    if draw(_truth) or not before.interfaces:
        return before, draw(_configs)
    name = draw(_one(tuple(sorted(before.interfaces))))
    new = draw(interfaces(int(name[-1])))
    some = draw(_fields)
    changed = replace(before.interfaces[name], **{field: getattr(new, field) for field in some})
    if "forwards" in some:
        changed = replace(changed, forwarding=new.forwarding, masquerades=new.masquerades)
    return before, Config({**before.interfaces, name: changed})


Mischief = Callable[[FakeKernel], None]

MISCHIEF: dict[str, Mischief] = {
    "link down": lambda kernel: kernel.set_link_state("wg0", up=False),
    "link deleted": lambda kernel: kernel.delete_link("wg0"),
    "mtu": lambda kernel: kernel.run(LinkSet(refs=(), name="wg0", mtu=1300)),
    "mtu of the other": lambda kernel: kernel.run(LinkSet(refs=(), name="wg1", mtu=1400)),
    "port": lambda kernel: kernel.run(DeviceSet(refs=(), interface="wg0", listen_port=1)),
    "key": lambda kernel: kernel.run(DeviceSet(refs=(), interface="wg0", private_key=private_key("theirs"))),
    "stranger": lambda kernel: kernel.edit_peer(
        "wg0", PeerEdit(key("stranger"), add_allowed_ips=networks("172.20.0.2/32", "192.168.100.0/24"))
    ),
    "theft": lambda kernel: kernel.edit_peer(
        "wg0", PeerEdit(key("ann"), only_existing=True, add_allowed_ips=networks("172.20.0.3/32"))
    ),
    "peer removed": lambda kernel: kernel.edit_peer("wg0", PeerEdit(key("ann"), remove=True)),
    "roamed": lambda kernel: kernel.roam("wg0", key("ann"), ("203.0.113.77", 1234)),
    "address deleted": lambda kernel: kernel.delete_address("wg0", address("172.20.0.1/16")),
    "address added": lambda kernel: kernel.add_address("wg0", address("192.168.99.1/24")),
    "route deleted": lambda kernel: kernel.delete_route(network("192.168.100.0/24")),
    "connected route deleted": lambda kernel: kernel.delete_route(network("10.0.0.0/8")),
    "route elsewhere": lambda kernel: kernel.add_route(network("192.168.98.0/24"), "eth0"),
    "rules flushed": lambda kernel: kernel.nft.flush_ruleset(),
    "routing rules flushed": lambda kernel: kernel.delete_policies(),
    "Docker restarted": lambda kernel: kernel.empty_iptables_chain(4, "DOCKER-USER"),
    "rule inserted": lambda kernel: kernel.nft.insert("forward-wg0", "accept"),
    "chain inserted": lambda kernel: kernel.nft.insert("theirs", "drop"),
    "set inserted": lambda kernel: kernel.nft.add_set("their-set"),
    "element added": lambda kernel: meddle_with_sets(kernel, add=True),
    "element deleted": lambda kernel: meddle_with_sets(kernel, add=False),
    "forwarding off": lambda kernel: kernel.write_sysctl("net/ipv4/conf/wg0/forwarding", "0"),
    "forwarding on": lambda kernel: kernel.write_sysctl("net/ipv4/conf/all/forwarding", "1"),
    "IPv6 forwarding on": lambda kernel: kernel.write_sysctl("net/ipv6/conf/all/forwarding", "1"),
    "secondaries not promoted": lambda kernel: kernel.write_sysctl(
        "net/ipv4/conf/wg0/promote_secondaries", "0"
    ),
}


def meddle_with_sets(kernel: Kernel, add: bool) -> None:
    """In each of our sets an element more or less."""
    for one in kernel.dump("nftables"):
        if isinstance(one, NamedSet) and one.elements:
            theirs = bytes((203, 0, 113, 9)) * 8
            more = (theirs[: len(min(one.elements))],) if add else ()
            edit = SetEdit(one.name, one.type, more, () if add else (min(one.elements),))
            kernel.run(NftElements(refs=(), edits=(edit,)))


def mischief(kernel: FakeKernel, names: list[str]) -> None:
    """What of it can be done is done."""
    for name in names:
        with suppress(KernelError, KeyError):
            MISCHIEF[name](kernel)


tampering = st.lists(st.sampled_from(sorted(MISCHIEF)), max_size=4)
