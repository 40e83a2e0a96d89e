"""The peers in the messages of the kernel's `wireguard` family, read time and again. Pure.

Ten thousand of them come every few seconds, and hardly one is another than before. So bytes are compared
first; what is new is unpacked as the kernel lays it out, every header checked; and what is laid out in
another way is walked attribute by attribute, with the same result.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import NamedTuple

from wgd.endpoints import SocketAddress
from wgd.kernel.netlink import NESTED, U16, U64, attribute, attribute_header, attributes, elements
from wgd.kernel.wgcodec import (
    GENERIC,
    IP_ADDRESS,
    IP_FAMILY,
    IP_LENGTH,
    PEER_ALLOWED_IPS,
    PEER_ENDPOINT,
    PEER_HANDSHAKE,
    PEER_KEEPALIVE,
    PEER_KEY,
    PEER_PROTOCOL,
    PEER_PSK,
    PEER_RECEIVED,
    PEER_SENT,
    PEERS,
)
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer
from wgd.model import Secret
from wgd.prefixes import Prefix, ordered

_NO_PSK = NO_PRESHARED_KEY.reveal()
_TIME = Struct("=qq")
_PADDING = attribute(0, b"")


class _Layout(NamedTuple):
    """How the head of a peer may be laid out: each value after its header; and which headers."""

    head: Struct
    headers: tuple[bytes, ...]


def _layout(before_sent: bytes, before_received: bytes) -> _Layout:
    sent = before_sent + attribute_header(8, PEER_SENT)
    received = before_received + attribute_header(8, PEER_RECEIVED)
    return _Layout(
        Struct(f"=4s32s4s32s4sqq4sHxx{len(sent)}sQ{len(received)}sQ4sI"),
        (
            attribute_header(32, PEER_KEY),
            attribute_header(32, PEER_PSK),
            attribute_header(16, PEER_HANDSHAKE),
            attribute_header(2, PEER_KEEPALIVE),
            sent,
            received,
            attribute_header(4, PEER_PROTOCOL),
        ),
    )


_LAYOUTS = (_layout(b"", b""), _layout(b"", _PADDING), _layout(_PADDING, _PADDING))
"""Most kernels do not pad 64-bit values; the others do, depending on where the peer begins in its message."""
_KEY_HEADER = attribute_header(32, PEER_KEY)
_IN_HEAD = {PEER_KEY, PEER_PSK, PEER_HANDSHAKE, PEER_KEEPALIVE, PEER_SENT, PEER_RECEIVED, PEER_PROTOCOL}


_Head = tuple[bytes, bytes, int, int, int, int, int]
"""Key, preshared key, handshake (seconds, nanoseconds), keepalive, sent, received."""


class _Prefix(NamedTuple):
    """How an allowed IP of one family is laid out: opening, length, what is in between, address."""

    whole: Struct
    opening: bytes
    between: bytes
    version: int


def _prefix(family: int, size: int, version: int) -> _Prefix:
    opening = attribute_header(20 + size, NESTED) + attribute_header(1, IP_LENGTH)
    between = attribute(IP_FAMILY, U16.pack(family)) + attribute_header(size, IP_ADDRESS)
    return _Prefix(Struct(f"=8sBxxx12s{size}s"), opening, between, version)


_PREFIXES = {
    layout.whole.size: layout for layout in (_prefix(socket.AF_INET, 4, 4), _prefix(socket.AF_INET6, 16, 6))
}


_Known = tuple[tuple[bytes, ...], int, Peer]
"""A peer's entries, how long the head is that they begin with (0: it is laid out in another way), and the
peer."""


class PeerDump:
    """The peers of one device, from dump to dump.

    What comes in the same bytes as the last time is the same object, down to the whole list. Of a peer that
    was only heard, just the head is decoded. Nothing is kept but what the last dump held.
    """

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._known: Mapping[bytes, _Known] = {}
        self._peers: list[Peer] = []

    def parse(self, messages: Iterable[bytes]) -> list[Peer]:
        """All peers, in the kernel's order."""
        peers, known = [], {}
        for key, entries in _by_peer(messages):
            one = self._known.get(key)
            if one is None or one[0] != entries:
                one = _peer(self._interface, key, entries, one)
            known[key] = one
            peers.append(one[2])
        if peers != self._peers:
            self._peers = peers
        self._known = known
        return self._peers


