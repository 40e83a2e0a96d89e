"""Reads a configuration directory: the files that count, as bytes, and why others could not be read.

Editors' left-overs are no files of ours: only IFNAME.toml, IFNAME.d/*.toml and wgd.toml count.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wgd.config.decode import Files
from wgd.config.wording import printable
from wgd.errors import ConfigError, Problem

_LARGEST = 64 * 2**20


def read_directory(directory: Path) -> Files:
    """Every file that counts. A directory that cannot be read is a `ConfigError`: then nothing is known."""
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except OSError as error:
        message = f"the configuration directory {directory} cannot be read: {error.strerror}"
        raise ConfigError((Problem(str(directory), 0, "", message, _directory_hint(error)),)) from None
    files: dict[str, bytes | Problem] = {}
    for name in names:
        if _counts(name):
            _read(directory / name, printable(name), files)
        elif name.endswith(".d") and not name.startswith("."):
            _read_drop_ins(directory / name, printable(name), files)
    return files


def _directory_hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "it belongs to root and the group wgd: be root, or a member of that group"
    return "nothing is changed while it is away; --config-dir names another directory"


def _counts(name: str) -> bool:
    return name.endswith(".toml") and not name.startswith((".", "#"))


def _read_drop_ins(directory: Path, shown: str, files: dict[str, bytes | Problem]) -> None:
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        files[shown] = _unreadable(shown, error)
        return
    for name in filter(_counts, names):
        _read(directory / name, f"{shown}/{printable(name)}", files)


def _read(path: Path, shown: str, files: dict[str, bytes | Problem]) -> None:
    try:
        files[shown] = _content(path)
    except OSError as error:
        # Gone between listing and opening is gone; a link that leads nowhere is a file half saved.
        if not isinstance(error, FileNotFoundError) or path.is_symlink():
            files[shown] = _unreadable(shown, error)


def _content(path: Path) -> bytes:
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(number, "rb") as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a regular file")
        if status.st_size > _LARGEST:
            raise OSError(0, f"it is larger than {_LARGEST // 2**20} MiB")
        return file.read()


def _unreadable(shown: str, error: OSError) -> Problem:
    hint = f"chgrp wgd {shown}; chmod g+r {shown}" if isinstance(error, PermissionError) else ""
    return Problem(shown, 0, "", f"cannot be read: {error.strerror}", hint)
