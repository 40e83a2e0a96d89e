"""`make install`: everything in its place, belonging to whom it should, and nothing started."""

from __future__ import annotations

import grp
import pwd
import stat
from pathlib import Path

import pytest

from integration.systemd.conftest import Installed
from integration.systemd.machine import attempt, run, shown

OWNERS = [
    ("/etc/wgd", "root:wgd", 0o2750),
    ("/etc/wgd/keys", "root:wgd-keys", 0o2750),
    ("/run/wgd", "wgd:wgd", 0o2750),
    ("/run/wireguard", "wgd:wgd", 0o2750),
    ("/var/lib/wgd", "wgd:wgd", 0o2750),
    ("/opt/wgd", "root:root", 0o755),
]


def test_nothing_is_started_or_enabled(installed: Installed) -> None:
    assert shown("ActiveState") == "inactive"
    assert shown("UnitFileState") == "disabled"
    assert "systemctl enable --now wgd" in installed.said


@pytest.mark.parametrize(("path", "owner", "mode"), OWNERS, ids=[row[0] for row in OWNERS])
def test_directory(installed: Installed, path: str, owner: str, mode: int) -> None:
    status = Path(path).stat()
    assert f"{pwd.getpwuid(status.st_uid).pw_name}:{grp.getgrgid(status.st_gid).gr_name}" == owner
    assert stat.S_IMODE(status.st_mode) == mode


def test_command_is_found(installed: Installed) -> None:
    assert run("wgd", "--version").startswith("wgd ")


def test_ip_knows_the_protocol_by_name(installed: Installed) -> None:
    run("ip", "route", "add", "192.0.2.0/24", "dev", "lo", "proto", "wgd")
    try:
        assert "proto wgd" in run("ip", "route", "show", "192.0.2.0/24")
    finally:
        run("ip", "route", "del", "192.0.2.0/24", "dev", "lo", "proto", "119")


def test_unit_is_sound(installed: Installed) -> None:
    assert attempt("systemd-analyze", "verify", "/etc/systemd/system/wgd.service").stdout == ""
