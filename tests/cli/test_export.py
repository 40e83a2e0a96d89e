from __future__ import annotations

import struct
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.configs import key, private_key
from wgd.config.keys import public_key
from wgd.config.keytext import encoded


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


def png(content: bytes) -> list[list[int]]:
    """The pixels of a black and white PNG as segno writes it; 0 is black."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        chunks[kind] = chunks.get(kind, b"") + body
        assert struct.unpack_from(">I", content, at + 8 + length)[0] == zlib.crc32(kind + body)
        at += 12 + length
    wide, high, depth, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colours) == (1, 0)
    packed, step = zlib.decompress(chunks[b"IDAT"]), 1 + (wide + 7) // 8
    row, pixels = bytes(step - 1), []
    for at in range(0, high * step, step):
        assert packed[at] in (0, 2)  # as it is, or what was added to the row above
        above = row if packed[at] else bytes(step - 1)
        row = bytes((one + two) & 0xFF for one, two in zip(packed[at + 1 : at + step], above, strict=True))
        pixels.append([row[x // 8] >> (7 - x % 8) & 1 for x in range(wide)])
    return pixels


def test_a_picture_of_the_code_is_that_of_the_text(
    wgd: Wgd, capsys: pytest.CaptureFixture[str], phone_key: Path, tmp_path: Path
) -> None:
    """Each module is a square of four pixels, with four modules of white around."""
    segno = pytest.importorskip("segno")
    told = ("export", "phone", "--endpoint", "hub", "--private-key-file", str(phone_key))
    assert wgd(*told) == 0
    text = capsys.readouterr().out
    picture = tmp_path / "phone.png"
    assert wgd(*told, "--qr-file", str(picture)) == 0
    assert capsys.readouterr().out == "" and picture.stat().st_mode & 0o777 == 0o600
    code = segno.make(text, error="l", micro=False)
    pixels = png(picture.read_bytes())
    shown = [[1 - pixel for pixel in row[2::4]] for row in pixels[2::4]]
    assert shown == [list(row) for row in code.matrix_iter(border=4)]
    assert wgd(*told, "--qr-file", str(picture)) == 2, "nothing is overwritten"


def test_a_picture_that_scales(wgd: Wgd, phone_key: Path, tmp_path: Path) -> None:
    pytest.importorskip("segno")
    told = ("export", "phone", "--endpoint", "hub", "--private-key-file", str(phone_key))
    assert wgd(*told, "--qr-file", str(tmp_path / "phone.svg")) == 0
    root = ET.fromstring((tmp_path / "phone.svg").read_text())
    assert root.tag.endswith("svg") and root.attrib["width"] == root.attrib["height"]


@pytest.mark.parametrize(
    ("name", "said"), [("phone.gif", ".png or .svg"), ("phone", ".png or .svg"), ("no/phone.png", "No such")]
)
def test_no_picture(
    wgd: Wgd, capsys: pytest.CaptureFixture[str], phone_key: Path, tmp_path: Path, name: str, said: str
) -> None:
    pytest.importorskip("segno")
    told = ("export", "phone", "--endpoint", "hub", "--private-key-file", str(phone_key))
    assert wgd(*told, "--qr-file", str(tmp_path / name)) == 2
    assert said in capsys.readouterr().err


def test_it_holds_no_key_but_the_peers_own(
    wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str], phone_key: Path
) -> None:
    """Neither this machine's private key nor another's; without the peer's own its place is left empty."""
    told = ("export", "phone", "--endpoint", "hub")
    assert wgd(*told) == 0 and wgd(*told, "--private-key-file", str(phone_key)) == 0
    said = capsys.readouterr()
    assert (root / "etc/keys/wg0.key").read_text().strip() not in said.out + said.err
    assert said.out.count(phone_key.read_text().strip()) == 1
    assert "# PrivateKey = …" in said.out.partition("[Peer]")[0]
