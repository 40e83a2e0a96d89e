"""What wgd permits, gathered to few flows, and by which devices it passes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wgd import prefixes
from wgd.access import ground
from wgd.access.ground import Place
from wgd.access.meaning import Flow
from wgd.config.document import Config
from wgd.model import State
from wgd.prefixes import ranges_or_all
from wgd.values import replace


def gathered(permitted: Iterable[Flow]) -> list[Flow]:
    """Flows that agree in all but one side, as one: first by their targets, then by their sources."""
    return _by(_by(list(permitted), "source"), "target")


def _by(permitted: Sequence[Flow], side: str) -> list[Flow]:
    alike: dict[Flow, list[Flow]] = {}
    for flow in permitted:
        place: Place = getattr(flow, side)
        if place.networks:
            bare: dict[str, Any] = {side: replace(place, networks=())}
            alike.setdefault(replace(flow, rule="", **bare), []).append(flow)
        else:
            alike.setdefault(flow, []).append(flow)
    return [_together(same, side) for same in alike.values()]


def _together(same: Sequence[Flow], side: str) -> Flow:
    first = same[0]
    if len(same) == 1:
        return first
    words = list(dict.fromkeys(flow.words for flow in same))
    said = words[0] if len(words) == 1 else f"{words[0]} and {len(words) - 1:,} more"
    changed: dict[str, Any] = {side: all_of(same, side), "rule": said}
    return replace(first, **changed)


def all_of(same: Sequence[Flow], side: str) -> Place:
    """The addresses that any of the flows, all of one IP version, has on that side ("source" or "target"), on
    the device of the first."""
    first, version = same[0], same[0].version
    wide = prefixes.union(*(ranges_or_all(getattr(flow, side).networks, version) for flow in same))
    place: Place = getattr(first, side)
    return replace(place, networks=prefixes.networks(wide, version))


class Ways:
    """Which devices a place is behind: its own, or those that routes lead to."""

    def __init__(self, config: Config, seen: State) -> None:
        self._managed = config.managed()
        self._routes = ground.by_length(seen.of("route").values())

    def of(self, place: Place, version: int) -> tuple[str, ...]:
        """Sorted; none if no route leads there."""
        if place.device is not None:
            return (place.device,)
        found = ground.leads(ranges_or_all(place.networks, version), version, self._routes)
        return tuple(device for device in found if device not in self._managed)
