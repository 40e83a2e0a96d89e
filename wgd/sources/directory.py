"""Tells when something below the config directory may have changed, and in which files. Never what."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from wgd.sources import inotify
from wgd.sources.inotify import Event, Inotify

_TELLING = (
    inotify.ATTRIB
    | inotify.MODIFY
    | inotify.CLOSE_WRITE
    | inotify.CREATE
    | inotify.DELETE
    | inotify.DELETE_SELF
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.MOVE_SELF
)
"""What can mean another content. Opening and reading cannot: we do both ourselves."""
_COMES = inotify.CREATE | inotify.MOVED_TO
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP)
"""Gone again, or not ours to read: what is around it tells when that changes."""
_LIMITS = {errno.ENOSPC: "fs.inotify.max_user_watches", errno.EMFILE: "fs.inotify.max_user_instances"}

_FILE = re.compile(r"(?:[^/.][^/]*\.d/)?(?![.#])[^/]*\.toml")
_LEFT_OVER = re.compile(r"(?:[^/.][^/]*\.d/)?(?:\.[^./][^/]*|#[^/]*|[^/]*~|[^/]*\.new|4913)")
"""What editors and copying tools write beside a file before they rename it; `..data` is no such thing."""
_DROP_INS = re.compile(r"[^/.][^/]*\.d")


class DirectoryWatch:
    """Watches a directory and all below it: `read()` when `fileno()` can be read, `take()` what came of it.

    The directory itself may be removed and made again, or be a link to another one: `alive()` says whether
    the watch still holds, and `start()` sets a new one once there is something to watch. While the kernel
    gives no (more) watches, `lacking` says why, and any file may have changed at any time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._watched: tuple[int, int] | None = None
        self._root = -1
        self._paths: dict[int, str | None] = {}
        self._names: set[str] | None = None
        self.lacking = ""
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._lacks(error)

    def fileno(self) -> int | None:
        """None: the kernel gives none."""
        return self._inotify.fileno() if self._inotify else None

    def close(self) -> None:
        if self._inotify:
            self._inotify.close()
        self._inotify, self._watched = None, None

    def alive(self) -> bool:
        """Whether the directory that is there now is the one that is watched."""
        return self._watched is not None and self._watched == self._identity()

    def start(self) -> None:
        """Watch the directory that is there now; without one, nothing."""
        identity = self._identity()
        self._watch_all()
        self._names = None
        self._watched = identity if self.lacking or self._root in self._paths else None

    def read(self) -> bool:
        """Take in what has happened. Whether files may have changed that nobody took yet: then it is going
        on, whatever it was that happened."""
        for event in self._inotify.read() if self._inotify else ():
            self._note(event)
        return self._names is None or bool(self._names)

    def take(self) -> frozenset[str] | None:
        """The files, relative to the directory, that may have changed since the last time; None: any."""
        names, self._names = self._names, set()
        if names is None or self.lacking:
            self._watch_all()  # before anybody reads them: what changes from now on is told
            return None
        return frozenset(names)

    def _note(self, event: Event) -> None:
        path = self._paths.get(event.watch)
        if event.mask & inotify.OVERFLOW:
            self._names = None
        elif event.mask & inotify.IGNORED:
            self._forget(event.watch)
        elif (
            event.watch in self._paths and not event.mask & inotify.MODIFY
        ):  # who writes tells when it is done
            self._note_change(path, event)

    def _note_change(self, path: str | None, event: Event) -> None:
        name = f"{path}/{event.name}" if path else event.name
        if event.mask & inotify.ISDIR and event.mask & _COMES and path is not None:
            self._watch(name)
        if path is None or event.mask & inotify.ISDIR or not _is_known(name):
            self._names = None
        elif self._names is not None and _FILE.fullmatch(name):
            self._names.add(name)

    def _forget(self, watch: int) -> None:
        """A directory is gone; of those that we left ourselves nobody knows any more."""
        if watch in self._paths:
            del self._paths[watch]
            self._names = None
            if watch == self._root:
                self._watched = None

    def _watch_all(self) -> None:
        if self._inotify is None:
            return
        before, self._paths, self.lacking = self._paths, {}, ""
        self._watch("")
        for watch in before.keys() - self._paths.keys():
            with suppress(OSError):  # it is gone already
                self._inotify.remove(watch)

    def _watch(self, path: str) -> None:
        """The directory and all below it, each before it is listed: what comes meanwhile is told."""
        for directory in self._below(path):
            try:
                assert self._inotify
                watch = self._inotify.add(f"{self._directory}/{directory}", _TELLING | inotify.ONLYDIR)
            except OSError as error:
                if error.errno not in _NOT_THERE:
                    self._lacks(error)
            else:  # one directory can have two names: then none tells
                self._root = self._root if directory else watch
                known = self._paths.get(watch, directory)
                self._paths[watch] = directory if known == directory else None

    def _below(self, path: str) -> Iterator[str]:
        """It and all directories below; of links only those to drop-ins, and nothing below these."""
        left = [path]
        while left:
            yield (path := left.pop())
            with suppress(OSError), os.scandir(f"{self._directory}/{path}") as entries:
                for entry in entries:
                    name = f"{path}/{entry.name}" if path else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        left.append(name)
                    elif _DROP_INS.fullmatch(name) and entry.is_dir():
                        yield name

    def _lacks(self, error: OSError) -> None:
        limit = _LIMITS.get(error.errno or 0)
        self.lacking = f"sysctl {limit} is too low" if limit else str(error.strerror)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._directory.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _is_known(name: str) -> bool:
    """Whether the name alone says what it may change: a file of ours, or nothing. A key is neither."""
    return bool(_FILE.fullmatch(name) or _LEFT_OVER.fullmatch(name))
