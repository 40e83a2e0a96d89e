"""Set algebra on address prefixes: union, intersection, difference, one IP version at a time.

A `Ranges` is a sorted tuple of disjoint, non-adjacent (first, last) integer pairs, both inclusive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from operator import itemgetter

from wgd.config.document import IPNetwork

Ranges = tuple[tuple[int, int], ...]

BITS = {4: 32, 6: 128}


def everything(version: int) -> Ranges:
    """All addresses of an IP version."""
    return ((0, (1 << BITS[version]) - 1),)


def ranges(networks: Iterable[IPNetwork], version: int) -> Ranges:
    """The union of those networks that are of this IP version."""
    return merged(span(net) for net in networks if net.version == version)


def span(network: IPNetwork) -> tuple[int, int]:
    """Its first address and its last."""
    first = int(network.network_address)
    return first, first | (1 << network.max_prefixlen - network.prefixlen) - 1


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


def networks(spans: Ranges, version: int) -> tuple[IPNetwork, ...]:
    """The fewest prefixes that make up these ranges, ascending."""
    make: type[IPv4Network] | type[IPv6Network] = IPv4Network if version == 4 else IPv6Network
    return tuple(make((first, length)) for first, length in _fewest(spans, BITS[version]))


def _fewest(spans: Ranges, bits: int) -> Iterator[tuple[int, int]]:
    """As first address and length."""
    for first, last in spans:
        while first <= last:
            aligned = (first & -first).bit_length() - 1 if first else bits
            size = min(aligned, (last - first + 1).bit_length() - 1)
            yield first, bits - size
            first += 1 << size
