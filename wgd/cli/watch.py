"""A status that stays on the screen and is drawn again in place, without flicker, until ^C.

It works on the other screen that terminals have, so that what stood there before is there after it.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wgd.cli.output import Exit
from wgd.errors import UsageError

EVERY = 1.0
"""Seconds from one drawing to the next."""
ENDING = (signal.SIGINT, signal.SIGTERM)
_ENTER, _LEAVE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
_BEGIN, _END = "\033[?2026h\033[H", "\033[J\033[?2026l"
"""A whole frame at once, where the terminal knows that; else it is one write, each line over the old one."""


def watch(draw: Callable[[], str]) -> Exit:
    """Show what `draw` returns, time and again. Raises UsageError where there is no terminal."""
    if not sys.stdout.isatty():
        raise UsageError("--watch draws on a terminal, and standard output is none")
    with _screen():
        while True:
            _write(frame(draw(), shutil.get_terminal_size().lines))
            time.sleep(EVERY)
    return Exit.IN_SYNC


def frame(text: str, rows: int) -> str:
    """What draws the text over the one before, as much of it as fits in so many rows."""
    lines = text.splitlines()
    if len(lines) > rows:
        left = len(lines) - rows + 1
        lines = [*lines[: rows - 1], f"… {left:,} more lines; ^C ends"]
    return _BEGIN + "\r\n".join(f"{line}\033[K" for line in lines) + _END


@contextmanager
def _screen() -> Iterator[None]:
    """The other screen; left again whatever ends us."""
    # Also where a shell has started us in the background, with ^C ignored.
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDING}
    _write(_ENTER)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        _write(_LEAVE)
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
