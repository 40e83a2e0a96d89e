"""The machine itself: systemd runs, and confines a unit the way wgd's own unit asks for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

UNIT = Path("/run/systemd/system/confined.service")
TEXT = """\
[Service]
Type=oneshot
RemainAfterExit=yes
User=nobody
AmbientCapabilities=CAP_NET_ADMIN
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ExecStart=ip link add confined0 type wireguard
"""


def output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def unit() -> Iterator[str]:
    UNIT.write_text(TEXT)
    output("systemctl", "daemon-reload")
    yield UNIT.name
    output("systemctl", "stop", UNIT.name)
    output("ip", "link", "del", "confined0")
    UNIT.unlink()
    output("systemctl", "daemon-reload")


def test_systemd_is_pid_1_and_everything_started() -> None:
    assert Path("/proc/1/comm").read_text() == "systemd\n"
    assert output("systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""


def test_confined_unit_may_make_links(unit: str) -> None:
    output("systemctl", "start", unit)
    assert "confined0" in output("ip", "link")
    assert "exposure level for confined.service" in output("systemd-analyze", "security", unit)
