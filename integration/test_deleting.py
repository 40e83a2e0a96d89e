"""What is gone from the directory, and what only seems to be: tools that replace much at once, and losses."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

import pytest

from integration.host import Host
from integration.test_daemon import FILE, INTERFACE, LAPTOP, PHONE, Machine, machine, until

__all__ = ["machine"]
pytestmark = pytest.mark.once
GIT = ("git", "-C", "/etc/wgd", "-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "gc.auto=0")
EMACS = '(progn (goto-char (point-max)) (insert-file-contents "/run/addition") (save-buffer))'


def git(host: Host, *words: str) -> None:
    host.run(*GIT, *words)


def emacs(host: Host) -> None:
    """Renames the old file to a backup, with a link as a lock and a file of its own for what is not saved."""
    host.write("/run/addition", LAPTOP)
    host.run("emacs", "-Q", "--batch", FILE, "--eval", EMACS)


def emacs_that_copies(host: Host) -> None:
    host.write("/run/addition", LAPTOP)
    host.run("emacs", "-Q", "--batch", FILE, "--eval", "(setq backup-by-copying t)", "--eval", EMACS)


def rsync(host: Host, *options: str) -> None:
    host.run("cp", "-a", "/etc/wgd", "/run/copy")
    host.write("/run/copy/wg0.toml", INTERFACE + LAPTOP)
    host.run("rsync", "-a", "--delete", *options, "/run/copy/", "/etc/wgd/")


def rsync_in_place(host: Host) -> None:
    rsync(host, "--inplace")


def rsync_that_deletes_first(host: Host) -> None:
    rsync(host, "--delete-before", "--force")


def git_checkout(host: Host) -> None:
    git(host, "init", "-q", "-b", "main")
    git(host, "add", "wg0.toml")
    git(host, "commit", "-q", "-m", "one")
    git(host, "checkout", "-q", "-b", "other")
    host.write("/run/new", INTERFACE + LAPTOP)
    # As if somebody else had pushed it: the commit is made without touching the file.
    blob = host.run(*GIT, "hash-object", "-w", "/run/new").strip()
    git(host, "update-index", "--cacheinfo", f"100644,{blob},wg0.toml")
    git(host, "commit", "-q", "-m", "two")
    git(host, "checkout", "-q", "-f", "other")


def all_removed_and_restored(host: Host) -> None:
    host.run("sh", "-c", "cp -a /etc/wgd /run/copy && rm -rf /etc/wgd/*")
    time.sleep(2)
    host.write("/run/copy/wg0.toml", INTERFACE + LAPTOP)
    host.run("cp", "-a", "/run/copy/.", "/etc/wgd/")


SAVES = (
    emacs,
    emacs_that_copies,
    rsync,
    rsync_in_place,
    rsync_that_deletes_first,
    git_checkout,
    all_removed_and_restored,
)


@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
def test_a_tool_that_replaces_much_changes_what_differs(
    machine: Machine, save: Callable[[Host], None]
) -> None:
    before = machine.log.read_text()
    save(machine.host)
    assert machine.settles("laptop"), machine.log.read_text()
    done = machine.does(before)
    assert len(done) == 1 and "wg set wg0 peer" in done[0], machine.log.read_text()


def wiped(machine: Machine, *paths: str) -> dict[str, str]:
    """The daemon dies, and these are lost; returns the network as it is."""
    machine.stop(signal.SIGKILL)
    machine.host.run("sh", "-c", f"rm -rf {' '.join(paths)}")
    return machine.host.snapshot()


def in_force(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP)
    assert machine.settles("laptop")


def test_an_empty_directory_and_a_lost_state_delete_nothing(machine: Machine) -> None:
    in_force(machine)
    before = wiped(machine, "/etc/wgd/*.toml", "/var/lib/wgd/*")
    machine.start()
    assert machine.says("left alone: wg0, which no file names")
    time.sleep(6)
    assert machine.host.snapshot() == before
    assert "wgd down wg0" in machine.host.wgd("status").stdout
    machine.stop()
    assert machine.host.wgd("apply").returncode == 0
    assert machine.host.snapshot() == before
    assert machine.host.wgd("down", "wg0").returncode == 0
    assert machine.host.attempt("ip", "link", "show", "wg0").returncode != 0
    machine.start()


def test_a_file_removed_while_no_daemon_ran_is_explained_by_its_copy(machine: Machine) -> None:
    in_force(machine)
    before = wiped(machine, "/etc/wgd/*.toml")
    machine.start()
    assert machine.host.snapshot() == before
    assert machine.settles(), "the grace time"
    assert until(lambda: machine.host.attempt("ip", "link", "show", "wg0").returncode != 0)


def test_a_directory_that_is_gone_freezes_all(machine: Machine) -> None:
    in_force(machine)
    machine.stop()
    machine.host.run("cp", "-a", "/etc/wgd", "/run/conf")
    machine.daemon = machine.host.popen(
        sys.executable, "-m", "wgd", "--config-dir", "/run/conf", "run", log=machine.log
    )
    assert until(machine.reports)
    before = machine.host.snapshot()
    machine.host.run("mv", "/run/conf", "/run/away")
    assert machine.says("/run/conf cannot be read")
    time.sleep(6)
    assert machine.host.snapshot() == before
    machine.host.write("/run/away/wg0.toml", INTERFACE + PHONE)
    machine.host.run("mv", "/run/away", "/run/conf")
    assert machine.settles("phone")


def test_a_drop_in_that_is_gone_takes_its_peer_alone(machine: Machine) -> None:
    machine.host.write("/etc/wgd/wg0.d/laptop.toml", LAPTOP)
    machine.host.write("/etc/wgd/wg0.d/phone.toml", PHONE)
    assert machine.settles("laptop", "phone")
    assert machine.host.wgd("apply").returncode == 0  # then all is told
    before = machine.log.read_text()
    machine.host.run("rm", "/etc/wgd/wg0.d/phone.toml")
    assert machine.settles("laptop")
    done = machine.does(before)
    assert len(done) == 1 and done[0].count("remove") == 1, done
