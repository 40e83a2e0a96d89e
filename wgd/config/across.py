"""What two interfaces may not share: addresses, routes, a port.

Each problem is reported once, at the interface later in the alphabet, and names the other's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

from wgd.config.document import IPInterface
from wgd.config.names import SHARED
from wgd.config.source import Placed, Where
from wgd.errors import Problem
from wgd.prefixes import Prefix
from wgd.values import value


@value
class Footprint:
    """What an enabled interface occupies. `routes` holds the prefixes that lead into it, some twice, and
    `place` is where one of them stands first."""

    name: str
    addresses: Sequence[Placed[IPInterface]]
    listen_port: Placed[int] | None
    routes: Sequence[Prefix]
    place: Callable[[Prefix], Where]


def clashes(footprints: Sequence[Footprint]) -> Iterator[Problem]:
    """Everything that two of the interfaces both want; they come sorted by name."""
    yield from _same_ports(footprints)
    for first, second in combinations(footprints, 2):
        nested = list(_nested_addresses(first, second))
        yield from nested
        if not nested:
            yield from _same_routes(first, second)


def _same_ports(footprints: Iterable[Footprint]) -> Iterator[Problem]:
    taken: dict[int, tuple[str, Where]] = {}
    for footprint in footprints:
        if footprint.listen_port:
            port, where = footprint.listen_port
            other, place = taken.setdefault(port, (footprint.name, where))
            if other != footprint.name:
                message = f"the UDP port {port} is {other}'s already ({place})"
                yield where.error(message, "give each interface a port of its own", also=(place.file,))


def _nested_addresses(first: Footprint, second: Footprint) -> Iterator[Problem]:
    for address, where in second.addresses:
        for other, place in first.addresses:
            if address.ip in other.network or other.ip in address.network:
                message = f"{address} and {other} of {first.name} ({place}) lie in one network"
                hint = "give each interface a network of its own"
                yield where.error(message, hint, also=(place.file,))


def _same_routes(first: Footprint, second: Footprint) -> Iterator[Problem]:
    """One problem for all of them: a file copied for a second interface has thousands."""
    theirs = frozenset(first.routes)
    both = [*dict.fromkeys(network for network in second.routes if network in theirs)]
    if both:
        where, place = second.place(both[0]), first.place(both[0])
        more = f" and {len(both) - 1} more networks lead" if both[1:] else " leads"
        message = f"{both[0]}{more} into {first.name} already ({place})"
        hint = "a network has one route: take it out of one of the two, or set routes = false on that peer"
        yield where.error(message, hint, also=(place.file, SHARED))
