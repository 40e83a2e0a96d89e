"""An onlooker on one host: it notes what it hears and when. To understand it is left to `events`, later."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from integration.bench.events import LOG, NFTABLES, ROUTE, Expected, Heard, complete_at
from integration.host import Host

STILL = 0.25
"""Seconds without computing after which a daemon is at rest; longer than it waits for a file to be saved."""
MOST = 300.0
_GLANCE = 0.02
_COMPUTED = 0.001
"""Seconds of processor time that are not nothing."""
_SO_RCVBUFFORCE, _ROOM = 33, 256 << 20
_IPV4_ROUTES, _NFT_CHANGES = 7, 7
_MOST_AT_ONCE = 1 << 16
"""Bytes: no message of the kernel is longer."""

Clock = Callable[[], float]


class TooLong(AssertionError):
    """What was expected did not come."""


class Watch:
    """Listens to a host's routes, nftables and a daemon's output."""

    def __init__(
        self, host: Host, output: IO[bytes] | None = None, ready: socket.socket | None = None
    ) -> None:
        """`output` and `ready` must not block."""
        _run_first()
        self.heard: list[Heard] = []
        self._ended = False
        self._selector = selectors.DefaultSelector()
        with host.inside():
            self._sockets = [_listen(0, _IPV4_ROUTES), _listen(12, _NFT_CHANGES)]
        for source, listening in zip((ROUTE, NFTABLES), self._sockets, strict=True):
            self._selector.register(listening, selectors.EVENT_READ, source)
        if output:
            self._selector.register(output, selectors.EVENT_READ, LOG)
        if ready:  # nobody wants to know, but the daemon would wait for a reader
            self._selector.register(ready, selectors.EVENT_READ, "")

    def close(self) -> None:
        self._selector.close()
        for listening in self._sockets:
            listening.close()

    def pump(self, seconds: float = 0.0) -> None:
        """Notes what comes until so long after now, and returns after the first that came, and what came with
        it."""
        for key, _ in self._selector.select(seconds):
            contents = [*_read(key.fd)]
            at = time.perf_counter()
            if key.data:
                self.heard += [Heard(at, key.data, content) for content in contents if content]
            if contents[-1:] == [b""]:
                self._selector.unregister(key.fileobj)
                self._ended = True

    def forget(self) -> None:
        """Notes what has come, and drops all that."""
        while self._selector.select(0):
            self.pump()
        self.heard.clear()

    def rest(self, computed: Clock, still: float = STILL) -> None:
        """Until the daemon, by its processor time, has done nothing for so long."""
        deadline = time.perf_counter() + MOST
        last, since = computed(), time.perf_counter()
        while (now := time.perf_counter()) - since < still:
            if self._ended or now > deadline:
                raise TooLong(f"the daemon has ended or does not come to rest:\n{self._log()}")
            self.pump(_GLANCE)
            if (spent := computed()) - last > _COMPUTED:
                last, since = spent, time.perf_counter()

    def when(self, what: Expected, computed: Clock) -> float:
        """When all that was heard; returns after the daemon is at rest."""
        deadline = time.perf_counter() + MOST
        while time.perf_counter() < deadline:
            self.rest(computed)
            if (at := complete_at(self.heard, what)) is not None:
                return at
        raise TooLong(f"not heard within {MOST:.0f} s: {what}\n{self._log()}")

    def _log(self) -> str:
        said = b"".join(one.content for one in self.heard if one.source == LOG)
        return said[-2000:].decode(errors="replace")


def _run_first() -> None:
    """Before the daemon, on the same processor: what is noted late would count as done late, and thousands of
    routes that are to be noted must not take turns with what the daemon does next. No child inherits it."""
    with suppress(PermissionError):  # in a user namespace; then it may be noted late
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def _read(source: int) -> Iterator[bytes]:
    """All that is there, the last empty if there will be no more."""
    with suppress(BlockingIOError):
        while content := os.read(source, _MOST_AT_ONCE):
            yield content
        yield b""


def _listen(protocol: int, group: int) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    listening = socket.socket(socket.AF_NETLINK, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
    except PermissionError:  # in a user namespace; then as much as is allowed
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
    listening.bind((0, 1 << group - 1))
    return listening
