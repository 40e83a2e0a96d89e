"""The files as they are, and the copies last accepted: what of them is in force.

The accepted copies live in the state directory and are replaced all at once. They make a bad save (and a
reboot after it) harmless: what cannot be used counts as its accepted copy. Keys stay where they are.
"""

from __future__ import annotations

import functools
import grp
import math
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wgd.config.accept import settle
from wgd.config.decode import Decoded, Files, decode
from wgd.config.document import Config
from wgd.config.files import read_directory
from wgd.config.keys import KEY_GROUP, KeyReader
from wgd.config.schema import Drafts
from wgd.errors import ConfigError, Problem

ACCEPTED = "accepted"
GRACE = 5.0
"""Seconds that a file may be gone before it counts as deleted: a save can be remove and write."""


@dataclass(frozen=True, slots=True)
class Directories:
    """Where the files, this boot's notes and the longer memory live."""

    config: Path = Path("/etc/wgd")
    run: Path = Path("/run/wgd")
    state: Path = Path("/var/lib/wgd")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force, and what is wrong with the files as they are.

    `frozen` interfaces run on their accepted copies. `files` are those in force, by path relative to the
    config directory. `deadline`: when, on the steady clock, the next file that is gone will count as deleted.
    """

    config: Config = field(default_factory=Config)
    problems: tuple[Problem, ...] = ()
    frozen: frozenset[str] = frozenset()
    files: Mapping[str, bytes] = field(default_factory=dict)
    deadline: float = math.inf


def load(directories: Directories, now: float, *, accepted: bool = True) -> Loaded:
    """Read once, for a command that a person typed: what is gone is gone at once.

    `now`: seconds since the epoch, for `expires`. With `accepted` False nothing but the files counts. Raises
    ConfigError if the directory cannot be read and nothing was ever accepted.
    """
    return ConfigFiles(directories, grace=0.0, remember=accepted).load(now, 0.0)


def accept(directories: Directories, loaded: Loaded) -> None:
    """Keep what is in force as the accepted copies. Raises OSError."""
    ConfigFiles(directories).accept(loaded)


class ConfigFiles:
    """The config directory over time: knows what was accepted and since when a file is gone."""

    def __init__(self, directories: Directories, grace: float = GRACE, remember: bool = True) -> None:
        self._directories, self._grace = directories, grace
        self._store = directories.state / ACCEPTED
        self._accepted = _read_store(self._store) if remember else {}
        self._stored = self._accepted
        self._gone_since: dict[str, float] = {}
        self._drafts = Drafts()

    def load(self, now: float, steady: float) -> Loaded:
        """Read the files again. `now` as in `load()`; `steady`: seconds of a clock that never jumps."""
        read_key = KeyReader(self._directories.config, daemon_gid())
        links = [name for _, name in socket.if_nameindex()]
        decoder = functools.partial(decode, read_key=read_key, now=now, links=links, read_draft=self._drafts)
        try:
            files = dict(read_directory(self._directories.config))
        except ConfigError as error:
            if not self._accepted:
                raise
            return self._frozen_whole(decoder, error)
        deadline = self._keep_missing(files, steady)
        settled = settle(files, self._accepted, decoder)
        return Loaded(settled.config, settled.problems, settled.frozen, settled.files_in_force, deadline)

    def accept(self, loaded: Loaded) -> None:
        """Keep what is in force as the accepted copies. Raises OSError: then only this process knows them,
        and the next call tries again."""
        self._accepted = dict(loaded.files)
        if self._stored != self._accepted or not self._store.exists():
            _write_store(self._store, self._accepted)
            self._stored = self._accepted

    def _frozen_whole(self, decoder: Callable[[Files], Decoded], error: ConfigError) -> Loaded:
        """The directory cannot be read: everything stays as accepted."""
        settled = settle(self._accepted, self._accepted, decoder)
        every = frozenset(settled.config.interfaces)
        return Loaded(settled.config, error.problems + settled.problems, every, settled.files_in_force)

    def _keep_missing(self, files: dict[str, bytes | Problem], steady: float) -> float:
        """Put accepted files that have just gone back among `files`; when does the first run out of grace?"""
        gone = self._accepted.keys() - files.keys()
        self._gone_since = {name: self._gone_since.get(name, steady) for name in gone}
        kept = {name: since + self._grace for name, since in self._gone_since.items()}
        kept = {name: until for name, until in kept.items() if until > steady}
        for name in kept:
            files[name] = self._accepted[name]
        return min(kept.values(), default=math.inf)


def daemon_gid() -> int | None:
    """The group the daemon reads keys by, if we are root where it is set up; None: nothing to check."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(KEY_GROUP).gr_gid
    except KeyError:
        return None


def _read_store(store: Path) -> dict[str, bytes]:
    """The accepted copies; none if there are none or they cannot be read."""
    try:
        return {
            str(path.relative_to(store.resolve())): path.read_bytes()
            for path in sorted(store.resolve().rglob("*.toml"))
        }
    except OSError:
        return {}


def _give_to_owner(tree: Path, whose: Path) -> None:
    """What root's `wgd apply` writes is the daemon's, whose directory it lies in."""
    if os.geteuid() == 0:
        owner = whose.stat()
        for path in (tree, *tree.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _write_store(store: Path, files: Mapping[str, bytes]) -> None:
    """Write a new generation beside the old and swing the link `store` to it, which is atomic."""
    store.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f"{ACCEPTED}.", dir=store.parent))
    try:
        for name, content in files.items():
            path = new / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        _give_to_owner(new, store.parent)
        swing = new / "link"
        swing.symlink_to(new.name)
        swing.replace(store)
    except OSError:
        # Else a full disk would hold one more of these after every pass.
        shutil.rmtree(new, ignore_errors=True)
        raise
    for other in store.parent.glob(f"{ACCEPTED}.*"):
        if other != new:  # the generation before, and what a death in the midst of writing left
            shutil.rmtree(other, ignore_errors=True)
