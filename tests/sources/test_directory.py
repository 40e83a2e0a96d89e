"""What a watch tells: the names of files that were written, and nothing when names cannot say it."""

from __future__ import annotations

import errno
import os
import re
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wgd.sources.directory import DirectoryWatch
from wgd.sources.inotify import Inotify

IN_ACCESS, IN_OPEN, IN_CLOSE_NOWRITE = 0x01, 0x20, 0x10
"""inotify(7), linux/inotify.h"""
QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


class Watched:
    """A directory that is watched; `after` says what was told of an act."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch = DirectoryWatch(path)

    def tells(self, seconds: float = 5.0) -> bool:
        """Whether there is something to read in time."""
        number = self.watch.fileno()
        assert number is not None
        return bool(select.select([number], [], [], seconds)[0])

    def after(self, act: Callable[[], object], until: str = "") -> frozenset[str] | None:
        """The names taken once an event of a last file, or any (""), has come."""
        told: set[str] = set()
        act()
        while self.tells():
            if not self.watch.read():
                continue
            taken = self.watch.take()
            if taken is None:
                return None
            told |= taken
            if until in told:
                return frozenset(told)
        raise AssertionError(f"only {told} were told")


def watched(path: Path) -> Watched:
    """It, with nothing to tell of yet."""
    made = Watched(path)
    made.watch.start()
    assert made.watch.take() is None
    assert made.watch.take() == frozenset()
    return made


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Watched]:
    for name in ("wg0.d", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "wg0.toml").write_text("")
    made = watched(tmp_path)
    yield made
    made.watch.close()


def _write(path: Path) -> None:
    path.write_text("x")


@pytest.mark.parametrize(
    "act", [_write, Path.unlink, lambda path: path.chmod(0o600)], ids=["w", "rm", "chmod"]
)
def test_a_file_of_ours_is_named(etc: Watched, act: Callable[[Path], None]) -> None:
    assert etc.after(lambda: act(etc.path / "wg0.toml"), "wg0.toml") == {"wg0.toml"}


def test_a_drop_in_is_named_with_its_directory(etc: Watched) -> None:
    assert etc.after(lambda: _write(etc.path / "wg0.d/a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}


@pytest.mark.parametrize(
    "link", [os.symlink, lambda other, path: Path(path).hardlink_to(other)], ids=["soft", "hard"]
)
def test_a_link_is_named_although_nobody_writes_it(etc: Watched, link: Callable[[Path, Path], None]) -> None:
    made = etc.path / "wg1.toml"
    assert (told := etc.after(lambda: link(etc.path / "wg0.toml", made), "wg1.toml")) and "wg1.toml" in told


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


def test_what_editors_leave_beside_a_file_is_no_news(etc: Watched) -> None:
    _write(etc.path / "wg0.d/.a.toml.swp")
    assert etc.tells() and not etc.watch.read()


def test_a_file_is_told_when_who_writes_it_is_done(etc: Watched) -> None:
    with (etc.path / "wg0.toml").open("w") as file:
        file.write("half")
        file.flush()
        assert etc.tells() and not etc.watch.read()
    assert etc.tells() and etc.watch.read() and etc.watch.take() == {"wg0.toml"}


def test_writing_says_that_a_save_goes_on(etc: Watched) -> None:
    """Which began with another file."""
    _write(etc.path / "wg1.toml")
    assert etc.watch.read()
    with (etc.path / "wg0.toml").open("a") as file:
        file.write("half")
        file.flush()
        assert etc.tells() and etc.watch.read() and etc.watch.take() == {"wg1.toml"}


@pytest.mark.parametrize("name", ["keys/wg0.key", "wg0.key", "wg0.d/a.psk", "keys/.wg0.key", "wg1.d"])
def test_what_is_no_file_of_ours_says_that_anything_may_have_changed(etc: Watched, name: str) -> None:
    path = etc.path / name
    act: Callable[[], object] = path.mkdir if name.endswith(".d") else lambda: path.write_text("x")
    assert etc.after(act, "never") is None


def test_a_link_swapped_below_the_files_says_that_anything_may_have_changed(etc: Watched) -> None:
    (etc.path / ".new").symlink_to("keys")
    assert etc.after(lambda: (etc.path / ".new").rename(etc.path / "..data"), "never") is None


def test_more_events_than_the_kernel_keeps_say_that_anything_may_have_changed(tmp_path: Path) -> None:
    etc = watched(tmp_path)
    _write(tmp_path / "wg0.toml")
    for _ in range(QUEUE // 4 + 1):  # two events each, of which no two that follow each other are alike
        os.rename(tmp_path / "wg0.toml", tmp_path / "wg1.toml")  # noqa: PTH104  Path's takes twice as long
        os.rename(tmp_path / "wg1.toml", tmp_path / "wg0.toml")  # noqa: PTH104
    assert etc.watch.read()
    while etc.tells(0):
        etc.watch.read()
    assert etc.watch.take() is None
    assert etc.after(lambda: _write(tmp_path / "wg0.toml"), "wg0.toml") == {"wg0.toml"}
    etc.watch.close()


def test_many_files_take_few_readings(etc: Watched) -> None:
    names = {f"wg0.d/{number}.toml" for number in range(1000)}
    for name in names:
        _write(etc.path / name)
    assert etc.watch.read() and etc.watch.take() == names
    assert not etc.tells(0)


def test_a_watch_of_nothing_knows_nothing(tmp_path: Path) -> None:
    watch = DirectoryWatch(tmp_path / "away")
    watch.start()
    assert not watch.alive()
    assert watch.take() is None
    watch.close()


class TestDirectories:
    """Those below come and go, and the one that is watched, too."""

    def test_what_is_written_in_a_new_one_is_told(self, etc: Watched) -> None:
        (etc.path / "wg1.d").mkdir()
        assert etc.watch.read(), "from now on"
        _write(etc.path / "wg1.d/a.toml")
        assert etc.tells() and etc.watch.take() is None, "before"
        assert etc.after(lambda: _write(etc.path / "wg1.d/b.toml"), "wg1.d/b.toml")

    def test_what_is_written_in_a_deep_one_is_told(self, etc: Watched) -> None:
        (etc.path / "keys/old/older").mkdir(parents=True)
        etc.watch.read()
        etc.watch.take()
        assert etc.after(lambda: _write(etc.path / "keys/old/older/wg0.key"), "never") is None

    def test_one_that_was_moved_in_goes_by_its_new_name(self, etc: Watched, tmp_path: Path) -> None:
        assert etc.after(lambda: (etc.path / "wg0.d").rename(etc.path / "wg1.d"), "never") is None
        assert etc.after(lambda: _write(etc.path / "wg1.d/a.toml"), "wg1.d/a.toml") == {"wg1.d/a.toml"}

    def test_one_that_was_moved_out_is_left_alone(self, etc: Watched, tmp_path: Path) -> None:
        elsewhere = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
        assert etc.after(lambda: (etc.path / "wg0.d").rename(elsewhere), "never") is None
        _write(elsewhere / "a.toml")
        _write(etc.path / "wg0.toml")
        assert etc.tells() and etc.watch.read()
        assert etc.watch.take() == {"wg0.toml"}

    def test_one_that_was_removed_and_made_again_is_watched(self, etc: Watched) -> None:
        (etc.path / "wg0.d").rmdir()
        (etc.path / "wg0.d").mkdir()
        assert etc.after(lambda: None, "never") is None
        assert etc.after(lambda: _write(etc.path / "wg0.d/a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}

    def test_a_link_to_drop_ins_is_followed(self, etc: Watched, tmp_path: Path) -> None:
        elsewhere = tmp_path.with_name(f"{tmp_path.name}-peers")
        elsewhere.mkdir()
        (etc.path / "wg0.d").rmdir()
        (etc.path / "wg0.d").symlink_to(elsewhere)
        assert etc.after(lambda: None, "never") is None
        assert etc.after(lambda: _write(elsewhere / "a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}

    def test_one_with_two_names_says_that_anything_may_have_changed(self, etc: Watched) -> None:
        (etc.path / "wg1.d").symlink_to("wg0.d")
        assert etc.after(lambda: None, "never") is None
        assert etc.after(lambda: _write(etc.path / "wg0.d/a.toml"), "never") is None
        (etc.path / "wg1.d").unlink()
        assert etc.after(lambda: None, "never") is None
        assert etc.after(lambda: _write(etc.path / "wg0.d/a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}

    def test_a_link_to_the_watched_one_itself_does_no_harm(self, etc: Watched) -> None:
        (etc.path / "wg1.d").symlink_to(".")
        assert etc.after(lambda: None, "never") is None
        assert etc.watch.alive()
        assert etc.after(lambda: _write(etc.path / "wg0.toml"), "never") is None

    @pytest.mark.parametrize("again", [False, True], ids=["gone", "made again"])
    def test_the_watched_one_is_removed(self, tmp_path: Path, again: bool) -> None:
        """Its successor may well have the number of its inode."""
        path = tmp_path / "wgd"
        path.mkdir()
        etc = watched(path)
        path.rmdir()
        if again:
            path.mkdir()
        assert etc.tells() and etc.watch.read()
        assert not etc.watch.alive()
        path.mkdir(exist_ok=True)
        etc.watch.start()
        assert etc.watch.alive() and etc.watch.take() is None
        assert etc.after(lambda: _write(path / "wg0.toml"), "wg0.toml") == {"wg0.toml"}
        etc.watch.close()

    def test_another_is_moved_to_its_place(self, tmp_path: Path) -> None:
        path, other = tmp_path / "wgd", tmp_path / "other"
        path.mkdir()
        (other / "wg0.d").mkdir(parents=True)
        etc = watched(path)
        path.rename(tmp_path / "old")
        other.rename(path)
        assert etc.tells() and etc.watch.read() and not etc.watch.alive()
        etc.watch.start()
        assert etc.watch.take() is None
        assert etc.after(lambda: _write(path / "wg0.d/a.toml"), "wg0.d/a.toml") == {"wg0.d/a.toml"}
        etc.watch.close()

    def test_its_name_is_a_link_that_is_swapped(self, tmp_path: Path) -> None:
        for number in "12":
            (tmp_path / number).mkdir()
        path = tmp_path / "wgd"
        path.symlink_to("1")
        etc = watched(path)
        assert etc.after(lambda: _write(path / "wg0.toml"), "wg0.toml") == {"wg0.toml"}
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").rename(path)
        assert not etc.watch.alive()
        etc.watch.start()
        assert etc.watch.take() is None
        assert etc.after(lambda: _write(tmp_path / "2/wg0.toml"), "wg0.toml") == {"wg0.toml"}
        _write(tmp_path / "1/wg1.toml")
        assert not etc.tells(0), "what was watched before is nothing to us"
        etc.watch.close()


class TestTooManyWatches:
    """The kernel allows a user so many, of all programs together."""

    def test_without_another_watch_anything_may_have_changed_at_any_time(
        self, etc: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add = Inotify.add

        def refuse(inotify: Inotify, path: str, mask: int) -> int:
            if path.endswith(".d"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return add(inotify, path, mask)

        monkeypatch.setattr(Inotify, "add", refuse)
        assert etc.after(lambda: _write(etc.path / "wg0.key"), "never") is None
        assert "fs.inotify.max_user_watches" in etc.watch.lacking
        assert etc.watch.alive() and etc.watch.take() is None and etc.watch.take() is None
        monkeypatch.setattr(Inotify, "add", add)
        assert etc.watch.take() is None and not etc.watch.lacking
        assert etc.watch.take() == frozenset()

    def test_without_inotify_anything_may_have_changed_at_any_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(inotify: Inotify) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr(Inotify, "__init__", refuse)
        watch = DirectoryWatch(tmp_path)
        watch.start()
        assert watch.fileno() is None
        assert watch.alive() and watch.take() is None and watch.take() is None
        assert "fs.inotify.max_user_instances" in watch.lacking
        watch.close()


@pytest.mark.usefixtures("etc")
def test_the_kernel_does_not_tell_of_opening_and_reading() -> None:
    masks = [int(mask, 16) for mask in re.findall(r"mask:([0-9a-f]+)", _inotify())]
    assert masks and not any(mask & (IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE) for mask in masks)


def _inotify() -> str:
    """What proc_pid_fdinfo(5) says of this process's inotify."""
    descriptors = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    ours = [one.name for one in descriptors if str(one.readlink()) == "anon_inode:inotify"]
    return "".join(Path("/proc/self/fdinfo", name).read_text() for name in ours)