def _by_peer(messages: Iterable[bytes]) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """Keys and entries. A peer with many allowed IPs comes in several, one after the other."""
    key = b""
    entries: tuple[bytes, ...] = ()
    for message in messages:
        for entry in elements(attributes(message, GENERIC.size).get(PEERS, b"")):
            own = entry[4:36] if entry.startswith(_KEY_HEADER) else attributes(entry)[PEER_KEY]
            if entries and own == key:
                entries = (*entries, entry)
                continue
            if entries:
                yield key, entries
            key, entries = own, (entry,)
    if entries:
        yield key, entries


def _peer(interface: str, key: bytes, entries: tuple[bytes, ...], before: _Known | None) -> _Known:
    head, size = _fixed_head(entries[0])
    if head is not None and before is not None and _same_but_heads(before, entries, size):
        endpoint, allowed_ips = before[2].endpoint, before[2].allowed_ips
    else:
        has = attributes(entries[0][size:])
        if head is None or not _IN_HEAD.isdisjoint(has):
            has, size = attributes(entries[0]), 0
            head = _walked_head(has)
        endpoint = parse_endpoint(has[PEER_ENDPOINT]) if PEER_ENDPOINT in has else None
        allowed_ips = _all_allowed_ips(has, entries[1:])
    _, psk, seconds, nanoseconds, keepalive, sent, received = head
    peer = Peer(
        interface,
        key,
        allowed_ips,
        None if psk == _NO_PSK else Secret(psk),
        keepalive,
        endpoint=endpoint,
        last_handshake=seconds + nanoseconds / 1e9,
        received=received,
        sent=sent,
    )
    return entries, size, peer


def _same_but_heads(before: _Known, entries: tuple[bytes, ...], size: int) -> bool:
    were, head, _ = before
    return head > 0 and were[0][head:] == entries[0][size:] and were[1:] == entries[1:]


def _fixed_head(first: bytes) -> tuple[_Head | None, int]:
    """The head if it is laid out as expected, and how long it is."""
    for layout, headers in _LAYOUTS:
        if len(first) >= layout.size:
            a, key, b, psk, c, seconds, nanoseconds, d, keepalive, e, sent, f, received, g, _ = (
                layout.unpack_from(first)
            )
            if (a, b, c, d, e, f, g) == headers:
                head = key, psk, seconds, nanoseconds, keepalive, sent, received
                return head, layout.size
    return None, 0


def _walked_head(has: Mapping[int, bytes]) -> _Head:
    """The head in any order, with anything left out but the key."""
    return (
        has[PEER_KEY],
        has.get(PEER_PSK, _NO_PSK),
        *_TIME.unpack(has.get(PEER_HANDSHAKE, bytes(16))),
        *U16.unpack(has.get(PEER_KEEPALIVE, bytes(2))),
        *U64.unpack(has.get(PEER_SENT, bytes(8))),
        *U64.unpack(has.get(PEER_RECEIVED, bytes(8))),
    )


def parse_endpoint(packed: bytes) -> SocketAddress | None:
    """Where a peer is; None for a neutralised one (port 0). A scope is left out: it is no part of where."""
    family = U16.unpack_from(packed)[0]
    port = int.from_bytes(packed[2:4], "big")
    if port == 0:
        return None
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, packed[4:8]), port
    return socket.inet_ntop(socket.AF_INET6, packed[8:24]), port


def _all_allowed_ips(has: Mapping[int, bytes], more: Iterable[bytes]) -> tuple[Prefix, ...]:
    lists = [has, *map(attributes, more)]
    return ordered(
        tuple([prefix for one in lists for prefix in _allowed_ips(one.get(PEER_ALLOWED_IPS, b""))])
    )


def _allowed_ips(packed: bytes) -> list[Prefix]:
    found: list[Prefix] = []
    start = 0
    while start < len(packed):
        layout = _PREFIXES.get(int.from_bytes(packed[start : start + 2], sys.byteorder))
        if layout is None or start + layout.whole.size > len(packed):
            return _walked_prefixes(packed)
        opening, length, between, address = layout.whole.unpack_from(packed, start)
        if opening != layout.opening or between != layout.between:
            return _walked_prefixes(packed)
        found.append(Prefix(layout.version, int.from_bytes(address, "big"), length))
        start += layout.whole.size
    return found


def _walked_prefixes(packed: bytes) -> list[Prefix]:
    return [_parse_prefix(attributes(one)) for one in elements(packed)]


def _parse_prefix(has: Mapping[int, bytes]) -> Prefix:
    number, length = int.from_bytes(has[IP_ADDRESS], "big"), has[IP_LENGTH][0]
    return Prefix(4 if U16.unpack(has[IP_FAMILY])[0] == socket.AF_INET else 6, number, length)
