from __future__ import annotations

import json
import os
from argparse import Namespace
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.output.test_render import INTERFACE, LOUD, QUIET
from wgd import __version__
from wgd.cli import beside
from wgd.cli.chosen import only
from wgd.cli.output import Exit
from wgd.cli.status import current
from wgd.errors import UsageError

NOW = 1_700_000_000.0
PID = 4242

REPORT: dict[str, Any] = QUIET | {
    "version": __version__,
    "pass": {"pid": PID, "interval": 10.0, "reloads": 0},
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "status.json").write_text(json.dumps(REPORT))
    return tmp_path


def options(run_dir: Path) -> Namespace:
    return Namespace(command="status", run_dir=run_dir)


@pytest.mark.parametrize("pid", [PID, 0], ids=["seen", "in another pid namespace"])
def test_a_living_daemon_is_believed(run_dir: Path, pid: int) -> None:
    value = current(options(run_dir), pid, NOW)
    assert value == REPORT | {"daemon": {"state": "runs", "pid": pid}}


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who may not read the kernel."""
    monkeypatch.setattr("wgd.cli.machine.privileged", lambda: False)


@pytest.mark.usefixtures("unprivileged")
@pytest.mark.parametrize(
    ("pid", "now", "daemon"),
    [
        (None, NOW, {"state": "dead", "pid": None}),
        (PID + 1, NOW, {"state": "dead", "pid": None}),
        (PID, NOW + 20, {"state": "runs", "pid": PID}),
        (PID, NOW + 333, {"state": "hangs", "pid": PID, "silent": 336.0}),
    ],
    ids=["nobody", "somebody else", "late", "silent"],
)
def test_an_old_report_is_better_than_none(
    run_dir: Path, pid: int | None, now: float, daemon: dict[str, Any]
) -> None:
    value = current(options(run_dir), pid, now)
    assert value["daemon"] == daemon
    assert value["interfaces"] == [INTERFACE]


@pytest.mark.usefixtures("unprivileged")
@pytest.mark.parametrize(
    ("content", "pid"),
    [(None, None), ("", None), ("[]", PID), (json.dumps(REPORT | {"version": "0"}), PID)],
    ids=["no report", "empty", "no status", "of another version"],
)
def test_without_report_or_privilege_there_is_nothing(tmp_path: Path, content: str | None, pid: int) -> None:
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    with pytest.raises(UsageError, match="needs root"):
        current(options(tmp_path), pid, NOW)


@pytest.mark.usefixtures("unprivileged")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_report_for_others(run_dir: Path) -> None:
    (run_dir / "status.json").chmod(0)
    with pytest.raises(UsageError, match="usermod -aG wgd"):
        current(options(run_dir), PID, NOW)


def two() -> dict[str, Any]:
    value = deepcopy(LOUD)
    value["interfaces"].append(INTERFACE | {"name": "wg1"})
    for name in ("drift", "conflicts", "foreign"):
        for one in value[name]:
            one["interface"] = "wg0"
    return value


def test_only_one_interface_that_is_all_right() -> None:
    value = only(two(), "wg1")
    assert [interface["name"] for interface in value["interfaces"]] == ["wg1"]
    assert value["in_sync"]
    assert not any(value[name] for name in ("drift", "conflicts", "foreign", "problems", "opens", "blocked"))
    assert beside.status_exit(value) == Exit.IN_SYNC


def test_only_its_repairs() -> None:
    told = [{"interface": name} for name in ("wg0", "wg1", None)]
    value = only(two() | {"repairs": told, "fights": told}, "wg1")
    assert value["repairs"] == value["fights"] == [{"interface": "wg1"}]


def test_only_one_interface_that_is_not() -> None:
    whole = two()
    assert only(whole, "wg0") == whole | {"interfaces": whole["interfaces"][:1]}


def test_only_an_unknown_interface() -> None:
    with pytest.raises(UsageError, match="no interface wg7 in the files: there is wg0, wg1"):
        only(two(), "wg7")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, Exit.IN_SYNC),
        ({"in_sync": False}, Exit.DRIFT),
        ({"in_sync": False, "problems": [{"severity": "error"}]}, Exit.CONFIG),
        ({"problems": [{"severity": "warning"}]}, Exit.IN_SYNC),
    ],
    ids=["in sync", "drift", "errors", "warnings"],
)
def test_exit(more: dict[str, Any], status: Exit) -> None:
    assert beside.status_exit(QUIET | more) == status
