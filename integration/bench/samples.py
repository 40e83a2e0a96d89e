"""All that was timed, and what one says of it: medians, spreads, ratios. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from integration.bench.words import START


class Case(NamedTuple):
    """Who did what with how many peers."""

    what: str
    who: str
    peers: int


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds. `net`: the median without the starting of processes. `low` to `high`: half of all samples
    (their quartiles; of fewer than four, the least and the most)."""

    median: float
    net: float
    low: float
    high: float
    count: int


@dataclass(slots=True)
class Samples:
    """Milliseconds of each run by case, and how many processes the case starts."""

    times: dict[Case, list[float]] = field(default_factory=dict)
    starts: dict[Case, int] = field(default_factory=dict)

    def add(self, case: Case, milliseconds: float, starts: int = 0) -> None:
        self.times.setdefault(case, []).append(milliseconds)
        self.starts[case] = starts

    def figure(self, what: str, who: str, peers: int) -> Figure | None:
        """None if this was not measured."""
        case = Case(what, who, peers)
        times = self.times.get(case)
        if not times:
            return None
        median = statistics.median(times)
        net = max(0.0, median - self.starts[case] * self.start(peers))
        return Figure(median, net, *spread(times), len(times))

    def start(self, peers: int) -> float:
        """What starting a process took in the same round; in any, if it was not measured there."""
        rounds = [times for case, times in self.times.items() if case.what == START]
        same = [times for case, times in self.times.items() if case.what == START and case.peers == peers]
        found = [time for times in same or rounds for time in times]
        return statistics.median(found) if found else 0.0

    def sizes(self) -> list[int]:
        return sorted({case.peers for case in self.times})

    def json(self) -> list[dict[str, object]]:
        return [
            {**case._asdict(), "starts": self.starts[case], "milliseconds": [round(t, 3) for t in times]}
            for case, times in self.times.items()
        ]

    def series(self, what: str, who: str) -> Iterator[tuple[int, float]]:
        """Median against the number of peers."""
        for peers in self.sizes():
            if (figure := self.figure(what, who, peers)) is not None:
                yield peers, figure.median


def spread(times: Sequence[float]) -> tuple[float, float]:
    """The quartiles; of fewer than four, the least and the most."""
    if len(times) < 4:
        return min(times), max(times)
    first, _, third = statistics.quantiles(times, n=4, method="inclusive")
    return first, third


def ratio(one: Figure | None, other: Figure | None, net: bool = False) -> float | None:
    """How many times the other's median; None if one was not measured, or nothing is left of the other."""
    if one is None or other is None:
        return None
    mine, theirs = (one.net, other.net) if net else (one.median, other.median)
    return mine / theirs if theirs > 0 else None
