"""`wgd try` and `wgd confirm` beside a daemon, which here is a function that answers a request."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.cli.test_change import options
from tests.configs import machine
from tests.output.test_render import NOW, QUIET
from wgd.cli import beside, trial
from wgd.cli.change import apply_here
from wgd.cli.machine import Machine
from wgd.errors import UsageError
from wgd.output.render import render_status, summary, trial_lines
from wgd.output.terminal import Page
from wgd.sources.files import Directories
from wgd.sources.trials import REQUEST, take_request
from wgd.trial import Request

Said = pytest.CaptureFixture[str]


def told(state: str, refused: str | None = None) -> dict[str, Any]:
    return {"state": state, "timeout": 60.0, "until": NOW + 42, "refused": refused}


RUNNING, RETURNED = told("running"), told("returned") | {"until": None}
Daemon = Callable[[dict[str, Any] | None, dict[str, Any] | None], None]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Daemon:
    """Its report before, and the trial after the request."""
    asked: list[Request | None] = []

    def answers(before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        def reload(pid: int, run_dir: Path) -> dict[str, Any]:
            asked.append(take_request(run_dir))
            return QUIET | {"trial": after}

        monkeypatch.setattr(trial.lock, "holder", lambda: 4242)
        monkeypatch.setattr(beside, "reported", lambda run_dir: QUIET | {"trial": before})
        monkeypatch.setattr(beside, "reload", reload)

    return answers


def words(run: Path, timeout: str = "60s") -> Namespace:
    return Namespace(run_dir=run, timeout=timeout)


def test_try_tells_what_comes_next(daemon: Daemon, tmp_path: Path, capsys: Said) -> None:
    daemon(None, told("armed"))
    assert trial.try_(words(tmp_path)) == 0
    assert "what is saved next is kept for 60 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (told("refused", "trial.json cannot be written: No space left on device"), "No space left"),
        (told("confirmed"), "cannot be kept yet"),
    ],
)
def test_try_says_why_it_did_not(daemon: Daemon, tmp_path: Path, after: dict[str, Any], why: str) -> None:
    daemon(None, after)
    with pytest.raises(UsageError, match=why):
        trial.try_(words(tmp_path))


@pytest.mark.parametrize(
    ("before", "said"), [(RUNNING, "✓ confirmed\n"), (None, "✓ there was nothing to confirm\n")]
)
def test_confirm(
    daemon: Daemon, tmp_path: Path, capsys: Said, before: dict[str, Any] | None, said: str
) -> None:
    daemon(before, None)
    assert trial.confirm(words(tmp_path)) == 0
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (RETURNED, "gone back already"),
        (RUNNING, "something else was saved"),
        (RUNNING | {"refused": "trial.json cannot be written: No space left on device"}, "No space"),
    ],
)
def test_what_is_not_confirmed_is_no_success(
    daemon: Daemon, tmp_path: Path, after: dict[str, Any], why: str
) -> None:
    daemon(RUNNING, after)
    with pytest.raises(UsageError, match=why):
        trial.confirm(words(tmp_path))


def test_a_request_that_nobody_took_is_withdrawn(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a later daemon would confirm what nobody has looked at."""
    daemon(RUNNING, RUNNING)

    def hangs(pid: int, run_dir: Path) -> dict[str, Any]:
        assert (run_dir / REQUEST).exists()
        raise UsageError("it hangs")

    monkeypatch.setattr(beside, "reload", hangs)
    with pytest.raises(UsageError, match="hangs"):
        trial.confirm(words(tmp_path))
    assert not (tmp_path / REQUEST).exists()


@pytest.mark.parametrize(
    ("text", "wanted"), [("60s", 60), ("90", 90), ("5m", 300), ("24h", 86400), ("5s", 5)]
)
def test_times(text: str, wanted: float) -> None:
    assert trial.seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "4s", "25h", "1d", "-5s", "1.5m", "five"])
def test_no_times(text: str) -> None:
    with pytest.raises(UsageError, match="5s to 24h"):
        trial.seconds(text)


def test_without_a_daemon_nobody_would_go_back(
    wgd: Wgd, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial.lock, "holder", lambda: None)
    assert [wgd("try"), wgd("confirm")] == [2, 2]
    assert "systemctl start wgd" in capsys.readouterr().err


def test_apply_without_a_daemon_is_no_way_around_confirming(root: Path) -> None:
    here = Machine(Directories(root / "etc", root / "run", root / "state"), machine())
    (root / "etc/wgd.toml").write_text("confirm_required = true\n")
    assert apply_here(options(), here) == 0, "nothing was accepted before"
    assert apply_here(options(), here) == 0, "nothing was edited"
    (root / "etc/wg0.toml").write_text(HUB.replace("51820", "51821"))
    with pytest.raises(UsageError, match="confirm_required"):
        apply_here(options(), here)


def test_the_status_begins_with_it() -> None:
    lines = render_status(QUIET | {"trial": RUNNING}, NOW, Page()).splitlines()
    assert lines[0].startswith("✓") and lines[1] == (
        "! trial: what the files say goes back in 42 s, unless somebody types `wgd confirm`"
    )


def test_the_status_says_that_the_files_are_not_in_force() -> None:
    value = QUIET | {"in_sync": False, "trial": RETURNED}
    assert summary(value) == "the files are not in force"
    assert "NOT in force" in render_status(value, NOW, Page()).splitlines()[1]


def test_long_times_are_told_in_minutes() -> None:
    assert "goes back in 4 min" in trial_lines(RUNNING | {"until": NOW + 290}, NOW)[0]
