from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Wgd
from wgd.cli.completion import SCRIPTS, candidates
from wgd.cli.options import parser

COMMANDS = list(next(action for action in parser()._actions if action.dest == "command").choices or ())


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ([""], sorted(COMMANDS)),
        (["st"], ["status"]),
        (["--s"], ["--state-dir"]),
        (["status", "--"], ["--help", "--json", "--sort", "--watch"]),
        (["status", "w"], ["wg0"]),
        (["status", "wg0", ""], ["phone", "tablet", "wg0"]),
        (["status", "--sort", "t"], ["traffic"]),
        (["export", ""], ["phone", "tablet"]),
        (["export", "ph"], ["phone"]),
        (["export", "--interface", ""], ["wg0"]),
        (["export", "--qr", "p"], ["phone"]),
        (["export", "phone", "--endpoint", ""], []),
        (["export", "--private-key-file", ""], []),
        (["disable", "t"], ["tablet"]),
        (["explain", "10.0.0.1", "--from", "p"], ["phone"]),
        (["add-peer", ""], []),
        (["import", "--role", ""], ["hub", "spoke"]),
        (["completion", "f"], ["fish"]),
        (["frobnicate", "p"], []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_words(wgd: Wgd, root: Path, typed: list[str], wanted: list[str]) -> None:
    assert wgd("add-peer", "tablet", "--make-key", str(root / "tablet.key")) == 0
    assert candidates(["--config-dir", str(root / "etc"), *typed]) == wanted


def test_who_may_not_read_the_files_is_not_disturbed(tmp_path: Path) -> None:
    assert candidates(["--config-dir", str(tmp_path / "none"), "export", ""]) == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed(wgd: Wgd, capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert wgd("completion", shell) == 0
    assert capsys.readouterr().out == SCRIPTS[shell]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which `wgd` is this one."""
    program = tmp_path / "bin/wgd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m wgd "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


ASKING = {
    "bash": "COMP_WORDS=(wgd --config-dir {etc} export p); COMP_CWORD=4; _wgd; echo ${{COMPREPLY[@]}}",
    "fish": "complete -C 'wgd --config-dir {etc} export p'",
}


@pytest.mark.parametrize("shell", ASKING)
def test_the_shell_completes_a_peer(wgd: Wgd, root: Path, path: str, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    program = f"{SCRIPTS[shell]}\n{ASKING[shell].format(etc=root / 'etc')}"
    done = subprocess.run(
        [shell, "-c", program],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("phone\n", "")
