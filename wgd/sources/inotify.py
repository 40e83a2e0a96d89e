"""inotify(7): what the kernel tells of directories.

watchdog has the calls of the C library and the constants. Its observers are threads, with several objects for
each event; here one descriptor can be waited for, and one reading takes all that the kernel keeps.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from watchdog.observers.inotify_c import (
    InotifyConstants,
    inotify_add_watch,
    inotify_init,
    inotify_rm_watch,
)

MODIFY, ATTRIB = InotifyConstants.IN_MODIFY, InotifyConstants.IN_ATTRIB
CLOSE_WRITE, CREATE = InotifyConstants.IN_CLOSE_WRITE, InotifyConstants.IN_CREATE
MOVED_FROM, MOVED_TO = InotifyConstants.IN_MOVED_FROM, InotifyConstants.IN_MOVED_TO
DELETE, DELETE_SELF = InotifyConstants.IN_DELETE, InotifyConstants.IN_DELETE_SELF
MOVE_SELF = InotifyConstants.IN_MOVE_SELF
OVERFLOW, IGNORED = InotifyConstants.IN_Q_OVERFLOW, InotifyConstants.IN_IGNORED
ONLYDIR, ISDIR = InotifyConstants.IN_ONLYDIR, InotifyConstants.IN_ISDIR

_HEAD = struct.Struct("=iIII")
_LARGEST = 1 << 20
"""Bytes that one reading takes: with names of usual length, all that the kernel keeps (16,384 events)."""


class Event(NamedTuple):
    """`watch`: of which directory; -1 if the kernel had to drop some. `name`: what in it; "": itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """A queue of events, which can be waited for. Raises OSError: EMFILE if the user has too many of them."""

    def __init__(self) -> None:
        self._number = _checked(inotify_init())
        os.set_blocking(self._number, False)
        os.set_inheritable(self._number, False)

    def fileno(self) -> int:
        return self._number

    def close(self) -> None:
        os.close(self._number)

    def add(self, path: str, mask: int) -> int:
        """Watch it; the number is the same for the same inode. Raises OSError: ENOSPC if the user may have no
        more watches."""
        return _checked(inotify_add_watch(self._number, os.fsencode(path), mask))

    def remove(self, watch: int) -> None:
        """Watch no longer. Raises OSError if that is so already."""
        _checked(inotify_rm_watch(self._number, cast(Any, watch)))

    def read(self) -> Iterator[Event]:
        """What has happened since the last time."""
        try:
            told = os.read(self._number, _LARGEST)
        except BlockingIOError:
            return
        at = 0
        while at < len(told):
            watch, mask, _, length = _HEAD.unpack_from(told, at)
            at += _HEAD.size + length
            yield Event(watch, mask, os.fsdecode(told[at - length : at].rstrip(b"\0")))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
