"""Packets that can be told from each other wherever they are seen: each has a number, which is its IP
identification or flow label, its port or its ICMP identifier, and no router on its way changes the first.

Checksums are right, since connection tracking looks at them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from integration.host import Host

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
_NODEFRAG = 22
_SYN, _SYN_ACK = 0x02, 0x12
_PIECE = 16
"""Bytes of payload in a first fragment, behind the header that tells the ports."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet. `what`: `tcp/80` (a SYN), `udp/53`, `icmp` (an echo request), or the number of another
    protocol. `sort`: "whole"; "fragments"; "tiny" (the first holds 8 bytes); "last" (the rest of nothing);
    "reply" to a packet from `target` of the number `about`; "error" and "too big" about one.
    """

    number: int
    source: str
    target: str
    what: str
    sort: str = "whole"
    about: int = 0

    @property
    def version(self) -> int:
        return ip_address(self.source).version

    def match(self) -> str:
        """What tells it from others, in nft's language."""
        return f"ip id {self.number}" if self.version == 4 else f"ip6 flowlabel {self.number}"


def send(host: Host, probes: Iterable[Probe]) -> None:
    """From whatever source address; what has no route or no peer has not passed."""
    with host.inside(), _raw(socket.AF_INET) as four, _raw(socket.AF_INET6) as six:
        four.setsockopt(socket.IPPROTO_IP, _NODEFRAG, 1)
        for probe in probes:
            for packet in packets(probe):
                with suppress(OSError):
                    if probe.version == 4:
                        four.sendto(packet, (probe.target, 0))
                    else:
                        six.sendto(packet, (probe.target, 0))


def _raw(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)


def packets(probe: Probe) -> Iterator[bytes]:
    """One, or its fragments."""
    protocol, payload = _payload(probe)
    if probe.sort == "fragments":
        yield from _fragments(probe, protocol, payload, _PIECE + 8)
    elif probe.sort == "tiny":
        yield from _fragments(probe, protocol, payload, 8)
    elif probe.sort == "last":
        yield [*_fragments(probe, protocol, payload, _PIECE + 8)][-1]
    else:
        yield _header(probe, protocol, len(payload)) + payload


def _fragments(probe: Probe, protocol: int, payload: bytes, first: int) -> Iterator[bytes]:
    yield _header(probe, protocol, first, flags=0x2000) + payload[:first]
    yield _header(probe, protocol, len(payload) - first, flags=first // 8) + payload[first:]


def _header(probe: Probe, protocol: int, length: int, flags: int = 0) -> bytes:
    source, target = (ip_address(one).packed for one in (probe.source, probe.target))
    if probe.version == 6:
        return struct.pack("!IHBB", 6 << 28 | probe.number, length, protocol, 64) + source + target
    # The kernel fills in the checksum.
    return (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, probe.number, flags, 64, protocol, 0) + source + target
    )


def _payload(probe: Probe) -> tuple[int, bytes]:
    name, _, port = probe.what.partition("/")
    if probe.sort in ("error", "too big"):
        return _error(probe)
    if name == "icmp":
        name = "icmp" if probe.version == 4 else "icmpv6"
        request, reply = (8, 0) if name == "icmp" else (128, 129)
        kind, number = (reply, probe.about) if probe.sort == "reply" else (request, probe.number)
        return _PROTOCOLS[name], _icmp(probe, kind, 0, struct.pack("!HH", number, 1) + bytes(24))
    if name not in _PROTOCOLS:
        return int(name), bytes(32)
    ports = (int(port), probe.about) if probe.sort == "reply" else (probe.number, int(port))
    if name == "udp":
        body = struct.pack("!HHHH", *ports, 8 + 2 * _PIECE, 0) + bytes(2 * _PIECE)
        return 17, _with_checksum(probe, 17, body, 6)
    answers = probe.sort == "reply"
    numbers = (7, 2, 5 << 4, _SYN_ACK) if answers else (1, 0, 5 << 4, _SYN)
    body = struct.pack("!HHIIBBHHH", *ports, *numbers, 1024, 0, 0) + bytes(0 if answers else 2 * _PIECE)
    return 6, _with_checksum(probe, 6, body, 16)


def _error(probe: Probe) -> tuple[int, bytes]:
    """About the packet of the number `about` that came to the source of this one; `what` tells its ports."""
    name, _, port = probe.what.partition("/")
    inner = Probe(probe.about, probe.target, probe.source, probe.what)
    about = _header(inner, _PROTOCOLS[name], 40) + struct.pack("!HHHH", probe.about, int(port), 40, 0)
    if probe.version == 4:
        code, more = (4, struct.pack("!HH", 0, 1280)) if probe.sort == "too big" else (3, bytes(4))
        return 1, _icmp(probe, 3, code, more + about)
    kind, code, more = (2, 0, struct.pack("!I", 1280)) if probe.sort == "too big" else (1, 4, bytes(4))
    return 58, _icmp(probe, kind, code, more + about)


def _icmp(probe: Probe, kind: int, code: int, body: bytes) -> bytes:
    whole = struct.pack("!BBH", kind, code, 0) + body
    if probe.version == 6:
        return _with_checksum(probe, 58, whole, 2)
    return whole[:2] + _checksum(whole) + whole[4:]


def _with_checksum(probe: Probe, protocol: int, whole: bytes, at: int) -> bytes:
    ends = b"".join(ip_address(one).packed for one in (probe.source, probe.target))
    found = _checksum(ends + struct.pack("!II", len(whole), protocol) + whole)
    return whole[:at] + found + whole[at + 2 :]


def _checksum(data: bytes) -> bytes:
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def counters(probes: Sequence[Probe]) -> str:
    """Rules that count them, each by its number."""
    return "".join(f'{probe.match()} counter comment "{probe.number}"\n' for probe in probes)
