"""All steps of a packet's way, in the order in which it meets them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from wgd.explain.answering import HANDSHAKE, KEPT_OPEN, MTU
from wgd.explain.belonging import ALLOWED, BEYOND, OWNER, SOURCE
from wgd.explain.calling import ENDPOINT
from wgd.explain.leg import leg
from wgd.explain.passage import passage
from wgd.explain.passing import ONWARD, REST, SWITCHES
from wgd.explain.permitting import OTHERS, PERMITS
from wgd.explain.routing import ROUTE
from wgd.explain.sight import Asked, IPAddress, Sight
from wgd.explain.steps import Mark, Step, taken
from wgd.explain.tunnel import INTERFACE

PEER = (*ENDPOINT, *HANDSHAKE, *MTU)
Taken = Iterator[tuple[Step, bool]]


def steps(sight: Sight, asked: Asked) -> tuple[Step, ...]:
    """The way of the packet, up to where nothing more can be said."""
    way = _passing(sight, asked, asked.source) if asked.source else _local(sight, asked)
    return tuple(_until_the_end(way))


def broken(way: Sequence[Step]) -> Step | None:
    """The first step that stops the packet."""
    return next((step for step in way if step.mark is Mark.WRONG), None)


def _until_the_end(way: Taken) -> Iterator[Step]:
    for step, ends in way:
        yield step
        if ends:
            return


def _local(sight: Sight, asked: Asked) -> Taken:
    stages = (*INTERFACE, *OWNER, *ROUTE, *ALLOWED, *PEER, *BEYOND, *OTHERS)
    return taken(stages, leg(sight, asked.address), sight.unseen)


def _passing(sight: Sight, asked: Asked, source: IPAddress) -> Taken:
    """What both legs have in common is told once."""
    way, unseen = passage(sight, asked, source), sight.unseen
    came, goes = way.incoming, way.outgoing
    another = goes.device != came.device
    onward = PEER if goes.peer is not came.peer else ()
    return chain(
        taken((*INTERFACE, *SOURCE, *PEER, *KEPT_OPEN), came, unseen),
        taken(((*INTERFACE, *OWNER) if another else OWNER), goes, unseen),
        taken(SWITCHES, way, unseen),
        taken(ROUTE, goes, unseen),
        taken(PERMITS, way, unseen),
        taken((*ALLOWED, *onward), goes, unseen),
        taken(ONWARD, way, unseen),
        taken(REST, way, unseen),
    )
