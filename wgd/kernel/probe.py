"""Really sending something, and what comes back: an echo, a TCP connection, or a stray datagram to a port.

It sends few and small packets, to whom a person named, and to that peer's endpoint; it changes nothing.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from errno import ECONNREFUSED
from ipaddress import ip_address

from wgd.explain.probing import CIRCLES, FORBIDDEN, NO_WAY, Heard
from wgd.explain.sight import IPAddress

EVERY = 1.0
"""Seconds between two tries: the first may only begin a handshake."""
_ECHO, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
_ERRORS: dict[int, dict[int, dict[int, str]]] = {  # by type and code
    4: {3: {0: NO_WAY, 1: NO_WAY}, 11: {0: CIRCLES}},
    6: {1: {0: NO_WAY, 3: NO_WAY}, 3: {0: CIRCLES}},
}
_ICMP = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_HEADER = {4: 20, 6: 40}
_MTU_DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
_DO = 2  # never fragment
_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_MARK = 36


def echo(address: IPAddress, seconds: float, length: int = 0) -> Heard:
    """Pings until there is an answer of some sort. `length`: of the whole IP packet, which is not fragmented
    then. Raises PermissionError without CAP_NET_RAW."""
    version = address.version
    with socket.socket(_FAMILY[version], socket.SOCK_RAW, _ICMP[version]) as raw:
        if length:
            raw.setsockopt(*_MTU_DISCOVER[version], _DO)
        number = os.getpid() & 0xFFFF
        packet = _echo(version, number, max(length - _HEADER[version] - 8, 0))
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            try:
                raw.sendto(packet, (str(address), 0))
            except OSError as error:
                return Heard(errno=error.errno or 0)
            for heard in _answers(raw, address, number, min(EVERY, seconds - passed)):
                return heard
    return Heard()


def _answers(raw: socket.socket, address: IPAddress, number: int, seconds: float) -> Iterator[Heard]:
    """Replies to our echoes, and errors about them, within so many seconds."""
    version, until = address.version, time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            message, (by, *_) = raw.recvfrom(65536)
        except TimeoutError:
            return
        icmp = message[(message[0] & 15) * 4 :] if version == 4 else message
        kind, code, about = icmp[0], icmp[1], icmp[8:]
        sender = ip_address(by.partition("%")[0])
        if kind == _REPLY[version] and _number(icmp) == number and sender == address:
            yield Heard(by=sender)
        elif kind in _ERRORS[version] and _number(about[_inner(version, about) :]) == number:
            yield Heard(by=sender, error=_ERRORS[version][kind].get(code, FORBIDDEN))


def _number(icmp: bytes) -> int:
    return int.from_bytes(icmp[4:6]) if len(icmp) >= 6 else -1


def _inner(version: int, packet: bytes) -> int:
    """How long the header of the quoted packet is."""
    return (packet[0] & 15) * 4 if version == 4 and packet else _HEADER[6]


def _echo(version: int, number: int, size: int) -> bytes:
    """The kernel fills in the checksum for IPv6 only."""
    packet = struct.pack("!BBHHH", _ECHO[version], 0, 0, number, 1) + bytes(size)
    return packet if version == 6 else packet[:2] + _checksum(packet) + packet[4:]


def _checksum(packet: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet[: len(packet) & ~1]))
    total += packet[-1] << 8 if len(packet) & 1 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def connect(address: IPAddress, port: int, seconds: float) -> Heard:
    """A TCP connection, at once closed. That nobody listens is an answer, too."""
    with socket.socket(_FAMILY[address.version], socket.SOCK_STREAM) as stream:
        stream.settimeout(seconds)
        try:
            stream.connect((str(address), port))
        except TimeoutError:
            return Heard()
        except OSError as error:
            return Heard(by=address if error.errno == ECONNREFUSED else None, errno=error.errno or 0)
    return Heard(by=address)


def knock(address: IPAddress, port: int, mark: int, seconds: float) -> Heard:
    """A stray datagram, of which WireGuard takes no notice; but a machine where nobody listens says so."""
    with socket.socket(_FAMILY[address.version], socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(seconds)
        datagrams.setsockopt(*_RECVERR[address.version], 1)
        with suppress(PermissionError):
            datagrams.setsockopt(socket.SOL_SOCKET, _MARK, mark)
        try:
            datagrams.connect((str(address), port))
            datagrams.send(b"\0")
            datagrams.recv(2048)
        except TimeoutError:
            return Heard()
        except OSError as error:
            return Heard(errno=error.errno or 0)
    return Heard(by=address)
