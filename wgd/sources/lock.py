"""One writer per network namespace: an abstract socket, which belongs to the namespace, is the lock.

It takes no commands. Whoever connects learns from the kernel which process listens; that is all it is for.
It disappears with its process, so nothing is ever left over.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct

from wgd.errors import UsageError

NAME = "\0wgd"
_CREDENTIALS = struct.Struct("=iII")  # pid, uid, gid: struct ucred, unix(7)


def acquire() -> socket.socket:
    """Hold the lock as long as the returned socket is open. Raises UsageError if another process has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        lock.bind(NAME)
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        pid = holder()
        who = f"process {pid}" if pid else "another process"
        raise UsageError(
            f"{who} already looks after this network namespace: stop it first (systemctl stop wgd)"
        ) from None
    lock.listen()
    return lock


def holder() -> int | None:
    """The pid of the process that has the lock, None if nobody has (0: it is in another pid namespace)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(NAME)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(raw)[0])


def drain(lock: socket.socket) -> None:
    """Let go of those who only asked who listens, so that the queue does not fill."""
    with contextlib.suppress(OSError):
        while True:
            lock.accept()[0].close()
