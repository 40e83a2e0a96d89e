"""Set algebra on address prefixes: union, intersection, difference, one IP version at a time.

A `Ranges` is a sorted tuple of disjoint, non-adjacent (first, last) integer pairs, both inclusive.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import itemgetter

from wgd.config.document import IPNetwork

Ranges = tuple[tuple[int, int], ...]

BITS = {4: 32, 6: 128}


def everything(version: int) -> Ranges:
    """All addresses of an IP version."""
    return ((0, (1 << BITS[version]) - 1),)


def ranges(networks: Iterable[IPNetwork], version: int) -> Ranges:
    """The union of those networks that are of this IP version."""
    spans = (
        (int(net.network_address), int(net.broadcast_address)) for net in networks if net.version == version
    )
    return merged(spans)


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
    if version == 4:
        make: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address] = ipaddress.IPv4Address
    else:
        make = ipaddress.IPv6Address
    return tuple(
        net for first, last in spans for net in ipaddress.summarize_address_range(make(first), make(last))
    )
