from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.configs import machine
from tests.fake import FakeKernel
from tests.firewalls.rulesets import saved
from wgd.cli import change
from wgd.cli.machine import Machine
from wgd.errors import ConfigError, UsageError
from wgd.kinds.address import AddressAdd
from wgd.sources.files import Directories
from wgd.sources.firewalls import Firewalls
from wgd.sources.store import read_store

Said = pytest.CaptureFixture[str]


@pytest.fixture
def here(root: Path) -> Machine:
    return Machine(Directories(root / "etc", root / "run", root / "state"), machine())


def options(**more: Any) -> Namespace:
    return Namespace(**{"json": False, "interface": None} | more)


def kernel(here: Machine) -> FakeKernel:
    assert isinstance(here.kernel, FakeKernel)
    return here.kernel


def test_plan_changes_nothing(here: Machine, capsys: Said) -> None:
    before = kernel(here).as_text()
    assert change.plan(options(), here) == 1
    assert "ip link add dev wg0 group 119 type wireguard\n" in capsys.readouterr().out
    assert kernel(here).as_text() == before


def test_apply_then_plan_is_empty(here: Machine, capsys: Said) -> None:
    assert change.apply_here(options(), here) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "  ip link add dev wg0 group 119 type wireguard"
    assert said[-1] == "✓ everything in sync · 1 interface, 1 peer · read from the kernel just now"
    assert change.plan(options(), here) == 0
    assert capsys.readouterr().out == "# nothing to do\n"


def test_apply_keeps_the_files_as_accepted(here: Machine) -> None:
    change.apply_here(options(), here)
    assert read_store(here.directories.state) == {"wg0.toml": HUB.encode()}


def test_apply_in_json(here: Machine, capsys: Said) -> None:
    assert change.apply_here(options(json=True), here) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["in_sync"]
    assert {"commands": ["ip link set dev wg0 up"], "error": None, "skipped": None} in value["applied"]


def test_plan_in_json(here: Machine, capsys: Said) -> None:
    assert change.plan(options(json=True), here) == 1
    value = json.loads(capsys.readouterr().out)
    assert "ip link set dev wg0 up" in value["commands"]
    assert value["problems"] == []


def test_what_the_kernel_refuses(here: Machine, capsys: Said) -> None:
    kernel(here).fail_next(AddressAdd, 1)
    assert change.apply_here(options(), here) == 3
    said = capsys.readouterr().out
    assert "  ip address add 172.27.0.1/16 dev wg0 proto 119\n    failed: " in said
    assert said.count("failed") == 1


def test_a_broken_file_freezes_and_says_so(here: Machine, capsys: Said) -> None:
    change.apply_here(options(), here)
    (here.directories.config / "wg0.toml").write_text("[interface")
    capsys.readouterr()
    before = kernel(here).as_text()
    assert change.apply_here(options(), here) == 2
    said = capsys.readouterr().out
    assert said.startswith("✗ 1 error in the files")
    assert "wg0: runs as its files were last accepted" in said
    assert kernel(here).as_text() == before


def test_a_conflict(here: Machine, capsys: Said) -> None:
    kernel(here).add_link("wg0", "wireguard")
    assert change.apply_here(options(), here) == 1
    assert "wg0 exists and was not made by wgd" in capsys.readouterr().out


def test_nothing_to_go_by(here: Machine) -> None:
    (here.directories.config).rename(here.directories.config.with_name("gone"))
    with pytest.raises(ConfigError, match="cannot be read"):
        change.plan(options(), here)


def test_down_leaves_the_machine_as_it_was(here: Machine, capsys: Said) -> None:
    before = kernel(here).as_text()
    change.apply_here(options(), here)
    capsys.readouterr()
    assert change.down_here(options(), here) == 0
    assert capsys.readouterr().out == "  ip link delete dev wg0\n✓ all that wgd made is removed\n"
    left = [line for line in kernel(here).as_text().splitlines() if not line.startswith("note ")]
    assert left == before.splitlines()  # notes of a device that is gone mean nothing
    assert change.down_here(options(), here) == 0
    assert capsys.readouterr().out == "✓ nothing to remove\n"


@pytest.fixture
def two(here: Machine) -> Machine:
    """With a second interface, both up."""
    second = HUB.replace("172.27.", "172.28.").replace("51820", "51821")
    (here.directories.config / "wg1.toml").write_text(
        second.replace("[interface]", '[interface]\nprivate_key_file = "keys/wg0.key"')
    )
    assert change.apply_here(options(), here) == 0
    return here


@pytest.mark.parametrize("text", [HUB, "[broken", None], ids=["right", "broken", "no file any more"])
def test_down_of_one_interface(two: Machine, text: str | None) -> None:
    file = two.directories.config / "wg0.toml"
    file.write_text(text) if text else file.unlink()
    assert change.down_here(options(interface="wg0"), two) == 0
    assert not kernel(two).has_link("wg0")
    assert kernel(two).has_link("wg1")


def test_down_of_an_unknown_interface(two: Machine) -> None:
    with pytest.raises(UsageError, match="no file names wg7, and wgd made no interface of that name"):
        change.down_here(options(interface="wg7"), two)
    assert kernel(two).has_link("wg0")


@pytest.mark.parametrize("command", ["plan", "apply", "down"])
def test_without_the_privilege(wgd: Wgd, capsys: Said, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr("wgd.cli.machine.privileged", lambda: False)
    monkeypatch.setattr("wgd.sources.lock.holder", lambda: None)
    assert wgd(command) == 2
    assert capsys.readouterr().err == f"wgd: {command} needs root (CAP_NET_ADMIN)\n"


def test_other_firewalls_matter_only_with_rules(here: Machine, capsys: Said) -> None:
    beside = Machine(here.directories, here.kernel, Firewalls(lambda: saved(":FORWARD DROP")))
    assert beside.look().value["obstacles"] == []
    (here.directories.config / "wg0.toml").write_text(HUB + '\n[[forward]]\nfrom = ["phone"]\nto = ["any"]\n')
    (obstacle, *_) = beside.look().value["obstacles"]
    assert obstacle["chain"] == "ip filter FORWARD" and obstacle["certain"]
    change.plan(options(), beside)
    assert "another firewall drops what wgd permits\n" in (text := capsys.readouterr().out)
    assert all(f"      {command}\n" in text for command in obstacle["commands"])
    change.plan(options(json=True), beside)
    assert json.loads(capsys.readouterr().out)["obstacles"] == beside.look().value["obstacles"]
