"""Who changed something, as far as the kernel's notifications tell: names for people to read.

Nothing is ever decided by them: a process may have ended, or call itself what it likes.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from struct import Struct

from wgd.kernel import netlink
from wgd.kernel.netlink import Message, attributes, text
from wgd.kernel.nfcodec import NEWGEN
from wgd.repairs import Hint

_LARGEST_PID = 1 << 22
"""A netlink socket's port is its process's number if it is the first one; the others' are made up."""
_MOST = 100
"""So many are remembered at once, since a storm has few authors."""
_PROC_PID, _PROC_NAME = 2, 3
_BIG_U32 = Struct(">I")
_INTERFACE_NAME, _OUTPUT = 3, 4
_LINKS, _ADDRESSES, _ROUTES = (16, 17), (20, 21), (24, 25)


class Suspects:
    """Remembers who sent what was `heard`, until somebody takes it."""

    def __init__(self) -> None:
        self._hints: dict[Hint, None] = {}
        self._names: dict[int, str] = {}

    def heard(self, message: Message, kinds: frozenset[str]) -> None:
        """A message says that one of these kinds may have changed."""
        who = _transaction(message) if message.kind == NEWGEN else self._sender(message.sender)
        if who and len(self._hints) < _MOST:
            self._hints[Hint(kinds, _device(message), who)] = None

    def take(self) -> tuple[Hint, ...]:
        """All since the last time."""
        taken = tuple(self._hints)
        self._hints, self._names = {}, {}
        return taken

    def _sender(self, port: int) -> str:
        """`ip[812]`, or `process 812` if it has ended; nothing for the kernel and for ourselves."""
        if not 0 < port <= _LARGEST_PID or port == os.getpid():
            return ""
        if port not in self._names:
            self._names[port] = _name(port)  # at once: it may be about to end
        return self._names[port]


def _name(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").removesuffix("\n")
    except OSError:
        return f"process {pid}"
    return f"{name}[{pid}]"


def _transaction(message: Message) -> str:
    told = attributes(message.body, 4)
    if _PROC_PID not in told or _PROC_NAME not in told:
        return ""
    return f"{text(told[_PROC_NAME])}[{_BIG_U32.unpack(told[_PROC_PID])[0]}]"


def _device(message: Message) -> str | None:
    """The device that a message of rtnetlink is about; None: unknown, or none."""
    if message.kind in _LINKS:
        return text(attributes(message.body, 16).get(_INTERFACE_NAME, b"")) or None
    index = 0
    if message.kind in _ADDRESSES:
        index = netlink.U32.unpack_from(message.body, 4)[0]
    elif message.kind in _ROUTES and (output := attributes(message.body, 12).get(_OUTPUT)):
        index = netlink.U32.unpack(output)[0]
    with suppress(OSError):  # it is gone already
        return socket.if_indextoname(index) if index else None
    return None
