"""A file is replaced whole, or stays as it was."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from wgd.sources import atomic


def test_it_is_for_owner_and_group_only(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    atomic.replace(file, b"old, and longer")
    atomic.replace(file, b"new")
    assert file.read_bytes() == b"new" and [*tmp_path.iterdir()] == [file]
    assert stat.S_IMODE(file.stat().st_mode) & 0o137 == 0


def test_on_a_full_disk_the_old_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "some.json"
    atomic.replace(file, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.replace(file, b"new", lasting=True)
    assert file.read_bytes() == b"old" and [*tmp_path.iterdir()] == [file]
