"""Replaces files of JSON in one step, so that a reader never sees a part. For owner and group only."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, lasting: bool = False) -> None:
    """The new content of a file. `lasting`: it is there after a power cut. Raises OSError."""
    new = path.with_suffix(".json.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    if lasting:
        sync(path.parent)


def sync(directory: Path) -> None:
    """The files that it has now, by name, are there after a power cut. Raises OSError."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
