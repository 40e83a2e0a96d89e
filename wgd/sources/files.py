"""The files as they are, and the copies last accepted: what of them is in force.

The accepted copies live in the state directory and are replaced all at once. They make a bad save (and a
reboot after it) harmless: what cannot be used counts as its accepted copy. Keys stay where they are.
"""

from __future__ import annotations

import grp
import math
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from wgd.config.accept import Settled, owners, settle
from wgd.config.again import Decoder
from wgd.config.decode import Files
from wgd.config.document import Config
from wgd.config.files import ConfigDirectory
from wgd.config.keys import KEY_GROUP, KeyReader
from wgd.config.names import claim
from wgd.config.snapshot import differing
from wgd.errors import ConfigError, Problem, Severity
from wgd.sources.store import Store
from wgd.sources.trials import Trials
from wgd.trial import Request, Trial, final, in_force
from wgd.values import field, replace, value

GRACE = 5.0
"""Seconds that a file may be gone before it counts as deleted: a save can be remove and write."""


@value
class Directories:
    """Where the files, this boot's notes and the longer memory live."""

    config: Path = Path("/etc/wgd")
    run: Path = Path("/run/wgd")
    state: Path = Path("/var/lib/wgd")


@value
class Loaded:
    """What is in force, and what is wrong with the files as they are.

    `frozen` interfaces run on their accepted copies. `files` are those in force, by path relative to the
    config directory. `deadline`: when, on the steady clock, the next file that is gone will count as deleted,
    or a trial will be over. `trial` and why it was `refused`: see `wgd.sources.trials`; if it has gone back,
    the accepted copies are in force, and interfaces whose files differ from them are frozen.
    """

    config: Config = field(default_factory=Config)
    problems: tuple[Problem, ...] = ()
    frozen: frozenset[str] = frozenset()
    files: Mapping[str, bytes] = field(default_factory=dict)
    deadline: float = math.inf
    trial: Trial | None = None
    refused: str = ""


def load(directories: Directories, now: float, *, accepted: bool = True) -> Loaded:
    """Read once, for a command that a person typed: what is gone is gone at once.

    `now`: seconds since the epoch, for `expires`. With `accepted` False nothing but the files counts. Raises
    ConfigError if the directory cannot be read and nothing was ever accepted.
    """
    return ConfigFiles(directories, 0.0, accepted, keep_trial=False).load(now, 0.0)


def accept(directories: Directories, loaded: Loaded) -> None:
    """Keep what is in force as the accepted copies. Raises OSError."""
    ConfigFiles(directories).accept(loaded)


