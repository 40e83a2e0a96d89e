"""The messages of the kernel's `wireguard` family as values: devices read, edits written. Pure.

`peerdump` reads the peers. This never writes a flag that replaces peers or allowed IPs: both leave a gap in
which packets are lost.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from struct import Struct

from wgd.endpoints import SocketAddress
from wgd.kernel.netlink import NESTED, U16, U32, attribute, attribute_header, attributes, nest
from wgd.kernel.rtnetlink import index_of
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import PeerEdit
from wgd.model import Secret
from wgd.prefixes import Prefix

GET_DEVICE, SET_DEVICE = 0, 1
GENERIC = Struct("=BBxx")  # command, version
_VERSION = 1

_IFNAME, _PRIVATE_KEY, _PUBLIC_KEY, _LISTEN_PORT, _FWMARK, PEERS = 2, 3, 4, 6, 7, 8

PEER_KEY, PEER_PSK, PEER_FLAGS, PEER_ENDPOINT, PEER_KEEPALIVE = 1, 2, 3, 4, 5
PEER_HANDSHAKE, PEER_RECEIVED, PEER_SENT, PEER_ALLOWED_IPS, PEER_PROTOCOL = 6, 7, 8, 9, 10
_REMOVE_ME, _UPDATE_ONLY = 1, 4

IP_FAMILY, IP_ADDRESS, IP_LENGTH, _IP_FLAGS = 1, 2, 3, 4
_IP_REMOVE_ME = 1

_KEY_HEADER = attribute_header(32, PEER_KEY)
_LENGTH = Struct("=HHB3x")  # an attribute of one byte

_IPV4 = Struct("=H2s4s8x")
_IPV6 = Struct("=H2s4x16sI")

_MESSAGE_ROOM = 60_000
"""A nested attribute holds 64 KiB; this leaves room for what surrounds the peers."""
_ALLOWED_IPS_AT_ONCE = 1_000
"""At most 48 bytes each."""


def get_device(interface: str) -> bytes:
    """The request for a device and its peers."""
    return GENERIC.pack(GET_DEVICE, _VERSION) + _name(interface)


def set_device(op: DeviceSet) -> bytes:
    """The request for what the op names, and nothing else: a listen port in it rebinds the socket."""
    parts = [GENERIC.pack(SET_DEVICE, _VERSION), _name(op.interface)]
    if op.private_key is not None:
        parts.append(attribute(_PRIVATE_KEY, op.private_key.reveal()))
    if op.listen_port is not None:
        parts.append(attribute(_LISTEN_PORT, U16.pack(op.listen_port)))
    if op.fwmark is not None:
        parts.append(attribute(_FWMARK, U32.pack(op.fwmark)))
    return b"".join(parts)


def set_peers(interface: str, edits: Iterable[PeerEdit]) -> Iterator[bytes]:
    """The requests for these edits, in order, each as large as fits."""
    head = GENERIC.pack(SET_DEVICE, _VERSION) + _name(interface)
    portion: list[bytes] = []
    size = 0
    for piece in (piece for edit in edits for piece in _pieces(edit)):
        if portion and size + len(piece) > _MESSAGE_ROOM:
            yield head + nest(PEERS, *portion)
            portion, size = [], 0
        portion.append(piece)
        size += len(piece)
    if portion:
        yield head + nest(PEERS, *portion)


def _pieces(edit: PeerEdit) -> Iterator[bytes]:
    """One peer; several times if it has more allowed IPs than fit."""
    key = _KEY_HEADER + edit.public_key
    if edit.remove:
        yield nest(0, key, attribute(PEER_FLAGS, U32.pack(_REMOVE_ME)))
        return
    changes = [key]
    if edit.only_existing:
        changes.append(attribute(PEER_FLAGS, U32.pack(_UPDATE_ONLY)))
    if edit.preshared_key is not None:
        changes.append(attribute(PEER_PSK, edit.preshared_key.reveal()))
    if edit.endpoint is not None:
        changes.append(attribute(PEER_ENDPOINT, pack_endpoint(edit.endpoint)))
    if edit.persistent_keepalive is not None:
        changes.append(attribute(PEER_KEEPALIVE, U16.pack(edit.persistent_keepalive)))
    allowed = [_pack_prefix(prefix) for prefix in edit.add_allowed_ips]
    allowed += [_pack_prefix(prefix, _IP_REMOVE_ME) for prefix in edit.remove_allowed_ips]
    for start in range(0, max(len(allowed), 1), _ALLOWED_IPS_AT_ONCE):
        portion = allowed[start : start + _ALLOWED_IPS_AT_ONCE]
        yield nest(0, *changes, *([nest(PEER_ALLOWED_IPS, *portion)] if portion else ()))
        changes = [key, attribute(PEER_FLAGS, U32.pack(_UPDATE_ONLY))]


def _name(interface: str) -> bytes:
    return attribute(_IFNAME, interface.encode() + b"\0")


def _pack_prefix(prefix: Prefix, flags: int = 0) -> bytes:
    more = attribute(_IP_FLAGS, U32.pack(flags)) if flags else b""
    return (
        _before_address(prefix.version, len(more))
        + prefix.packed
        + _LENGTH.pack(5, IP_LENGTH, prefix.length)
        + more
    )


@lru_cache
def _before_address(version: int, more: int) -> bytes:
    """What an allowed IP begins with; `more`: bytes behind its length."""
    family, size = (socket.AF_INET, 4) if version == 4 else (socket.AF_INET6, 16)
    begin = attribute(IP_FAMILY, U16.pack(family)) + attribute_header(size, IP_ADDRESS)
    return attribute_header(len(begin) + size + _LENGTH.size + more, NESTED) + begin


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
    has = attributes(messages[0], GENERIC.size) if messages else {}
    private = has.get(_PRIVATE_KEY, bytes(32))
    return Device(
        interface,
        Secret(private) if any(private) else None,
        U16.unpack(has.get(_LISTEN_PORT, b"\0\0"))[0],
        U32.unpack(has.get(_FWMARK, bytes(4)))[0],
        has.get(_PUBLIC_KEY, b""),
    )
