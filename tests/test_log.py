"""Logging: one line each, in the form that its reader wants, and what that brings into memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from wgd.log import Journal, logger


@pytest.mark.parametrize(
    ("level", "event", "fields", "line"),
    [
        ("info", "watching", {}, "<6>watching"),
        (
            "warning",
            "did not converge",
            {"left": 2, "again_in": "4 s"},
            '<4>did not converge  left=2 again_in="4 s"',
        ),
        ("error", "no", {"why": "it\x1b[2J\n<0>is"}, "<3>no  why=it\\x1b[2J\\n<0>is"),
        ("info", "peer\n<0>evil", {}, "<6>peer\\n<0>evil"),
    ],
    ids=["an event", "its fields", "a hostile value", "a hostile event"],
)
def test_the_journal_gets_one_line_with_its_priority(
    capsys: pytest.CaptureFixture[str], level: str, event: str, fields: dict[str, object], line: str
) -> None:
    getattr(Journal(), level)(event, **fields)
    assert capsys.readouterr().err == f"{line}\n"


def test_who_is_no_terminal_is_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    logger().warning("conflict", hint="look")
    assert capsys.readouterr().err == "<4>conflict  hint=look\n"


def test_a_terminal_gets_what_eyes_want() -> None:
    ours, theirs = os.openpty()
    code = "from wgd.log import logger; logger().warning('conflict', hint='look here')"
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=theirs, env={**os.environ, "NO_COLOR": "1"}, check=True
    )
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "<4>" not in said and "warning" in said and "conflict" in said and "hint" in said, said
    assert re.match(r"(\x1b\[\w+)?\d\d:\d\d:\d\d", said), said


def test_a_daemon_of_the_service_manager_carries_no_library_that_it_does_not_use() -> None:
    code = """
import sys
import wgd.daemon
wgd.daemon.log.logger().info("said")
libraries = ("structlog", "asyncio", "ssl", "pyroute2", "nftables")
print([name for name in libraries if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "<6>said\n")
