"""The accepted copies on the disk: a journal, in which each line says what one save changed.

A line counts whole or not at all: it carries a checksum, and reading ends at the first that is torn. So what
a death, a full disk or a power cut leaves are the copies as they were after a save: the last or, at worst,
the one before. Once about half of it is outdated the journal is written anew, beside the old one.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from wgd.config.signature import Signature, signature
from wgd.config.snapshot import differing
from wgd.sources.atomic import sync

ACCEPTED = "accepted.jsonl"
_LINE = b'{"crc32":"%08x","files":%b}\n'
_BEFORE, _AFTER = len(_LINE % (0, b"")) - 2, 2
"""Bytes of a line around what the checksum is over."""
_SPARE = 2**16
"""Bytes that a journal may have beyond twice what it would have if it was written anew."""


class Store:
    """The copies under the state directory, as one process reads and writes them."""

    def __init__(self, state: Path) -> None:
        self._path = state / ACCEPTED
        self._copies: Mapping[str, bytes] = {}
        self._seen: Signature | None = None
        self._end = self._most = 0

    def read(self) -> Mapping[str, bytes]:
        """The copies, in the order of their names; none if there are none or they cannot be read."""
        copies: dict[str, bytes] = {}
        try:
            with self._path.open("rb") as file:
                self._seen, self._end = signature(os.fstat(file.fileno())), 0
                for size, changes in _lines(file):
                    self._end += size
                    _apply(copies, changes)
        except OSError:
            self._seen, copies = None, {}
        self._most = 2 * sum(len(name) + len(content) for name, content in copies.items()) + _SPARE
        self._copies = dict(sorted(copies.items()))
        return self._copies

    def write(self, files: Mapping[str, bytes]) -> None:
        """Replace the copies by `files`. Raises OSError; then they stay."""
        before = self._copies
        names = sorted(name for name in differing(before, files) if before.get(name) != files.get(name))
        if names or not self._path.exists():
            self._write({name: files.get(name) for name in names}, files)
        self._copies = files

    def _write(self, changes: Mapping[str, bytes | None], files: Mapping[str, bytes]) -> None:
        if not self._append(_line(changes)):
            self._begin(_line(files))
        elif self._end > self._most:
            # Where there is no room for that, the changes are kept all the same.
            with contextlib.suppress(OSError):
                self._begin(_line(files))

    def _append(self, line: bytes) -> bool:
        """Whether it could be, the journal being there as it was last seen here, and ours to write."""
        try:
            number = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            if signature(os.fstat(number)) != self._seen:
                return False
            self._put(number, line)
        finally:
            os.close(number)
        return True

    def _put(self, number: int, line: bytes) -> None:
        try:
            # The lines before are on the disk (by now most often without waiting), whatever becomes of this.
            os.fdatasync(number)
            os.ftruncate(number, self._end)  # what was torn
            os.lseek(number, self._end, os.SEEK_SET)
            _write(number, line)
            self._end += len(line)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(number, self._end)
            raise
        finally:
            self._seen = signature(os.fstat(number))

    def _begin(self, line: bytes) -> None:
        """A journal of nothing but this line, in the place of the one that may be there."""
        new = self._path.with_name(f"{ACCEPTED}.new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)  # what a death has left
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            _write(number, line)
            _give(number, new.parent)
            os.fsync(number)
            new.replace(self._path)
            self._seen = signature(os.fstat(number))
        except OSError:
            new.unlink(missing_ok=True)  # else a full disk would have even less room
            raise
        finally:
            os.close(number)
        self._end, self._most = len(line), 2 * len(line) + _SPARE
        sync(new.parent)


def read_store(state: Path) -> Mapping[str, bytes]:
    """The accepted copies under this directory; none if there are none or they cannot be read."""
    return Store(state).read()


def _line(changes: Mapping[str, bytes | None]) -> bytes:
    """What is no UTF-8 is kept, too: such a byte becomes half a surrogate pair, which JSON can escape."""
    texts = {
        name: None if content is None else content.decode("utf-8", "surrogateescape")
        for name, content in changes.items()
    }
    return _framed(json.dumps(texts, separators=(",", ":")).encode("ascii"))


def _framed(files: bytes) -> bytes:
    return _LINE % (zlib.crc32(files), files)


def _lines(file: BinaryIO) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The size and the changes of each line, up to the first that is torn."""
    for line in file:
        files = line[_BEFORE:-_AFTER]
        if line != _framed(files):
            return
        yield len(line), json.loads(files)


def _apply(copies: dict[str, bytes], changes: Mapping[str, str | None]) -> None:
    for name, text in changes.items():
        if text is None:
            copies.pop(name, None)
        else:
            copies[name] = text.encode("utf-8", "surrogateescape")


def _write(number: int, line: bytes) -> None:
    while line:
        line = line[os.write(number, line) :]


def _give(number: int, directory: Path) -> None:
    """What root's `wgd apply` writes is the daemon's, as the directory is."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(number, owner.st_uid, owner.st_gid)
