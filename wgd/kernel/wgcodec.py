"""The messages of the kernel's `wireguard` family as values: devices and peers read, edits written. Pure.

It never writes a flag that replaces peers or allowed IPs: both leave a gap in which packets are lost.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from struct import Struct

from wgd.config.document import IPNetwork
from wgd.endpoints import SocketAddress
from wgd.kernel.netlink import U16, U32, U64, attribute, attributes, elements, nest
from wgd.kernel.rtnetlink import index_of
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit
from wgd.model import Secret

GET_DEVICE, SET_DEVICE = 0, 1
_GENERIC = Struct("=BBxx")  # command, version
_VERSION = 1

_IFNAME, _PRIVATE_KEY, _PUBLIC_KEY, _LISTEN_PORT, _FWMARK, _PEERS = 2, 3, 4, 6, 7, 8

_PEER_KEY, _PEER_PSK, _PEER_FLAGS, _PEER_ENDPOINT, _PEER_KEEPALIVE = 1, 2, 3, 4, 5
_PEER_HANDSHAKE, _PEER_RECEIVED, _PEER_SENT, _PEER_ALLOWED_IPS, _PEER_PROTOCOL = 6, 7, 8, 9, 10
_REMOVE_ME, _UPDATE_ONLY = 1, 4

_IP_FAMILY, _IP_ADDRESS, _IP_LENGTH, _IP_FLAGS = 1, 2, 3, 4
_IP_REMOVE_ME = 1

_TIME = Struct("=qq")
_IPV4 = Struct("=H2s4s8x")
_IPV6 = Struct("=H2s4x16sI")

# A peer's first seven attributes as the kernel writes them, each with its header (length, type): key,
# preshared key, handshake, keepalive, sent, received, protocol version. Where 64-bit values are padded, it
# is not so.
_HEAD = Struct("=HH32sHH32sHHqqHHHxxHHQHHQHHI")
_HEADERS = (36, 1, 36, 2, 20, 6, 6, 5, 12, 8, 12, 7, 8, 10)

_NO_PSK = NO_PRESHARED_KEY.reveal()

_Parsed = tuple[bytes, bytes, int, int, int, int, int, dict[int, bytes]]
"""Key, preshared key, handshake (seconds, nanoseconds), keepalive, sent, received, other attributes."""

_MESSAGE_ROOM = 60_000
"""A nested attribute holds 64 KiB; this leaves room for what surrounds the peers."""
_ALLOWED_IPS_AT_ONCE = 1_000
"""At most 48 bytes each."""


def get_device(interface: str) -> bytes:
    """The request for a device and its peers."""
    return _GENERIC.pack(GET_DEVICE, _VERSION) + _name(interface)


def set_device(op: DeviceSet) -> bytes:
    """The request for what the op names, and nothing else: a listen port in it rebinds the socket."""
    parts = [_GENERIC.pack(SET_DEVICE, _VERSION), _name(op.interface)]
    if op.private_key is not None:
        parts.append(attribute(_PRIVATE_KEY, op.private_key.reveal()))
    if op.listen_port is not None:
        parts.append(attribute(_LISTEN_PORT, U16.pack(op.listen_port)))
    if op.fwmark is not None:
        parts.append(attribute(_FWMARK, U32.pack(op.fwmark)))
    return b"".join(parts)


def set_peers(interface: str, edits: Iterable[PeerEdit]) -> Iterator[bytes]:
    """The requests for these edits, in order, each as large as fits."""
    head = _GENERIC.pack(SET_DEVICE, _VERSION) + _name(interface)
    portion: list[bytes] = []
    size = 0
    for piece in (piece for edit in edits for piece in _pieces(edit)):
        if portion and size + len(piece) > _MESSAGE_ROOM:
            yield head + nest(_PEERS, *portion)
            portion, size = [], 0
        portion.append(piece)
        size += len(piece)
    if portion:
        yield head + nest(_PEERS, *portion)


def _pieces(edit: PeerEdit) -> Iterator[bytes]:
    """One peer; several times if it has more allowed IPs than fit."""
    key = attribute(_PEER_KEY, edit.public_key)
    if edit.remove:
        yield nest(0, key, attribute(_PEER_FLAGS, U32.pack(_REMOVE_ME)))
        return
    changes = [key]
    if edit.only_existing:
        changes.append(attribute(_PEER_FLAGS, U32.pack(_UPDATE_ONLY)))
    if edit.preshared_key is not None:
        changes.append(attribute(_PEER_PSK, edit.preshared_key.reveal()))
    if edit.endpoint is not None:
        changes.append(attribute(_PEER_ENDPOINT, pack_endpoint(edit.endpoint)))
    if edit.persistent_keepalive is not None:
        changes.append(attribute(_PEER_KEEPALIVE, U16.pack(edit.persistent_keepalive)))
    allowed = [_pack_prefix(prefix) for prefix in edit.add_allowed_ips]
    allowed += [_pack_prefix(prefix, _IP_REMOVE_ME) for prefix in edit.remove_allowed_ips]
    for start in range(0, max(len(allowed), 1), _ALLOWED_IPS_AT_ONCE):
        portion = allowed[start : start + _ALLOWED_IPS_AT_ONCE]
        yield nest(0, *changes, *([nest(_PEER_ALLOWED_IPS, *portion)] if portion else ()))
        changes = [key, attribute(_PEER_FLAGS, U32.pack(_UPDATE_ONLY))]


def _name(interface: str) -> bytes:
    return attribute(_IFNAME, interface.encode() + b"\0")


def _pack_prefix(prefix: IPNetwork, flags: int = 0) -> bytes:
    family = socket.AF_INET if prefix.version == 4 else socket.AF_INET6
    return nest(
        0,
        attribute(_IP_FAMILY, U16.pack(family)),
        attribute(_IP_ADDRESS, prefix.network_address.packed),
        attribute(_IP_LENGTH, bytes([prefix.prefixlen])),
        attribute(_IP_FLAGS, U32.pack(flags)) if flags else b"",
    )


def pack_endpoint(endpoint: SocketAddress) -> bytes:
    """A `sockaddr_in` or `sockaddr_in6`; a scope (`fe80::1%eth0`) becomes the interface's number."""
    host, port = endpoint
    bare, _, scope = host.partition("%")
    number = port.to_bytes(2, "big")
    if ":" not in bare:
        return _IPV4.pack(socket.AF_INET, number, socket.inet_pton(socket.AF_INET, bare))
    index = index_of(scope, f"reach {host}") if scope else 0
    return _IPV6.pack(socket.AF_INET6, number, socket.inet_pton(socket.AF_INET6, bare), index)


