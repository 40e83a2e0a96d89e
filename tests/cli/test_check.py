from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from wgd.sources.store import Store

ENDPOINT = HUB + 'endpoint = "203.0.113.7:51820"\n'
BROKEN = HUB.replace("51820", "0").replace("172.27.0.9/32", "172.27.0.9/16")


@pytest.mark.parametrize(
    ("files", "arguments", "status", "lines"),
    [
        pytest.param({}, (), 0, ["wg0: all right"], id="right"),
        pytest.param({"wg0.toml": None}, (), 0, ["no interface has a file in {etc}"], id="no files"),
        pytest.param(
            {"wg0.toml": BROKEN},
            (),
            2,
            [
                "wg0.toml:4: error: interface.listen_port: ",
                "wg0.toml:8: error: peers.phone.allowed_ips[0]: ",
                "2 errors in 1 file",
            ],
            id="all errors at once, by line",
        ),
        pytest.param(
            {"wg0.toml": ENDPOINT},
            (),
            0,
            ["wg0.toml:9: warning: peers.phone.endpoint: ", "1 warning in 1 file"],
            id="a warning is no error",
        ),
        pytest.param(
            {"wg0.toml": ENDPOINT, "wg1.toml": "["},
            (),
            2,
            [
                "wg0.toml:9: warning: ",
                "wg1.toml:1: error: ",
                "1 error, 1 warning in 2 files",
            ],
            id="two files",
        ),
        pytest.param({"wg1.toml": "["}, ("{etc}/wg0.toml",), 0, ["wg0: all right"], id="one file"),
        pytest.param(
            {"wg1.toml": "["},
            ("{etc}/wg1.toml",),
            2,
            ["wg1.toml:1: error: ", "1 error in 1 file"],
            id="the other",
        ),
        pytest.param(
            {"wg0.d/x.toml": "["},
            ("{etc}/wg0.d/x.toml",),
            2,
            ["wg0.d/x.toml:1: error: ", "1 error in 1 file"],
            id="a drop-in",
        ),
        pytest.param(
            {"wg0.d/x.toml": "["},
            ("{etc}/wg0.d",),
            2,
            ["wg0.d/x.toml:1: error: ", "1 error in 1 file"],
            id="all drop-ins of an interface",
        ),
        pytest.param(
            {"wg1.toml": "["}, ("{etc}",), 2, ["wg1.toml:1: error: ", "1 error in 1 file"], id="directory"
        ),
    ],
)
def test_check(
    wgd: Wgd,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str | None],
    arguments: tuple[str, ...],
    status: int,
    lines: list[str],
) -> None:
    etc = root / "etc"
    for name, text in files.items():
        (etc / name).parent.mkdir(exist_ok=True)
        (etc / name).write_text(text) if text is not None else (etc / name).unlink()
    assert wgd("check", *(word.format(etc=etc) for word in arguments)) == status
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    hint: ")]
    assert len(said) == len(lines)
    assert all(line.startswith(start.format(etc=etc)) for line, start in zip(said, lines, strict=True))


def test_a_hint_stands_below_its_message(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/wg0.toml").write_text(BROKEN)
    wgd("check")
    assert "\n    hint: write 172.27.0.0/16 for the network" in capsys.readouterr().out


def test_json(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/wg0.toml").write_text(ENDPOINT)
    assert wgd("check", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["interfaces"] == ["wg0"]
    assert [(p["file"], p["line"], p["severity"]) for p in value["problems"]] == [("wg0.toml", 9, "warning")]


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere.toml", "does not exist"), ("a name that is too long.toml", "names no interface")],
)
def test_refused(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str], path: str, said: str) -> None:
    (root / "etc/a name that is too long.toml").write_text("")
    assert wgd("check", str(root / "etc" / path)) == 2
    assert said in capsys.readouterr().err


def test_accepted_copies_do_not_count(wgd: Wgd, root: Path) -> None:
    Store(root / "state").write({"wg0.toml": HUB.encode()})
    (root / "etc/wg0.toml").write_text(BROKEN)
    assert wgd("check") == 2


def test_a_directory_that_cannot_be_read(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc").rename(root / "gone")
    assert wgd("check") == 2
    assert "does not exist" in capsys.readouterr().err
