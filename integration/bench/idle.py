"""What a daemon costs when nothing happens: processor time of a quiet interval, and memory."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from integration.bench.ours import Ours

LONGEST = 45.0
"""Seconds to wait for the next pass that comes by itself."""
_SLICE = 0.5


@dataclass(frozen=True, slots=True)
class Idle:
    """`cpu`: share of one processor over `seconds`, from one pass that came by itself to the next; if none
    came, `passes` is 0 and the share is that of a pass in its interval. Memory in MiB: resident, of that the
    process's own (anonymous), and, where the kernel tells, its proportional share."""

    who: str
    peers: int
    seconds: float
    passes: int
    cpu: float
    resident: float
    own: float
    proportional: float | None

    def json(self) -> dict[str, object]:
        return asdict(self)


def idle(ours: Ours, peers: int, pass_ms: float) -> Idle:
    """`peers`: as many as the round began with. `pass_ms`: what a pass with telling takes, for one that would
    be too long to wait for."""
    ours.tell_all()
    interval = ours.told("interval")
    seconds, passes, cpu = _quiet(ours, min(LONGEST, 4 * interval))
    if not passes:
        cpu = pass_ms / 1000 / interval
    return Idle(ours.who, peers, seconds, passes, cpu, *memory(ours.pid))


def _quiet(ours: Ours, longest: float) -> tuple[float, int, float]:
    """Seconds, passes and processor's share; whole intervals, if one fits."""
    began = first = time.perf_counter()
    count = at = ours.passes()
    spent = before = ours.computed()
    ended = first
    while time.perf_counter() - began < longest:
        ours.watch.pump(_SLICE)
        if ours.passes() != at:
            ours.rest()
            ended, at, spent = time.perf_counter(), ours.passes(), ours.computed()
    ours.watch.forget()
    if at == count:
        return time.perf_counter() - first, 0, 0.0
    return ended - first, at - count, (spent - before) / (ended - first)


def memory(pid: int) -> tuple[float, float, float | None]:
    """Resident, own and proportional, in MiB."""
    status = _kib(Path(f"/proc/{pid}/status"))
    try:
        proportional: float | None = _kib(Path(f"/proc/{pid}/smaps_rollup"))["Pss"] / 1024
    except FileNotFoundError:
        proportional = None
    return status["VmRSS"] / 1024, status["RssAnon"] / 1024, proportional


def _kib(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1:] == ["kB"]}
