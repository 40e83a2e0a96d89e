"""The manual pages name every command and every key, and groff finds nothing wrong with them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from wgd.cli.options import parser
from wgd.config.schema import draft
from wgd.config.vocabulary import KEYS, Section

MAN = Path(__file__).parents[1] / "docs/man"
COMMANDS = dict(next(action for action in parser()._actions if action.dest == "command").choices or {})  # type: ignore[arg-type]


def text(page: str) -> str:
    return (MAN / page).read_text().replace("\\-", "-")


@pytest.mark.parametrize("command", COMMANDS)
def test_wgd_8_tells_of_each_command(command: str) -> None:
    assert re.search(rf"^\.BI? .*\b{command}\b", text("wgd.8"), re.M)


def test_wgd_8_tells_of_no_option_that_is_not_there() -> None:
    known = {
        option
        for of in (parser(), *COMMANDS.values())
        for action in of._actions
        for option in action.option_strings
    }
    assert set(re.findall(r"--[a-z][a-z-]+", text("wgd.8"))) - known <= {"--now"}


@pytest.mark.parametrize("section", [section for section in Section if section is not Section.TOP])
def test_wgd_toml_5_tells_of_each_key(section: Section) -> None:
    part = text("wgd.toml.5").partition(f'.SH "{section}"')[2].partition("\n.SH")[0]
    for key in KEYS[section]:
        assert re.search(rf"^\.BR? .*\b{key}\b", part, re.M), f"{section} {key}"


def test_the_example_is_right() -> None:
    example = text("wgd.toml.5").partition(".SH EXAMPLE\n.nf\n")[2].partition(".fi")[0]
    assert tomllib.loads(example)
    assert draft("wg0.toml", example.encode()).problems == ()


@pytest.mark.parametrize("page", ["wgd.8", "wgd.toml.5"])
def test_groff_has_nothing_to_say(page: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("no groff here")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-b", "-Tutf8", "-P-cbou", str(MAN / page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "" and "NAME" in done.stdout
