"""What `stat` tells of a file, to know without reading that its content is the one read before."""

from __future__ import annotations

import os
import time

Signature = tuple[int, int, int, int, int]

_RACY = 2_000_000_000
"""Nanoseconds: the clock of a file system is coarse, so that another content could look the same so soon."""


def signature(status: os.stat_result) -> Signature:
    """Two equal ones mean the same content, if the first `lasts`."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def lasts(one: Signature) -> bool:
    """Whether a file that looks like this now cannot be written again and look the same."""
    return max(one[3:]) < time.time_ns() - _RACY
