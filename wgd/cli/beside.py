"""Beside a running daemon: is it alive, what does it report, make it read its files again.

Light: `wgd status` needs nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgd.cli.output import Exit
from wgd.errors import UsageError

STATUS = "status.json"
PATIENCE = 30.0
"""Seconds to wait for the daemon's report."""
LOOK = 0.05
MISSED = 3
"""After so many intervals without a report the daemon hangs."""


def reported(run_dir: Path) -> dict[str, Any] | None:
    """The status that a daemon wrote last; None if there is none. Raises PermissionError."""
    try:
        value = json.loads((run_dir / STATUS).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) and "pass" in value else None


def silent(value: Mapping[str, Any], now: float) -> float | None:
    """Seconds without a report, if they are too many."""
    old = now - float(value["time"])
    return old if old > MISSED * float(value["pass"]["interval"]) else None


def reload(pid: int, run_dir: Path) -> dict[str, Any]:
    """Wake the daemon and wait for what it reports. Raises UsageError when that cannot be had."""
    if not pid:
        raise UsageError("a process that cannot be seen from here looks after this network namespace")
    # Whoever holds the lock is woken only if it reports as a daemon: the signal would kill anything else.
    before = _wait(pid, run_dir, 0)
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise UsageError(f"waking the daemon (process {pid}) needs root") from None
    except ProcessLookupError:
        raise UsageError(f"the daemon (process {pid}) has just gone") from None
    return _wait(pid, run_dir, int(before["pass"]["reloads"]) + 1)


def _wait(pid: int, run_dir: Path, reloads: int) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = _readable(run_dir)
        if value and value["pass"]["pid"] == pid and value["pass"]["reloads"] >= reloads:
            return value
        if not Path(f"/proc/{pid}").exists():
            raise UsageError(f"process {pid}, which looked after this machine, has gone: try again")
        time.sleep(LOOK)
    raise UsageError(
        f"process {pid} looks after this machine, but has not reported in {run_dir} for {PATIENCE:.0f} s: "
        "it hangs (systemctl restart wgd), or has another --run-dir"
    )


def _readable(run_dir: Path) -> dict[str, Any] | None:
    try:
        return reported(run_dir)
    except PermissionError:
        raise UsageError(denied(run_dir)) from None


def denied(run_dir: Path) -> str:
    """What to do when the report is not for us."""
    return f"{run_dir / STATUS} is for root and the group wgd: use sudo, or join (usermod -aG wgd $USER)"


def status_exit(value: Mapping[str, Any]) -> Exit:
    """The exit status that a status value means."""
    if any(problem["severity"] == "error" for problem in value["problems"]):
        return Exit.CONFIG
    return Exit.IN_SYNC if value["in_sync"] else Exit.DRIFT