def parse_device(interface: str, messages: Sequence[bytes]) -> Device:
    """The device of a dump; its first message describes it."""
    has = attributes(messages[0], _GENERIC.size) if messages else {}
    private = has.get(_PRIVATE_KEY, bytes(32))
    return Device(
        interface,
        Secret(private) if any(private) else None,
        U16.unpack(has.get(_LISTEN_PORT, b"\0\0"))[0],
        U32.unpack(has.get(_FWMARK, bytes(4)))[0],
        has.get(_PUBLIC_KEY, b""),
    )


def parse_peers(interface: str, messages: Iterable[bytes]) -> list[Peer]:
    """The peers of a dump. One with many allowed IPs comes in several entries, one after the other."""
    peers: list[Peer] = []
    for message in messages:
        for entry in elements(attributes(message, _GENERIC.size).get(_PEERS, b"")):
            peer = _parse_peer(interface, entry)
            if peers and peers[-1].public_key == peer.public_key:
                first = peers[-1]
                peers[-1] = dataclasses.replace(first, allowed_ips=first.allowed_ips | peer.allowed_ips)
            else:
                peers.append(peer)
    return peers


def _parse_peer(interface: str, entry: bytes) -> Peer:
    key, psk, seconds, nanoseconds, keepalive, sent, received, has = _fixed_head(entry) or _walked(entry)
    return Peer(
        interface,
        key,
        _prefixes(has.get(_PEER_ALLOWED_IPS, b"")),
        None if psk == _NO_PSK else Secret(psk),
        keepalive,
        endpoint=parse_endpoint(has[_PEER_ENDPOINT]) if _PEER_ENDPOINT in has else None,
        last_handshake=seconds + nanoseconds / 1e9,
        received=received,
        sent=sent,
    )


def _fixed_head(entry: bytes) -> _Parsed | None:
    """A peer laid out as expected, every header checked; None if it is not."""
    if len(entry) < _HEAD.size:
        return None
    head = _HEAD.unpack_from(entry)
    headers = head[0:2] + head[3:5] + head[6:8] + head[10:12] + head[13:15] + head[16:18] + head[19:21]
    if headers != _HEADERS:
        return None
    return head[2], head[5], head[8], head[9], head[12], head[15], head[18], attributes(entry, _HEAD.size)


def _walked(entry: bytes) -> _Parsed:
    """A peer in any order, with anything left out but the key: the later entries of a peer have no more."""
    has = attributes(entry)
    return (
        has[_PEER_KEY],
        has.get(_PEER_PSK, _NO_PSK),
        *_TIME.unpack(has.get(_PEER_HANDSHAKE, bytes(16))),
        *U16.unpack(has.get(_PEER_KEEPALIVE, bytes(2))),
        *U64.unpack(has.get(_PEER_SENT, bytes(8))),
        *U64.unpack(has.get(_PEER_RECEIVED, bytes(8))),
        has,
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


@lru_cache(maxsize=1 << 16)
def _prefixes(allowed: bytes) -> frozenset[IPNetwork]:
    """Allowed IPs, kept from dump to dump by their bytes, since most never change."""
    return frozenset(_parse_prefix(attributes(one)) for one in elements(allowed))


def _parse_prefix(has: dict[int, bytes]) -> IPNetwork:
    number, length = int.from_bytes(has[_IP_ADDRESS], "big"), has[_IP_LENGTH][0]
    if U16.unpack(has[_IP_FAMILY])[0] == socket.AF_INET:
        return IPv4Network((number, length))
    return IPv6Network((number, length))
