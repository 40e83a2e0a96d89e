"""The accepted copies on the disk: whatever happens to the journal, it reads as what was accepted once."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wgd.sources.store import ACCEPTED, Store, read_store

Files = dict[str, bytes]
FILES = {"wg0.toml": b"1", "wg0.d/a.toml": b"2", "wg0.d/b.toml": b"3"}

EDITS: dict[str, dict[str, bytes | None]] = {
    "nothing": {},
    "one edited": {"wg0.d/a.toml": b"4"},
    "one more": {"wg0.d/c.toml": b"4"},
    "one gone": {"wg0.d/a.toml": None},
    "one edited, one gone": {"wg0.d/a.toml": b"4", "wg0.d/b.toml": None},
    "two edited": {"wg0.d/a.toml": b"4", "wg0.toml": b"5"},
    "all gone": dict.fromkeys(FILES),
}
CALLS = frozenset(("open", "write", "ftruncate", "fdatasync", "fsync", "replace", "unlink", "close"))
"""Functions after which the disk may be another."""


def _edited(edit: Mapping[str, bytes | None]) -> Files:
    return {name: content for name, content in {**FILES, **edit}.items() if content is not None}


def _store(state: Path, files: Files) -> Store:
    """One that has read what is there, and then written these files."""
    store = Store(state)
    store.read()
    store.write(files)
    return store


def _names(state: Path) -> list[str]:
    return [path.name for path in state.iterdir()]


def _lines(state: Path) -> list[Any]:
    return [json.loads(line)["files"] for line in (state / ACCEPTED).read_bytes().splitlines()]


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_is_written_is_read(tmp_path: Path, edit: dict[str, bytes | None]) -> None:
    _store(tmp_path, FILES).write(_edited(edit))
    assert read_store(tmp_path) == _edited(edit)
    assert list(read_store(tmp_path)) == sorted(_edited(edit))
    assert _names(tmp_path) == [ACCEPTED]


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_stays_is_not_written_again(tmp_path: Path, edit: dict[str, bytes | None]) -> None:
    store = _store(tmp_path, FILES)
    before = (tmp_path / ACCEPTED).read_bytes()
    store.write(_edited(edit))
    assert (tmp_path / ACCEPTED).read_bytes().startswith(before)
    said = {name: content.decode() if content else None for name, content in edit.items()}
    assert _lines(tmp_path)[1:] == ([said] if said else [])


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    store = _store(tmp_path, FILES)
    for same in (FILES, {name: bytes([*content]) for name, content in FILES.items()}):
        store.write(same)
    assert len(_lines(tmp_path)) == 1


def test_any_bytes_are_kept(tmp_path: Path) -> None:
    """A held interface keeps the copies it has, whatever is in them."""
    files = {"wg0.toml": bytes(range(256)), "wg1.toml": "é€😀\ud83d".encode("utf-8", "surrogatepass")}
    _store(tmp_path, files)
    assert read_store(tmp_path) == files


def test_a_journal_that_is_lost_is_written_whole(tmp_path: Path) -> None:
    store = _store(tmp_path, FILES)
    (tmp_path / ACCEPTED).unlink()
    store.write(FILES)
    assert read_store(tmp_path) == FILES


@pytest.mark.parametrize("other", [{"wg7.toml": b""}, FILES])
@pytest.mark.parametrize("where", ["same file", "other file"])
def test_what_somebody_else_has_written_meanwhile_is_replaced(
    tmp_path: Path, where: str, other: Files
) -> None:
    """What counts is the last that was accepted, and not a mixture."""
    store = _store(tmp_path, FILES)
    if where == "other file":
        (tmp_path / ACCEPTED).unlink()
    _store(tmp_path, other | {"wg8.toml": b"8"})
    store.write(_edited({"wg0.toml": b"5"}))
    assert read_store(tmp_path) == _edited({"wg0.toml": b"5"})


@pytest.mark.parametrize("name", [ACCEPTED, f"{ACCEPTED}.new"])
def test_a_link_is_not_followed_to_write(tmp_path: Path, name: str) -> None:
    """The directory is not root's, whose `wgd apply` writes there."""
    state, precious = tmp_path / "state", tmp_path / "precious"
    store = _store(state, FILES)
    (state / ACCEPTED).rename(precious)
    before = precious.read_bytes()
    (state / name).symlink_to(precious)
    store.write(_edited({"wg0.toml": b"5"}))
    assert precious.read_bytes() == before
    assert read_store(state) == _edited({"wg0.toml": b"5"})
    assert _names(state) == [ACCEPTED]


def test_outdated_lines_do_not_pile_up(tmp_path: Path) -> None:
    files = {f"wg0.d/{number}.toml": b"x" * 1000 for number in range(200)}
    store, whole = _store(tmp_path, files), (tmp_path / ACCEPTED).stat().st_size
    sizes = []
    for number in range(1000):
        files = files | {"wg0.d/7.toml": b"%01000d" % number}
        store.write(files)
        sizes.append((tmp_path / ACCEPTED).stat().st_size)
    assert max(sizes) < 2 * whole + 2**16 + 2000
    assert sum(after < before for before, after in pairwise(sizes)) == 3
    assert read_store(tmp_path) == files


