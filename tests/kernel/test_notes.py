"""Notes: written whole or not at all, and never in the way when they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgd.errors import KernelError
from wgd.kernel.notes import Notes

UNREADABLE = (
    ("empty", b""),
    ("cut off", b'{"a": "b'),
    ("not UTF-8", b'{"a": "\xff"}'),
    ("a list", b'["a"]'),
    ("binary", bytes(range(256))),
)


def test_what_is_written_is_read_by_the_next(tmp_path: Path) -> None:
    Notes(tmp_path / "run", "n.json").write({"wg0 KEY=": "hub.example:51820"})
    assert Notes(tmp_path / "run", "n.json").read() == {"wg0 KEY=": "hub.example:51820"}


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    notes = Notes(tmp_path, "n.json")
    notes.write({"a": "1"})
    notes.write({})
    assert [path.name for path in tmp_path.iterdir()] == ["n.json"]
    assert notes.read() == {}


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert Notes(tmp_path, "n.json").read() == {}


@pytest.mark.parametrize("content", [u[1] for u in UNREADABLE], ids=[u[0] for u in UNREADABLE])
def test_a_broken_file_holds_nothing_and_is_replaced(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "n.json").write_bytes(content)
    notes = Notes(tmp_path, "n.json")
    assert notes.read() == {}
    notes.write({"a": "1"})
    assert notes.read() == {"a": "1"}


def test_a_file_is_read_again_only_when_it_is_another(tmp_path: Path) -> None:
    notes, other = Notes(tmp_path, "n.json"), Notes(tmp_path, "n.json")
    other.write({"a": "1"})
    first = notes.read()
    assert notes.read() is first
    other.write({"a": "2"})
    assert notes.read() == {"a": "2"}
    (tmp_path / "n.json").unlink()
    assert notes.read() == {}


def test_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text('{"a": "1", "b": 2, "c": null}')
    assert Notes(tmp_path, "n.json").read() == {"a": "1"}


def test_a_directory_that_cannot_be_made_is_a_kernel_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(KernelError, match=r"note under .*n\.json"):
        Notes(tmp_path / "run", "n.json").write({})
