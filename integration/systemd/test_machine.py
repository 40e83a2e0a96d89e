"""The machine itself: systemd runs."""

from __future__ import annotations

from pathlib import Path

from integration.systemd.machine import run


def test_systemd_is_pid_1_and_everything_started() -> None:
    assert Path("/proc/1/comm").read_text() == "systemd\n"
    assert run("systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""
