"""Peers out of the kernel's messages: whatever the layout, and the same objects from the same bytes."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from struct import error as StructError
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.errors import KernelError
from wgd.kernel import peerdump
from wgd.kernel.netlink import U16, U32, U64, attribute, nest
from wgd.kernel.peerdump import PeerDump
from wgd.kinds.peer import Peer
from wgd.model import Secret
from wgd.prefixes import Prefix, ordered

PEERS, ALLOWED_IPS = 8, 9
GENERIC = 4
KEY, OTHER_KEY, PSK = b"k" * 32, b"o" * 32, b"p" * 32
PADDING = attribute(0, b"")


def allowed(*prefixes: str) -> bytes:
    entries = []
    for prefix in map(Prefix.parse, prefixes):
        family = socket.AF_INET if prefix.version == 4 else socket.AF_INET6
        length, address = bytes([prefix.length]), prefix.packed
        entries.append(nest(0, attribute(3, length), attribute(1, U16.pack(family)), attribute(2, address)))
    return nest(ALLOWED_IPS, *entries)


def head(psk: bytes = bytes(32), key: bytes = KEY) -> list[bytes]:
    """A peer's first attributes in the kernel's order."""
    return [
        attribute(1, key),
        attribute(2, psk),
        attribute(6, pack("=qq", 1700000000, 500_000_000)),
        attribute(5, U16.pack(25)),
        attribute(8, U64.pack(1 << 40)),
        attribute(7, U64.pack(7)),
        attribute(10, U32.pack(1)),
    ]


def dump(*peers: bytes) -> bytes:
    return bytes(GENERIC) + nest(PEERS, *peers)


V4 = attribute(4, pack("=H", socket.AF_INET) + b"\xca\x6c" + bytes([198, 51, 100, 15]) + bytes(8))
SEEN = Peer(
    "wg0",
    KEY,
    ordered({Prefix.parse("172.27.0.2/32"), Prefix.parse("fd00::/64")}),
    None,
    25,
    endpoint=("198.51.100.15", 51820),
    last_handshake=1700000000.5,
    received=7,
    sent=1 << 40,
)
TAIL = [V4, allowed("172.27.0.2/32", "fd00::/64")]
PADDED = [*head()[:4], PADDING, head()[4], PADDING, *head()[5:]]
LAYOUTS = (
    ("as x86 writes it", [*head(), *TAIL]),
    ("with 64-bit values padded", [*PADDED, *TAIL]),
    ("in another order", [*TAIL, *reversed(head())]),
    ("with something new in it", [*head(), attribute(60, b"new"), *TAIL]),
    ("with something new in its head", [attribute(60, b"new"), *head(), *TAIL]),
)


@pytest.mark.parametrize("parts", [x[1] for x in LAYOUTS], ids=[x[0] for x in LAYOUTS])
def test_a_peer_reads_the_same_in_any_layout(parts: list[bytes]) -> None:
    assert PeerDump("wg0").parse([dump(nest(0, *parts))]) == [SEEN]


def test_a_preshared_key_is_read_and_zeros_are_none() -> None:
    peers = [nest(0, *head(PSK)), nest(0, *head(key=OTHER_KEY))]
    with_key, without = PeerDump("wg0").parse([dump(*peers)])
    assert with_key.preshared_key == Secret(PSK)
    assert without.preshared_key is None


def test_a_peer_split_over_entries_and_messages_is_one_peer() -> None:
    more = nest(0, attribute(1, KEY), allowed("10.0.0.0/8"))
    last = nest(0, attribute(1, KEY), allowed("fd01::/64"))
    other = nest(0, *head(key=OTHER_KEY), allowed("10.1.0.0/16"))
    found = PeerDump("wg0").parse([dump(nest(0, *head(), *TAIL), more), dump(last, other), bytes(GENERIC)])
    assert [peer.public_key for peer in found] == [KEY, OTHER_KEY]
    assert found[0].allowed_ips == ordered(
        (*SEEN.allowed_ips, Prefix.parse("10.0.0.0/8"), Prefix.parse("fd01::/64"))
    )
    assert found[0].received == 7
    assert found[1].allowed_ips == (Prefix.parse("10.1.0.0/16"),)


ENTRY = nest(0, *head(), *TAIL)
OTHER = nest(0, *head(key=OTHER_KEY), allowed("10.1.0.0/16"))


def heard(*parts: bytes) -> bytes:
    """The peer, when 8 bytes more have come from it."""
    return nest(0, *(attribute(7, U64.pack(15)) if part == head()[5] else part for part in parts))


def test_the_same_bytes_are_the_same_objects() -> None:
    reader = PeerDump("wg0")
    peers = reader.parse([dump(ENTRY, OTHER)])
    assert reader.parse([dump(ENTRY, OTHER)]) is peers
    assert reader.parse([dump(ENTRY), dump(OTHER)]) is peers
    one, other = peers
    changed = reader.parse([dump(heard(*head(), *TAIL), OTHER)])
    assert changed == [replace(one, received=15), other]
    assert changed[1] is other
    assert peers == [one, other]


@pytest.mark.parametrize("parts", [x[1] for x in LAYOUTS[:2]], ids=[x[0] for x in LAYOUTS[:2]])
def test_a_peer_that_was_heard_keeps_its_allowed_ips(parts: list[bytes]) -> None:
    reader = PeerDump("wg0")
    (before,) = reader.parse([dump(nest(0, *parts))])
    (after,) = reader.parse([dump(heard(*parts))])
    assert after == replace(before, received=15)
    assert after.allowed_ips is before.allowed_ips


def test_a_split_peer_that_was_heard_keeps_its_allowed_ips() -> None:
    more = nest(0, attribute(1, KEY), allowed("10.0.0.0/8"))
    reader = PeerDump("wg0")
    (before,) = reader.parse([dump(ENTRY, more)])
    (after,) = reader.parse([dump(heard(*head(), *TAIL), more)])
    assert after.received == 15
    assert after.allowed_ips is before.allowed_ips


def test_an_edited_peer_is_read_anew_and_one_that_went_is_forgotten() -> None:
    reader = PeerDump("wg0")
    (before,) = reader.parse([dump(ENTRY)])
    (edited,) = reader.parse([dump(nest(0, *head(), V4, allowed("fd00::/64")))])
    assert edited == replace(before, allowed_ips=ordered({Prefix.parse("fd00::/64")}))
    assert reader.parse([bytes(GENERIC)]) == []
    (again,) = reader.parse([dump(ENTRY)])
    assert again == before
    assert again is not before


def outcome(reader: PeerDump, message: bytes) -> list[Peer] | str:
    """The peers, or that the bytes make no sense."""
    try:
        return reader.parse([message])
    except (KernelError, KeyError, StructError, ValueError, IndexError):
        return "nonsense"


def walked(message: bytes) -> list[Peer] | str:
    """What a walk over the attributes alone makes of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peerdump, "_LAYOUTS", ())
        patch.setattr(peerdump, "_PREFIXES", {})
        return outcome(PeerDump("wg0"), message)


