"""The kernel's entries of connections: which there are, and deleting some. Codec and errands in one.

An entry that went by itself meanwhile is as good as deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from errno import ENOENT
from struct import Struct

from wgd.access.revoking import Connection, Revoke
from wgd.errors import KernelError
from wgd.kernel import netlink
from wgd.kernel.netlink import NESTED, Netlink, Request, attribute, attributes
from wgd.kernel.nfcodec import HEADER

_SUBSYSTEM = 1 << 8
GET, DELETE = _SUBSYSTEM | 1, _SUBSYSTEM | 2
_STATUS, _SEEN_REPLY = 3, 2
_ORIGINAL, _REPLY, _ID, _ZONE = 1, 2, 12, 18
_IP, _PROTOCOL = 1, 2
_ADDRESSES = {4: (1, 2), 6: (3, 4)}
_NUMBER, _SOURCE_PORT = 1, 2
_VERSIONS = {2: 4, 10: 6}
_PORT = Struct(">H")


def connection(message: bytes) -> Connection | None:
    """What an entry is about; None: not about IP."""
    version = _VERSIONS.get(message[0])
    has = attributes(message, HEADER.size)
    if version is None or _ORIGINAL not in has or _REPLY not in has:
        return None
    original, reply = (attributes(has[way]) for way in (_ORIGINAL, _REPLY))
    protocol = attributes(reply[_PROTOCOL])
    source, target = _ADDRESSES[version]
    opened_by, led_to = (attributes(way[_IP])[source] for way in (original, reply))
    seen_as = attributes(reply[_IP])[target]
    port = protocol.get(_SOURCE_PORT, bytes(2))
    return Connection(
        version,
        int.from_bytes(opened_by),
        int.from_bytes(led_to),
        protocol[_NUMBER][0],
        _PORT.unpack(port)[0],
        opened_by == seen_as,
        _named(message[0], has),
    )


def _named(family: int, has: Mapping[int, bytes]) -> bytes:
    """What a request says that is about just this entry."""
    body = HEADER.pack(family, 0, 0) + attribute(_ORIGINAL | NESTED, has[_ORIGINAL])
    return body + b"".join(attribute(kind, has[kind]) for kind in (_ID, _ZONE) if kind in has)


def connections() -> list[Connection]:
    """All there are. Raises KernelError."""
    with Netlink(netlink.NETFILTER) as kernel:
        told = kernel.dump("read connections", GET, HEADER.pack(0, 0, 0)).bodies
    return [one for one in map(connection, told) if one is not None]


def answered() -> frozenset[tuple[int, int]]:
    """Source and target, as numbers, of connections that were answered and whose addresses nobody translated.
    Raises KernelError."""
    with Netlink(netlink.NETFILTER) as kernel:
        found = kernel.dump("read connections", GET, HEADER.pack(0, 0, 0)).bodies
    return frozenset(one for message in found if (one := answered_one(message)) is not None)


def answered_one(message: bytes) -> tuple[int, int] | None:
    """Source and target of an entry like that."""
    about, has = connection(message), attributes(message, HEADER.size)
    if about is None or not int.from_bytes(has.get(_STATUS, b"")) & _SEEN_REPLY:
        return None
    return (about.source, about.target) if about.bare else None


def revoke(op: Revoke) -> None:
    """Deletes their entries. Raises KernelError."""
    requests = [Request(DELETE, 0, one.entry) for one in op.connections]
    with Netlink(netlink.NETFILTER) as kernel:
        refused = kernel.batch("delete connections", requests)
    for refusal in refused.values():
        if refusal.errno != ENOENT:
            raise KernelError("delete connections", refusal.errno, refusal.text)
