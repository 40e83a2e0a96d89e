"""What `stat` tells of a file, to know without reading that its content is the one read before."""

from __future__ import annotations

import os

Signature = tuple[int, int, int, int, int]

_RACY = 2_000_000_000
"""Nanoseconds: the clock of a file system is coarse, so that another content could look the same so soon."""


def signature(status: os.stat_result) -> Signature:
    """Two equal ones mean the same content, if the first `lasts`."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def lasts(one: Signature, now: int) -> bool:
    """Whether a file that looked like this cannot be written again and look the same. `now`: nanoseconds
    since the epoch, by a clock that was read before."""
    return max(one[3:]) < now - _RACY
