"""The accepted copies: written whole or not at all, and never forgotten by a daemon that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import HUB
from tests.configs import private_key
from wgd.config.keys import write_key
from wgd.sources.files import ConfigFiles, Directories, accept, load


@pytest.fixture
def directories(tmp_path: Path) -> Directories:
    (tmp_path / "etc").mkdir()
    write_key(tmp_path / "etc/keys/wg0.key", private_key("wg0"))
    return Directories(tmp_path / "etc", tmp_path / "run", tmp_path / "state")


def _save(directories: Directories, port: int) -> None:
    (directories.config / "wg0.toml").write_text(HUB.replace("51820", str(port)))


def _port(files: ConfigFiles) -> int | None:
    return files.load(0.0, 0.0).config.interfaces["wg0"].listen_port


def test_what_was_accepted_counts_when_a_save_is_broken(directories: Directories) -> None:
    _save(directories, 51821)
    files = ConfigFiles(directories)
    files.accept(files.load(0.0, 0.0))
    _save(directories, 0)
    assert _port(files) == _port(ConfigFiles(directories)) == 51821


def test_what_could_not_be_written_counts_and_is_written_later(directories: Directories) -> None:
    """A broken save after it must not take the machine back to an older state."""
    files = ConfigFiles(directories)
    _save(directories, 51821)
    files.accept(files.load(0.0, 0.0))
    directories.state.rename(directories.state.with_name("away"))
    directories.state.write_text("in the way")
    _save(directories, 51822)
    with pytest.raises(OSError, match="state"):
        files.accept(files.load(0.0, 0.0))
    _save(directories, 0)
    assert _port(files) == 51822
    directories.state.unlink()
    files.accept(files.load(0.0, 0.0))
    assert _port(ConfigFiles(directories)) == 51822


def test_what_is_as_accepted_is_held_once(directories: Directories) -> None:
    """Among ten thousand peers the copies would be megabytes."""
    _save(directories, 51821)
    accept(directories, load(directories, 0.0))
    files = ConfigFiles(directories)
    loaded = files.load(0.0, 0.0)
    (read,) = loaded.files.values()
    (copy,) = files._accepted.values()
    assert read is copy and read.startswith(b"[interface]")
