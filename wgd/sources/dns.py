"""Where the configured endpoints are: addresses at once, names by DNS, never in the reconciling thread."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable

from wgd.config.document import Config

Addresses = tuple[tuple[str, int], ...]

RETRY = 15.0
"""Seconds until a name that did not resolve is asked for again."""


def endpoints(config: Config) -> frozenset[str]:
    """The endpoints that enabled interfaces want, as "host:port"."""
    return frozenset(
        str(peer.endpoint)
        for interface in config.enabled()
        for peer in interface.peers
        if peer.enabled and peer.endpoint is not None
    )


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
    """Keeps the answers for a set of endpoints; calls `answered` from its own threads when one arrives."""

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered = answered
        self._answers: dict[str, Addresses] = {}
        self._failed: dict[str, float] = {}
        self._asking: set[str] = set()
        self._arrived: queue.SimpleQueue[tuple[str, Addresses]] = queue.SimpleQueue()

    def want(self, texts: Iterable[str]) -> None:
        """Look up those that are not known yet, a thread each, so that one dead name delays only itself."""
        now = time.monotonic()
        self._collect()
        for text in texts:
            if (known := literal(text)) is not None:
                self._answers[text] = known
            elif not self._answers.get(text) and text not in self._asking and self._may_ask(text, now):
                self._asking.add(text)
                threading.Thread(target=self._ask, args=(text,), name=f"dns {text}", daemon=True).start()

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
        return not self._asking

    def _may_ask(self, text: str, now: float) -> bool:
        return now - self._failed.get(text, -RETRY) >= RETRY

    def _ask(self, text: str) -> None:
        self._arrived.put((text, lookup(text)))
        self._answered()

    def _collect(self) -> None:
        while not self._arrived.empty():
            text, addresses = self._arrived.get()
            self._asking.discard(text)
            if addresses:
                self._answers[text] = addresses
            else:
                self._failed[text] = time.monotonic()


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
