"""What wakes us when the kernel's objects change: rtnetlink and nftables notifications.

Events are reasons, never data: this says which kinds may have changed, and nothing of what a message held.
Only for the log it remembers who sent one.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOBUFS
from typing import Self

from wgd.kernel import netlink
from wgd.kernel.netlink import make_room, refusals
from wgd.kernel.nfcodec import NEWGEN, generation_of
from wgd.sources.suspects import Suspects

_LINK = frozenset({"link", "address", "route", "sysctl", "device", "peer"})
_ADDRESS = frozenset({"address", "route"})
_ROUTE = frozenset({"route"})
_NETCONF = frozenset({"sysctl"})
_NFTABLES = frozenset({"nftables"})
_POLICY = frozenset({"policy"})
EVERYTHING = _LINK | _NFTABLES | _POLICY

# Message type → what may have changed. IPv4 routes vanish without a word when their link or address does.
_STALE = {
    16: _LINK,
    17: _LINK,
    20: _ADDRESS,
    21: _ADDRESS,
    24: _ROUTE,
    25: _ROUTE,
    32: _POLICY,
    33: _POLICY,
    80: _NETCONF,
    81: _NETCONF,
}

_ROUTE_GROUPS = (1, 5, 7, 8, 9, 11, 19, 24, 25)
# link; IPv4 address, route and rule; the same for IPv6, rules being 19; netconf for both
_NFTABLES_GROUP = 7
_ROOM = 4 << 20
_AT_ONCE = 4000
"""Reads at most so many times before it answers, so that a storm cannot hold its reader. What we do to a
thousand peers must fit, a route that goes and one that comes for each: what is left wakes one more pass."""
_NOTHING: frozenset[str] = frozenset()


class NetlinkEvents:
    """Becomes readable when something changed; then `stale()` says what.

    `ours`: nftables generations that our own transactions made; each is expected once and then forgotten.
    """

    def __init__(self, ours: set[int] | None = None) -> None:
        self._ours = set() if ours is None else ours
        self.suspects = Suspects()
        self._poll = select.epoll()
        with refusals("listen to the kernel"):
            self._sockets = [_listen(netlink.ROUTE, *_ROUTE_GROUPS)]
        with suppress(OSError):  # a kernel without nftables has no news of it
            self._sockets.append(_listen(netlink.NETFILTER, _NFTABLES_GROUP))
        for listening in self._sockets:
            self._poll.register(listening, select.EPOLLIN)

    def fileno(self) -> int:
        """For a selector."""
        return self._poll.fileno()

    def close(self) -> None:
        """Stops listening."""
        self._poll.close()
        for listening in self._sockets:
            listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stale(self) -> frozenset[str]:
        """The kinds that may have changed since the last call; never blocks."""
        return _NOTHING.union(*(kinds for listening in self._sockets for kinds in self._read(listening)))

    def _read(self, listening: socket.socket) -> Iterator[frozenset[str]]:
        for _ in range(_AT_ONCE):
            try:
                received = listening.recv(netlink.RECEIVE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != ENOBUFS:
                    raise
                yield EVERYTHING  # more was lost than we could have read
            else:
                for message in netlink.messages(received):
                    if kinds := self._meaning(message):
                        self.suspects.heard(message, kinds)
                        yield kinds

    def _meaning(self, message: netlink.Message) -> frozenset[str]:
        if message.kind != NEWGEN:  # it ends every transaction; nothing else of nftables needs a look
            return _STALE.get(message.kind, _NOTHING)
        made = generation_of(message.body)
        if made not in self._ours:
            return _NFTABLES
        self._ours.discard(made)
        return _NOTHING


def _listen(protocol: int, *groups: int) -> socket.socket:
    listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    make_room(listening, _ROOM)
    listening.bind((0, sum(1 << group - 1 for group in groups)))
    return listening
