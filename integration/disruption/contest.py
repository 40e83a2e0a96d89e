"""The contest: every tool does every operation, in turn, each in a lab of its own beside the others'.

Operations that a tool does with the same commands as another, or has nothing for, are left out for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from integration.disruption import networkd_tool
from integration.disruption.arena import HOSTS, Arena, Result
from integration.disruption.edits import random_edits
from integration.disruption.networkd_tool import NetworkdTool
from integration.disruption.operations import Operation, named
from integration.disruption.stream import LONGEST_WAY, Losses
from integration.disruption.tools import QuickTool, ScriptTool
from integration.disruption.wgd_tool import WgdTool
from integration.host import Host

ALERT = 1.0
"""Seconds after which a very attentive person loads the rules again that somebody has flushed."""
FLUSH = "nft flush ruleset"
UNCHANGED = "save unchanged"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. `thorough`: the slow tools do all operations, not only one."""

    idle: float
    edits: int
    edits_by_hand: int
    floods: int
    thorough: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """What a number of edits cost together; `outage` is the longest of all."""

    edits: int = 0
    sent: int = 0
    lost: int = 0
    outage: float = 0.0

    def with_edit(self, losses: Losses) -> Tally:
        outage = max(self.outage, losses.outage)
        return Tally(self.edits + 1, self.sent + losses.sent, self.lost + losses.lost, outage)


FULL = Scale(idle=15, edits=1000, edits_by_hand=120, floods=60, thorough=True)
QUICK = Scale(idle=5, edits=36, edits_by_hand=12, floods=6, thorough=False)


class Daemon(Protocol):
    """A tool of which something goes on running."""

    def restart(self, host: Host) -> None: ...

    def kill(self, host: Host) -> None:
        """With SIGKILL; then it is started."""


class Contest:
    """A lab for every tool."""

    def __init__(self, scratch: Path, ending: ExitStack) -> None:
        self.wgd_tool = WgdTool(scratch)
        self.wgd = Arena(self.wgd_tool, ending)
        self.sync = Arena(ScriptTool("syncconf"), ending)
        self.slow = [Arena(ScriptTool("setconf"), ending), Arena(QuickTool(), ending)]
        self.daemons: list[tuple[Arena, Daemon]] = [(self.wgd, self.wgd_tool)]
        if networkd_tool.can_run():
            networkd = NetworkdTool(scratch)
            self.slow.append(Arena(networkd, ending))
            self.daemons.append((self.slow[-1], networkd))
        self.tools = [arena.tool.name for arena in (self.wgd, self.sync, *self.slow)]

    def idle(self, seconds: float) -> Iterator[Result]:
        for arena in (self.wgd, self.sync, *self.slow):
            yield arena.idle(seconds)

    def operations(self, scale: Scale) -> Iterator[Result]:
        """Every named operation on both hosts."""
        for name in HOSTS:
            for index, operation in enumerate(named(self.wgd.base[name])):
                yield self.wgd.step(name, operation.name, operation.step)
                yield self.sync.step(name, operation.name, named(self.sync.base[name])[index].step)
                if scale.thorough or operation.name == UNCHANGED:
                    yield from self._slowly(name, index)
            yield from self._flushed(name)
            yield from self._daemon(name)

    def _slowly(self, name: str, index: int) -> Sequence[Result]:
        """Those that wait for WireGuard's 15 s do it at the same time."""

        def run(arena: Arena) -> list[Result]:
            operation: Operation = named(arena.base[name])[index]
            before = arena.wishes[name]
            if not arena.tool.has_own_way(before, after := operation.step(before)):
                arena.change(name, after)
                return []
            return [arena.step(name, operation.name, operation.step)]

        with ThreadPoolExecutor() as threads:
            return [result for results in threads.map(run, self.slow) for result in results]

    def _flushed(self, name: str) -> Iterator[Result]:
        for arena, wait in ((self.wgd, 0.0), (self.sync, ALERT)):
            yield arena.act(name, FLUSH, partial(_flush, arena, name, wait))

    def _daemon(self, name: str) -> Iterator[Result]:
        for arena, tool in self.daemons:
            yield arena.act(name, "restart the daemon", partial(tool.restart, arena.host(name)))
            yield arena.act(name, "kill −9 and start it", partial(tool.kill, arena.host(name)))
        upgrade = partial(self.wgd_tool.upgrade, self.wgd.host(name))
        yield self.wgd.act(name, "upgrade to another copy", upgrade)


def _flush(arena: Arena, name: str, wait: float) -> None:
    arena.host(name).run("nft", "flush", "ruleset")
    time.sleep(wait)
    arena.tool.mend(arena.host(name), arena.wishes[name])


def edit_at_random(arena: Arena, count: int, seed: int = 1) -> dict[str, Tally]:
    """`count` edits on the two hosts in turn, without a break; what was lost at each, by kind."""
    arena.stream.resume()
    walks = {
        name: random_edits(seed, arena.wishes[name], count // 2 + (name == HOSTS[0] and count % 2))
        for name in HOSTS
    }
    moments, kinds = [], []
    for number in range(count):
        name = HOSTS[number % 2]
        if edit := next(walks[name], None):
            moments.append(time.monotonic())
            kinds.append(edit[0])
            arena.change(name, edit[1])
    arena.stream.settle()
    moments.append(time.monotonic() - LONGEST_WAY / 2)
    found: dict[str, Tally] = {}
    for kind, start, end in zip(kinds, moments, moments[1:], strict=False):
        found[kind] = found.get(kind, Tally()).with_edit(arena.stream.between(start, end))
    arena.stream.rest()
    return found
