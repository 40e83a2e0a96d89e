"""The daemon: one thread owns the state, reads events as reasons, and reconciles when the pacer says so.

Sources only say "this may have changed"; what is true is read again. Nothing here decides what to change
(`wgd.plan`) or when (`wgd.pacer`). Stopping changes nothing on the wire.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import socket
import time
from dataclasses import replace
from typing import Any

import structlog

from wgd import log, report
from wgd.config.document import Config
from wgd.edit import edit_plan
from wgd.endpoints import to_ask_again
from wgd.errors import ConfigError, KernelError, Problem, Severity
from wgd.kernel.linux import LinuxKernel
from wgd.kernel.nftables import foreign_forward_drops
from wgd.mending import Mending, at_rest
from wgd.model import Conflict, Foreign, Outcome, Plan, Report
from wgd.pacer import AT_ONCE, FILES, KERNEL, Pacer
from wgd.plan import Memo
from wgd.reconcile import deletes_more, reconcile
from wgd.rivals import named
from wgd.silence import Listener
from wgd.sources import dns, lock, notify, others
from wgd.sources.directory import DirectoryWatch
from wgd.sources.files import ConfigFiles, Directories, Loaded
from wgd.sources.netlink import NetlinkEvents
from wgd.sources.statusfile import StatusFile, recent_repairs

UNWATCHED = 0.5
"""Seconds between two looks for a directory that is not there: nothing would tell that it is back."""
LOOK = 60.0
"""Seconds after which all files are looked at, whatever events told of them."""
STOPPING = (signal.SIGTERM, signal.SIGINT)


def run(directories: Directories) -> int:
    """Keep the machine as the files say until SIGTERM. Raises UsageError if somebody else does already."""
    log.configure()
    with lock.acquire() as held:
        Daemon(directories, held).run()
    return 0


class Daemon:
    """The state one thread owns, and the loop."""

    def __init__(self, directories: Directories, held: socket.socket) -> None:
        self._directories, self._lock = directories, held
        self._log: Any = structlog.get_logger()
        self._kernel = LinuxKernel(directories.run)
        self._pacer = Pacer()
        self._wake, self._woken = socket.socketpair()
        self._events = NetlinkEvents(self._kernel.generations)
        self._watch = DirectoryWatch(directories.config, self._files_changed)
        self._resolver = dns.Resolver(self._ring)
        self._listener = Listener()
        self._files = ConfigFiles(directories)
        self._loaded = Loaded()
        self._memo = Memo()
        self._settled: Config | None = None
        self._read_at_once = True
        self._touched_files = False
        self._looked = -math.inf
        self._stopping = False
        self._reloads = self._read_for = 0
        self._passes = 0
        self._told: frozenset[Conflict] = frozenset()
        self._left_over: frozenset[Foreign] = frozenset()
        self._mending = Mending(recent_repairs(directories.run))
        self._status = StatusFile(directories.run)
        self._told_peers = report.PeerValues()

    def run(self) -> None:
        """Reconcile, wait, reconcile, until told to stop."""
        self._listen()
        self._log.info("watching", directory=str(self._directories.config))
        try:
            while not self._stopping:
                if time.monotonic() >= self._due():
                    self._pass()
                self._wait()
        finally:
            notify.notify(STOPPING=1)
            self._watch.stop()
        self._log.info("stopped; the network stays as it is")

    def _listen(self) -> None:
        for end in (self._wake, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ, self._drain_wake)
        self._selector.register(self._lock, selectors.EVENT_READ, lambda: lock.drain(self._lock))
        self._selector.register(self._events, selectors.EVENT_READ, self._kernel_changed)
        self._watch.start()

    # What wakes us. The first two run in other threads or in a signal's frame: they set a flag and ring.

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.send(b"\0")

    def _files_changed(self) -> None:
        self._touched_files = True
        self._ring()

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _reload(self, number: int, frame: object) -> None:
        self._reloads += 1
        self._read_at_once = True
        notify.reloading()

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        now = time.monotonic()
        if self._touched_files:
            self._pacer.touch(FILES, now)
        if self._read_at_once or self._resolver.news():
            self._pacer.touch(AT_ONCE, now)

    def _kernel_changed(self) -> None:
        if self._events.stale():
            self._pacer.touch(KERNEL, time.monotonic())

    def _due(self) -> float:
        return min(self._pacer.due(), self._mending.due())

    def _wait(self) -> None:
        """Sleep until an event, the next pass, or the next sign of life that is due."""
        now = time.monotonic()
        watching = self._watch.alive()
        longest = (notify.watchdog_interval() or 60.0) if watching else UNWATCHED
        until = min(self._due(), self._loaded.deadline, now + longest)
        for key, _ in self._selector.select(max(0.0, until - now)):
            key.data()
        if time.monotonic() >= self._loaded.deadline:
            self._pacer.touch(AT_ONCE, time.monotonic())
        if not watching and self._directories.config.exists():
            self._pacer.touch(FILES, time.monotonic())
        notify.notify(WATCHDOG=1)

    # One pass.

    def _pass(self) -> None:
        started = time.monotonic()
        self._pacer.begin()
        self._mending.begin()
        self._passes += 1
        try:
            self._load(started)
            done = self._reconcile()
        except (ConfigError, KernelError) as error:
            self._log.error("nothing can be done now", error=str(error))
            self._pacer.ran(started, time.monotonic(), converged=False)
            return
        ended = time.monotonic()
        self._pacer.ran(started, ended, at_rest(done), changed=bool(done.outcomes))
        self._after(done, ended - started)
        self._pacer.told(time.monotonic())

    def _reconcile(self) -> Report:
        config = self._loaded.config
        ahead = self._ahead(config)
        self._resolver.want(dns.endpoints(config))
        self._settled = None
        done = reconcile(
            self._kernel,
            config,
            self._resolver.answers(),
            time.time(),
            self._tell,
            self._events.stale,
            self._mending.withheld(config, time.monotonic()),
            lambda seen: self._listener.listen(seen, time.monotonic()),
            self._memo,
            ahead,
        )
        self._settled = config if done.residue.in_sync else None
        self._resolver.ask_again(to_ask_again(config, done.seen))
        return done

    def _ahead(self, config: Config) -> Plan | None:
        """What an edit asks for by itself, if the last pass left everything as it should be."""
        if self._settled is None or self._settled is config or self._memo.seen is None:
            return None
        return edit_plan(self._settled, config, replace(self._memo.seen, now=time.time()))

    def _load(self, now: float) -> None:
        """Read the files again: cheap, and right even when an event was lost."""
        everything, self._touched_files, self._read_at_once = self._read_at_once, False, False
        self._read_for = self._reloads
        if not self._watch.alive():
            self._watch.start()
        before = self._loaded.problems
        self._loaded = self._files.load(time.time(), now, self._touched(everything, now))
        if self._loaded.problems != before:
            self._tell_problems(self._loaded.problems)

    def _touched(self, everything: bool, now: float) -> frozenset[str] | None:
        """The files to read again, as events tell; now and then all (None), since an event can be lost."""
        touched = self._watch.take()
        if everything or touched is None or now >= self._looked + LOOK:
            self._looked = now
            return None
        return touched

    def _after(self, done: Report, took: float) -> None:
        if not deletes_more(done):
            self._accept()
        conflicts = done.plan.conflicts
        rivals = others.among(self._loaded.config, done.seen) if conflicts else ()
        self._tell_conflicts(named(conflicts, rivals))
        self._tell_left_over(done.plan.foreign)
        for line in self._mending.passed(done, self._events.suspects.take(), time.monotonic(), time.time()):
            self._log.warning(line)
        if not at_rest(done) and done.outcomes:
            self._log.warning(
                "did not converge", left=len(done.residue.changes), again_in=f"{self._pacer.backoff():.0f} s"
            )
        self._write_status(done, took)

    def _accept(self) -> None:
        try:
            self._files.accept(self._loaded)
        except OSError as error:
            self._log.error(f"{self._directories.state} cannot keep the accepted copies: {error.strerror}")

    # What we tell.

    def _tell(self, outcome: Outcome) -> None:
        for command in outcome.op.commands():
            if outcome.ok:
                self._log.info(command)
            else:
                why = outcome.error or f"skipped, since {outcome.skipped} failed"
                self._log.error(command, failed=why)

    def _tell_problems(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            tell = self._log.error if problem.severity is Severity.ERROR else self._log.warning
            tell(str(problem).replace("\n    hint", "; hint"))
        for name in sorted(self._loaded.frozen):
            self._log.error(f"{name} stays as last accepted until its files are mended")
        for name in sorted(self._loaded.config.held):
            self._log.error(f"{name} is left alone until its files are mended")
        if not problems:
            self._log.info("the files are all right")

    def _tell_conflicts(self, conflicts: tuple[Conflict, ...]) -> None:
        """Each once, not every pass."""
        for conflict in conflicts:
            if conflict not in self._told:
                self._log.warning(f"conflict: {conflict.label}: {conflict.reason}", hint=conflict.hint)
        self._told = frozenset(conflicts)

    def _tell_left_over(self, foreign: tuple[Foreign, ...]) -> None:
        left = frozenset(link for link in foreign if link.ref.kind == "link")
        for link in left - self._left_over:
            self._log.warning(f"left alone: {link.label}")
        self._left_over = left

    def _warnings(self) -> tuple[str, ...]:
        """Who else drops what wgd forwards, if it forwards anything."""
        forwards = any(interface.forwards for interface in self._loaded.config.enabled())
        return tuple(map(str, foreign_forward_drops())) if forwards else ()

    def _write_status(self, done: Report, took: float) -> None:
        value = report.status(
            self._loaded.config,
            done.seen,
            done.residue,
            problems=self._loaded.problems,
            frozen=self._loaded.frozen,
            warnings=self._warnings(),
            failures=done.outcomes,
            rivals=others.among(self._loaded.config, done.seen),
            told=self._told_peers,
        )
        value["pass"] = {
            "pid": os.getpid(),
            "count": self._passes,
            "reloads": self._read_for,
            "seconds": took,
            "interval": self._pacer.patience(),
        }
        value |= self._mending.values(time.monotonic(), time.time())
        try:
            self._status.write(value)
        except OSError as error:
            self._log.error(f"{self._directories.run} cannot hold status.json: {error.strerror}")
        notify.notify(READY=1, STATUS=report.summary(value))
