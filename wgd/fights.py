"""Decides when to leave an object alone that somebody else keeps changing back. Pure: time is an argument, in
seconds of any steady clock.

Only that object waits, longer each time; everything else is repaired at once. Peace is when it stays as it
should for a while.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from wgd.model import Change, Ref
from wgd.repairs import Repair
from wgd.values import replace, value

OFTEN, WITHIN = 5, 60.0
"""So many repairs of one object in so many seconds are a fight."""
QUIET = 60.0
"""After so many seconds without trouble it is forgotten."""
FIRST, LONGEST = 1.0, 60.0
"""Seconds to the next try after the first repair in a fight; doubled after each, up to the longest."""


@value(frozen=False)
class Fight:
    """The repairs of one object: the last, when they were, when it was last not as it should be. `next` is
    when the next is allowed (-inf: at once); `waits`: it is not as it should be and its turn has not come."""

    repair: Repair
    times: list[float]
    trouble: float
    count: int = 0
    next: float = -math.inf
    waits: bool = False

    @property
    def on(self) -> bool:
        return self.count > 0

    def told(self, now: float) -> str:
        """How it stands."""
        recent = sum(now - time < WITHIN for time in self.times)
        return f"{self.repair.name} repaired {recent} times in the last minute"

    def value(self, now: float, epoch: float) -> dict[str, Any]:
        """For the status value: `object` (its kind), `label`, `interface`, `what` was repaired how often,
        `by` whom (null: unknown), and `next`: when the next repair is due, in seconds since the epoch (null:
        it is as it should be now). `epoch`: what time that is `now`."""
        change = self.repair.change
        return {
            "object": change.ref.kind,
            "label": change.label,
            "interface": change.interface,
            "what": self.told(now),
            "by": self.repair.by or None,
            "next": epoch + max(0.0, self.next - now) if self.waits else None,
        }


class Fights:
    """What is repaired again and again. Feed it with `passed` after each pass."""

    def __init__(self) -> None:
        self._all: dict[Ref, Fight] = {}

    def known(self) -> dict[Ref, Change]:
        """What is fought over, as it should be."""
        return {ref: fight.repair.change for ref, fight in self._all.items() if fight.on}

    def withheld(self, now: float) -> frozenset[Ref]:
        """What a pass is to leave alone now."""
        return frozenset(ref for ref, fight in self._all.items() if fight.next > now)

    def due(self) -> float:
        """When the next of those that wait may be repaired; inf: none waits."""
        return min((fight.next for fight in self._all.values() if fight.waits), default=math.inf)

    def begin(self) -> None:
        """A pass starts: until it ends, nobody need be woken for another."""
        for fight in self._all.values():
            fight.waits = False

    def pardon(self) -> None:
        """Whatever waits is tried at once: the files have changed."""
        for fight in self._all.values():
            fight.next = -math.inf

    def on(self) -> tuple[Fight, ...]:
        """All that go on, oldest first."""
        return tuple(fight for fight in self._all.values() if fight.on)

    def passed(self, done: Iterable[Repair], waiting: Iterable[Change], now: float) -> tuple[Fight, ...]:
        """A pass made these repairs and left these alone. Returns the fights that begin with it."""
        begun = tuple(fight for repair in done if (fight := self._repaired(repair, now)) is not None)
        refs = {change.ref for change in waiting}
        for ref, fight in self._all.items():
            fight.waits = ref in refs and fight.next > now
            if ref in refs:
                fight.trouble = now
        return begun

    def _repaired(self, repair: Repair, now: float) -> Fight | None:
        fight = self._all.setdefault(repair.ref, Fight(repair, [], now))
        fight.repair = replace(repair, who=repair.who or fight.repair.who)  # somebody is more than nobody
        fight.trouble = now
        fight.times = [*(time for time in fight.times if now - time < WITHIN), now]
        if not fight.on and len(fight.times) < OFTEN:
            return None
        fight.next = now + min(LONGEST, FIRST * 2**fight.count)
        fight.count += 1
        return fight if fight.count == 1 else None

    def settled(self, now: float) -> tuple[Fight, ...]:
        """Forgets what has long been as it should. Returns the fights that are over."""
        quiet = [ref for ref, fight in self._all.items() if now - fight.trouble >= QUIET]
        gone = [self._all.pop(ref) for ref in quiet]
        return tuple(fight for fight in gone if fight.on)
