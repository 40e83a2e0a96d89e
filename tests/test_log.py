"""Logging: what it does not bring into memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
import wgd.daemon
from wgd import log
log.configure()
log.logger().info("said")
print([name for name in ("asyncio", "pyroute2", "nftables") if name in sys.modules])
"""
USED = """
from wgd import log
log.configure()
import asyncio
import asyncio.events
import structlog
async def say():
    await structlog.stdlib.AsyncBoundLogger(structlog.get_logger(), [], {}).info("said")
asyncio.run(say())
print(structlog.stdlib.asyncio.get_event_loop_policy is asyncio.get_event_loop_policy)
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [(LOADED, "[]"), (USED, "True")],
    ids=["a daemon carries no library that it does not use", "who uses asyncio has it"],
)
def test_asyncio_is_there_for_who_uses_it(code: str, expected: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == [expected], done.stderr
    assert "said" in done.stderr + done.stdout
