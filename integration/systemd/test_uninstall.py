"""`make uninstall`: no trace but /etc/wgd. Its module comes last, since nothing is left to test after it."""

from __future__ import annotations

import grp
import pwd

import pytest

from integration.systemd.conftest import Installed, Tunnel, footprint
from integration.systemd.machine import CONFIG, attempt, make, run


def test_uninstall_leaves_only_the_files(installed: Installed, wg0: Tunnel) -> None:
    said = make("uninstall")
    assert said.index("who is connected through them is cut off") < said.index("ip link delete dev wg0")
    assert footprint() - installed.before == set()
    assert wg0.file.read_text() == wg0.text
    assert "wg0" not in run("ip", "link")
    assert run("nft", "list", "ruleset") == ""
    assert attempt("systemctl", "status", "wgd").returncode == 4, "no such unit"
    with pytest.raises(KeyError):
        pwd.getpwnam("wgd")
    for group in ("wgd", "wgd-keys"):
        with pytest.raises(KeyError):
            grp.getgrnam(group)
    left = [CONFIG, *CONFIG.rglob("*")]
    assert {path.group() for path in left} == {"root"}, "whoever gets the number next must not read the keys"


def test_uninstall_twice(installed: Installed) -> None:
    make("uninstall")