class ConfigFiles:
    """The config directory over time: knows what was accepted and since when a file is gone."""

    def __init__(
        self,
        directories: Directories,
        grace: float = GRACE,
        remember: bool = True,
        keep_trial: bool = True,
    ) -> None:
        self._grace = grace
        self._store = Store(directories.state)
        self._accepted: Mapping[str, bytes] = self._store.read() if remember else {}
        self._directory = ConfigDirectory(directories.config, self._accepted)
        self._keys = KeyReader(directories.config, daemon_gid())
        self._decoder = Decoder(self._keys)
        self._explained = owners(self._accepted)
        self._gone_since: dict[str, float] = {}
        self._merged: Files = {}
        self._trials = Trials(directories.state, keep_trial) if remember else None
        self._asked = Loaded()
        self._back: Settled | None = None
        self._loaded = Loaded()
        self._made_of: tuple[object, ...] = ()

    def load(
        self,
        now: float,
        steady: float,
        touched: frozenset[str] | None = None,
        request: Request | None = None,
    ) -> Loaded:
        """What the files say now; the very same as the last time if it is the same.

        `now` as in `load()`; `steady`: seconds of a clock that never jumps. `touched`: the files, by names
        relative to the directory, that may have changed since the last time, as events told; None: any.
        `request`: what a person asks for (`wgd.trial`).
        """
        unreadable: tuple[Problem, ...] = ()
        deadline = math.inf
        try:
            files = self._directory.read(touched)
        except ConfigError as error:  # everything stays as accepted
            if not self._accepted:
                raise
            files, unreadable = self._accepted, error.problems
        else:
            files, deadline = self._keep_missing(files, steady)
        self._keys.look(everything=touched is None)
        made_of = (files, self._accepted, self._keys.changes, unreadable, deadline)
        if not self._is_last(made_of) or not self._decoder.still(now, _links):
            self._decoder.begin(now, _links)
            self._asked = self._settle(files, unreadable, deadline)
            self._made_of = (*made_of[:2], self._keys.changes, *made_of[3:])
            self._back = None
        loaded = self._on_trial(self._asked, steady, request)
        if loaded is not self._asked and loaded.config == self._loaded.config:
            loaded = replace(loaded, config=self._loaded.config)
        if loaded != self._loaded:
            self._loaded = loaded
        elif loaded is self._asked:
            self._asked = self._loaded  # so that the next look has nothing to compare
        return self._loaded

    def _is_last(self, made_of: tuple[object, ...]) -> bool:
        """Files are the same only as the same object: contents need no comparing."""
        last = self._made_of
        return last[2:] == made_of[2:] and last[0] is made_of[0] and last[1] is made_of[1]

    def _settle(self, files: Files, unreadable: tuple[Problem, ...], deadline: float) -> Loaded:
        settled = settle(files, self._accepted, self._decoder, self._explained)
        config, problems = settled.config, unreadable + settled.problems
        frozen = frozenset(config.interfaces) if unreadable else settled.frozen
        if config == self._loaded.config:
            config = self._loaded.config
        return Loaded(config, problems, frozen, settled.files_in_force, deadline)

    def _on_trial(self, asked: Loaded, steady: float, request: Request | None) -> Loaded:
        """What is in force, if what the files ask for is on trial, or was."""
        trials = self._trials
        if trials is None:
            return asked
        clean = not any(problem.severity is Severity.ERROR for problem in asked.problems)
        trials.look(asked.files, self._accepted, clean, request)
        now = trials.now
        if now is None and not trials.names:
            return replace(asked, refused=trials.refused) if trials.refused else asked
        loaded = asked if in_force(now) else self._gone_back(asked)
        explained = (loaded.config.explained or frozenset()) | trials.names
        return replace(
            loaded,
            config=replace(loaded.config, explained=explained),
            deadline=min(asked.deadline, steady + trials.left()),
            trial=now,
            refused=trials.refused,
        )

    def _gone_back(self, asked: Loaded) -> Loaded:
        """The accepted copies in force, whatever the files ask for."""
        if self._back is None:
            self._back = settle(self._accepted, self._accepted, self._decoder, self._explained)
        settled = self._back
        names = {**asked.files, **self._accepted}
        others = (name for name in names if asked.files.get(name) != self._accepted.get(name))
        claims = [one for one in map(claim, others) if one]
        known = frozenset(settled.config.interfaces)
        frozen = known & {one.interface for one in claims} if all(one.interface for one in claims) else known
        problems = tuple(dict.fromkeys((*asked.problems, *settled.problems)))
        return Loaded(settled.config, problems, frozen | settled.frozen, settled.files_in_force)

    def accept(self, loaded: Loaded) -> None:
        """Keep what is in force as the accepted copies, unless it is on trial. Raises OSError: then only this
        process knows them, and the next call tries again."""
        if not final(loaded.trial):
            return
        before, self._accepted = self._accepted, loaded.files
        if any((name in before) is not (name in loaded.files) for name in differing(before, loaded.files)):
            self._explained = owners(loaded.files)
        self._store.write(self._accepted)
        if self._trials:
            self._trials.over()

    def prepare(self) -> None:
        """While nobody waits: what the next edit of the files would have to wait for."""
        self._decoder.prepare()

    def _keep_missing(self, files: Files, steady: float) -> tuple[Files, float]:
        """Put accepted files that have just gone back among `files`; when does the first run out of grace?"""
        changed = differing(self._accepted, files)
        gone = [name for name in changed if name in self._accepted and name not in files]
        if not gone:
            self._gone_since = {}
            return files, math.inf
        self._gone_since = {name: self._gone_since.get(name, steady) for name in gone}
        kept = {name: since + self._grace for name, since in self._gone_since.items()}
        kept = {name: until for name, until in kept.items() if until > steady}
        merged = dict(sorted([*files.items(), *((name, self._accepted[name]) for name in kept)]))
        if merged != self._merged:
            self._merged = merged
        return self._merged, min(kept.values(), default=math.inf)


def _links() -> frozenset[str]:
    """The network devices of this machine."""
    return frozenset(name for _, name in socket.if_nameindex())


def daemon_gid() -> int | None:
    """The group the daemon reads keys by, if we are root where it is set up; None: nothing to check."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(KEY_GROUP).gr_gid
    except KeyError:
        return None
