"""One round: everything that is measured at one number of peers, wgd and the others in turn.

Each thing is done so many times, or as often as its share of the time allows, and at least once.
"""

from __future__ import annotations

import statistics
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from integration.bench import others, words
from integration.bench.element import changes
from integration.bench.idle import Idle, idle
from integration.bench.locked import SMALL
from integration.bench.network import Crowd, Edit
from integration.bench.others import Networkd, Pyroute2
from integration.bench.ours import Ours
from integration.bench.pages import Pages, faults_of_children, microseconds
from integration.bench.samples import Case, Samples
from integration.bench.theirs import Theirs, timed
from integration.host import Host

HOME = 5
"""Peers of a home's hub."""
QUICK_MOST = 1000
"""Beyond, wg-quick takes minutes: it starts two processes for each route. networkd and pyroute2's changes of
the whole network stop here as well."""
PYROUTE2_MOST = 10_000
MANY = 1000
SHARE = 24.0
"""Seconds for each thing that is measured; a run of it that has begun is ended."""
_MAYBE = (0, 1)
"""Exit status 1: something differs, which is an answer."""

Turn = Callable[[], object]
Make = Callable[[Crowd], list[Edit]]
Do = Callable[[list[Edit]], tuple[float, int]]


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


@dataclass(slots=True)
class Findings:
    """What was found so far, over all rounds."""

    samples: Samples = field(default_factory=Samples)
    idle: list[Idle] = field(default_factory=list)
    pages: list[Pages] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What could not be measured, and why."""


def turns(peers: int) -> int:
    """How often each thing is done."""
    return 7 if peers <= 1000 else 5


class Round:
    """All contestants with so many peers."""

    def __init__(self, peers: int, findings: Findings, scratch: Path, ending: ExitStack) -> None:
        self._began = time.monotonic()
        self.peers, self.found, self._scratch, self._ending = peers, findings, scratch, ending
        self._faults: dict[Case, list[int]] = {}
        self.ours = [self._opened(Ours(who, peers)) for who in words.OURS]
        self.script = self._opened(Theirs(peers))

    def run(self) -> None:
        """Everything. What fails is told of, and the rest goes on without it."""
        steps = [self._cold, self._nothing, self._edits, self._many, self._drift]
        steps += [self._restart, self._commands, self._idle, self._element, self._quick]
        steps += [self._pyroute2, self._networkd, self._pages]
        for step in steps:
            try:
                step()
            except Exception as error:
                traceback.print_exc()
                self.found.left_out.append(f"{self.peers:,} peers, {step.__name__[1:]}: {error!r}"[:300])

    # What is measured

    def _cold(self) -> None:
        self._repeat(
            *(partial(self._cold_of_ours, ours) for ours in self.ours),
            lambda: self._add(words.COLD, words.SCRIPT, self._cold_of_script(), 4),
            most=3,
        )

    def _cold_of_ours(self, ours: Ours) -> None:
        took = ours.cold()
        self._add(words.COLD, ours.who, took.changed, 1)
        self._add(words.READY, ours.who, took.ready, 1)
        self._touched(words.READY, ours.who, ours.faults())

    def _cold_of_script(self) -> float:
        before = faults_of_children()
        took = self.script.cold()
        self._touched(words.COLD, words.SCRIPT, faults_of_children() - before)
        return took

    def _nothing(self) -> None:
        self._repeat(*(partial(self._pass, ours) for ours in self.ours), self._lists(words.NOTHING))

    def _pass(self, ours: Ours) -> None:
        took, spent = ours.nothing()
        self._add(words.NOTHING, ours.who, took)
        self._add(words.TELLING, ours.who, spent)

    def _edits(self) -> None:
        kinds: dict[str, Make] = {
            words.EDIT: Crowd.readdress,
            words.KEEPALIVE: Crowd.hasten,
            words.ADD: Crowd.join,
            words.REMOVE: Crowd.leave,
        }
        for what, make in kinds.items():
            self._repeat(
                *(partial(self._edit, ours, what, make) for ours in self.ours),
                partial(self._by_script, what, make, self.script.script, words.SCRIPT),
                partial(self._by_script, what, make, self.script.by_hand, words.HAND),
            )

    def _edit(self, ours: Ours, what: str, make: Make) -> None:
        before = ours.faults()
        took, spent = ours.edit(make(ours.crowd))
        self._add(what, ours.who, took)
        self._touched(what, ours.who, ours.faults() - before)
        if what == words.EDIT:
            self._add(words.REST, ours.who, spent)

    def _by_script(self, what: str, make: Make, do: Do, who: str) -> None:
        self._add(what, who, *do(make(self.script.crowd)))

    def _many(self) -> None:
        if self.peers < MANY:
            return
        make = partial(Crowd.readdress, count=MANY)
        self._repeat(
            *(partial(self._edit, ours, words.THOUSAND, make) for ours in self.ours),
            partial(self._by_script, words.THOUSAND, make, self.script.script, words.SCRIPT),
        )

    def _drift(self) -> None:
        victims = {ours.who: iter(list(ours.crowd.members.values())[::-1]) for ours in self.ours}
        drift = self._of_ours(words.DRIFT, lambda ours: ours.drift(next(victims[ours.who]).address))
        self._repeat(*drift, most=min(turns(self.peers), self.peers))

    def _restart(self) -> None:
        self._repeat(*self._of_ours(words.RESTART, Ours.restart, 1), most=3)

    def _commands(self) -> None:
        named = {words.STATUS: "status", words.CHECK: "check", words.PLAN: "plan"}
        for what, command in named.items():
            run = partial(_timed_command, command=command)
            self._repeat(*self._of_ours(what, run, 1), self._lists(what), most=3)

    def _idle(self) -> None:
        for ours in self.ours:
            telling = self.found.samples.figure(words.TELLING, ours.who, self.peers)
            self.found.idle.append(idle(ours, self.peers, telling.median if telling else 0.0))

    def _element(self) -> None:
        """In this process, so the daemon stops for it: the last thing that is done with it."""
        ours = self.ours[0]
        for one in self.ours:
            one.stop()
        if self.peers > SMALL:
            return
        fresh = iter(self.script.crowd.readdress(min(turns(self.peers), self.peers)))
        for took in changes(ours, turns(self.peers)):
            self._add(words.ELEMENT, ours.who, took)
            if (edit := next(fresh, None)) and edit.after:
                self._add(words.ELEMENT, words.HAND, self.script.element(edit.after.address), 1)

    def _quick(self) -> None:
        if self.peers > QUICK_MOST:
            return
        quick = self._opened(Theirs(self.peers))
        self._repeat(lambda: self._add(words.COLD, words.QUICK, quick.quick_up(), 1), most=3)
        self._repeat(
            lambda: self._add(words.EDIT, words.STRIP, *quick.quick_sync(quick.crowd.readdress())),
            lambda: self._add(words.KEEPALIVE, words.STRIP, *quick.quick_sync(quick.crowd.hasten())),
        )

    def _pyroute2(self) -> None:
        """On the script's host; all from nothing on one of its own."""
        if self.peers > PYROUTE2_MOST:
            return
        pyroute2, crowd = Pyroute2(self.script.host), self.script.crowd

        def edit() -> None:
            edits = crowd.readdress()
            self._add(words.EDIT, words.PYROUTE2, pyroute2.edit(edits[0]))
            crowd.apply(edits)

        self._repeat(lambda: self._add(words.NOTHING, words.PYROUTE2, pyroute2.read()), most=3)
        self._repeat(edit)
        if self.peers <= QUICK_MOST:
            with closing(Host(f"pyroute2-{self.peers}")) as host:
                key = host.run("wg", "genkey").strip()
                self._add(words.COLD, words.PYROUTE2, Pyroute2(host).cold(Crowd(self.peers), key))

    def _networkd(self) -> None:
        if self.peers > QUICK_MOST or not others.can_run():
            return
        with closing(Networkd(self.peers, self._scratch)) as networkd:
            self._add(words.COLD, words.NETWORKD, networkd.cold())

            def edit() -> None:
                self._add(words.EDIT, words.NETWORKD, networkd.edit(networkd.crowd.readdress()))

            self._repeat(edit, most=3)

    def _pages(self) -> None:
        each = microseconds()
        for (what, who, peers), counts in self._faults.items():
            if figure := self.found.samples.figure(what, who, peers):
                self.found.pages.append(
                    Pages(what, who, peers, statistics.median(counts), each, figure.median)
                )

    # How

    def _touched(self, what: str, who: str, faults: int) -> None:
        self._faults.setdefault(Case(what, who, self.peers), []).append(faults)

    def _of_ours(self, what: str, measure: Callable[[Ours], float], starts: int = 0) -> list[Turn]:
        """wgd's turns, one for each way to lay out its files."""

        def turn(ours: Ours) -> None:
            self._add(what, ours.who, measure(ours), starts)

        return [partial(turn, ours) for ours in self.ours]

    def _lists(self, what: str) -> Turn:
        return lambda: self._add(what, words.READERS, self.script.lists(), 3)

    def _add(self, what: str, who: str, milliseconds: float, starts: int = 0) -> None:
        self.found.samples.add(Case(what, who, self.peers), milliseconds, starts)
        self._say(f"{what}: {who}: {milliseconds:.1f} ms")

    def _repeat(self, *each: Turn, most: int | None = None) -> None:
        """All in turn, several times; the order changes, so that nobody always comes after the same. What
        starting a process takes is taken each time: on a busy machine that changes."""
        until = time.monotonic() + SHARE
        for number in range(most or turns(self.peers)):
            self._add(words.START, words.SCRIPT, timed(self.script.host, ("true",)), 1)
            for turn in each if number % 2 == 0 else each[::-1]:
                turn()
            if time.monotonic() > until:
                break

    def _say(self, text: str) -> None:
        since = time.monotonic() - self._began
        print(f"{self.peers} peers, {since:.0f} s: {text}", file=sys.stderr, flush=True)

    def _opened(self, one: T) -> T:
        self._ending.callback(one.close)
        return one


def _timed_command(ours: Ours, command: str) -> float:
    return timed(ours.host, (*ours.command, command), allowed=_MAYBE)
