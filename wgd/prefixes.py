"""Set algebra on address prefixes: union, intersection, difference, one IP version at a time.

A `Ranges` is a sorted tuple of disjoint, non-adjacent (first, last) integer pairs, both inclusive.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

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
    return _merge(spans)


def _merge(spans: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def union(*parts: Ranges) -> Ranges:
    """Addresses in any of them."""
    return _merge(span for part in parts for span in part)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """Addresses in both."""
    common: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, last = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if first <= last:
            common.append((first, last))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def difference(one: Ranges, other: Ranges) -> Ranges:
    """Addresses in `one` that are not in `other`."""
    top = max((last for part in (one, other) for _, last in part), default=0)
    gaps: list[tuple[int, int]] = []
    start = 0
    for first, last in other:
        if first > start:
            gaps.append((start, first - 1))
        start = last + 1
    if start <= top:
        gaps.append((start, top))
    return intersection(one, tuple(gaps))


def networks(spans: Ranges, version: int) -> tuple[IPNetwork, ...]:
    """The fewest prefixes that make up these ranges, ascending."""
    if version == 4:
        make: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address] = ipaddress.IPv4Address
    else:
        make = ipaddress.IPv6Address
    return tuple(
        net for first, last in spans for net in ipaddress.summarize_address_range(make(first), make(last))
    )
