"""Writes files of the config directory, whole or not at all: 0640, with the group of their directory."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from wgd.errors import UsageError

_MODE = 0o640


def create(path: Path, text: str) -> None:
    """A new file, and its directory if that is missing. Raises UsageError; never overwrites."""
    try:
        _beside(path, text, os.link)  # fails where a file stands, which a rename would replace
    except FileExistsError:
        raise UsageError(f"{path} exists already: move it away first") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def replace(path: Path, text: str) -> None:
    """The new content of a file. Raises UsageError; then the old one is there still."""
    try:
        _beside(path, text, os.replace)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def _beside(path: Path, text: str, put: Callable[[Path, Path], None]) -> None:
    if not path.parent.exists():
        around = path.parent.parent.stat()
        path.parent.mkdir(mode=0o700)
        os.chown(path.parent, -1, around.st_gid)
        path.parent.chmod(stat.S_IMODE(around.st_mode))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchown(number, -1, path.parent.stat().st_gid)
            os.fchmod(number, _MODE)
            file.flush()
            os.fsync(number)
        put(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
