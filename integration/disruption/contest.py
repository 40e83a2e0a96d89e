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
from typing import Protocol, runtime_checkable

from integration.disruption import networkd_tool
from integration.disruption.arena import HOSTS, Arena, Result
from integration.disruption.edits import random_edits
from integration.disruption.networkd_tool import NetworkdTool
from integration.disruption.operations import named
from integration.disruption.stream import LONGEST_WAY, Losses
from integration.disruption.tools import QuickTool, ScriptTool, Tool
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


FULL = Scale(idle=10, edits=1000, edits_by_hand=120, floods=60, thorough=True)
QUICK = Scale(idle=5, edits=36, edits_by_hand=12, floods=6, thorough=False)


@runtime_checkable
class Daemon(Protocol):
    """A tool of which something goes on running."""

    def restart(self, host: Host) -> None: ...

    def kill(self, host: Host) -> None:
        """With SIGKILL; then it is started."""


class Contest:
    """A lab for every tool, or for those only that have `only` in their name."""

    def __init__(self, scratch: Path, ending: ExitStack, only: str = "") -> None:
        def arenas(*tools: Tool) -> list[Arena]:
            return [Arena(tool, ending) for tool in tools if only in tool.name]

        networkd = [NetworkdTool(scratch)] if networkd_tool.can_run() else []
        self.quick = arenas(WgdTool(scratch), ScriptTool("syncconf"))
        self.slow = arenas(ScriptTool("setconf"), QuickTool(), *networkd)
        self.arenas = (*self.quick, *self.slow)

    def idle(self, seconds: float) -> Iterator[Result]:
        for arena in self.arenas:
            yield arena.idle(seconds)

    def operations(self, scale: Scale) -> Iterator[Result]:
        """Every named operation on both hosts."""
        for name in HOSTS:
            for index, operation in enumerate(named(self.arenas[0].base[name])):
                for arena in self.quick:
                    yield from _step(name, index, arena)
                if scale.thorough or operation.name == UNCHANGED:
                    yield from self._slowly(name, index)
            for arena in self.quick:
                yield arena.act(name, FLUSH, partial(_flush, arena, name))
            for arena in self.arenas:
                yield from _deaths(arena, name)

    def _slowly(self, name: str, index: int) -> Iterator[Result]:
        """Those that wait for WireGuard's 15 s do it at the same time."""
        with ThreadPoolExecutor() as threads:
            for results in threads.map(partial(_step, name, index), self.slow):
                yield from results


def _step(name: str, index: int, arena: Arena) -> Sequence[Result]:
    """The operation of this number; nothing if the tool has no way of its own for it."""
    operation, before = named(arena.base[name])[index], arena.wishes[name]
    if arena.tool.has_own_way(before, after := operation.step(before)):
        return [arena.step(name, operation.name, operation.step)]
    arena.change(name, after)
    return []


def _flush(arena: Arena, name: str) -> None:
    arena.host(name).run("nft", "flush", "ruleset")
    if not isinstance(arena.tool, Daemon):
        time.sleep(ALERT)
    arena.tool.mend(arena.host(name), arena.wishes[name])


def _deaths(arena: Arena, name: str) -> Iterator[Result]:
    tool, host = arena.tool, arena.host(name)
    if isinstance(tool, Daemon):
        yield arena.act(name, "restart the daemon", partial(tool.restart, host))
        yield arena.act(name, "kill −9 and start it", partial(tool.kill, host))
    if isinstance(tool, WgdTool):
        yield arena.act(name, "upgrade to another copy", partial(tool.upgrade, host))


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
