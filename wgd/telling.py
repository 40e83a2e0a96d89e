"""What the daemon tells: the log, each thing once, and the status for whoever asks.

It decides nothing. What it says of the network must come from the last look at it, never from memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from wgd.errors import KernelError, Problem, Severity
from wgd.firewalls.obstacles import Obstacle
from wgd.kinds.nftables import Dropped
from wgd.log import Log
from wgd.model import Conflict, Foreign, Outcome, Report
from wgd.output import report
from wgd.output.peer_report import PeerTexts
from wgd.output.render import trial_lines
from wgd.rivals import named
from wgd.sources import notify, others, trials
from wgd.sources.files import Loaded
from wgd.sources.firewalls import Firewalls
from wgd.sources.statusfile import write_status
from wgd.trial import Phase, Trial

TOLD = 20
"""Commands of one op that the log tells one by one."""


class Teller:
    """Remembers what was told, so as not to say it again."""

    def __init__(
        self,
        log: Log,
        run_dir: Path,
        firewalls: Firewalls,
        drops: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        """`drops` reads what the rules have dropped, as `Dropped`."""
        self._log = log
        self._run_dir = run_dir
        self._texts = PeerTexts()
        self._problems: tuple[Problem, ...] = ()
        self._conflicts: frozenset[Conflict] = frozenset()
        self._left_over: frozenset[Foreign] = frozenset()
        self._firewalls, self._drops = firewalls, drops
        self._obstacles: tuple[Obstacle, ...] = ()
        self._trial: tuple[Trial | None, str] = (None, "")
        self._lacking = ""

    def outcome(self, outcome: Outcome) -> None:
        """The commands of an op, as they are run: of many the first few."""
        commands = outcome.op.commands()
        more = len(commands) - TOLD
        lines = [*commands[:TOLD], f"… and {more:,} more like these"] if more > 0 else commands
        for line in lines:
            if outcome.ok:
                self._log.info(line)
            else:
                why = outcome.error or f"skipped, since {outcome.skipped} failed"
                self._log.error(line, failed=why)

    def files(self, loaded: Loaded) -> None:
        """What is wrong with them, if that is another thing than before."""
        if loaded.problems == self._problems:
            return
        self._problems = loaded.problems
        for problem in loaded.problems:
            tell = self._log.error if problem.severity is Severity.ERROR else self._log.warning
            tell(str(problem).replace("\n    hint", "; hint"))
        for name in sorted(loaded.frozen):
            self._log.error(f"{name} stays as last accepted until its files are mended")
        for name in sorted(loaded.config.held):
            self._log.error(f"{name} is left alone until its files are mended")
        if not loaded.problems:
            self._log.info("the files are all right")

    def watches(self, lacking: str) -> None:
        """Why the files cannot be watched, if that is another reason than before."""
        if lacking and lacking != self._lacking:
            self._log.warning(f"a saved file is noticed only when all are looked at: {lacking}")
        self._lacking = lacking

    def trial(self, loaded: Loaded) -> list[str]:
        """What has become of a trial, if that is another thing than before; returns what it told."""
        (before, refused), self._trial = self._trial, (loaded.trial, loaded.refused)
        if (before, refused) == self._trial:
            return []
        value = trials.told(loaded.trial, loaded.refused, time.time())
        lines = trial_lines(value, time.time())
        if before and value is None and before.phase is not Phase.CONFIRMED:
            lines = ["trial: it is over; nothing was left to try"]
        went_wrong = value and (value["refused"] or value["state"] == Phase.RETURNED)
        for line in lines:
            (self._log.error if went_wrong else self._log.info)(line)
        return lines

    def in_the_way(self, loaded: Loaded, done: Report) -> None:
        """The conflicts, and the interfaces that nobody explains."""
        found = done.plan.conflicts
        conflicts = named(found, others.among(loaded.config, done.seen)) if found else ()
        for conflict in conflicts:
            if conflict not in self._conflicts:
                self._log.warning(f"conflict: {conflict.label}: {conflict.reason}", hint=conflict.hint)
        self._conflicts = frozenset(conflicts)
        left = frozenset(link for link in done.plan.foreign if link.ref.kind == "link")
        for link in left - self._left_over:
            self._log.warning(f"left alone: {link.label}")
        self._left_over = left
        for line in self._firewalls.closed(loaded.config, done.seen, done.plan):
            self._log.warning(line)

    def status(self, loaded: Loaded, done: Report, more: Mapping[str, Any]) -> None:
        """`status.json`, with what only a daemon knows (`more`), and a line for the service manager."""
        obstacles = self._firewalls.obstacles(loaded.config, done.seen)
        self._stopped_by(obstacles)
        value = report.status(
            loaded.config,
            done.seen,
            done.residue,
            problems=loaded.problems,
            frozen=loaded.frozen,
            obstacles=obstacles,
            warnings=self._firewalls.unreadable(loaded.config),
            failures=done.outcomes,
            dropped=self._dropped(),
            rivals=others.among(loaded.config, done.seen),
            texts=self._texts,
            trial=trials.told(loaded.trial, loaded.refused, time.time()),
        )
        try:
            write_status(self._run_dir, {**value, **more})
        except OSError as error:
            self._log.error(f"{self._run_dir} cannot hold status.json: {error.strerror}")
        listed = sum(len(interface.peers) for interface in loaded.config.interfaces.values())
        notify.notify(READY=1, STATUS=report.summary(value, listed))

    def _dropped(self) -> Iterable[Dropped]:
        """What the rules dropped; nothing if that cannot be read: the next pass says why."""
        with suppress(KernelError):
            return cast("Iterable[Dropped]", self._drops())
        return ()

    def _stopped_by(self, obstacles: tuple[Obstacle, ...]) -> None:
        """Other firewalls that drop what wgd permits, each once, with what would open it."""
        if obstacles is not self._obstacles:
            for obstacle in obstacles:
                if obstacle not in self._obstacles:
                    self._log.warning(str(obstacle), to_open="; ".join(obstacle.commands))
            self._obstacles = obstacles
