"""Every WireGuard message of a process, as strace saw it leave: which replace flags it carried.

It reads bytes, not wgd's own account of them. `wg syncconf`, which replaces, is traced as well: a reader
that sees no flags there would prove nothing. Which family a message is for strace can only tell of a socket
that has sent before, so that is read from the bytes, too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wgd.kernel.netlink import attributes, elements, messages
from wgd.kernel.wireguard import family

_SET_DEVICE = b"\x01\x01"
"""Command and version, which no other family's messages of the same number begin with."""
_DEVICE_FLAGS, _PEERS, _PEER_FLAGS = 5, 8, 3
_REPLACE_PEERS, _REPLACE_ALLOWED_IPS = 1, 2
_LINE = re.compile(r"^ \| [0-9a-f]+  ((?:[0-9a-f]{2} {1,2}){1,16})")
"""A line of strace's hexadecimal dump."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How many messages changed a device, with how many peers in them, and which replace flags they had."""

    who: str
    messages: int = 0
    peers: int = 0
    replace_peers: int = 0
    replace_allowed_ips: int = 0

    def __add__(self, other: Trace) -> Trace:
        return Trace(
            self.who,
            self.messages + other.messages,
            self.peers + other.peers,
            self.replace_peers + other.replace_peers,
            self.replace_allowed_ips + other.replace_allowed_ips,
        )


def strace(folder: Path) -> tuple[str, ...]:
    """The words before a command that make strace write what it sends into this folder, a file per thread."""
    folder.mkdir(parents=True)
    what = ("-e", "trace=sendto,sendmsg,write", "-e", "write=all")
    return ("strace", "-ff", "-qq", *what, "-o", str(folder / "sent"))


def read(who: str, folder: Path) -> Trace:
    """What the processes traced into this folder told WireGuard, over netlink or its socket."""
    found, wireguard = Trace(who), family()
    for file in sorted(folder.iterdir()):
        for netlink, content in _sent(file.read_text(errors="replace")):
            found += _netlink(who, content, wireguard) if netlink else _text(who, content)
    return found


def _sent(text: str) -> Iterator[tuple[bool, bytes]]:
    """Whether it is netlink, and the bytes, of each system call."""
    netlink, content = False, b""
    for line in text.splitlines():
        if dumped := _LINE.match(line):
            content += bytes.fromhex(dumped[1])
        elif not line.startswith(" * "):
            yield netlink, content
            netlink, content = "nlmsg_type=" in line, b""
    yield netlink, content


def _netlink(who: str, content: bytes, wireguard: int | None) -> Trace:
    found = Trace(who)
    for message in messages(content):
        if message.kind == wireguard and message.body.startswith(_SET_DEVICE):
            found += _set_device(who, message.body)
    return found


def _set_device(who: str, body: bytes) -> Trace:
    device = attributes(body, 4)
    peers = [attributes(peer) for peer in elements(device.get(_PEERS, b""))]
    replacing = sum(bool(_number(peer.get(_PEER_FLAGS)) & _REPLACE_ALLOWED_IPS) for peer in peers)
    return Trace(who, 1, len(peers), _number(device.get(_DEVICE_FLAGS)) & _REPLACE_PEERS, replacing)


def _number(value: bytes | None) -> int:
    return int(struct.unpack("=I", value)[0]) if value else 0


def _text(who: str, content: bytes) -> Trace:
    """What wireguard-go is told."""
    if not content.startswith(b"set=1\n"):
        return Trace(who)
    return Trace(
        who,
        1,
        content.count(b"public_key="),
        content.count(b"replace_peers=true"),
        content.count(b"replace_allowed_ips=true"),
    )
