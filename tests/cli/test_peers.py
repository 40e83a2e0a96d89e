from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import HUB, Wgd
from tests.configs import key
from wgd.config.keys import public_key, read_key
from wgd.config.keytext import encoded

LAPTOP = encoded(key("laptop"))
Captured = pytest.CaptureFixture[str]


def drop_in(root: Path, name: str = "laptop") -> Path:
    return root / f"etc/wg0.d/{name}.toml"


@pytest.fixture
def laptop(wgd: Wgd, root: Path, capsys: Captured) -> Path:
    """A peer that wgd added."""
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 0
    capsys.readouterr()
    return drop_in(root)


def test_a_peer_gets_the_next_address_and_a_file_of_its_own(wgd: Wgd, root: Path, capsys: Captured) -> None:
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"✓ laptop is 172.27.0.2, in {drop_in(root)}",
        "  next: wgd apply",
        "  next: the other side: wgd export laptop --endpoint HOST",
    ]
    assert drop_in(root).read_text().splitlines()[2:] == [
        "[peers.laptop]",
        f'public_key = "{LAPTOP}"',
        "allowed_ips = [",
        '    "172.27.0.2/32",',
        "]",
    ]
    assert (root / "etc/wg0.toml").read_text() == HUB
    assert wgd("check") == 0
    assert wgd("add-peer", "tablet", "--public-key", encoded(key("tablet"))) == 0
    assert "tablet is 172.27.0.3, in" in capsys.readouterr().out
    office = ("--address", "172.27.0.4", "--address", "10.9.0.0/24")
    assert wgd("add-peer", "office", "--public-key", encoded(key("office")), *office) == 0
    assert "office is 172.27.0.4, 10.9.0.0/24, in" in capsys.readouterr().out


def test_files_are_open_as_the_directory_is(wgd: Wgd, root: Path) -> None:
    (root / "etc").chmod(0o2750)
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 0
    directory, file = drop_in(root).parent.stat(), drop_in(root).stat()
    assert stat.S_IMODE(directory.st_mode) == 0o2750 and stat.S_IMODE(file.st_mode) == 0o640
    assert directory.st_gid == file.st_gid == (root / "etc").stat().st_gid
    assert [path.name for path in drop_in(root).parent.iterdir()] == ["laptop.toml"]


def test_a_key_is_made_where_it_was_asked_for(wgd: Wgd, root: Path, capsys: Captured) -> None:
    file = root / "laptop.key"
    assert wgd("add-peer", "laptop", "--make-key", str(file)) == 0
    said = capsys.readouterr().out
    assert f"wgd export laptop --endpoint HOST --private-key-file {file} --qr" in said
    assert encoded(public_key(read_key(file))) in drop_in(root).read_text()
    assert file.read_text().strip() not in said + drop_in(root).read_text()
    assert wgd("export", "laptop", "--endpoint", "hub.example.org", "--private-key-file", str(file)) == 0
    assert wgd("add-peer", "tablet", "--make-key", str(file)) == 2
    assert not drop_in(root, "tablet").exists()
    assert wgd("add-peer", "phone", "--make-key", str(root / "phone.key")) == 2
    assert not (root / "phone.key").exists(), "a key of nobody"


def test_with_a_daemon_there_is_nothing_to_apply(
    wgd: Wgd, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgd.sources.lock.holder", lambda: 4711)
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 0
    assert "wgd apply" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("phone", "--public-key", LAPTOP), "taken by the peer at"),
        (("laptop", "--public-key", encoded(key("phone"))), "is the public key of phone too"),
        (("laptop", "--public-key", LAPTOP, "--address", "172.27.0.9/32"), "already an allowed IP of phone"),
        (("laptop", "--public-key", LAPTOP, "--address", "172.27.0.0.9"), "--address: "),
        (("laptop", "--public-key", "no key"), "--public-key: "),
        (("any", "--public-key", LAPTOP), "is reserved"),
        (("laptop", "--public-key", LAPTOP, "--interface", "wg9"), "no usable file names wg9"),
        (("laptop",), "--public-key --make-key is required"),
    ],
)
def test_add_refused(wgd: Wgd, root: Path, capsys: Captured, arguments: tuple[str, ...], said: str) -> None:
    assert wgd("add-peer", *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (root / "etc/wg0.d").exists()


def test_an_interface_that_is_broken_is_not_added_to(wgd: Wgd, root: Path, capsys: Captured) -> None:
    (root / "etc/wg0.toml").write_text("[interface")
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 2
    assert "`wgd check` says what is wrong" in capsys.readouterr().err
    (root / "etc/wg0.toml").write_text(HUB)
    (root / "etc/wg1.toml").write_text(
        HUB.replace("172.27.0", "10.9.0").replace("51820", "51821").replace("16", "24")
        .replace(encoded(key("phone")), encoded(key("tablet")))
        .replace("[interface]", '[interface]\nprivate_key_file = "keys/wg0.key"')
    )  # fmt: skip
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP) == 2
    assert "say which with --interface: wg0, wg1" in capsys.readouterr().err
    assert wgd("add-peer", "laptop", "--public-key", LAPTOP, "--interface", "wg1") == 0
    assert (root / "etc/wg1.d/laptop.toml").exists()


