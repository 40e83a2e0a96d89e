"""The elements of nftables' sets, as a codec: no sockets here.

libnftables reads a whole set before it changes one element of it. In messages of our own that is one message,
and a set of thousands is a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct

from wgd.kernel.netlink import CREATE, NESTED, Request, attribute, attributes, elements, text
from wgd.kernel.nfcodec import HEADER, SUBSYSTEM, about_table, number, ours
from wgd.kinds.nftables import Chain
from wgd.nftset import INTERVALS, PAIR, NamedSet, SetEdit, width

NEWSETELEM, GETSETELEM, DELSETELEM = (SUBSYSTEM | number for number in (12, 13, 14))

_SET_NAME, _ELEMENTS = 2, 3
_MEMBER = 1
_KEY, _FLAGS, _VALUE = 1, 3, 1
_INTERVAL_END = 1
_HEAD = Struct("=6H")
_PORTION = 60000
"""Bytes of elements in one message: a nested attribute holds 64 KiB."""
_SET_FLAGS, _KEY_TYPE = 3, 4
_ANONYMOUS, _INTERVAL, _MAP, _OBJECTS = 0x1, 0x4, 0x8, 0x40
_WORDS = {7: "ipv4_addr", 8: "ipv6_addr"}
_WORDS |= {number << 6 | number: f"{word}{PAIR}{word}" for number, word in _WORDS.items()}
"""nft's numbers for the types that we use; the kernel only keeps them."""


def about_set(name: str) -> bytes:
    """The body of a request for a set's elements."""
    return about_table() + attribute(_SET_NAME, name.encode() + b"\0")


def parse_sets(sets: Iterable[bytes]) -> list[Chain | NamedSet]:
    """The sets and maps that have names. Those of our types are without their elements."""
    return [
        _named(text(has[_SET_NAME]), flags, number(has.get(_KEY_TYPE, b"")))
        for has in ours(sets)
        for flags in (number(has.get(_SET_FLAGS, b"")),)
        if not flags & _ANONYMOUS
    ]


def _named(name: str, flags: int, key_type: int) -> Chain | NamedSet:
    word = _WORDS.get(key_type)
    if flags & (_MAP | _OBJECTS):
        return Chain(name, "", other="map")
    if word is None or flags & ~_INTERVAL or (flags and PAIR in word):
        return Chain(name, "", other="set")
    return NamedSet(name, word + INTERVALS if flags else word)


def encode_edits(edits: Iterable[SetEdit]) -> list[Request]:
    """What goes is taken first: an interval may come in its place."""
    return [
        request
        for edit in edits
        for kind, flags, some in ((DELSETELEM, 0, edit.remove), (NEWSETELEM, CREATE, edit.add))
        for request in _encode(kind, flags, edit, some)
    ]


def _encode(kind: int, flags: int, edit: SetEdit, some: Sequence[bytes]) -> Iterator[Request]:
    if not some:
        return
    head = about_set(edit.name)
    intervals = edit.type.endswith(INTERVALS)
    members = list(chain.from_iterable(map(_ends, some))) if intervals else list(map(_member, some))
    at_once = _PORTION // max(map(len, members[:2])) & ~1  # an interval's ends stay together
    for start in range(0, len(members), at_once):
        packed = b"".join(members[start : start + at_once])
        yield Request(kind, flags, head + attribute(_ELEMENTS | NESTED, packed))


def _member(key: bytes, more: bytes = b"") -> bytes:
    inner = attribute(_KEY | NESTED, attribute(_VALUE, key)) + more
    return attribute(_MEMBER | NESTED, inner)


def _ends(interval: bytes) -> tuple[bytes, ...]:
    """Where it begins, and the first address that it does not contain, if there is one."""
    size = len(interval) // 2
    first, after = interval[:size], int.from_bytes(interval[size:]) + 1
    if after >> size * 8:
        return (_member(first),)
    end = _member(after.to_bytes(size), attribute(_FLAGS, _INTERVAL_END.to_bytes(4)))
    return _member(first), end


def decode_elements(type_: str, bodies: Iterable[bytes]) -> frozenset[bytes]:
    """The elements of a set of that type, from the messages of a dump."""
    lists = [attributes(body, HEADER.size).get(_ELEMENTS, b"") for body in bodies]
    if type_.endswith(INTERVALS):
        return frozenset(_intervals(width(type_), chain.from_iterable(map(elements, lists))))
    size = width(type_) * (2 if PAIR in type_ else 1)
    return frozenset(chain.from_iterable(_keys(size, one) for one in lists))


def _keys(size: int, packed: bytes) -> Iterable[bytes]:
    """As a rule all elements are alike but for the key; others are taken apart one by one."""
    head = _HEAD.pack(size + 12, _MEMBER, size + 8, _KEY, size + 4, _VALUE)
    each = Struct(f"={len(head)}s{size}s")
    if packed and len(packed) % each.size == 0:
        heads, keys = zip(*each.iter_unpack(packed), strict=True)
        if {*heads} == {head}:
            return keys
    return [_key_of(attributes(member)) for member in elements(packed)]


def _key_of(has: dict[int, bytes]) -> bytes:
    return attributes(has[_KEY])[_VALUE]


def _intervals(size: int, members: Iterable[bytes]) -> Iterator[bytes]:
    """From beginnings and ends in any order; an end without a beginning means nothing."""
    found = sorted(
        (_key_of(has), not number(has.get(_FLAGS, b"")) & _INTERVAL_END) for has in map(attributes, members)
    )
    begun: bytes | None = None
    for key, begins in found:
        if begun is not None:
            yield begun + (int.from_bytes(key) - 1).to_bytes(size)
        begun = key if begins else None
    if begun is not None:
        yield begun + b"\xff" * size
