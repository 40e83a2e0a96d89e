"""Tells when something below the config directory may have changed, and in which files. Never what."""

from __future__ import annotations

import os.path
import re
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

TELLING = frozenset({"attrib", "closed", "created", "deleted", "modified", "moved"})
"""Event types that can mean another content. Opening and reading cannot: we do both ourselves, with each file
at a start, and to be told of it costs more than the reading."""
MOST = 10_000
"""So many events say no more than that something changed: the kernel drops what nobody fetches in time, of
16,384 unless told otherwise."""

_FILE = re.compile(r"(?:[^/.][^/]*\.d/)?(?![.#])[^/]*\.toml")
_LEFT_OVER = re.compile(r"(?:[^/.][^/]*\.d/)?(?:\.[^./][^/]*|#[^/]*|[^/]*~|[^/]*\.new|4913)")
"""What editors and copying tools write beside a file before they rename it; `..data` is no such thing."""


class _Tell(FileSystemEventHandler):
    def __init__(self, changed: Callable[[FileSystemEvent], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._changed(event)


class DirectoryWatch:
    """Calls `changed` from a thread of its own after each event in the directory or below.

    The directory itself may be removed and made again: `alive()` says whether the watch still holds,
    and `start()` sets a new one once there is something to watch.
    """

    def __init__(self, directory: Path, changed: Callable[[], None]) -> None:
        self._directory, self._changed = directory, changed
        self._observer = Observer()
        self._watched: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._names: set[str] | None = None
        self._count = 0

    def alive(self) -> bool:
        """Whether the directory that is there now is the one that is watched."""
        return self._watched is not None and self._watched == self._identity()

    def start(self) -> None:
        """Watch the directory that is there now; without one, nothing."""
        self.stop()
        identity = self._identity()
        if identity is None:
            return
        self._observer = Observer()
        tell, path = _Tell(self._tell), str(self._directory)
        self._observer.schedule(tell, path, recursive=True, event_filter=_telling())
        self._observer.start()
        self._watched = identity

    def stop(self) -> None:
        """Stop watching."""
        if self._watched is not None:
            self._observer.stop()
            self._observer.join()
        self._watched = None
        with self._lock:
            self._names = None

    def take(self) -> frozenset[str] | None:
        """The files, relative to the directory, that may have changed since the last time; None: any."""
        with self._lock:
            names, self._names, self._count = self._names, set(), 0
        return None if names is None or self._watched is None else frozenset(names)

    def _tell(self, event: FileSystemEvent) -> None:
        with self._lock:
            self._note(event)
        self._changed()

    def _note(self, event: FileSystemEvent) -> None:
        self._count += 1
        for path in filter(None, (event.src_path, event.dest_path)):
            name = os.path.relpath(str(path), self._directory)
            if self._names is None or self._count > MOST or event.is_directory or not _is_known(name):
                self._names = None
            elif _FILE.fullmatch(name):
                self._names.add(name)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._directory.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _telling() -> list[type[FileSystemEvent]]:
    """The classes for `TELLING`; versions of watchdog differ in how many they have. That a directory was
    modified comes with every event of a file in it."""
    classes = (one for one in vars(events).values() if isinstance(one, type))
    ours = (one for one in classes if issubclass(one, FileSystemEvent))
    telling = (one for one in ours if getattr(one, "event_type", "") in TELLING)
    return [one for one in telling if one is not events.DirModifiedEvent]


def _is_known(name: str) -> bool:
    """Whether the name alone says what it may change: a file of ours, or nothing. A key is neither."""
    return bool(_FILE.fullmatch(name) or _LEFT_OVER.fullmatch(name))
