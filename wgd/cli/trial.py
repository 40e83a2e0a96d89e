"""`wgd try` and `wgd confirm`: a word to the daemon, which goes back by itself if nobody confirms in time."""

from __future__ import annotations

import argparse
import re
import time
from typing import Any

from wgd.cli import beside
from wgd.cli.output import Exit, page, show
from wgd.errors import UsageError
from wgd.output.render import render_result
from wgd.sources import lock, trials
from wgd.trial import Request

SHORTEST, LONGEST = 5, 86400
"""Seconds: time for a person to type, and to go home."""
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """The seconds that "90", "60s", "5m" or "1h" mean. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,6})([smh]?)", text)
    value = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not SHORTEST <= value <= LONGEST:
        raise UsageError(f"--timeout: found {text}, expected {SHORTEST}s to 24h, like 60s or 5m")
    return float(value)


def try_(options: argparse.Namespace) -> int:
    """Put what the files say now, or with the next save, on trial."""
    value = _ask(options, Request(seconds(options.timeout)))
    trial = value["trial"]
    begun = trial is not None and trial["state"] in ("armed", "running") and not trial["refused"]
    if not begun:
        raise UsageError(f"nothing was tried: {_why(trial)}")
    show(render_result(value, time.time(), page()))
    errors = any(problem["severity"] == "error" for problem in value["problems"])
    return Exit.CONFIG if errors else Exit.IN_SYNC


def confirm(options: argparse.Namespace) -> int:
    """Keep what is on trial."""
    before = beside.reported(options.run_dir) or {}
    trial = _ask(options, Request())["trial"]
    if trial is None:
        was = before.get("trial") or {"state": "none"}
        show("✓ confirmed" if was["state"] == "running" else "✓ there was nothing to confirm")
        return Exit.IN_SYNC
    raise UsageError(f"not confirmed: {_why(trial)}")


def _why(trial: dict[str, Any] | None) -> str:
    """Why the daemon could not do it."""
    if trial and trial["refused"]:
        return str(trial["refused"])
    if trial and trial["state"] == "returned":
        return "it has gone back already; `wgd try` tries the files again"
    if trial and trial["state"] == "running":
        return "something else was saved just now; look whether all is well, and type it again"
    return "what was confirmed last cannot be kept yet (see the daemon's log)"


def _ask(options: argparse.Namespace, request: Request) -> dict[str, Any]:
    """Leave the request, and wait for the report of the daemon that took it. Raises UsageError."""
    pid = lock.holder()
    if pid is None:
        raise UsageError("the daemon is not running, and nobody else would go back (systemctl start wgd)")
    try:
        trials.ask(options.run_dir, request)
    except OSError as error:
        raise UsageError(f"{options.run_dir} takes no request ({error.strerror}): this needs root") from None
    try:
        return beside.reload(pid, options.run_dir)
    except UsageError:
        trials.withdraw(options.run_dir)
        raise
