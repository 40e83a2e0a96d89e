"""The peers of one interface by name, and what they cover together, kept up as a few come and go. Pure.

A crowd made from the one before equals one that is made anew.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wgd import prefixes
from wgd.config.document import Peer
from wgd.listing import touched
from wgd.prefixes import Ranges

_MANY = 500
"""Changes from which on sorting everything is faster than finding each one's place."""

Spans = dict[int, list[tuple[int, int]]]
"""By IP version the first and the last address of each allowed IP, sorted; they may overlap."""


class Crowd(NamedTuple):
    """`coverage` by IP version. A disabled or expired peer still counts: its addresses are not somewhere else
    now, and a packet for it must not leave in plaintext."""

    peers: tuple[Peer, ...]
    named: Mapping[str, Peer]
    spans: Spans
    coverage: Mapping[int, Ranges]


NOBODY = Crowd((), {}, {4: [], 6: []}, {4: (), 6: ()})


def crowd(peers: tuple[Peer, ...], last: Crowd = NOBODY) -> Crowd:
    """These peers, given others of which most may be the same objects."""
    if peers is last.peers:
        return last
    differs = touched(last.peers, peers)
    if len(differs.gone) + len(differs.come) > _MANY:
        spans, named = _spans(peers), {peer.name: peer for peer in peers}
        for some in spans.values():
            some.sort()
    else:
        named = {**last.named}
        for peer in differs.gone:
            del named[peer.name]
        named |= {peer.name: peer for peer in differs.come}
        spans = _edited(last.spans, _spans(differs.gone), _spans(differs.come))
    coverage = {
        version: last.coverage[version] if some is last.spans[version] else prefixes.merged(some)
        for version, some in spans.items()
    }
    return Crowd(peers, named, spans, coverage)


def _spans(peers: Sequence[Peer]) -> Spans:
    found: Spans = {4: [], 6: []}
    for peer in peers:
        for prefix in peer.allowed_ips:
            found[prefix.version].append(prefixes.span(prefix))
    return found


def _edited(before: Spans, gone: Spans, come: Spans) -> Spans:
    found = dict(before)
    for version in (4, 6):
        if gone[version] or come[version]:
            found[version] = some = [*before[version]]
            for one in gone[version]:
                del some[bisect_left(some, one)]
            for one in come[version]:
                insort(some, one)
    return found
