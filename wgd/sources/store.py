"""The accepted copies on the disk: read whole, replaced all at once.

They lie in a generation, a directory that a symbolic link points to. One file that changes is renamed into
it; for more, a new generation is made, of links to the copies that stay, and the link is swung to it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from wgd.config.snapshot import differing

ACCEPTED = "accepted"


def read_store(state: Path) -> dict[str, bytes]:
    """The accepted copies; none if there are none or they cannot be read."""
    store = f"{state / ACCEPTED}/"
    try:
        return {name: _read(store + name) for name in sorted(_names(store))}
    except OSError:
        return {}


def _names(store: str, directory: str = "") -> Iterator[str]:
    """The copies in the store, by names relative to it."""
    with os.scandir(store + directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _names(store, f"{directory}{entry.name}/")
            elif entry.name.endswith(".toml"):
                yield directory + entry.name


def _read(path: str) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        return file.read()


def write_store(state: Path, before: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    """Replace the copies, which are those of `before`, by `files`. Raises OSError; then they stay."""
    store = state / ACCEPTED
    there = store.exists()
    changed = [name for name in differing(before, files) if before.get(name) != files.get(name)]
    if there and len(changed) == 1 and (content := files.get(changed[0])) is not None:
        _put(store, changed[0], content, state)
    elif not there or changed:
        _write_generation(store, before if there else {}, files)


def _put(store: Path, name: str, content: bytes, state: Path) -> None:
    path = store / name
    made = not path.parent.exists()
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        owner = _owner(state)
        _write(f"{new}", content, owner)
        if made:
            _give(path.parent, owner)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _write_generation(store: Path, before: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    old, new = store.resolve(), Path(tempfile.mkdtemp(prefix=f"{ACCEPTED}.", dir=store.parent))
    try:
        owner = _owner(store.parent)
        for directory in {name.rpartition("/")[0] for name in files} | {""}:
            (new / directory).mkdir(exist_ok=True)
            _give(new / directory, owner)
        for name, content in files.items():
            if before.get(name) != content or not _linked(f"{old}/{name}", f"{new}/{name}"):
                _write(f"{new}/{name}", content, owner)
        swing = new / "link"
        swing.symlink_to(new.name)
        swing.replace(store)
    except OSError:
        # Else a full disk would hold one more of these after every pass.
        shutil.rmtree(new, ignore_errors=True)
        raise
    for other in store.parent.glob(f"{ACCEPTED}.*"):
        if other != new:  # the generation before, and what a death in the midst of writing left
            shutil.rmtree(other, ignore_errors=True)


def _linked(old: str, new: str) -> bool:
    """Whether the copy could be shared; some file systems, and copies of another owner, cannot."""
    try:
        os.link(old, new)
    except OSError:
        return False
    return True


def _write(path: str, content: bytes, owner: tuple[int, int] | None) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        while content:
            content = content[os.write(number, content) :]
        if owner:
            os.fchown(number, *owner)
    finally:
        os.close(number)


def _owner(state: Path) -> tuple[int, int] | None:
    """What root's `wgd apply` writes is the daemon's, whose directory it lies in; None: it is already."""
    if os.geteuid() != 0:
        return None
    directory = state.stat()
    owner = directory.st_uid, directory.st_gid
    return None if owner == (os.geteuid(), os.getegid()) else owner


def _give(path: Path, owner: tuple[int, int] | None) -> None:
    if owner:
        os.chown(path, *owner)
