"""Devices and peers: the same edits with the same results, in the kernel and as a process."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from integration.host import Host
from wgd.config import x25519
from wgd.errors import KernelError, PartialFailure
from wgd.kernel import wireguard
from wgd.kernel.linux import LinuxKernel
from wgd.kernel.netlink import GENERIC, Kept
from wgd.kernel.wireguard import KernelTunnel
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.link import LinkCreate, LinkDelete
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit, PeersSet
from wgd.model import Ref, Secret
from wgd.prefixes import Prefix, ordered

PRIVATE = Secret(x25519.clamp(b"\x01" * 32))
PSK = Secret(b"p" * 32)
A, B, C = (x25519.public(bytes([n]) * 32) for n in (2, 3, 4))
HUB = ("198.51.100.15", 51820)
HUB_6 = ("2001:db8::1", 51820)


@pytest.fixture
def kernel(namespace: Host, lane: str) -> LinuxKernel:
    made = LinuxKernel()
    made.run(LinkCreate(refs=(), name="wg0", mtu=None, userspace=lane == "userspace"))
    return made


def device(kernel: LinuxKernel) -> Device:
    (found,) = kernel.dump("device")
    assert isinstance(found, Device)
    return found


def peers(kernel: LinuxKernel) -> dict[bytes, Peer]:
    return {peer.public_key: peer for peer in kernel.dump("peer") if isinstance(peer, Peer)}


def edit(kernel: LinuxKernel, *edits: PeerEdit, interface: str = "wg0") -> None:
    kernel.run(PeersSet(refs=(), interface=interface, edits=edits))


def allowed(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, texts))


def test_a_new_device_has_no_key(kernel: LinuxKernel) -> None:
    found = device(kernel)
    assert (found.interface, found.private_key, found.fwmark) == ("wg0", None, 0)
    assert peers(kernel) == {}


def test_only_what_is_set_changes(kernel: LinuxKernel) -> None:
    kernel.run(DeviceSet(refs=(), interface="wg0", private_key=PRIVATE, listen_port=51820, fwmark=7))
    assert device(kernel) == Device("wg0", PRIVATE, 51820, 7)
    assert device(kernel).public_key == x25519.public(PRIVATE.reveal())
    kernel.run(DeviceSet(refs=(), interface="wg0", fwmark=0))
    assert device(kernel) == Device("wg0", PRIVATE, 51820, 0)


def test_a_peer_is_made_and_edited_one_thing_at_a_time(kernel: LinuxKernel) -> None:
    edit(kernel, PeerEdit(A, add_allowed_ips=allowed("172.27.0.2/32", "fd00::/64")))
    want = Peer("wg0", A, ordered(allowed("172.27.0.2/32", "fd00::/64")))
    assert peers(kernel) == {A: want}
    steps = (
        (PeerEdit(A, persistent_keepalive=25), {"persistent_keepalive": 25}),
        (PeerEdit(A, preshared_key=PSK), {"preshared_key": PSK}),
        (PeerEdit(A, endpoint=HUB), {"endpoint": HUB}),
        (PeerEdit(A, endpoint=HUB_6), {"endpoint": HUB_6}),
        (
            PeerEdit(A, only_existing=True, add_allowed_ips=allowed("10.11.12.0/24")),
            {"allowed_ips": ordered((*want.allowed_ips, Prefix.parse("10.11.12.0/24")))},
        ),
        (PeerEdit(A, preshared_key=NO_PRESHARED_KEY), {"preshared_key": None}),
        (PeerEdit(A, persistent_keepalive=0), {"persistent_keepalive": 0}),
    )
    for change, result in steps:
        edit(kernel, change)
        want = dataclasses.replace(want, **result)
        assert peers(kernel) == {A: want}


def test_a_peer_that_is_gone_is_not_made_by_an_edit_or_removed_twice(kernel: LinuxKernel) -> None:
    edit(kernel, PeerEdit(A, only_existing=True, persistent_keepalive=25))
    assert peers(kernel) == {}
    edit(kernel, PeerEdit(A))
    for _ in range(2):
        edit(kernel, PeerEdit(A, remove=True))
        assert peers(kernel) == {}


def test_adding_a_prefix_takes_it_from_whoever_has_it(kernel: LinuxKernel) -> None:
    edit(kernel, PeerEdit(A, add_allowed_ips=allowed("10.0.0.0/8", "10.11.12.0/24")))
    edit(kernel, PeerEdit(B, add_allowed_ips=allowed("10.11.12.0/24")))
    assert {key: peer.allowed_ips for key, peer in peers(kernel).items()} == {
        A: allowed("10.0.0.0/8"),
        B: allowed("10.11.12.0/24"),
    }


def test_a_prefix_leaves_with_a_peer_that_takes_it_and_is_removed(kernel: LinuxKernel) -> None:
    edit(kernel, PeerEdit(A, add_allowed_ips=allowed("10.0.0.0/8", "10.11.12.0/24")))
    edit(kernel, PeerEdit(B, add_allowed_ips=allowed("10.11.12.0/24")), PeerEdit(B, remove=True))
    assert {key: peer.allowed_ips for key, peer in peers(kernel).items()} == {A: allowed("10.0.0.0/8")}


@pytest.mark.parametrize("nowhere", [("::", 0), ("0.0.0.0", 0)], ids=["IPv6", "IPv4"])
def test_a_neutralised_endpoint_reads_as_none(kernel: LinuxKernel, nowhere: tuple[str, int]) -> None:
    edit(kernel, PeerEdit(A, endpoint=HUB))
    edit(kernel, PeerEdit(A, endpoint=nowhere))
    assert peers(kernel)[A].endpoint is None


def test_a_peer_with_more_allowed_ips_than_a_message_holds(kernel: LinuxKernel) -> None:
    wide = tuple(Prefix(6, 0xFD << 120 | number << 64, 64) for number in range(2500))
    narrow = tuple(Prefix(4, 0x0A000000 + number, 32) for number in range(3000))
    many: tuple[Prefix, ...] = (*narrow, *wide)
    edit(kernel, PeerEdit(A, persistent_keepalive=25), PeerEdit(B, add_allowed_ips=many), PeerEdit(C))
    found = peers(kernel)
    assert found[B].allowed_ips == ordered(many)
    assert found[A].persistent_keepalive == 25
    assert set(found) == {A, B, C}


def test_a_thousand_peers(kernel: LinuxKernel) -> None:
    edits = [
        PeerEdit(
            number.to_bytes(2, "big") * 16,
            persistent_keepalive=25,
            preshared_key=PSK if number % 2 else None,
            endpoint=HUB if number % 3 else HUB_6,
            add_allowed_ips=(Prefix(4, 0x0A000000 + number, 32),),
        )
        for number in range(1, 1001)
    ]
    edit(kernel, *edits)
    assert peers(kernel) == {
        one.public_key: Peer(
            "wg0",
            one.public_key,
            ordered(one.add_allowed_ips),
            one.preshared_key,
            25,
            endpoint=one.endpoint,
        )
        for one in edits
    }


def test_one_refused_edit_is_named_and_the_others_are_done(kernel: LinuxKernel) -> None:
    with pytest.raises(KernelError, match=r"^set peer phone of wg0: (ERANGE|EINVAL): "):
        edit(kernel, PeerEdit(A), PeerEdit(b"too short", name="phone"), PeerEdit(C, endpoint=HUB))
    assert set(peers(kernel)) == {A, C}


def test_a_device_that_is_not_there_is_refused(kernel: LinuxKernel) -> None:
    for op in (
        DeviceSet(refs=(), interface="wg1", fwmark=1),
        PeersSet(refs=(), interface="wg1", edits=(PeerEdit(A),)),
    ):
        with pytest.raises(KernelError, match="ENODEV"):
            kernel.run(op)


def test_the_configured_endpoint_is_noted_until_its_peer_or_link_goes(kernel: LinuxKernel, lane: str) -> None:
    def pushed() -> dict[bytes, str | None]:
        return {key: peer.pushed for key, peer in peers(LinuxKernel()).items()}

    edit(
        kernel,
        PeerEdit(A, endpoint=HUB, configured="hub-1.example:51820"),
        PeerEdit(B, configured="there already:1"),
        PeerEdit(C, endpoint=HUB, configured="198.51.100.15:51820"),
    )
    assert pushed() == {A: "hub-1.example:51820", B: "there already:1", C: "198.51.100.15:51820"}
    edit(kernel, PeerEdit(A, remove=True))
    edit(kernel, PeerEdit(A))
    assert pushed() == {A: None, B: "there already:1", C: "198.51.100.15:51820"}
    kernel.run(LinkDelete(refs=(), name="wg0"))
    assert Path("/run/wgd/endpoints.json").read_text() == "{}\n"


def test_an_endpoint_of_a_refused_edit_is_not_noted(kernel: LinuxKernel) -> None:
    with pytest.raises(KernelError):
        edit(
            kernel,
            PeerEdit(A, endpoint=HUB, configured="hub:1"),
            PeerEdit(b"too short", endpoint=HUB, configured="hub:2"),
        )
    assert "hub:2" not in Path("/run/wgd/endpoints.json").read_text()
    assert peers(kernel)[A].pushed == "hub:1"


def test_of_many_peers_the_refused_one_is_named_and_the_others_are_made(kernel: LinuxKernel) -> None:
    edits = [PeerEdit(number.to_bytes(4, "big") * 8, name=f"p{number}") for number in range(1, 41)]
    edits[17] = PeerEdit(b"too short", name="p18")
    refs = tuple(Ref("peer", ("wg0", one.public_key)) for one in edits)
    with pytest.raises(PartialFailure) as caught:
        kernel.run(PeersSet(refs=refs, interface="wg0", edits=tuple(edits)))
    assert [*caught.value.failed] == [17]
    assert caught.value.failed[17].startswith("set peer p18 of wg0: ")
    assert peers(kernel).keys() == {one.public_key for one in edits} - {b"too short"}


@pytest.mark.lane("kernel")
def test_a_family_whose_number_is_another_since_is_looked_for_again(
    kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module was unloaded and loaded."""
    numbers = iter((4000, wireguard.family()))
    monkeypatch.setattr(wireguard, "family", cache(lambda: next(numbers)))
    edit(kernel, PeerEdit(A))
    assert peers(kernel).keys() == {A}


