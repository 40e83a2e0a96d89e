"""Namespaces without names or processes: made by a thread, held by descriptors, gone with their holder.

Nothing here may change what the process was started in: `isolate` comes first.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

_libc = ctypes.CDLL(None, use_errno=True)

NO_RIGHTS = (
    "network namespaces are not allowed here: run this as root (sudo), or let unprivileged users make them"
    " (Ubuntu 24.04: sysctl kernel.apparmor_restrict_unprivileged_userns=0); a container must be privileged"
)
NO_MORE = (
    "no more namespaces are allowed here (sysctl user.max_user_namespaces, user.max_net_namespaces and "
    "user.max_mnt_namespaces; 0 forbids them): raise them, or try as root (sudo)"
)


class NoNamespaces(RuntimeError):
    """This machine does not let us make namespaces; the message says what to do."""


def _checked(result: int, call: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(kind: str, target: str | Path, options: str = "", flags: int = 0) -> None:
    """Mounts a file system of this kind, which needs no device."""
    done = _libc.mount(kind.encode(), os.fsencode(target), kind.encode(), flags, options.encode())
    _checked(done, f"mount {kind} {target}")


def isolate() -> None:
    """Moves this process, while it has one thread, into a network and mounts of its own; as root or not."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if uid else 0))
        if uid:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoNamespaces(NO_MORE) from error
        if isinstance(error, PermissionError):
            raise NoNamespaces(NO_RIGHTS) from error
        raise


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Descriptors of a network and a mount namespace, which live while these are open or something runs."""

    network: int
    mounts: int

    @classmethod
    def of_this_thread(cls) -> Namespaces:
        return cls(*(os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")))

    def close(self) -> None:
        os.close(self.network)
        os.close(self.mounts)

    def enter(self) -> None:
        """The calling thread alone; children and threads that it starts inherit both."""
        unshare(CLONE_FS)  # only a thread that shares its folder with no other can change mounts
        setns(self.network, CLONE_NEWNET)
        setns(self.mounts, CLONE_NEWNS)


def new_namespaces(furnish: Callable[[], None]) -> Namespaces:
    """A fresh pair. `furnish` runs inside, in a thread that ends afterwards."""
    made: list[Namespaces] = []
    failed: list[BaseException] = []

    def make() -> None:
        try:
            unshare(CLONE_NEWNET | CLONE_NEWNS)
            furnish()
            made.append(Namespaces.of_this_thread())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


@contextmanager
def entered(there: Namespaces) -> Iterator[None]:
    """The calling thread, and what it starts, is inside; afterwards it is back where it was."""
    here, folder = Namespaces.of_this_thread(), Path.cwd()
    try:
        there.enter()
        os.chdir(folder)
        yield
    finally:
        here.enter()
        os.chdir(folder)
        here.close()
