"""`wgd status`: from the daemon's report while it is alive, else from the kernel. Quick: a person waits."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from wgd import __version__
from wgd.cli import beside
from wgd.cli.chosen import chosen, in_order
from wgd.cli.output import page, show, show_json
from wgd.cli.watch import watch
from wgd.errors import UsageError
from wgd.output.render import render_status
from wgd.sources import lock

Value = dict[str, Any]


def status(options: argparse.Namespace) -> int:
    """Show the status; its exit status says whether the machine is in sync."""
    if options.watch:
        if options.json:
            raise UsageError("--watch and --json do not go together")
        return watch(lambda: _text(options, _asked_for(options, time.time())))
    value = _asked_for(options, time.time())
    if options.json:
        show_json(value)
    else:
        show(_text(options, value))
    return beside.status_exit(value)


def _asked_for(options: argparse.Namespace, now: float) -> Value:
    value = chosen(current(options, lock.holder(), now), options.names)
    return in_order(value, options.sort) if options.sort else value


def _text(options: argparse.Namespace, value: Value) -> str:
    whole = bool(options.names) or not sys.stdout.isatty()
    return render_status(value, time.time(), page(), whole=whole, sorted_=bool(options.sort))


def current(options: argparse.Namespace, pid: int | None, now: float) -> Value:
    """The newest status to be had. Raises UsageError if this user can have none.

    `daemon` in it says how the daemon is: `state` ("runs", "hangs", "dead"; "none": nothing was ever heard of
    one), `pid` (null: none), and for one that hangs `silent`: seconds since its last report."""
    try:
        value = beside.reported(options.run_dir)
        refused = ""
    except PermissionError:
        value, refused = None, beside.denied(options.run_dir)
    daemon = _daemon(value, pid, now)
    if value is None or daemon["state"] != "runs" or value["version"] != __version__:
        value = _from_kernel(options, value, refused)
    return value | {"daemon": daemon}


def _daemon(value: Value | None, pid: int | None, now: float) -> Value:
    if value is None:
        return {"state": "none" if pid is None else "runs", "pid": pid}
    if pid is None or pid not in (value["pass"]["pid"], 0):  # 0: somebody whom we cannot see
        return {"state": "dead", "pid": None}
    silent = beside.silent(value, now)
    return (
        {"state": "runs", "pid": pid} if silent is None else {"state": "hangs", "pid": pid, "silent": silent}
    )


def _from_kernel(options: argparse.Namespace, value: Value | None, refused: str) -> Value:
    """Read everything here; without the privilege an old report must do."""
    from wgd.cli.machine import here, privileged  # late: who reads the report waits for none of this

    if privileged():
        return here(options).look().value
    if value is not None and value["version"] == __version__:
        return value
    raise UsageError(refused or "no daemon reports here, and reading the kernel needs root (CAP_NET_ADMIN)")
