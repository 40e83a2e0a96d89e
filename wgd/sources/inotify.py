"""inotify(7): what the kernel tells of directories.

Python has no binding of its own; here are the three calls of the C library, and the one layout.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
OVERFLOW, IGNORED = 0x4000, 0x8000
ONLYDIR, ISDIR = 0x1000000, 0x40000000
"""Events and flags, as in linux/inotify.h."""

_HEAD = struct.Struct("=iIII")
_LARGEST = 1 << 20
"""Bytes that one reading takes: with names of usual length, all that the kernel keeps (16,384 events)."""
_libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """`watch`: of which directory; -1 if the kernel had to drop some. `name`: what in it; "": itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """A queue of events, which can be waited for. Raises OSError: EMFILE if the user has too many of them."""

    def __init__(self) -> None:
        self._number = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        return self._number

    def close(self) -> None:
        os.close(self._number)

    def add(self, path: str, mask: int) -> int:
        """Watch it; the number is the same for the same inode. Raises OSError: ENOSPC if the user may have no
        more watches."""
        return _checked(_libc.inotify_add_watch(self._number, os.fsencode(path), ctypes.c_uint32(mask)))

    def remove(self, watch: int) -> None:
        """Watch no longer. Raises OSError if that is so already."""
        _checked(_libc.inotify_rm_watch(self._number, watch))

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
