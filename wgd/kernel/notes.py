"""What a kernel cannot tell, for as long as it runs: small JSON files under the run directory.

Losing one loses convenience, never correctness: a missing or broken file reads as an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wgd.errors import KernelError

SYSCTL = "sysctl.json"
"""Path under /proc/sys → the value before wgd wrote another."""
ENDPOINTS = "endpoints.json"
"""Interface and public key → the configured endpoint last pushed."""
STRIPPED = "stripped.json"
"""Interface and public key → when an endpoint was taken away, in seconds since the epoch, and which."""
STARTS = "starts.json"
"""Interface → number of the process that was started for it and has not our mark yet."""


class Notes:
    """One file of texts by name."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._path = run_dir / name
        self._known: tuple[int, ...] = ()
        self._notes: Mapping[str, str] = {}

    def read(self) -> Mapping[str, str]:
        """All notes there are; the very same mapping while the file is the same."""
        state = self._state()
        if state != self._known:
            self._known, self._notes = state, self._parsed()
        return self._notes

    def _state(self) -> tuple[int, ...]:
        """Writing makes a new file."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _parsed(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def drop(self, name: str) -> None:
        """Without this one, if it is there. Raises KernelError."""
        notes = self.read()
        if name in notes:
            self.write({other: note for other, note in notes.items() if other != name})

    def write(self, notes: Mapping[str, str]) -> None:
        """Replaces them all, atomically. Raises KernelError."""
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise KernelError(f"note under {self._path}", error.errno or 0, error.strerror or "") from error
