"""What each peer comes to: the same as without a memory, and made only of what is new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, NOW, peer
from wgd.config.document import Peer
from wgd.per_peer import PerPeer

EXPIRING = datetime.fromtimestamp(NOW + 10, UTC)
POOL = tuple(
    replace(peer(f"peer-{number}", f"172.28.0.{number}/32"), enabled=number % 5 != 0, expires=expires)
    for number, expires in enumerate((None, None, EXPIRING, None, None, None, EXPIRING, None))
)


def names(one: Peer) -> tuple[str, ...]:
    """Nothing, one, or two."""
    return (one.name, one.name.upper())[: int(one.name[-1]) % 3]


@given(st.lists(st.tuples(st.lists(st.sampled_from(POOL), max_size=9), st.integers(0, 20)), max_size=5))
def test_the_memory_changes_no_answer(steps: list[tuple[list[Peer], int]]) -> None:
    """Also when a peer stands there twice, and when the clock goes back."""
    remembers = PerPeer[tuple[str, ...]]()
    for peers, later in steps:
        remembers.begin()
        found = remembers.of(replace(HUB, peers=tuple(peers)), NOW + later, names)
        assert found == [names(one) for one in peers if one.active(NOW + later)]


def made(remembers: PerPeer[str], peers: tuple[Peer, ...], given: str = "") -> list[str]:
    """Of which peers something was made."""
    told: list[str] = []

    def make(one: Peer) -> str:
        told.append(one.name)
        return one.name

    remembers.begin()
    assert remembers.of(replace(HUB, peers=peers), NOW, make, given) == [one.name for one in peers]
    return told


def test_only_what_is_new_is_made() -> None:
    remembers, (first, second, third, fourth) = PerPeer[str](), POOL[1:5]
    assert made(remembers, (first, second, fourth)) == [first.name, second.name, fourth.name]
    assert made(remembers, (first, second, fourth)) == []
    assert made(remembers, (fourth, third, first)) == [third.name]


def test_all_is_made_again_if_it_depends_on_something_else_now() -> None:
    remembers, peers = PerPeer[str](), POOL[1:3]
    assert made(remembers, peers, "a") == made(remembers, peers, "b") == [one.name for one in peers]


def test_nothing_is_kept_of_an_interface_that_nobody_asks_for() -> None:
    remembers, peers = PerPeer[str](), POOL[1:3]
    made(remembers, peers)
    remembers.begin()
    assert made(remembers, peers) == [one.name for one in peers]
