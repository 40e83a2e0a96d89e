"""The daemon's history on the disk: a line of JSON for each entry, and never more than two small files.

For owner and group only, as all of the state directory: addresses tell where people are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAME, BEFORE = "history.jsonl", "history.jsonl.1"
LARGEST = 256 * 1024
"""Bytes of a file; then it becomes the one before, whose place it takes."""


def append(state: Path, entry: Mapping[str, Any]) -> None:
    """One more entry. Raises OSError."""
    path = state / NAME
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(number).st_size
        os.write(number, text.encode())
    finally:
        os.close(number)
    if size + len(text) > LARGEST:
        path.replace(state / BEFORE)


def entries(state: Path) -> Iterator[dict[str, Any]]:
    """All that are kept, the oldest first; a line that a death or a full disk has torn is left out. Raises
    OSError, but not for what is not there."""
    for name in (BEFORE, NAME):
        try:
            text = (state / name).read_bytes()
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            found = _entry(line)
            if found:
                yield found


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return found if found.keys() == {"time", "why", "did", "failed", "more"} else None
    except (ValueError, AttributeError):
        return None
