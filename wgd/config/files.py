"""Reads a configuration directory: the files that count, as bytes, and why others could not be read.

Editors' left-overs are no files of ours: only IFNAME.toml, IFNAME.d/*.toml and wgd.toml count.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from wgd.config.decode import Files
from wgd.config.signature import Signature, lasts, signature
from wgd.config.snapshot import Snapshot
from wgd.config.wording import printable
from wgd.errors import ConfigError, Problem

_LARGEST = 64 * 2**20


class ConfigDirectory:
    """A configuration directory over time: what `stat` tells to be the same is not read again.

    `known`: contents that files may well have, by name; where they do, it is these objects that are told.
    """

    def __init__(self, path: Path, known: Mapping[str, bytes] | None = None) -> None:
        self._path = path
        self._files = Snapshot[bytes | Problem](known or {})
        self._listed = False
        self._now = 0
        self._signatures: dict[str, Signature] = {}

    def read(self, touched: frozenset[str] | None = None) -> Files:
        """Every file that counts, in order; the same mapping as before if all are the same.

        `touched`: the files that may have changed since, None: any. A directory that cannot be read is a
        `ConfigError`: then nothing is known.
        """
        self._now = time.time_ns()  # once: for some kernels that is a call like any other
        files = self._touched(touched) if touched is not None and self._listed else None
        if files is None:
            everything = self._everything()
            self._listed = True
            files = self._files if everything == self._files else Snapshot(everything)
        self._files = files  # equal contents are the same objects
        return files

    def _touched(self, names: Iterable[str]) -> Snapshot[bytes | Problem] | None:
        """The files if nothing but these was written; None: look at everything."""
        contents: dict[str, bytes | Problem | None] = {}
        for name in names:
            directory, slash, last = name.rpartition("/")
            if not name.isprintable() or directory in self._files:
                return None
            if _counts(last) and (not slash or _holds_drop_ins(directory)):
                try:
                    contents[name] = self._content(f"{self._path}/{name}", name)
                except OSError:
                    if not self._is_gone(name):
                        return None
                    contents[name] = None
        return self._files.but(contents)

    def _is_gone(self, name: str) -> bool:
        """Whether a file has gone, and by itself: its directory is still there."""
        directory, _, last = f"{self._path}/{name}".rpartition("/")
        return Path(directory).is_dir() and not os.path.lexists(f"{directory}/{last}")

    def _everything(self) -> Files:
        before, self._signatures = self._signatures, {}
        files: dict[str, bytes | Problem] = {}
        for entry in self._entries():
            shown = printable(entry.name)
            if _counts(entry.name):
                self._look(entry, shown, files, before)
            elif _holds_drop_ins(entry.name):
                self._drop_ins(entry.path, shown, files, before)
        return dict(sorted(files.items()))

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            return _listed(self._path)
        except OSError as error:
            self._files, self._listed = Snapshot({}), False
            message = f"the configuration directory {self._path} cannot be read: {error.strerror}"
            hint = _directory_hint(error)
            raise ConfigError((Problem(str(self._path), 0, "", message, hint),)) from None

    def _drop_ins(
        self, path: str, shown: str, files: dict[str, bytes | Problem], before: Mapping[str, Signature]
    ) -> None:
        try:
            entries = _listed(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            files[shown] = _unreadable(shown, error)
            return
        for entry in entries:
            if _counts(entry.name):
                self._look(entry, f"{shown}/{printable(entry.name)}", files, before)

    def _look(
        self,
        entry: os.DirEntry[str],
        shown: str,
        files: dict[str, bytes | Problem],
        before: Mapping[str, Signature],
    ) -> None:
        known = before.get(shown)
        try:
            if known and known == signature(entry.stat()):
                files[shown], self._signatures[shown] = self._files[shown], known
            else:
                files[shown] = self._content(entry.path, shown)
        except OSError as error:
            # Gone between listing and opening is gone; a link that leads nowhere is a file half saved.
            if not isinstance(error, FileNotFoundError) or entry.is_symlink():
                files[shown] = _unreadable(shown, error)

    def _content(self, path: str, shown: str) -> bytes | Problem:
        """What the file holds: the very bytes of last time, if they are equal."""
        self._signatures.pop(shown, None)
        content, seen = _read(path)
        if lasts(seen, self._now):
            self._signatures[shown] = seen
        before = self._files.get(shown)
        return before if before == content else content


def _listed(path: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


def _directory_hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "it belongs to root and the group wgd: be root, or a member of that group"
    return "nothing is changed while it is away; --config-dir names another directory"


def _counts(name: str) -> bool:
    return name.endswith(".toml") and not name.startswith((".", "#"))


def _holds_drop_ins(name: str) -> bool:
    return name.endswith(".d") and not name.startswith(".") and "/" not in name


def _read(path: str) -> tuple[bytes, Signature]:
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a regular file")
        if status.st_size > _LARGEST:
            raise OSError(0, f"it is larger than {_LARGEST // 2**20} MiB")
        return _whole(number, status.st_size), signature(status)
    finally:
        os.close(number)


def _whole(number: int, size: int) -> bytes:
    """All that the open file holds; in one call, if it has the size that it said."""
    whole = os.read(number, size + 1)
    if len(whole) == size:
        return whole  # asked for more, and there was none
    parts = [whole]
    while part := os.read(number, size + 1):
        parts.append(part)
    return b"".join(parts)


def _unreadable(shown: str, error: OSError) -> Problem:
    hint = f"chgrp wgd {shown}; chmod g+r {shown}" if isinstance(error, PermissionError) else ""
    return Problem(shown, 0, "", f"cannot be read: {error.strerror}", hint)
