"""Starts WireGuard as a process, as wg-quick does where the kernel has none, and cleans up after it.

The process must outlive wgd: a session of its own, no file of ours open, nothing it could write to once it
works. One that did not get as far as working is ended, and no other process ever is.

Until its device has our mark only its number tells whose it is. So it waits, before it does anything, until
that is noted; a wgd that dies before that leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOTSUP, ETIMEDOUT
from pathlib import Path

from wgd.config.wording import printable
from wgd.errors import KernelError
from wgd.kernel import uapi
from wgd.kernel.netlink import refusals

_PROGRAM = "wireguard-go"
_CHOICE = "WG_QUICK_USERSPACE_IMPLEMENTATION"
_NOT_FOR_IT = ("LOG_LEVEL", "WG_PROCESS_FOREGROUND", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
"""What would keep it in the foreground, make it write, or let it speak to the service manager as wgd."""
_ONCE_TOLD = ("sh", "-c", 'read -r _ && exec "$@" < /dev/null', "sh")
"""Waits for a line and becomes the program, with the same number; without a line it ends."""
_PATIENCE = 5.0
_PAUSE = 0.01
_LONGEST = 4096
"""Bytes of its complaints that are read."""
_TUN = Path("/dev/net/tun")


def start(sockets: Path, interface: str, owner: Path, note: Callable[[int], None]) -> None:
    """Starts the process, and waits until its device and its socket are there. Raises KernelError.

    `note` is told the process's number before it makes anything.

    It runs as the user that `owner`, a directory of the daemon's, belongs to.
    """
    program = _program()
    doing = f"start {program} {interface}"
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_IT}
    with _complaints() as said:
        with refusals(doing):
            started = subprocess.Popen(
                [*_ONCE_TOLD, *_as(owner), program, interface],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                start_new_session=True,
                cwd="/",
                env=environment,
            )
        try:
            note(started.pid)
            _tell(started)
            _wait(started, sockets, interface, doing, said)
        except BaseException:
            _end(started)
            raise


@contextmanager
def _complaints() -> Iterator[int]:
    """A file for what the process says while it starts. In the end it is full: writing to it neither ends a
    process that kept it open, as a closed pipe would, nor fills the memory."""
    said = os.memfd_create("wgd-complaints", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield said
    finally:
        fcntl.fcntl(said, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        os.close(said)


def _tell(started: subprocess.Popen[bytes]) -> None:
    assert started.stdin is not None
    with suppress(BrokenPipeError), started.stdin as told:
        told.write(b"\n")


def _program() -> str:
    wanted = os.environ.get(_CHOICE) or _PROGRAM
    found = shutil.which(wanted)
    if found is None:
        raise KernelError(
            "make a WireGuard interface",
            ENOTSUP,
            f"this kernel has no WireGuard, and {wanted} is not installed",
        )
    return str(Path(found).absolute())


def _wait(started: subprocess.Popen[bytes], sockets: Path, interface: str, doing: str, said: int) -> None:
    """Until it has put itself into the background, its device exists, and it answers."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        status = started.poll()
        if status:
            raise KernelError(doing, detail=_why(status, said))
        if status == 0 and _exists(interface) and _works(sockets, interface):
            return
        time.sleep(_PAUSE)
    raise KernelError(doing, ETIMEDOUT, f"it was not ready after {_PATIENCE:g} seconds")


def _works(sockets: Path, interface: str) -> bool:
    """Whether it answers, not only listens: in between, wireguard-go sets the MTU to its own default."""
    try:
        uapi.ProcessTunnel(sockets, interface).read()
    except KernelError:
        return False
    return True


def _why(status: int, said: int) -> str:
    if not _TUN.exists():
        return f"there is no {_TUN} (`modprobe tun`, or let the container have it)"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} may not be opened"
    words = os.pread(said, _LONGEST, 0).decode(errors="replace").split("\n")
    last = next((line for line in reversed(words) if line.strip()), "")
    return f"it ended with status {status}" + (f": {printable(last.strip())}" if last else "")


def _as(owner: Path) -> list[str]:
    """The words that make root's process run as whom `owner` belongs to: the daemon, which is not root, must
    reach the socket. To give it away afterwards is no way: wireguard-go watches its socket and ends when its
    attributes change."""
    if os.geteuid() != 0 or not owner.exists() or (belongs := owner.stat()).st_uid == 0:
        return []
    identity = [f"--reuid={belongs.st_uid}", f"--regid={belongs.st_gid}", "--clear-groups"]
    return ["setpriv", *identity, "--inh-caps=+net_admin", "--ambient-caps=+net_admin"]


def _end(started: subprocess.Popen[bytes]) -> None:
    """Ends what was started, with the child it may have left in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def forget(sockets: Path, interface: str) -> None:
    """Waits for the process of a deleted interface to end, and removes the socket if it left it behind."""
    deadline = time.monotonic() + _PATIENCE
    while uapi.answers(sockets, interface):
        if time.monotonic() > deadline:
            raise KernelError(f"end the process of {interface}", ETIMEDOUT, "it still listens")
        time.sleep(_PAUSE)
    with refusals(f"remove the socket of {interface}"):
        uapi.path(sockets, interface).unlink(missing_ok=True)


def _exists(interface: str) -> bool:
    try:
        return bool(socket.if_nametoindex(interface))
    except OSError:
        return False
