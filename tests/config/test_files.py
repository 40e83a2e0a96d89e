"""Which files of a directory count, and what happens with those that cannot be read."""

import os
from pathlib import Path

import pytest

from wgd.config.decode import Files
from wgd.config.files import ConfigDirectory
from wgd.errors import ConfigError, Problem


def read_directory(directory: Path) -> Files:
    return ConfigDirectory(directory).read()


def _fill(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)


def test_only_our_files_count(tmp_path: Path) -> None:
    ours = ["wg0.toml", "wg0.d/a.toml", "wg0.d/b.toml", "wg1.toml", "wgd.toml", "bad name.toml"]
    _fill(tmp_path, *ours, "keys/wg0.key", "keys/x.toml", "README", "4913", "wg0.toml~", ".wg0.toml.swp")
    _fill(tmp_path, "#wg0.toml#", ".#wg0.toml", ".wg0.toml", "wg0.d/.a.toml", "wg0.d/x", "wg0.d/c.toml.bak")
    (tmp_path / "link.d").symlink_to("nowhere")
    assert read_directory(tmp_path) == {name: name.encode() for name in ours}


def test_files_swapped_below_a_link_are_read(tmp_path: Path) -> None:
    _fill(tmp_path, "..2030/wg0.toml")
    (tmp_path / "..data").symlink_to("..2030")
    (tmp_path / "wg0.toml").symlink_to("..data/wg0.toml")
    assert read_directory(tmp_path) == {"wg0.toml": b"..2030/wg0.toml"}


def _reason(directory: Path, file: str) -> str:
    content = read_directory(directory)[file]
    assert isinstance(content, Problem) and content.file == file
    return content.message


def test_what_is_no_file_is_a_problem_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "wg0.toml")
    (tmp_path / "wg1.toml").mkdir()
    (tmp_path / "wg2.toml").symlink_to("nowhere")
    assert _reason(tmp_path, "wg0.toml") == "cannot be read: it is not a regular file"
    assert "cannot be read" in _reason(tmp_path, "wg1.toml")
    assert "No such file" in _reason(tmp_path, "wg2.toml")


@pytest.mark.parametrize("path", ["/proc/version", "/sys/class/net/lo/mtu"])
def test_a_file_is_read_whole_whatever_size_it_says(tmp_path: Path, path: str) -> None:
    """The kernel's own say 0, or 4096."""
    (tmp_path / "wg0.toml").symlink_to(path)
    assert read_directory(tmp_path) == {"wg0.toml": Path(path).read_bytes()}


def test_a_file_without_end_is_a_problem(tmp_path: Path) -> None:
    with (tmp_path / "wg0.toml").open("wb") as file:
        file.truncate(2**40)
    assert "larger than 64 MiB" in _reason(tmp_path, "wg0.toml")


def test_a_directory_of_drop_ins_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "wg0.d").symlink_to("wg0.d")
    assert "cannot be read" in _reason(tmp_path, "wg0.d")


def test_names_are_shown_printable(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff\x1b.toml")).write_text("")
    (file,) = read_directory(tmp_path)
    assert file.isprintable()


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_directory_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    _fill(tmp_path, "file")
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        read_directory(tmp_path / name)
    assert raised.value.problems[0].hint
