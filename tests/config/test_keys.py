"""Key files as people make them: what is read, what is refused, and that no message holds a key."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.config.support import key
from wgd.config.keys import KeyFileError, KeyReader, generate, public_key, read_key, write_key
from wgd.config.keytext import encoded
from wgd.config.x25519 import clamp
from wgd.model import Secret

TEXT = key("x")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
GROUP = 54321


def _write(path: Path, content: bytes, mode: int = 0o640) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [TEXT, TEXT + "\n", f"  {TEXT}\r\n\n"], ids=["bare", "line", "blanks"])
def test_private_keys_come_clamped_and_preshared_ones_as_they_are(tmp_path: Path, content: str) -> None:
    path = _write(tmp_path / "k", content.encode())
    preshared = read_key(path, private=False)
    assert encoded(preshared.reveal()) == TEXT
    assert read_key(path).reveal() == clamp(preshared.reveal())


CONTENTS = {
    "empty": (b"", "is empty"),
    "blanks": (b" \n", "is empty"),
    "short": (TEXT[:-2].encode() + b"=", "holds no key"),
    "two keys": (f"{TEXT}\n{TEXT}\n".encode(), "holds no key"),
    "name before it": (f"PrivateKey = {TEXT}".encode(), "holds no key"),
    "bytes": (bytes(range(128, 160)), "holds no key"),
    "zeros": (b"A" * 43 + b"=", "32 zero bytes"),
    "large": (b"x" * 100_000, "holds no key"),
}


@pytest.mark.parametrize(("content", "message"), CONTENTS.values(), ids=CONTENTS)
def test_contents(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(KeyFileError, match=message) as raised:
        read_key(_write(tmp_path / "k", content))
    assert str(tmp_path / "k") in raised.value.message
    assert TEXT[:8] not in str(raised.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="is missing") as raised:
        read_key(tmp_path / "keys" / "wg0.key")
    assert raised.value.missing


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o642, 0o666])
def test_open_to_everybody(tmp_path: Path, mode: int) -> None:
    path = _write(tmp_path / "k", TEXT.encode(), mode)
    with pytest.raises(KeyFileError, match=f"open to everybody .mode {mode:04o}.") as raised:
        read_key(path)
    assert raised.value.hint == f"chmod 0640 {path}"


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="is a directory"):
        read_key(tmp_path)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k", 0o600)
    with pytest.raises(KeyFileError, match="is a FIFO"):
        read_key(tmp_path / "k")


def test_a_device() -> None:
    with pytest.raises(KeyFileError, match="is a device"):
        read_key(Path("/dev/null"))


def test_links(tmp_path: Path) -> None:
    _write(tmp_path / "k", TEXT.encode())
    (tmp_path / "good").symlink_to("k")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nowhere")
    assert read_key(tmp_path / "good") == read_key(tmp_path / "k")
    for name in ("loop", "lost"):
        with pytest.raises(KeyFileError):
            read_key(tmp_path / name)


@pytest.mark.parametrize("name", ["x" * 5000, "k/k", "a\0b"], ids=["long", "below a file", "zero byte"])
def test_names_that_are_no_files(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "k", TEXT.encode())
    with pytest.raises(KeyFileError):
        read_key(tmp_path / name)


@root_only
def test_a_key_that_root_alone_can_read_is_not_the_daemons(tmp_path: Path) -> None:
    """As `(umask 077; wg genkey > key)` leaves it."""
    path = _write(tmp_path / "k", TEXT.encode(), 0o600)
    tmp_path.chmod(0o755)
    assert read_key(path)
    with pytest.raises(KeyFileError, match="not readable for the daemon") as raised:
        read_key(path, GROUP)
    assert raised.value.hint == f"chgrp {GROUP} {path}; chmod 0640 {path}"
    os.chown(path, 0, GROUP)
    path.chmod(0o640)
    assert read_key(path, GROUP)


@root_only
def test_a_key_that_is_not_this_users(tmp_path: Path) -> None:
    """Nobody who is not root could do what the daemon's error advises."""
    path = _write(tmp_path / "k", TEXT.encode())
    os.seteuid(65534)
    try:
        with pytest.raises(KeyFileError, match="not readable for the user nobody") as raised:
            read_key(path)
    finally:
        os.seteuid(0)
    assert raised.value.hint == "use sudo"


@root_only
def test_a_directory_that_keeps_the_daemon_out(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    path = _write(keys / "k", TEXT.encode())
    os.chown(path, 0, GROUP)
    with pytest.raises(KeyFileError, match="not readable for the daemon") as raised:
        read_key(path, GROUP)
    for command in raised.value.hint.split("; "):
        subprocess.run(command.split(), check=True)
    assert read_key(path, GROUP)


def test_a_reader_takes_names_from_its_directory(tmp_path: Path) -> None:
    write_key(tmp_path / "keys" / "wg0.key", Secret(bytes(31) + b"x"))
    reader = KeyReader(tmp_path)
    assert reader("keys/wg0.key", True) == reader(str(tmp_path / "keys" / "wg0.key"), True)


def test_a_written_key_is_closed_and_comes_back(tmp_path: Path) -> None:
    path, secret = tmp_path / "keys" / "wg0.key", generate()
    write_key(path, secret)
    assert read_key(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_gid == tmp_path.stat().st_gid
    assert not path.parent.stat().st_mode & 0o007
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = _write(tmp_path / "wg0.key", b"old")
    with pytest.raises(KeyFileError, match="exists already") as raised:
        write_key(path, generate())
    assert "move the file away" in raised.value.hint
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_takes_no_file(tmp_path: Path) -> None:
    _write(tmp_path / "k", b"")
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_key(tmp_path / "k" / "wg0.key", generate())


def test_generated_keys_are_clamped_and_differ() -> None:
    first, second = generate(), generate()
    assert first != second
    assert clamp(first.reveal()) == first.reveal()
    assert len(public_key(first)) == 32
