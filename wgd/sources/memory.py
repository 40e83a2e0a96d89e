"""Memory that the C library keeps for this process instead of giving it back to the kernel."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT, _LARGEST = 256 << 20, 32 << 20
"""Bytes: so much may lie free, and a value of that size may take it again (the C library allows no more)."""


def keep_memory() -> None:
    """Each pass among many peers makes the same large values and drops them: lists, sets, the kernel's
    answers, the status. By itself the C library gives them back, so that the kernel has to find new pages
    each time: some thousand a pass. Other C libraries than glibc have no such switch."""
    with suppress(AttributeError):
        for name, value in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _LARGEST)):
            ctypes.CDLL(None).mallopt(name, value)
