"""Tells when something below the config directory may have changed. Only that, never what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

TELLING = frozenset({"closed", "created", "deleted", "modified", "moved"})
"""Event types that can mean another content; opening and reading, which we do ourselves, cannot."""


class _Tell(FileSystemEventHandler):
    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in TELLING:
            self._changed()


class DirectoryWatch:
    """Calls `changed` from a thread of its own after each event in the directory or below.

    The directory itself may be removed and made again: `alive()` says whether the watch still holds,
    and `start()` sets a new one once there is something to watch.
    """

    def __init__(self, directory: Path, changed: Callable[[], None]) -> None:
        self._directory, self._changed = directory, changed
        self._observer = Observer()
        self._watched: tuple[int, int] | None = None

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
        self._observer.schedule(_Tell(self._changed), str(self._directory), recursive=True)
        self._observer.start()
        self._watched = identity

    def stop(self) -> None:
        """Stop watching."""
        if self._watched is not None:
            self._observer.stop()
            self._observer.join()
        self._watched = None

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._directory.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
