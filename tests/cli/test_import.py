from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.config.support import key as key_text
from tests.configs import machine, private_key
from wgd.cli import import_
from wgd.cli.machine import Machine
from wgd.config.keys import read_key
from wgd.config.keytext import encoded
from wgd.sources.files import Directories

CONF = f"""\
[Interface]
Address = 10.9.0.1/24
ListenPort = 51821
PrivateKey = {encoded(private_key("wg1").reveal())}

[Peer] # laptop
PublicKey = {key_text("laptop")}
PresharedKey = {key_text("psk")}
AllowedIPs = 10.9.0.2/32
"""
SECRETS = (encoded(private_key("wg1").reveal()), key_text("psk"))


@pytest.fixture
def conf(root: Path) -> Path:
    file = root / "wg1.conf"
    file.write_text(CONF)
    return file


def test_it_is_printed_and_nothing_is_written(
    wgd: Wgd, root: Path, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wgd("import", str(conf)) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"# wg1, imported from {conf}.")
    assert "[peers.laptop]" in said.out and "adopt = true" in said.out
    assert said.err == "wg1, a hub with 1 peer; of 8 lines: 8 carried over\n"
    assert not any(secret in said.out + said.err for secret in SECRETS)
    assert sorted(path.name for path in (root / "etc").rglob("*")) == ["keys", "wg0.key", "wg0.toml"]


def test_written_it_is_right_and_closed_to_others(
    wgd: Wgd, root: Path, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wgd("import", str(conf), "--write") == 0
    assert wgd("check") == 0
    assert not any(secret in capsys.readouterr().out for secret in SECRETS)
    assert read_key(root / "etc/keys/wg1.key") == private_key("wg1")
    assert (root / "etc/keys/wg1-laptop.psk").read_text().strip() == key_text("psk")
    for name in ("wg1.toml", "keys/wg1.key", "keys/wg1-laptop.psk"):
        status = (root / "etc" / name).stat()
        assert stat.S_IMODE(status.st_mode) == 0o640
        assert status.st_gid == (root / "etc" / name).parent.stat().st_gid


def test_what_is_not_carried_over_is_told_and_is_the_exit_status(
    wgd: Wgd, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(CONF.replace("ListenPort", "DNS = 10.9.0.53\nSaveConfig = true\nListenPort"))
    assert wgd("import", str(conf)) == 1
    assert capsys.readouterr().err.splitlines() == [
        "not carried over:",
        "  ✗ wg1.conf:3: DNS = 10.9.0.53: wgd sets no DNS: resolvectl dns wg1 10.9.0.53",
        "stripped:",
        "  – wg1.conf:4: SaveConfig = true: wgd never writes to your files",
        "wg1, a hub with 1 peer; of 10 lines: 8 carried over, 1 stripped, 1 not carried over",
    ]


def test_nothing_is_overwritten(wgd: Wgd, root: Path, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = conf.rename(root / "wg0.conf")
    assert wgd("import", str(other), "--write") == 2
    assert "wg0.toml exists already" in capsys.readouterr().err
    (root / "etc/wg0.toml").unlink()
    assert wgd("import", str(other), "--write") == 2
    said = capsys.readouterr().err
    assert "wg0.key holds another key already" in said
    assert read_key(root / "etc/keys/wg0.key") == private_key("wg0")
    assert sorted(path.name for path in (root / "etc").rglob("*")) == ["keys", "wg0.key"]


def test_a_key_that_is_there_already_may_stay(wgd: Wgd, root: Path, conf: Path) -> None:
    assert wgd("import", str(conf), "--write") == 0
    (root / "etc/wg1.toml").unlink()
    assert wgd("import", str(conf), "--write") == 0


def test_a_key_file_is_read_and_copied(wgd: Wgd, root: Path, conf: Path) -> None:
    file = root / "own.key"
    file.write_text(SECRETS[0] + "\n")
    file.chmod(0o600)
    conf.write_text(CONF.replace(f"PrivateKey = {SECRETS[0]}", f"PostUp = wg set %i private-key {file}"))
    assert wgd("import", str(conf), "--write") == 0
    assert read_key(root / "etc/keys/wg1.key") == private_key("wg1")
    file.unlink()
    (root / "etc/wg1.toml").unlink()
    assert wgd("import", str(conf), "--write") == 2


def test_without_a_key_the_next_step_is_to_make_one(
    wgd: Wgd, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(CONF.replace("PrivateKey", "#"))
    assert wgd("import", str(conf), "--write") == 0
    assert "wgd genkey wg1" in capsys.readouterr().out


def test_while_a_daemon_runs_nothing_is_taken_over_at_once(
    wgd: Wgd, root: Path, conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgd.sources.lock.holder", lambda: 4711)
    assert wgd("import", str(conf), "--write") == 0
    assert "adopt = false  # the daemon runs" in (root / "etc/wg1.toml").read_text()
    assert "then adopt = true in wg1.toml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "arguments", "said"),
    [
        ("a (1).conf", CONF, (), "--interface IF says another name"),
        ("wg2.conf", "hello\n", (), "no [Interface] and no [Peer]"),
        ("wg2.conf", None, (), "cannot be read"),
        ("wg2.network", "[Match]\nName=wg2\n", (), "add --interface IF"),
        ("wg2.conf", CONF, ("--interface", "all"), "is reserved"),
    ],
)
def test_refused(
    wgd: Wgd,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str | None,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    if text is not None:
        (root / name).write_text(text)
    assert wgd("import", str(root / name), *arguments) == 2
    assert said in capsys.readouterr().err


def test_the_name_and_the_role_can_be_said(wgd: Wgd, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wgd("import", str(conf), "--interface", "wg5", "--role", "spoke") == 0
    said = capsys.readouterr()
    assert said.out.startswith("# wg5,") and 'role = "spoke"' in said.out


def test_a_netdev_brings_its_network(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "50-vpn.netdev").write_text(
        f"[NetDev]\nName=wg3\nKind=wireguard\n[WireGuard]\nListenPort=51821\n"
        f"[WireGuardPeer]\nPublicKey={key_text('a')}\nAllowedIPs=10.9.0.2/32\n"
    )
    (root / "50-vpn.network").write_text("[Match]\nName=wg3\n[Network]\nAddress=10.9.0.1/24\n")
    for given in ("50-vpn.netdev", "50-vpn.network"):
        assert wgd("import", str(root / given)) == 0
        out = capsys.readouterr().out
        assert 'addresses = ["10.9.0.1/24"]  # 50-vpn.network:4' in out
        assert "listen_port = 51821  # 50-vpn.netdev:5" in out


def test_an_interface_that_is_up(
    wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = machine()
    kernel.add_link("wg4", "wireguard", 1420, up=True)
    directories = Directories(root / "etc", root / "run", root / "state")
    monkeypatch.setattr(import_, "here", lambda options: Machine(directories, kernel))
    assert wgd("import", "wg4") == 0
    assert capsys.readouterr().out.startswith("# wg4, imported from the interface as it was.")
    assert wgd("import", "wg9") == 2
    assert "no WireGuard interface of that name is up" in capsys.readouterr().err


def test_the_hub_of_the_tests_is_left_alone(wgd: Wgd, root: Path, conf: Path) -> None:
    wgd("import", str(conf), "--write")
    assert (root / "etc/wg0.toml").read_text() == HUB
