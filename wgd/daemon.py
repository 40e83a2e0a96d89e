"""The daemon: one thread owns the state, reads events as reasons, and reconciles when the pacer says so.

Sources only say "this may have changed"; what is true is read again. Nothing here decides what to change
(`wgd.plan`) or when (`wgd.pacer`). Stopping changes nothing on the wire.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import selectors
import signal
import socket
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from wgd import log
from wgd.access import flows
from wgd.config.document import Config
from wgd.config.snapshot import differing
from wgd.edit import edit_plan
from wgd.endpoints import to_ask_again
from wgd.errors import ConfigError, KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.mending import Mending, at_rest
from wgd.model import Plan, Report, State
from wgd.output.history import entry
from wgd.pacer import AT_ONCE, FILES, KERNEL, Pacer, Telling
from wgd.plan import Memo
from wgd.reconcile import deletes_more, reconcile, run_ahead
from wgd.silence import Listener
from wgd.sources import dns, lock, notify
from wgd.sources.files import ConfigFiles, Directories, Loaded
from wgd.sources.firewalls import Firewalls
from wgd.sources.historyfile import append
from wgd.sources.memory import keep_memory
from wgd.sources.netlink import NetlinkEvents
from wgd.sources.statusfile import recent_repairs
from wgd.sources.trials import take_request
from wgd.telling import Teller
from wgd.trial import final
from wgd.values import replace

if TYPE_CHECKING:
    from wgd.sources.directory import DirectoryWatch

UNWATCHED = 0.5
"""Seconds between two looks for a directory that is not there: nothing would tell that it is back."""
LOOK, LOOK_COST, LOOK_MOST = 60.0, 0.001, 600.0
"""Seconds after which all files are looked at, whatever events told of them: more, if looking takes more than
that share of one core. While somebody waits for an edit it is put off, up to the most."""
TIDY, TIDY_COST = 60.0, 0.001
"""Seconds between two looks for garbage, more if looking takes more than that share of one core."""
STOPPING = (signal.SIGTERM, signal.SIGINT)


def run(directories: Directories) -> int:
    """Keep the machine as the files say until SIGTERM. Raises UsageError if somebody else does already."""
    gc.disable()  # see `_tidy`
    keep_memory()
    with lock.acquire() as held:
        Daemon(directories, held).run()
    return 0


class Daemon:
    """The state one thread owns, and the loop."""

    def __init__(self, directories: Directories, held: socket.socket) -> None:
        self._directories, self._lock = directories, held
        self._log = log.logger()
        self._kernel = LinuxKernel(directories.run)
        self._pacer = Pacer()
        self._wake, self._woken = socket.socketpair()
        self._events = NetlinkEvents(self._kernel.generations)
        self._watch: DirectoryWatch | None = None
        self._endpoints, self._resolver = dns.Endpoints(), dns.Resolver(self._ring)
        self._listener = Listener()
        self._files = ConfigFiles(directories)
        self._loaded = Loaded()
        self._memo = Memo()
        self._settled: Config | None = None
        self._read_at_once = True
        self._look_next = self._look_late = -math.inf
        self._stopping = False
        self._reloads = self._read_for = 0
        self._passes = 0
        self._mending = Mending(recent_repairs(directories.run))
        drops = partial(self._kernel.dump, "dropped")
        self._teller = Teller(self._log, directories.run, Firewalls(self._kernel.others.read), drops)
        self._telling = Telling()
        self._last = (self._loaded, Report(Plan(), (), Plan(), State({})))
        self._took, self._told_for = 0.0, -1
        self._known: Mapping[str, bytes] | None = None
        self._said: list[str] = []
        self._tidy_next = time.monotonic() + TIDY

    def run(self) -> None:
        """Reconcile, wait, reconcile, until told to stop."""
        self._listen()
        self._log.info("watching", directory=str(self._directories.config))
        try:
            while not self._stopping:
                if time.monotonic() >= self._due():
                    self._pass()
                elif time.monotonic() >= self._telling.due():
                    self._tell()
                if self._watch is None:
                    self._start_watching()
                self._wait()
        finally:
            notify.notify(STOPPING=1)
            if self._watch:
                self._watch.close()
        self._log.info("stopped; the network stays as it is")

    def _listen(self) -> None:
        for end in (self._wake, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        self._selector = selectors.SelectSelector()  # that of epoll waits up to a millisecond too long
        self._selector.register(self._woken, selectors.EVENT_READ, self._drain_wake)
        self._selector.register(self._lock, selectors.EVENT_READ, lambda: lock.drain(self._lock))
        self._selector.register(self._events, selectors.EVENT_READ, self._kernel_changed)

    def _start_watching(self) -> None:
        """Once the network stands, which need not wait for it. What was saved meanwhile is found when all
        files are read again, before anybody hears that we are ready: whoever then saves may take his time."""
        from wgd.sources.directory import DirectoryWatch  # which brings a sixth of all that is imported

        self._watch = DirectoryWatch(self._directories.config)
        self._watch.start()
        if (files := self._watch.fileno()) is not None:
            self._selector.register(files, selectors.EVENT_READ, self._files_changed)
        self._pacer.touch(AT_ONCE, time.monotonic())

    # What wakes us. The first runs in another thread, the next two in a signal's frame.

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.send(b"\0")

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
        if self._read_at_once or self._resolver.news():
            self._pacer.touch(AT_ONCE, time.monotonic())

    def _files_changed(self) -> None:
        heard = time.monotonic()
        if self._watch and self._watch.read():
            self._pacer.touch(FILES, heard)

    def _kernel_changed(self) -> None:
        if self._events.stale():
            self._pacer.touch(KERNEL, time.monotonic())

    def _due(self) -> float:
        return min(self._pacer.due(), self._mending.due())

    def _wait(self) -> None:
        """Sleep until an event, the next pass, or the next sign of life that is due."""
        notify.notify(WATCHDOG=1)
        now = time.monotonic()
        watching = self._watch is not None and self._watch.alive()
        longest = (notify.watchdog_interval() or 60.0) if watching else UNWATCHED
        until = min(self._due(), self._telling.due(), self._loaded.deadline, now + longest)
        for key, _ in self._selector.select(max(0.0, until - now)):
            key.data()
        if time.monotonic() >= self._loaded.deadline:
            self._pacer.touch(AT_ONCE, time.monotonic())
        if not watching and self._directories.config.exists():
            self._pacer.touch(FILES, time.monotonic())

    # One pass.

    def _pass(self) -> None:
        started = time.monotonic()
        # What has just come back must not count as gone.
        read_all = self._read_at_once or started >= self._loaded.deadline
        self._pacer.begin(math.inf if read_all else started)
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

    def _reconcile(self) -> Report:
        config = self._loaded.config
        edit = self._ahead(config)
        ahead = run_ahead(self._kernel, edit) if edit else None
        self._resolver.want(self._endpoints.of(config))
        self._settled = None
        done = reconcile(
            self._kernel,
            config,
            self._resolver.answers(),
            time.time(),
            self._teller.outcome,
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
        everything, self._read_at_once = self._read_at_once, False
        self._read_for = self._reloads
        if self._watch and not self._watch.alive():
            self._watch.start()
        touched = self._touched(everything, now)
        request = take_request(self._directories.run) if everything else None
        self._loaded = self._files.load(time.time(), now, touched, request)
        if touched is None:
            ended = time.monotonic()
            self._look_next = ended + min(max(LOOK, (ended - now) / LOOK_COST), LOOK_MOST)
            self._look_late = ended + LOOK_MOST
        self._teller.files(self._loaded)
        self._said += self._teller.trial(self._loaded)

    def _touched(self, everything: bool, now: float) -> frozenset[str] | None:
        """The files to read again, as events tell; now and then all (None), since an event can be lost."""
        if self._pacer.saving() and not everything:
            return frozenset()
        touched = self._watch.take() if self._watch else None
        self._teller.watches(self._watch.lacking if self._watch else "")
        if everything or touched is None or now >= (self._look_late if touched else self._look_next):
            return None
        return touched

    def _after(self, done: Report, took: float) -> None:
        if not deletes_more(done):
            self._accept()
        self._teller.in_the_way(self._loaded, done)
        mended = self._mending.passed(done, self._events.suspects.take(), time.monotonic(), time.time())
        for line in mended:
            self._log.warning(line)
        self._keep_history(done, mended)
        if not at_rest(done) and done.outcomes:
            self._log.warning(
                "did not converge", left=len(done.residue.changes), again_in=f"{self._pacer.backoff():.0f} s"
            )
        self._last, self._took = (self._loaded, done), took
        self._telling.news(hurry=self._read_for != self._told_for)

    def _accept(self) -> None:
        try:
            self._files.accept(self._loaded)
            if self._loaded.trial and final(self._loaded.trial):
                self._loaded = replace(self._loaded, trial=None)
        except OSError as error:
            self._log.error(f"{self._directories.state} cannot keep the accepted copies: {error.strerror}")

    def _keep_history(self, done: Report, mended: list[str]) -> None:
        """What `wgd log` shows."""
        before, self._known = self._known, self._loaded.files
        changed = differing(before, self._known) if before is not None else ()
        saved = [name for name in changed if before and before.get(name) != self._known.get(name)]
        reasons = [*self._said, *mended] if before is not None else ["the daemon started", *self._said]
        self._said = []
        kept = entry(time.time(), saved, reasons, done.outcomes)
        if kept is None:
            return
        try:
            append(self._directories.state, kept)
        except OSError as error:
            self._log.error(f"{self._directories.state} cannot keep the history: {error.strerror}")

    # What can wait until nothing else is due.

    def _tell(self) -> None:
        """The status of the last pass."""
        started = time.monotonic()
        about = {
            "pid": os.getpid(),
            "count": self._passes,
            "reloads": self._read_for,
            "seconds": self._took,
            "interval": self._pacer.patience(),
        }
        self._teller.status(*self._last, {"pass": about, **self._mending.values(started, time.time())})
        self._told_for = self._read_for
        ended = time.monotonic()
        self._telling.told(started, ended)
        self._pacer.told(ended - started)
        self._tidy(ended)
        self._files.prepare()
        flows.prepare()

    def _tidy(self, now: float) -> None:
        """Look for garbage that refers to itself; all else goes by itself. Left alone, the interpreter would
        look while somebody waits."""
        if now < self._tidy_next:
            return
        gc.collect()
        ended = time.monotonic()
        self._tidy_next = ended + max(TIDY, (ended - now) / TIDY_COST)
