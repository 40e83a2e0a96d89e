"""The accepted copies on the disk: one file renamed into place, or a generation that shares what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgd.sources.store import ACCEPTED, read_store, write_store

FILES = {"wg0.toml": b"1", "wg0.d/a.toml": b"2", "wg0.d/b.toml": b"3"}

EDITS: dict[str, dict[str, bytes | None]] = {
    "nothing": {},
    "one edited": {"wg0.d/a.toml": b"4"},
    "one more": {"wg0.d/c.toml": b"4"},
    "one in a new directory": {"wg1.d/c.toml": b"4"},
    "one gone": {"wg0.d/a.toml": None},
    "one edited, one gone": {"wg0.d/a.toml": b"4", "wg0.d/b.toml": None},
    "two edited": {"wg0.d/a.toml": b"4", "wg0.toml": b"5"},
    "all gone": dict.fromkeys(FILES),
}


def _edited(edit: dict[str, bytes | None]) -> dict[str, bytes]:
    return {name: content for name, content in {**FILES, **edit}.items() if content is not None}


def _generations(state: Path) -> list[Path]:
    return [path for path in state.iterdir() if path.name != ACCEPTED]


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_is_written_is_read(tmp_path: Path, edit: dict[str, bytes | None]) -> None:
    write_store(tmp_path, {}, FILES)
    write_store(tmp_path, FILES, _edited(edit))
    assert read_store(tmp_path) == _edited(edit)
    (generation,) = _generations(tmp_path)
    assert (tmp_path / ACCEPTED).resolve() == generation
    assert {str(path.relative_to(generation)) for path in generation.rglob("*") if path.is_file()} == {
        *_edited(edit)
    }


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_stays_is_not_written_again(tmp_path: Path, edit: dict[str, bytes | None]) -> None:
    write_store(tmp_path, {}, FILES)
    before = {name: (tmp_path / ACCEPTED / name).stat().st_ino for name in FILES}
    write_store(tmp_path, FILES, _edited(edit))
    for name in _edited(edit).keys() - edit.keys():
        assert (tmp_path / ACCEPTED / name).stat().st_ino == before[name]


def test_a_store_that_is_lost_is_written_whole(tmp_path: Path) -> None:
    write_store(tmp_path, FILES, FILES)
    assert read_store(tmp_path) == FILES


def test_what_cannot_be_written_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    write_store(tmp_path, {}, FILES)
    for added in ({f"{'x' * 253}.toml": b""}, {"wg0.toml": b"5", f"{'x' * 300}.toml": b""}):
        with pytest.raises(OSError, match="too long"):
            write_store(tmp_path, FILES, FILES | added)
        assert read_store(tmp_path) == FILES
        assert len(_generations(tmp_path)) == 1
