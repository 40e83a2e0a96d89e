"""Address prefixes, and set algebra on them: union, intersection, difference, one IP version at a time.

A `Ranges` is a sorted tuple of disjoint, non-adjacent (first, last) integer pairs, both inclusive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import repeat
from operator import itemgetter
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

IPAddress = IPv4Address | IPv6Address
Ranges = tuple[tuple[int, int], ...]

BITS = {4: 32, 6: 128}
_LENGTHS = {version: {str(length): length for length in range(bits + 1)} for version, bits in BITS.items()}
_BYTES = {4: 4, 6: 16}


class Prefix(NamedTuple):
    """An IP version, the first address as a number, and how many of its bits are fixed; the others are zero.

    There are some for each of ten thousand peers. This takes half the room of a network of `ipaddress`, and a
    tuple compares, sorts and hashes in the interpreter's own C.
    """

    version: int
    first: int
    length: int

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """From a CIDR without host bits; a bare address is that address alone. Raises ValueError."""
        return cls.plain(text) or cls.of(ip_network(text))

    @classmethod
    def plain(cls, text: str) -> Prefix | None:
        """From a CIDR as most are written, in a quarter of the time that `ipaddress` takes; None: it is
        another text, or none."""
        address, _, word = text.partition("/")
        version, family = (6, AF_INET6) if ":" in address else (4, AF_INET)
        length = _LENGTHS[version].get(word)
        if length is None:
            return None
        try:
            first = int.from_bytes(inet_pton(family, address), "big")
        except (OSError, ValueError):  # ValueError: it holds a zero byte, or half a character
            return None
        return None if first & (1 << BITS[version] - length) - 1 else cls(version, first, length)

    @classmethod
    def of(cls, network: IPv4Network | IPv6Network) -> Prefix:
        """From a network of `ipaddress`."""
        return cls(network.version, int(network.network_address), network.prefixlen)

    @classmethod
    def alone(cls, address: IPAddress) -> Prefix:
        """Of a single address."""
        return cls(address.version, int(address), BITS[address.version])

    @property
    def last(self) -> int:
        """The last address."""
        return span(self)[1]

    @property
    def single(self) -> bool:
        """Whether it is one address alone."""
        return self.length == BITS[self.version]

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return 1 << BITS[self.version] - self.length

    @property
    def packed(self) -> bytes:
        """The first address in network order."""
        return self.first.to_bytes(_BYTES[self.version], "big")

    @property
    def packed_last(self) -> bytes:
        """The last address in network order."""
        return self.last.to_bytes(_BYTES[self.version], "big")

    @property
    def address(self) -> IPAddress:
        """The first address."""
        return IPv4Address(self.first) if self.version == 4 else IPv6Address(self.first)

    @property
    def short(self) -> str:
        """The address without a length where it is one alone, else the CIDR."""
        return str(self.address) if self.single else str(self)

    def __contains__(self, address: object) -> bool:
        """Whether it is an address of `ipaddress` in this prefix."""
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and self.version == address.version
            and self.first <= int(address) <= self.last
        )

    def covers(self, other: Prefix) -> bool:
        """Whether every address of the other is one of its."""
        version, first, length = self
        other_version, other_first, other_length = other
        free = BITS[version] - length
        return version == other_version and length <= other_length and first >> free == other_first >> free

    def meets(self, other: Prefix) -> bool:
        """Whether they have an address in common."""
        return self.covers(other) or other.covers(self)

    def __str__(self) -> str:
        if self.version == 4:
            one, two, three, four = self.packed
            return f"{one}.{two}.{three}.{four}/{self.length}"
        return f"{IPv6Address(self.first)}/{self.length}"


def within(prefix: Prefix, others: Iterable[Prefix]) -> bool:
    """Whether one of them covers it."""
    return any(map(Prefix.covers, others, repeat(prefix)))


def ordered(some: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """Each once, ascending: as good as a set to compare, and of a single one the very same tuple."""
    if isinstance(some, tuple) and len(some) <= 1:
        return some
    return tuple(sorted({*some}))


def everything(version: int) -> Ranges:
    """All addresses of an IP version."""
    return ((0, (1 << BITS[version]) - 1),)


def ranges(networks: Iterable[Prefix], version: int) -> Ranges:
    """The union of those networks that are of this IP version."""
    return merged([span(net) for net in networks if net[0] == version])


def ranges_or_all(networks: Collection[Prefix], version: int) -> Ranges:
    """The union of those of this IP version; if there are no networks at all, all addresses."""
    return ranges(networks, version) if networks else everything(version)


def span(network: Prefix) -> tuple[int, int]:
    """Its first address and its last."""
    version, first, length = network
    return first, first | (1 << BITS[version] - length) - 1 if length < BITS[version] else first


def merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    """Spans that may overlap, in any order, as ranges."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def union(*parts: Ranges) -> Ranges:
    """Addresses in any of them."""
    return merged(span for part in parts for span in part)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """Addresses in both."""
    few, many = sorted((one, other), key=len)
    return tuple(
        (max(first, begin), min(last, end))
        for first, last in few
        for begin, end in _overlapping(many, first, last)
    )


def difference(one: Ranges, other: Ranges) -> Ranges:
    """Addresses in `one` that are not in `other`."""
    left: list[tuple[int, int]] = []
    for first, last in one:
        for begin, end in _overlapping(other, first, last):
            if first < begin:
                left.append((first, begin - 1))
            first = end + 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def _overlapping(spans: Ranges, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Those that have an address from `first` to `last`; found without a look at the others."""
    for at in range(bisect_left(spans, first, key=itemgetter(1)), len(spans)):
        if spans[at][0] > last:
            return
        yield spans[at]


def networks(spans: Ranges, version: int) -> tuple[Prefix, ...]:
    """The fewest prefixes that make up these ranges, ascending."""
    return tuple([Prefix(version, first, length) for first, length in _fewest(spans, BITS[version])])


def collapsed(some: Iterable[Prefix], version: int) -> tuple[Prefix, ...]:
    """The fewest prefixes that make up those of this IP version, ascending."""
    return networks(ranges(some, version), version)


def _fewest(spans: Ranges, bits: int) -> Iterator[tuple[int, int]]:
    """As first address and length."""
    for first, last in spans:
        while first <= last:
            aligned = (first & -first).bit_length() - 1 if first else bits
            size = min(aligned, (last - first + 1).bit_length() - 1)
            yield first, bits - size
            first += 1 << size
