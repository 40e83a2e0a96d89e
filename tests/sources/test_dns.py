"""The resolver: outside the thread that reconciles, never too often, and never in the way of other names."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import configs
from wgd.config.document import Config
from wgd.sources.dns import PATIENCE, RETRY, Addresses, Endpoints, Resolver, endpoints, literal

HUB, OTHER = "hub.example:51820", "other.example:1"
A: Addresses = (("198.51.100.15", 51820),)
B: Addresses = (("203.0.113.9", 51820), ("2001:db8::9", 51820))

LITERALS = (
    ("198.51.100.15:51820", (("198.51.100.15", 51820),)),
    ("[2001:db8::1]:1", (("2001:db8::1", 1),)),
    ("hub.example:51820", None),
)


@pytest.mark.parametrize(("text", "expected"), LITERALS, ids=[x[0] for x in LITERALS])
def test_literal(text: str, expected: Addresses | None) -> None:
    assert literal(text) == expected


@given(st.lists(configs(), min_size=1, max_size=4))
def test_the_endpoints_of_one_config_after_the_other(steps: list[Config]) -> None:
    asked = Endpoints()
    for config in [*steps, Config()]:
        assert asked.of(config) == {
            str(peer.endpoint)
            for interface in config.interfaces.values()
            for peer in interface.peers
            if interface.enabled and peer.enabled and peer.endpoint
        }
        assert asked.of(config) == endpoints(config)


class Dns:
    """Answers as told; `hang` lets the next look-ups wait until `go_on`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.answer: Addresses = A
        self._free = threading.Event()
        self._free.set()
        self._answered = threading.Semaphore(0)
        self.resolver = Resolver(self._answered.release, self._look_up, lambda: self.now)

    def hang(self) -> None:
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()

    def wait(self) -> None:
        """Until one more look-up has ended."""
        assert self._answered.acquire(timeout=5)

    def _look_up(self, text: str) -> Addresses:
        answer = self.answer
        self.asked.append(text)
        self._free.wait(5)
        return answer


def test_an_address_needs_no_look_up() -> None:
    dns = Dns()
    dns.resolver.want(["198.51.100.15:51820"])
    dns.resolver.ask_again(["198.51.100.15:51820"])
    assert dns.resolver.answers() == {"198.51.100.15:51820": A}
    assert dns.asked == []


def test_a_name_is_asked_for_once() -> None:
    dns = Dns()
    for _ in range(3):
        dns.resolver.want([HUB])
    dns.wait()
    dns.resolver.want([HUB])
    assert dns.resolver.answers() == {HUB: A}
    assert dns.asked == [HUB]


ASKS: tuple[tuple[str, Callable[[Resolver], None], Addresses], ...] = (
    ("without an answer", lambda resolver: resolver.want([HUB]), ()),
    ("silent", lambda resolver: resolver.ask_again([HUB]), A),
)


@pytest.mark.parametrize(("ask", "answer"), [a[1:] for a in ASKS], ids=[a[0] for a in ASKS])
def test_again_after_a_while(ask: Callable[[Resolver], None], answer: Addresses) -> None:
    dns = Dns()
    dns.answer = answer
    dns.resolver.want([HUB])
    dns.wait()
    dns.resolver.answers()
    for dns.now in (1.0, RETRY - 1):
        ask(dns.resolver)
    assert dns.asked == [HUB]
    dns.answer, dns.now = B, RETRY
    ask(dns.resolver)
    dns.wait()
    assert dns.resolver.news()
    assert dns.resolver.answers() == {HUB: B}


def test_that_dns_fails_is_no_news_of_a_peer() -> None:
    dns = Dns()
    dns.resolver.want([HUB])
    dns.wait()
    dns.resolver.answers()
    dns.answer, dns.now = (), RETRY
    dns.resolver.ask_again([HUB])
    dns.wait()
    assert dns.resolver.answers() == {HUB: A}


def test_a_look_up_that_hangs_delays_nobody_else_and_gets_one_more_try() -> None:
    dns = Dns()
    dns.hang()
    dns.resolver.want([HUB])
    while not dns.asked:
        pass
    for dns.now in (RETRY, PATIENCE - 1):
        dns.resolver.want([HUB])
    assert dns.asked == [HUB]
    dns.now = PATIENCE
    dns.resolver.want([HUB])
    dns.now = 10 * PATIENCE
    dns.resolver.want([HUB, OTHER])
    dns.go_on()
    for _ in range(3):
        dns.wait()
    assert sorted(dns.asked) == [HUB, HUB, OTHER]
    assert dns.resolver.complete()
    assert dns.resolver.answers() == {HUB: A, OTHER: A}
