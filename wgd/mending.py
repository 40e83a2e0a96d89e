"""What the daemon remembers of its repairs: the pass before, the fights, the last few repairs. Pure.

None of it says what the kernel should be; losing it loses only what people are told, and some patience.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from wgd.config.document import Config
from wgd.fights import Fights
from wgd.model import Ref, Report
from wgd.repairs import Hint, Repair, repairs

KEPT = 20
"""Repairs that the status tells of."""
TOLD = 20
"""Repairs of one pass that the log tells one by one."""


class Mending:
    """Feed it with `passed`; `now` is a steady clock, `epoch` the time of day, both in seconds."""

    def __init__(self, recent: Iterable[Mapping[str, Any]] = ()) -> None:
        self._recent: deque[Mapping[str, Any]] = deque(recent, KEPT)
        self._fights = Fights()
        self._before: Report | None = None
        self._config: Config | None = None

    def begin(self) -> None:
        """A pass starts: whatever was due is up to it."""
        self._fights.begin()

    def withheld(self, config: Config, now: float) -> frozenset[Ref]:
        """What the next pass is to leave alone; after an edit of the files, nothing."""
        if config != self._config:
            self._config = config
            self._fights.pardon()
        return self._fights.withheld(now)

    def due(self) -> float:
        """When something that was left alone may be repaired."""
        return self._fights.due()

    def passed(self, done: Report, hints: Iterable[Hint], now: float, epoch: float) -> list[str]:
        """A pass has ended. Returns what the log should say of it."""
        mended = repairs(done, self._before, hints, self._fights.known())
        self._before = done
        self._recent.extend(repair.value(epoch) for repair in mended[-KEPT:])
        begun = self._fights.passed(mended, done.residue.withheld, now)
        over = self._fights.settled(now)
        lines = list(map(str, mended[:TOLD]))
        if len(mended) > TOLD:
            lines.append(f"… and {len(mended) - TOLD:,} more were repaired")
        lines += [f"fight: {fight.told(now)}{_by(fight.repair)}; now with growing pauses" for fight in begun]
        lines += [f"the fight is over: {fight.repair.name} stays as it should" for fight in over]
        return lines

    def values(self, now: float, epoch: float) -> dict[str, list[Mapping[str, Any]]]:
        """For the status value: `repairs`, oldest first, and `fights`; see there."""
        fights: list[Mapping[str, Any]] = [fight.value(now, epoch) for fight in self._fights.on()]
        return {"repairs": list(self._recent), "fights": fights}


def at_rest(done: Report) -> bool:
    """Whether trying again soon would be no use: a conflict waits for a person, and what the pass did and
    somebody else undid meanwhile is no failure."""
    left = {change.ref for change in done.residue.changes}
    if not left:
        return True
    return left <= done.worked and all(outcome.ok for outcome in done.outcomes)


def _by(repair: Repair) -> str:
    return f", {repair.by}" if repair.by else ""
