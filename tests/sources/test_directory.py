"""What a watch tells: the names of files that were written, and nothing when names cannot say it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wgd.sources.directory import MOST, DirectoryWatch

IN_ACCESS, IN_OPEN = 0x01, 0x20
"""inotify(7), linux/inotify.h"""


class Watched:
    """A directory that is watched; `after` says what was told of an act."""

    def __init__(self, path: Path) -> None:
        self.path, self._rang = path, threading.Event()
        self.watch = DirectoryWatch(path, self._rang.set)

    def after(self, act: Callable[[], object], until: str = "") -> frozenset[str] | None:
        """The names taken once an event of a last file, or any (""), has come."""
        told: set[str] = set()
        act()
        while self._rang.wait(5):
            self._rang.clear()
            taken = self.watch.take()
            if taken is None:
                return None
            told |= taken
            if until in told:
                return frozenset(told)
        raise AssertionError(f"only {told} were told")


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Watched]:
    for name in ("wg0.d", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "wg0.toml").write_text("")
    watched = Watched(tmp_path)
    watched.watch.start()
    assert watched.watch.take() is None
    assert watched.watch.take() == frozenset()
    yield watched
    watched.watch.stop()


def _write(path: Path) -> None:
    path.write_text("x")


@pytest.mark.parametrize(
    "act", [_write, Path.unlink, lambda path: path.chmod(0o600)], ids=["w", "rm", "chmod"]
)
def test_a_file_of_ours_is_named(etc: Watched, act: Callable[[Path], None]) -> None:
    assert etc.after(lambda: act(etc.path / "wg0.toml"), "wg0.toml") == {"wg0.toml"}


def test_a_drop_in_is_named_with_its_directory(etc: Watched) -> None:
    assert etc.after(lambda: _write(etc.path / "wg0.d/a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}


def test_an_editors_way_of_saving_names_the_file_alone(etc: Watched) -> None:
    def save() -> None:
        (etc.path / "4913").write_text("")
        (etc.path / "4913").unlink()
        (etc.path / "wg0.toml").rename(etc.path / "wg0.toml~")
        (etc.path / "wg0.d/.a.toml.swp").write_text("x")
        (etc.path / ".wg0.toml.x7").write_text("x")
        (etc.path / ".wg0.toml.x7").rename(etc.path / "wg0.toml")
        (etc.path / "wg9.toml").write_text("")

    assert etc.after(save, "wg9.toml") == {"wg0.toml", "wg9.toml"}


@pytest.mark.parametrize("name", ["keys/wg0.key", "wg0.key", "wg0.d/a.psk", "keys/.wg0.key", "wg1.d"])
def test_what_is_no_file_of_ours_says_that_anything_may_have_changed(etc: Watched, name: str) -> None:
    path = etc.path / name
    act: Callable[[], object] = path.mkdir if name.endswith(".d") else lambda: path.write_text("x")
    assert etc.after(act, "never") is None


def test_a_link_swapped_below_the_files_says_that_anything_may_have_changed(etc: Watched) -> None:
    (etc.path / ".new").symlink_to("keys")
    assert etc.after(lambda: (etc.path / ".new").rename(etc.path / "..data"), "never") is None


def test_more_events_than_the_kernel_may_keep_say_that_anything_may_have_changed(tmp_path: Path) -> None:
    rings = threading.Semaphore(0)
    watch = DirectoryWatch(tmp_path, rings.release)
    watch.start()
    watch.take()
    for _ in range(MOST):
        _write(tmp_path / "wg0.toml")  # more than one event each
    for _ in range(MOST + 1):
        assert rings.acquire(timeout=5)
    assert watch.take() is None
    watch.stop()


def test_a_watch_of_nothing_knows_nothing(tmp_path: Path) -> None:
    watch = DirectoryWatch(tmp_path / "away", lambda: None)
    watch.start()
    assert watch.take() is None and watch.take() is None


@pytest.mark.usefixtures("etc")
def test_the_kernel_does_not_tell_of_opening_and_reading() -> None:
    masks = [int(mask, 16) for mask in re.findall(r"mask:([0-9a-f]+)", _inotify())]
    assert masks and not any(mask & (IN_ACCESS | IN_OPEN) for mask in masks)


def _inotify() -> str:
    """What proc_pid_fdinfo(5) says of this process's inotify."""
    descriptors = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    ours = [one.name for one in descriptors if str(one.readlink()) == "anon_inode:inotify"]
    return "".join(Path("/proc/self/fdinfo", name).read_text() for name in ours)
