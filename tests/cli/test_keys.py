from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.configs import private_key
from wgd.config.keys import public_key, read_key
from wgd.config.keytext import encoded

PUBLIC = encoded(public_key(private_key("wg0")))


def test_genkey_shows_only_the_public_key(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wgd("genkey", "wg1") == 0
    file = root / "etc/keys/wg1.key"
    said = capsys.readouterr()
    assert said.out == encoded(public_key(read_key(file))) + "\n"
    assert file.read_text().strip() not in said.out + said.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_genkey_makes_the_directory(wgd: Wgd, root: Path) -> None:
    (root / "etc/keys").rename(root / "old")
    assert wgd("genkey", "wg0") == 0
    assert stat.S_IMODE((root / "etc/keys").stat().st_mode) & 0o777 == 0o750


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("genkey", "wg0"), "exists already"),
        (("genkey", "../x"), "cannot name an interface"),
        (("genkey", "wgd"), "is reserved"),
        (("pubkey", "wg7"), "is missing"),
    ],
)
def test_refused(
    wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = (root / "etc/keys/wg0.key").read_text()
    assert wgd(*arguments) == 2
    assert said in capsys.readouterr().err
    assert (root / "etc/keys/wg0.key").read_text() == before


def test_genkey_without_a_directory(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc").rename(root / "gone")
    assert wgd("genkey", "wg0") == 2
    assert "there is no directory" in capsys.readouterr().err


@pytest.mark.parametrize("text", [HUB, "[broken", None], ids=["right", "broken", "no file yet"])
def test_pubkey(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str], text: str | None) -> None:
    (root / "etc/wg0.toml").write_text(text) if text else (root / "etc/wg0.toml").unlink()
    assert wgd("pubkey", "wg0") == 0
    assert capsys.readouterr().out == PUBLIC + "\n"


def test_pubkey_of_the_file_that_the_interface_names(
    wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/keys/wg0.key").rename(root / "etc/keys/other.key")
    (root / "etc/wg0.toml").write_text(
        HUB.replace("[interface]", '[interface]\nprivate_key_file = "keys/other.key"')
    )
    assert wgd("pubkey", "wg0") == 0
    assert capsys.readouterr().out == PUBLIC + "\n"
