"""What must not be missed, and whether it was, by the same run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integration.bench import words
from integration.bench.idle import Idle
from integration.bench.samples import Samples, ratio

LARGE, MIDDLE, HUGE, HOME = 10_000, 1000, 50_000, 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and what was found: `value` as measured, `net` without the starting of processes (None: this
    says nothing here). `most` is the limit of both; `unit` "×" is a ratio."""

    what: str
    most: float
    value: float
    net: float | None = None
    unit: str = "×"

    @property
    def met(self) -> bool:
        """Nobody wins by what it costs to start a process."""
        return max(self.value, self.net if self.net is not None else self.value) <= self.most


@dataclass(frozen=True, slots=True)
class _Race:
    what: str
    doing: str
    mine: str
    theirs: str
    peers: int
    most: float


_RACES = (
    _Race("no-op pass / listing all by `wg`, `ip`, `nft`", words.NOTHING, "", words.READERS, LARGE, 1.0),
    _Race("one peer's address, drop-ins / script", words.EDIT, words.DROP_INS, words.SCRIPT, LARGE, 1 / 20),
    _Race("one peer's address, one file / script", words.EDIT, words.ONE_FILE, words.SCRIPT, LARGE, 1 / 2),
    _Race("1,000 peers' addresses / script", words.THOUSAND, "", words.SCRIPT, LARGE, 1.0),
    _Race("from nothing, one file / script", words.COLD, words.ONE_FILE, words.SCRIPT, LARGE, 1.1),
    _Race("from nothing, drop-ins / script", words.COLD, words.DROP_INS, words.SCRIPT, LARGE, 1.1),
    _Race("from nothing / `wg-quick up`", words.COLD, "", words.QUICK, MIDDLE, 1 / 20),
    _Race("one peer's address / `wg-quick strip`, `wg syncconf`", words.EDIT, "", words.STRIP, HOME, 1 / 3),
)
"""`mine` empty: the slower of both ways to lay out the files."""


def verdicts(samples: Samples, idle: Sequence[Idle]) -> list[Verdict]:
    """All targets for which enough was measured."""
    return [*_races(samples), *_element(samples), *_idle(idle), *_growth(samples)]


def _races(samples: Samples) -> Iterator[Verdict]:
    for race in _RACES:
        theirs = samples.figure(race.doing, race.theirs, race.peers)
        found = []
        for who in (race.mine,) if race.mine else words.OURS:
            mine = samples.figure(race.doing, who, race.peers)
            if (value := ratio(mine, theirs)) is not None:
                found.append((value, ratio(mine, theirs, net=True)))
        if found:
            yield Verdict(f"{race.what}, {race.peers:,} peers", race.most, *max(found, key=lambda f: f[0]))


def _element(samples: Samples) -> Iterator[Verdict]:
    if figure := samples.figure(words.ELEMENT, words.ONE_FILE, LARGE):
        yield Verdict(f"{words.ELEMENT}, {LARGE:,} peers", 1.0, figure.median, unit="ms")


def _idle(idle: Sequence[Idle]) -> Iterator[Verdict]:
    shares = [one.cpu * 100 for one in idle if one.peers == LARGE]
    if shares:
        yield Verdict(f"idle, {LARGE:,} peers, share of one processor", 1.0, max(shares), unit="%")


def _growth(samples: Samples) -> Iterator[Verdict]:
    """Ten times the peers may cost ten times as much; one edit always the same (within a factor of two)."""
    tenfold = HUGE / MIDDLE
    for what, doing, most in (
        ("no-op pass", words.NOTHING, tenfold),
        ("from nothing", words.COLD, tenfold),
        ("one peer's address", words.EDIT, 2.0),
    ):
        for who in words.OURS:
            value = ratio(samples.figure(doing, who, HUGE), samples.figure(doing, who, MIDDLE))
            if value is not None:
                yield Verdict(f"growth {MIDDLE:,} → {HUGE:,}: {what}, {who}", most, value)
