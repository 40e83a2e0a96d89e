"""The peers of one interface by name, and what they cover together, kept up as a few come and go. Pure.

A crowd made from the one before equals one that is made anew.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import NamedTuple

from wgd import prefixes
from wgd.access.cover import NOTHING, Cover
from wgd.config.document import Peer
from wgd.listing import touched


class Crowd(NamedTuple):
    """`covers` by IP version. A disabled or expired peer still counts: its addresses are not somewhere else
    now, and a packet for it must not leave in plaintext. `passing`: those not active for ever, by name."""

    peers: Sequence[Peer]
    named: MutableMapping[str, Peer]
    covers: Mapping[int, Cover]
    passing: Mapping[str, Peer]


NOBODY = Crowd((), {}, {4: NOTHING, 6: NOTHING}, {})


def crowd(peers: Sequence[Peer], last: Crowd = NOBODY) -> Crowd:
    """These peers, given others of which most may be the same objects."""
    if peers is last.peers:
        return last
    differs = touched(last.peers, peers)
    named, passing = {**last.named}, {**last.passing}
    for peer in differs.gone:
        del named[peer.name]
        passing.pop(peer.name, None)
    named |= {peer.name: peer for peer in differs.come}
    passing |= {peer.name: peer for peer in differs.come if peer.expires or not peer.enabled}
    return Crowd(peers, named, _covers(last, differs.gone, differs.come), passing)


def edited(last: Crowd, gone: Sequence[Peer], come: Sequence[Peer]) -> Crowd:
    """The same with some peers gone and others come, for one look at their names and what they cover: at the
    cost of these few. Its `peers` are still those of before, and it knows the names of who is gone."""
    named = ChainMap({peer.name: peer for peer in come}, last.named)
    return last._replace(named=named, covers=_covers(last, gone, come))


def _covers(last: Crowd, gone: Iterable[Peer], come: Iterable[Peer]) -> dict[int, Cover]:
    """What they cover by IP version, with some gone and others come."""
    fewer, more = _spans(gone), _spans(come)
    return {version: last.covers[version].changed(fewer[version], more[version]) for version in (4, 6)}


def _spans(peers: Iterable[Peer]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for peer in peers:
        for prefix in peer.allowed_ips:
            found[prefix.version].append(prefixes.span(prefix))
    return found