def test_disable_and_enable_go_there_and_back(wgd: Wgd, laptop: Path, capsys: Captured) -> None:
    before = laptop.read_text()
    assert wgd("disable", "laptop") == 0
    assert laptop.read_text() == before + "enabled = false\n"
    assert capsys.readouterr().out.splitlines() == [f"✓ laptop is disabled, in {laptop}", "  next: wgd apply"]
    assert wgd("disable", "laptop") == 0
    assert "is disabled already" in capsys.readouterr().out
    assert wgd("enable", "laptop") == 0
    assert laptop.read_text() == before
    assert wgd("enable", "laptop") == 0


def test_what_a_person_added_to_the_peer_stays(wgd: Wgd, laptop: Path) -> None:
    laptop.write_text(laptop.read_text() + "expires = 2090-01-31T12:00:00+01:00\nroutes = false\n")
    assert wgd("disable", "laptop") == 0
    text = laptop.read_text()
    assert "expires = 2090-01-31 12:00:00+01:00" in text and "routes = false" in text


def test_remove_takes_the_file_away(wgd: Wgd, laptop: Path) -> None:
    assert wgd("remove", "laptop") == 0
    assert not laptop.exists()
    assert wgd("remove", "laptop") == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("disable", "wg0.toml:6: a person wrote this file, and wgd leaves it alone; write below this line"),
        ("remove", "wg0.toml:6: a person wrote this file, and wgd leaves it alone; delete its table"),
    ],
)
def test_a_persons_file_is_never_rewritten(
    wgd: Wgd, root: Path, capsys: Captured, command: str, said: str
) -> None:
    assert wgd(command, "phone") == 2
    assert said in capsys.readouterr().err
    assert (root / "etc/wg0.toml").read_text() == HUB


def test_the_line_to_delete_is_named(wgd: Wgd, root: Path, capsys: Captured) -> None:
    (root / "etc/wg0.toml").write_text(HUB + "enabled = false\n")
    assert wgd("enable", "phone") == 2
    assert "wg0.toml:9: a person wrote this file" in capsys.readouterr().err


def test_more_than_peers_in_a_file_of_ours_is_not_lost(wgd: Wgd, laptop: Path, capsys: Captured) -> None:
    text = laptop.read_text() + '\n[networks]\nlan = ["10.1.0.0/16"]\n'
    laptop.write_text(text)
    for command in ("disable", "remove"):
        assert wgd(command, "laptop") == 2
        assert "holds networks too" in capsys.readouterr().err
    assert laptop.read_text() == text


def test_a_peer_that_a_rule_names_is_not_removed(
    wgd: Wgd, root: Path, laptop: Path, capsys: Captured
) -> None:
    rule = '\n[[forward]]\nfrom = ["laptop"]\nto = ["phone"]\n'
    (root / "etc/wg0.toml").write_text(HUB + rule)
    assert wgd("remove", "laptop") == 2
    assert 'found "laptop", which is no peer or network' in capsys.readouterr().err
    assert laptop.exists()


def test_enabling_what_has_become_wrong_is_refused(
    wgd: Wgd, root: Path, laptop: Path, capsys: Captured
) -> None:
    assert wgd("disable", "laptop") == 0
    (root / "etc/wg0.toml").write_text(HUB.replace("172.27.0.9/32", "172.27.0.2/32"))
    text = laptop.read_text()
    assert wgd("enable", "laptop") == 2
    assert "already an allowed IP" in capsys.readouterr().err
    assert laptop.read_text() == text


@pytest.mark.parametrize("command", ["disable", "enable", "remove"])
def test_who_is_not_there(wgd: Wgd, capsys: Captured, command: str) -> None:
    assert wgd(command, "nobody") == 2
    assert "there is no peer nobody" in capsys.readouterr().err
    assert wgd(command, "phone", "--interface", "wg9") == 2
    assert "on wg9" in capsys.readouterr().err
