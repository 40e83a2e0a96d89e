"""The accepted copies on the disk: read whole, replaced all at once.

They lie in a generation, a directory that a symbolic link points to. One file that changes is renamed into
it; for more, a new generation is made, of links to the copies that stay, and the link is swung to it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from itertools import compress
from operator import ne
from pathlib import Path

ACCEPTED = "accepted"


def read_store(state: Path) -> dict[str, bytes]:
    """The accepted copies; none if there are none or they cannot be read."""
    store = (state / ACCEPTED).resolve()
    try:
        return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*.toml"))}
    except OSError:
        return {}


def write_store(state: Path, before: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    """Replace the copies, which are those of `before`, by `files`. Raises OSError; then they stay."""
    store = state / ACCEPTED
    there = store.exists()
    changed = list(compress(files, map(ne, map(before.get, files), files.values())))
    if there and len(changed) == 1 and before.keys() <= files.keys():
        _put(store, changed[0], files[changed[0]], state)
    elif not there or changed or len(before) != len(files):
        _write_generation(store, before if there else {}, files)


def _put(store: Path, name: str, content: bytes, state: Path) -> None:
    path = store / name
    made = not path.parent.exists()
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        _give_to_owner(state, path.parent if made else new, new)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _write_generation(store: Path, before: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    old, new = store.resolve(), Path(tempfile.mkdtemp(prefix=f"{ACCEPTED}.", dir=store.parent))
    try:
        for directory in {name.rpartition("/")[0] for name in files}:
            (new / directory).mkdir(exist_ok=True)
        for name, content in files.items():
            if before.get(name) != content or not _linked(f"{old}/{name}", f"{new}/{name}"):
                (new / name).write_bytes(content)
        _give_to_owner(store.parent, new, *new.rglob("*"))
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


def _give_to_owner(whose: Path, *paths: Path) -> None:
    """What root's `wgd apply` writes is the daemon's, whose directory it lies in."""
    if os.geteuid() == 0:
        owner = whose.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)