names = st.sampled_from(("wg0.toml", "wg0.d/a.toml", "wg0.d/b.toml", "wgd.toml")) | st.text(max_size=5)
contents = st.binary(max_size=30) | st.text(max_size=30).map(str.encode)
states = st.lists(st.dictionaries(names, contents, max_size=4), min_size=1, max_size=5)


@given(states, st.data())
def test_cut_anywhere_it_reads_as_what_was_accepted_last_until_there(
    accepted: list[Files], data: st.DataObject
) -> None:
    """And what is written then is read, by those who knew the journal before as well."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, ACCEPTED)
        store, ends = Store(path.parent), {0: Files()}
        for files in accepted:
            store.write(files)
            ends[path.stat().st_size] = files
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        garbage = data.draw(st.sampled_from((b"", bytes(5), b"\0\n", whole[:3])))
        assume(not garbage or cut + len(garbage) != len(whole))  # `stat` would have to tell them apart
        path.write_bytes(whole[:cut] + garbage)
        expected = ends[max(end for end in ends if end <= cut)]
        assert read_store(path.parent) == expected
        after = data.draw(st.dictionaries(names, contents, max_size=4))
        assume(after != accepted[-1])
        writer = data.draw(st.sampled_from((store, Store(path.parent))))
        if data.draw(st.booleans()):
            writer.read()
        writer.write(after)
        assert read_store(path.parent) == after


@contextmanager
def _room(size: int) -> Iterator[None]:
    """No file grows beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("step", ["first", "more", "anew"])
def test_without_room_for_it_all_stays_as_it_was(tmp_path: Path, step: str) -> None:
    """And is written as soon as there is."""
    after = _edited({"wg0.toml": b"5"})
    for room in range(200):
        state = tmp_path / str(room)
        before = Files() if step == "first" else FILES
        store = _store(state, before)
        if step == "anew":
            (state / ACCEPTED).write_bytes((state / ACCEPTED).read_bytes())  # by somebody else
        had = (state / ACCEPTED).read_bytes()
        try:
            with _room(room):
                store.write(after)
            assert read_store(state) == after
            break
        except OSError:
            assert (state / ACCEPTED).read_bytes() == had
            assert _names(state) == [ACCEPTED]
        store.write(after)
        assert read_store(state) == after
    assert 0 < room < 199


def _killed_at(number: int, doing: Callable[[], object]) -> bool:
    """Does it in a child that is killed before its call of this number; whether it came so far."""
    left = number

    def count(frame: FrameType, event: str, called: object) -> None:
        nonlocal left
        if event == "c_call" and getattr(called, "__name__", "") in CALLS:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.setprofile(count)
            doing()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


@pytest.mark.parametrize("filler", [0, 2**18], ids=["more", "anew"])
def test_a_death_at_any_call_leaves_what_was_accepted(tmp_path: Path, filler: int) -> None:
    after, number = _edited({"wg0.toml": b"5"}), 0
    while True:
        state = tmp_path / str(number)
        _store(state, FILES | {"wgd.toml": b"x" * filler}).write(FILES)
        store = Store(state)
        store.read()
        if not _killed_at(number, lambda store=store: store.write(after)):
            break
        assert read_store(state) in (FILES, after)
        _store(state, {})
        assert read_store(state) == {} and _names(state) == [ACCEPTED]
        number += 1
    assert number >= (5 if filler == 0 else 9)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write what is another's")
def test_what_root_writes_is_the_daemons(tmp_path: Path) -> None:
    """Root makes it and adds to it, and so does the daemon, in its directory."""
    daemon = 12345
    os.chown(tmp_path, daemon, daemon)
    store = _store(tmp_path, FILES)
    store.write(_edited({"wg0.toml": b"5"}))
    program = "from pathlib import Path; from wgd.sources.store import Store; import os\n" + (
        f"os.setgid({daemon}); os.setuid({daemon}); store = Store(Path()); files = store.read()\n"
        "store.write({**files, 'wg7.toml': files['wg0.toml']})"
    )
    subprocess.run((sys.executable, "-c", program), cwd=tmp_path, check=True)
    store = _store(tmp_path, {**read_store(tmp_path), "wg8.toml": b""})
    status = (tmp_path / ACCEPTED).stat()
    assert (status.st_uid, status.st_gid) == (daemon, daemon)
    assert len(_lines(tmp_path)) == 4
    assert read_store(tmp_path) == _edited({"wg0.toml": b"5", "wg7.toml": b"5", "wg8.toml": b""})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a file that is another's")
def test_a_journal_of_somebody_else_is_replaced(tmp_path: Path) -> None:
    daemon = 12345
    _store(tmp_path, FILES)
    os.chown(tmp_path, daemon, daemon)  # only now: the journal stays root's
    (tmp_path / ACCEPTED).chmod(0o644)
    program = "from pathlib import Path; from wgd.sources.store import Store; import os\n" + (
        f"os.setgid({daemon}); os.setuid({daemon}); store = Store(Path()); files = store.read()\n"
        "store.write({**files, 'wg7.toml': b'7'})"
    )
    subprocess.run((sys.executable, "-c", program), cwd=tmp_path, check=True)
    assert (tmp_path / ACCEPTED).stat().st_uid == daemon
    assert read_store(tmp_path) == _edited({"wg7.toml": b"7"})