PREFIXES = st.lists(st.ip_addresses().map(str), max_size=3).map(lambda found: allowed(*found))
HEADS = st.sampled_from([head(), head(PSK), PADDED, [*head()[:5], PADDING, *head()[5:]]])
ENTRIES = st.builds(
    lambda parts, endpoint, prefixes: nest(0, *parts, *endpoint, prefixes),
    HEADS,
    st.sampled_from([[], [V4]]),
    PREFIXES,
)
CHANGES = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=3)


def mutated(message: bytes, changes: Sequence[tuple[int, int]]) -> bytes:
    changed = bytearray(message)
    for where, value in changes:
        changed[where % len(changed)] = value
    return bytes(changed)


@given(ENTRIES, CHANGES, CHANGES)
def test_laid_out_or_walked_any_bytes_mean_the_same(
    entry: bytes, first: list[tuple[int, int]], then: list[tuple[int, int]]
) -> None:
    """Also for a reader that has read something like it before."""
    reader = PeerDump("wg0")
    for message in (dump(mutated(entry, first)), dump(mutated(entry, then)), dump(entry)):
        assert outcome(reader, message) == walked(message)


def test_each_layout_is_unpacked_and_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the property above would hold for a fast path that is never taken."""
    monkeypatch.setattr(peerdump, "_walked_head", None)
    monkeypatch.setattr(peerdump, "_walked_prefixes", None)
    for parts in (head(), PADDED, [*head()[:5], PADDING, *head()[5:]]):
        assert PeerDump("wg0").parse([dump(nest(0, *parts, *TAIL))]) == [SEEN]
