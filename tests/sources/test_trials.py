"""A trial on the disk: what is in force, what is kept, and what a full disk or a death makes of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.cli.conftest import HUB
from tests.configs import private_key
from wgd.config.keys import write_key
from wgd.sources import trials
from wgd.sources.files import ConfigFiles, Directories, Loaded
from wgd.sources.store import read_store
from wgd.sources.trials import RECORD, REQUEST, ask, read_trial, take_request
from wgd.trial import Phase, Request

TRY, CONFIRM = Request(60.0), Request()
WG1 = HUB.replace("51820", "51899").replace("172.27", "172.28")


class Machine:
    """A config directory, a daemon's view of it, and a clock that the test sets."""

    def __init__(self, directories: Directories) -> None:
        self.directories = directories
        self.now, self.boot = 1000.0, "boot-1"
        self.start()

    def start(self) -> None:
        self.files = ConfigFiles(self.directories)

    def save(self, port: int, name: str = "wg0", text: str = HUB) -> None:
        (self.directories.config / f"{name}.toml").write_text(text.replace("51820", str(port)))

    def passes(self, request: Request | None = None, accept: bool = True) -> Loaded:
        loaded = self.files.load(0.0, self.now, None, request)
        if accept:
            self.files.accept(loaded)
        return loaded

    def port(self, request: Request | None = None) -> int | None:
        """What is in force."""
        return self.passes(request).config.interfaces["wg0"].listen_port

    def phase(self) -> Phase | None:
        trial = read_trial(self.directories.state)
        return trial.phase if trial else None


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "etc").mkdir()
    for name in ("wg0", "wg1"):
        write_key(tmp_path / f"etc/keys/{name}.key", private_key(name))
    (tmp_path / "run").mkdir()
    made = Machine(Directories(tmp_path / "etc", tmp_path / "run", tmp_path / "state"))
    monkeypatch.setattr(trials, "clock", lambda: made.now)
    monkeypatch.setattr(trials, "boot", lambda: made.boot)
    made.save(51821)
    made.passes()
    return made


@pytest.fixture
def tried(machine: Machine) -> Machine:
    """51822 on trial, 51821 confirmed."""
    machine.passes(TRY)
    machine.save(51822)
    assert machine.port() == 51822
    return machine


def test_it_goes_back_and_says_what_is_not_in_force(tried: Machine) -> None:
    assert tried.passes().deadline == 1060.0
    tried.now = 1060.0
    loaded = tried.passes()
    assert loaded.config.interfaces["wg0"].listen_port == 51821
    assert loaded.frozen == {"wg0"} and loaded.trial and loaded.trial.phase is Phase.RETURNED
    assert tried.passes() is loaded


def test_confirmed_is_accepted_and_leaves_nothing(tried: Machine) -> None:
    assert tried.port(CONFIRM) == 51822
    assert b"51822" in read_store(tried.directories.state)["wg0.toml"]
    assert not (tried.directories.state / RECORD).exists()
    tried.now = 9999.0
    assert tried.port() == 51822


def test_nothing_is_accepted_while_it_runs(tried: Machine) -> None:
    assert b"51821" in read_store(tried.directories.state)["wg0.toml"]


@pytest.mark.parametrize(("now", "boot"), [(1061.0, "boot-1"), (3.0, "boot-2")])
def test_the_daemon_after_it_goes_back(tried: Machine, now: float, boot: str) -> None:
    tried.now, tried.boot = now, boot
    tried.start()
    assert tried.port() == 51821


def test_the_daemon_after_it_has_the_time_that_is_left(tried: Machine) -> None:
    tried.now = 1059.0
    tried.start()
    assert tried.port() == 51822
    tried.now = 1060.0
    assert tried.port() == 51821


def test_a_death_after_the_word_and_before_the_copies_confirms(tried: Machine) -> None:
    tried.passes(CONFIRM, accept=False)
    tried.now = 9999.0
    tried.start()
    assert tried.port() == 51822 and tried.phase() is None


def test_what_was_new_on_trial_is_taken_away_again(machine: Machine) -> None:
    """`explained`: else it would be shown, and left alone, as what nobody knows of."""
    machine.passes(TRY)
    machine.save(0, "wg1", WG1)
    assert "wg1" in machine.passes().config.interfaces
    machine.now = 1061.0
    config = machine.passes().config
    assert "wg1" not in config.interfaces and "wg1" in (config.explained or ())


def _full(*args: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_lets_no_trial_begin(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", _full)
    assert "No space" in machine.passes(TRY).refused
    assert machine.passes().trial is None
    monkeypatch.undo()


def test_a_full_disk_keeps_what_was_to_be_tried_out(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.passes(TRY)
    machine.save(51822)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        loaded = machine.passes()
        assert "No space" in loaded.refused and loaded.config.interfaces["wg0"].listen_port == 51821
        assert machine.port() == 51821
    assert [*machine.directories.state.glob("*.new")] == []
    assert machine.port(TRY) == 51822


def test_a_full_disk_confirms_nothing(tried: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        assert "No space" in tried.passes(CONFIRM).refused
    assert tried.phase() is Phase.RUNNING
    tried.now = 1061.0
    assert tried.port() == 51821


def test_confirm_required_makes_each_save_a_trial(machine: Machine) -> None:
    (machine.directories.config / "wgd.toml").write_text("confirm_required = true\n")
    assert machine.passes().trial is None  # until it is accepted, it asks for nothing
    machine.save(51822)
    assert machine.port() == 51822
    machine.now += 61.0
    assert machine.port() == 51821


def test_confirm_required_is_taken_out_on_trial(machine: Machine) -> None:
    shared = machine.directories.config / "wgd.toml"
    shared.write_text("confirm_required = true\n")
    machine.passes()
    shared.unlink()
    machine.passes()
    machine.now += 10.0  # until then the file might only be in the midst of being saved
    machine.save(51822)
    assert machine.port() == 51822 and machine.phase() is Phase.RUNNING


def test_a_look_changes_nothing(tried: Machine) -> None:
    """What `wgd plan` does beside the daemon."""
    tried.now = 1061.0
    looking = ConfigFiles(tried.directories, keep_trial=False)
    assert looking.load(0.0, 0.0).config.interfaces["wg0"].listen_port == 51821
    assert tried.phase() is Phase.RUNNING


@pytest.mark.parametrize("request_", [TRY, CONFIRM])
def test_a_request_is_taken_once(tmp_path: Path, request_: Request) -> None:
    ask(tmp_path, request_)
    assert (tmp_path / REQUEST).stat().st_mode & 0o007 == 0
    assert take_request(tmp_path) == request_
    assert take_request(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"timeout": "x"}', "{"])
def test_nonsense_is_no_request_and_no_trial(tmp_path: Path, text: str) -> None:
    for name in (REQUEST, RECORD):
        (tmp_path / name).write_text(text)
    assert take_request(tmp_path) is None and read_trial(tmp_path) is None
