"""Where the configured endpoints are: addresses at once, names by DNS, never in the reconciling thread."""

from __future__ import annotations

import ipaddress
import math
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from wgd.config.document import Config, Peer
from wgd.listing import touched

Addresses = tuple[tuple[str, int], ...]

RETRY = 15.0
"""Seconds until a name that did not resolve, or behind which nobody answers, is asked for again."""
PATIENCE = 60.0
"""Seconds after which a look-up counts as hanging: a second one may be luckier, as when the network has come
up meanwhile. There is never a third."""


def endpoints(config: Config) -> frozenset[str]:
    """The endpoints that enabled interfaces want, as "host:port"."""
    return Endpoints().of(config)


class Endpoints:
    """The same of one config after the other: a peer that stayed is not looked at again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Sequence[Peer], Counter[str]]] = {}

    def of(self, config: Config) -> frozenset[str]:
        known, self._known = self._known, {}
        for interface in config.enabled():
            peers, wanted = known.get(interface.name, ((), Counter()))
            differs = touched(peers, interface.peers)
            now = wanted + _called(differs.come) - _called(differs.gone)
            self._known[interface.name] = interface.peers, now
        return frozenset[str]().union(*(wanted for _, wanted in self._known.values()))


def _called(peers: Iterable[Peer]) -> Counter[str]:
    return Counter(str(peer.endpoint) for peer in peers if peer.enabled and peer.endpoint is not None)


def literal(text: str) -> Addresses | None:
    """The address if the endpoint names one; None if it names a host."""
    host, port = _split(text)
    try:
        return ((str(ipaddress.ip_address(host)), port),)
    except ValueError:
        return None


def lookup(text: str) -> Addresses:
    """Ask the system's resolver, for both families; empty without an answer. Blocks as long as it does."""
    host, port = _split(text)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys((str(address[0]), port) for *_, address in found))


def resolve(texts: Iterable[str], timeout: float) -> dict[str, Addresses]:
    """Resolve all at once, for a one-shot command; what has no answer after `timeout` seconds is empty."""
    asked = sorted(texts)
    resolver = Resolver(lambda: None)
    resolver.want(asked)
    deadline = time.monotonic() + timeout
    while not resolver.complete() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {text: resolver.answers().get(text, ()) for text in asked}


class Resolver:
    """Keeps the answers for a set of endpoints; calls `answered` from its own threads when one arrives.

    An answer stays until another comes: that DNS fails is no news of a peer.
    """

    def __init__(
        self,
        answered: Callable[[], None],
        ask: Callable[[str], Addresses] = lookup,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answered, self._lookup, self._clock = answered, ask, clock
        self._answers: dict[str, Addresses] = {}
        self._last: dict[str, float] = {}
        self._asking: Counter[str] = Counter()
        self._arrived: queue.SimpleQueue[tuple[str, Addresses]] = queue.SimpleQueue()

    def want(self, texts: Iterable[str]) -> None:
        """Look up those that are not known yet, a thread each, so that one dead name delays only itself."""
        self._collect()
        for text in texts:
            if (known := literal(text)) is not None:
                self._answers[text] = known
            elif not self._answers.get(text):
                self._ask_if_due(text)

    def ask_again(self, texts: Iterable[str]) -> None:
        """Look up those that have an answer, too: it may have changed."""
        for text in texts:
            if literal(text) is None:
                self._ask_if_due(text)

    def answers(self) -> dict[str, Addresses]:
        """What is known, by endpoint text."""
        self._collect()
        return dict(self._answers)

    def news(self) -> bool:
        """Whether an answer has arrived that nobody has read."""
        return not self._arrived.empty()

    def complete(self) -> bool:
        """Whether no look-up is under way."""
        self._collect()
        return not any(self._asking.values())

    def _ask_if_due(self, text: str) -> None:
        """`_last` is when the name was asked for, or when that failed."""
        now, asking = self._clock(), self._asking[text]
        waited = now - self._last.get(text, -math.inf)
        if waited < (PATIENCE if asking else RETRY) or asking > 1:
            return
        self._last[text] = now
        self._asking[text] += 1
        threading.Thread(target=self._ask, args=(text,), name=f"dns {text}", daemon=True).start()

    def _ask(self, text: str) -> None:
        self._arrived.put((text, self._lookup(text)))
        self._answered()

    def _collect(self) -> None:
        while not self._arrived.empty():
            text, addresses = self._arrived.get()
            self._asking[text] -= 1
            self._last[text] = self._clock()
            if addresses:
                self._answers[text] = addresses


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
