"""`wgd status --watch` on a terminal of its own: drawn in place, never cleared, and left as it was."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Wgd
from tests.output.test_render import QUIET
from wgd import __version__
from wgd.cli.watch import frame

ENTER, LEAVE = b"\033[?1049h", b"\033[?1049l"
FASTER = "import sys; from wgd.cli import entry, watch; watch.EVERY = 0.05; sys.exit(entry())"
"""wgd, which does not wait a second from one drawing to the next."""


def test_a_frame_is_drawn_over_the_one_before_it() -> None:
    """Nothing is erased before something else stands there: that would flicker."""
    drawn = frame("one\ntwo", 10)
    assert drawn == "\033[?2026h\033[Hone\033[K\r\ntwo\033[K\033[J\033[?2026l"


@pytest.mark.parametrize(("rows", "last"), [(3, "three"), (2, "… 2 more lines; ^C ends")])
def test_a_frame_is_no_higher_than_the_terminal(rows: int, last: str) -> None:
    lines = frame("one\ntwo\nthree", rows).split("\r\n")
    assert len(lines) == rows and last in lines[-1]


class Terminal:
    """`wgd status --watch` on a terminal of this width, and what it drew."""

    def __init__(self, arguments: list[str], columns: int) -> None:
        self.pid, self._end = pty.fork()
        if not self.pid:
            os.execv(sys.executable, [sys.executable, "-c", FASTER, *arguments])
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self.drawn = b""

    def until(self, text: bytes, times: int = 1) -> bool:
        deadline = time.monotonic() + 20
        while self.drawn.count(text) < times and time.monotonic() < deadline:
            if select.select([self._end], [], [], 0.1)[0] and not self._more():
                break
        return self.drawn.count(text) >= times

    def _more(self) -> bool:
        try:
            self.drawn += os.read(self._end, 4096)
        except OSError:  # it has ended
            return False
        return True

    def type(self, keys: bytes) -> None:
        os.write(self._end, keys)

    def ended(self) -> int:
        if not self.until(LEAVE):
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._end)
        return status


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A daemon's last report; that it is dead is no matter."""
    value = QUIET | {
        "version": __version__,
        "time": time.time(),
        "pass": {"pid": 1, "interval": 3, "reloads": 0},
    }
    (tmp_path / "status.json").write_text(json.dumps(value))
    return tmp_path


@pytest.mark.parametrize("columns", [100, 24])
def test_it_draws_again_and_ends_when_told(report: Path, columns: int) -> None:
    terminal = Terminal([f"--run-dir={report}", f"--config-dir={report}", "status", "--watch"], columns)
    assert terminal.until(b"\033[H", times=2), terminal.drawn
    terminal.type(b"\x03")
    assert terminal.ended() == 0
    drawn = terminal.drawn.replace(b"^C", b"")  # the kernel's echo, which may come after the signal (n_tty.c)
    assert drawn.startswith(ENTER) and drawn.rstrip().endswith(LEAVE)
    assert b"Traceback" not in terminal.drawn and b"\033[2J" not in terminal.drawn


def test_it_leaves_the_terminal_as_it_was_when_it_is_ended(report: Path) -> None:
    terminal = Terminal([f"--run-dir={report}", f"--config-dir={report}", "status", "--watch"], 80)
    assert terminal.until(b"\033[H")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ended() == 0
    assert terminal.drawn.rstrip().endswith(LEAVE)


def test_elsewhere_it_does_not_draw(wgd: Wgd, capsys: pytest.CaptureFixture[str]) -> None:
    assert wgd("status", "--watch") == 2
    assert "terminal" in capsys.readouterr().err
    assert wgd("status", "--watch", "--json") == 2
