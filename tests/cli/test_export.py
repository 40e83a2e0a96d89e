from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.configs import key, private_key
from wgd.config.keys import encoded, public_key


@pytest.fixture
def phone_key(root: Path) -> Path:
    """The phone's own private key, and a hub that knows the public one."""
    file = root / "phone.key"
    file.write_text(encoded(private_key("phone").reveal()) + "\n")
    file.chmod(0o600)
    known = HUB.replace(encoded(key("phone")), encoded(public_key(private_key("phone"))))
    (root / "etc/wg0.toml").write_text(known)
    return file


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("hub.example.org", "hub.example.org:51820"),
        ("hub.example.org:4711", "hub.example.org:4711"),
        ("198.51.100.15", "198.51.100.15:51820"),
        ("2001:db8::15", "[2001:db8::15]:51820"),
        ("[2001:db8::15]", "[2001:db8::15]:51820"),
        ("[2001:db8::15]:4711", "[2001:db8::15]:4711"),
    ],
)
def test_endpoint(wgd: Wgd, capsys: pytest.CaptureFixture[str], word: str, line: str) -> None:
    assert wgd("export", "phone", "--endpoint", word) == 0
    assert f"Endpoint = {line}" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "phone"), "add --endpoint HOST"),
        (("export", "phone", "--endpoint", "a b"), "--endpoint: "),
        (("export", "phone", "--endpoint", "hub:0"), "--endpoint: "),
        (("export", "tablet", "--endpoint", "hub"), "no peer tablet"),
        (("export", "phone", "--interface", "wg9", "--endpoint", "hub"), "no usable file names wg9"),
        (("export", "phone", "--endpoint", "hub", "--qr"), "add --private-key-file FILE"),
        (("export", "phone", "--endpoint", "hub", "--private-key-file", "/nonexistent"), "is missing"),
    ],
)
def test_refused(wgd: Wgd, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    assert wgd(*arguments) == 2
    assert said in capsys.readouterr().err


def test_without_listen_port_the_port_must_be_said(
    wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/wg0.toml").write_text(HUB.replace("listen_port = 51820\n", ""))
    assert wgd("export", "phone", "--endpoint", "hub") == 2
    assert "wg0 has no listen_port" in capsys.readouterr().err
    assert wgd("export", "phone", "--endpoint", "hub:51820") == 0


def test_with_the_private_key(wgd: Wgd, capsys: pytest.CaptureFixture[str], phone_key: Path) -> None:
    assert wgd("export", "phone", "--endpoint", "hub", "--private-key-file", str(phone_key)) == 0
    assert f"PrivateKey = {encoded(private_key('phone').reveal())}" in capsys.readouterr().out


def test_qr(wgd: Wgd, capsys: pytest.CaptureFixture[str], phone_key: Path) -> None:
    pytest.importorskip("segno")
    assert wgd("export", "phone", "--endpoint", "hub", "--qr", "--private-key-file", str(phone_key)) == 0
    drawn = capsys.readouterr().out.splitlines()
    assert set("".join(drawn)) <= set(" █▀▄")
    assert len({len(line) for line in drawn}) == 1 and len(drawn) > 20


def test_qr_without_its_library(
    wgd: Wgd, capsys: pytest.CaptureFixture[str], phone_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert wgd("export", "phone", "--endpoint", "hub", "--qr", "--private-key-file", str(phone_key)) == 2
    assert "python3-segno" in capsys.readouterr().err
