"""`wgd log`: what changed, when and why; from the daemon's file, so a daemon need not run."""

from __future__ import annotations

import argparse
import re
import time
from datetime import datetime

from wgd.cli.output import Exit, page, show, show_json
from wgd.errors import UsageError
from wgd.output.history import render
from wgd.sources.historyfile import entries

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def log(options: argparse.Namespace) -> int:
    """Show the entries since a time, the oldest first."""
    start = since(options.since, time.time()) if options.since else 0.0
    try:
        found = [one for one in entries(options.state_dir) if one["time"] >= start]
    except PermissionError:
        raise UsageError(f"{options.state_dir} is for root and the group wgd: use sudo, or join it") from None
    except OSError as error:
        raise UsageError(f"{options.state_dir} cannot be read: {error.strerror}") from None
    if options.json:
        show_json(found)
    else:
        show(render(found, page()) or "nothing was changed" + (" since then" if options.since else ""))
    return Exit.IN_SYNC


def since(text: str, now: float) -> float:
    """The time that "90s", "30m", "2h", "7d" ago, or a date such as 2030-01-31 or 2030-01-31T12:00 is, in
    seconds since the epoch. Raises UsageError."""
    if found := re.fullmatch(r"(\d{1,7})([smhd])", text):
        return now - int(found[1]) * _UNITS[found[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--since: found {text}, expected 30m, 2h, 7d or 2030-01-31T12:00") from None