def test_unchanged_peers_are_the_same_objects(kernel: LinuxKernel) -> None:
    edit(kernel, PeerEdit(A, add_allowed_ips=allowed("172.27.0.2/32")), PeerEdit(B))
    before = kernel.dump("peer")
    assert kernel.dump("peer") is before
    edit(kernel, PeerEdit(B, persistent_keepalive=25))
    after = {peer.public_key: peer for peer in kernel.dump("peer") if isinstance(peer, Peer)}
    assert after[B].persistent_keepalive == 25
    assert [after[A]] == [peer for peer in before if peer is after[A]]


def test_devices_and_then_peers_are_one_look_that_nothing_outlives(kernel: LinuxKernel) -> None:
    """Each of these begins another: an op, a dump of another kind, a second dump of the peers."""
    other = LinuxKernel()
    kernel.dump("device")
    edit(other, PeerEdit(A))
    assert peers(kernel) == {}, "one look"
    assert peers(kernel).keys() == {A}
    kernel.dump("device")
    kernel.dump("link")
    edit(other, PeerEdit(B))
    assert peers(kernel).keys() == {A, B}
    kernel.dump("device")
    edit(kernel, PeerEdit(C))
    assert peers(kernel).keys() == {A, B, C}


@contextmanager
def peers_coming_and_going(pause: float) -> Iterator[None]:
    """Another process that changes the device all the time, every `pause` seconds."""
    child = os.fork()
    if child == 0:
        try:
            kept = Kept(GENERIC)
            while True:
                wireguard.set_peers(kept, "wg0", [PeerEdit(C)])
                time.sleep(pause)
                wireguard.set_peers(kept, "wg0", [PeerEdit(C, remove=True)])
                time.sleep(pause)
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.lane("kernel")
def test_a_dump_under_change_holds_every_peer_once(kernel: LinuxKernel) -> None:
    """WireGuard marks a dump as torn (NLM_F_DUMP_INTR) when a peer came or went; it is read again."""
    steady = {number.to_bytes(4, "big") * 8 for number in range(1, 2001)}
    edit(kernel, *map(PeerEdit, steady))
    start = time.monotonic()
    KernelTunnel(Kept(GENERIC), "wg0").read()
    with peers_coming_and_going(pause=2 * (time.monotonic() - start)):
        for _ in range(20):
            tunnel = KernelTunnel(Kept(GENERIC), "wg0")
            tunnel.read()
            found = [peer.public_key for peer in tunnel.peers]
            assert len(found) == len(set(found))
            assert steady <= set(found)
