"""Decides WHEN to reconcile. Pure: time is an argument, in seconds of any steady clock.

Events wait for a quiet moment, but never longer than a longest wait, so that a steady stream cannot
starve the pass. A pass that did not converge is repeated with growing patience. Without events a pass comes
from time to time, since peers change without telling; its interval keeps its cost below one per cent.
"""

from __future__ import annotations

import math

from wgd.values import field, value

CALM = 1.0
"""The longest, in seconds, that an event of the kernel waits after a pass that did not converge."""
COST = 0.007
"""The share of one core that passes without a reason may take: with what wakes us for them it is less than
one per cent."""


@value
class Patience:
    """How long to wait for silence after an event, and at most after the first one, in seconds."""

    quiet: float
    longest: float


FILES = Patience(0.1, 2.0)
"""An editor saves in several steps; a person does not notice a tenth of a second. Thousands of files that are
written one after the other are one edit, also on a slow machine."""
KERNEL = Patience(0.005, 0.05)
"""A repair should come before anybody's packet is missed. While passes fail it waits, up to `CALM`: what
we try makes events too."""
AT_ONCE = Patience(0.0, 0.0)
NEWS = 0.05
"""The share of one core that telling may take while one change follows the other."""


@value(frozen=False)
class Pacer:
    """`resync`: the shortest interval between passes without a reason. Feed it with `touch` and `ran`."""

    resync: float = 3.0
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    _pending: dict[Patience, tuple[float, float]] = field(default_factory=dict)
    _failures: int = 0
    _cost: float = 0.0
    _telling: float = 0.0
    _next: float = -math.inf
    _ended: float = -math.inf

    def touch(self, patience: Patience, now: float) -> None:
        """Something may have changed."""
        first, _ = self._pending.get(patience, (now, now))
        self._pending[patience] = (first, now)

    def due(self) -> float:
        """When the next pass is to run; in the past: now."""
        waits = (self._wait(patience, first, last) for patience, (first, last) in self._pending.items())
        return min((self._next, *waits))

    def _wait(self, patience: Patience, first: float, last: float) -> float:
        earliest = min(last + patience.quiet, first + patience.longest)
        if patience is KERNEL and self._failures:
            return max(earliest, self._ended + min(CALM, self.backoff()))
        return earliest

    def begin(self, now: float = math.inf) -> None:
        """A pass starts: it sees all that was touched before, except for a save that still goes on `now`."""
        saving = self._pending.get(FILES)
        self._pending.clear()
        if saving and self._wait(FILES, *saving) > now:
            self._pending[FILES] = saving

    def saving(self) -> bool:
        """Whether files are being saved: what they say now is none of the running pass's business."""
        return FILES in self._pending

    def ran(self, started: float, ended: float, converged: bool, changed: bool = False) -> None:
        """The pass ended. One that `changed` something says nothing of what looking costs."""
        if not changed:
            self._cost = ended - started
        self._failures, self._ended = 0 if converged else self._failures + 1, ended
        self._next = ended + (self.backoff() if self._failures else self.interval())

    def told(self, took: float) -> None:
        """What the pass found has been told: that is a part of what it costs. It counts from the next pass
        on: when that one comes has been told, too, and who reads it would think that we hang."""
        self._telling = took

    def patience(self) -> float:
        """Seconds from the end of the last pass to the next, if nothing happens."""
        return self._next - self._ended

    def interval(self) -> float:
        """Seconds until a pass without a reason, by what the last such pass and telling of it took."""
        return max(self.resync, (self._cost + self._telling) / COST)

    def backoff(self) -> float:
        """Seconds until the next try after so many that did not converge."""
        return float(min(self.backoff_most, self.backoff_first * 2 ** (self._failures - 1)))


@value(frozen=False)
class Telling:
    """When to tell what is new: when nothing else is to do, and not so often that what comes next would wait
    for it, unless somebody waits for the news."""

    _news: bool = False
    _hurry: bool = False
    _rested: float = -math.inf

    def news(self, hurry: bool) -> None:
        """There is something to tell; `hurry`: somebody waits for it."""
        self._news, self._hurry = True, self._hurry or hurry

    def due(self) -> float:
        """When to tell it; inf: there is nothing new."""
        if not self._news:
            return math.inf
        return -math.inf if self._hurry else self._rested

    def told(self, started: float, ended: float) -> None:
        """All that was new then has been told."""
        self._news = self._hurry = False
        self._rested = ended + (ended - started) / NEWS
