"""wgd with its memory locked: `python -m integration.bench.locked COMMAND…`, for a user-mode kernel.

There each page is a mapping of the host's, unless its neighbours are neighbours in memory too, and the host
allows 65,530 to a process: at some 300 MiB it dies. What is locked is laid out at once, and so side by side.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from wgd.cli import main

_NOW_AND_LATER = 3
SMALL = 10_000
"""Peers up to which nobody needs it."""


def command(peers: int) -> tuple[str, ...]:
    """The words that start wgd for so many peers here."""
    module = "integration.bench.locked" if peers > SMALL and _user_mode() else "wgd"
    return sys.executable, "-m", module


def lock() -> None:
    """All memory of this process, now and later; nothing on other kernels."""
    if _user_mode():
        ctypes.CDLL(None).mlockall(_NOW_AND_LATER)


def _user_mode() -> bool:
    return "User Mode Linux" in Path("/proc/cpuinfo").read_text()


if __name__ == "__main__":
    lock()
    sys.exit(main())
