"""What a peer lets us hear: by what changes between two looks, never by what a wall clock says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from wgd.kinds.peer import Peer
from wgd.model import Silence, State
from wgd.silence import Listener

KEY = ("wg0", b"k" * 32)
PEER = Peer(*KEY, frozenset(), endpoint=("198.51.100.15", 51820), last_handshake=1e9, received=100, sent=100)


def listen(*looks: tuple[float, dict[str, Any]]) -> Silence:
    """What is known after looks at (steady time, what is different from PEER)."""
    listener = Listener()
    for steady, different in looks:
        seen = listener.listen(State({"peer": {KEY: replace(PEER, **different)}}), steady)
        assert seen.steady == steady
    return seen.silence[KEY]


CASES: tuple[tuple[str, Sequence[tuple[float, dict[str, Any]]], Silence], ...] = (
    ("at first everybody counts as heard", [(7, {})], Silence(7)),
    ("nothing came", [(7, {}), (9, {})], Silence(7)),
    ("bytes came", [(7, {}), (9, {"received": 132})], Silence(9)),
    ("a handshake", [(7, {}), (9, {"last_handshake": 2e9})], Silence(9)),
    ("a handshake while the clock was two days behind", [(7, {}), (9, {"last_handshake": 8e8})], Silence(9)),
    ("counters start again", [(7, {}), (9, {"received": 0, "sent": 0})], Silence(9)),
    ("a call", [(7, {}), (9, {"sent": 248})], Silence(7, 9, 9)),
    ("two calls", [(7, {}), (9, {"sent": 248}), (14, {"sent": 396})], Silence(7, 9, 14)),
    ("keepalives are no calls", [(7, {}), (32, {"sent": 132}), (57, {"sent": 164})], Silence(7)),
    ("an answer", [(7, {}), (9, {"sent": 248}), (14, {"sent": 248, "received": 192})], Silence(14)),
    (
        "another place has its own time to answer",
        [(7, {}), (9, {"sent": 248}), (14, {"sent": 396, "endpoint": ("203.0.113.9", 1)})],
        Silence(7),
    ),
)


@pytest.mark.parametrize(("looks", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_listen(looks: Sequence[tuple[float, dict[str, Any]]], expected: Silence) -> None:
    assert listen(*looks) == expected


def test_a_peer_that_went_is_forgotten() -> None:
    listener = Listener()
    looks: tuple[tuple[float, dict[Hashable, Peer]], ...] = ((1, {KEY: PEER}), (2, {}), (3, {KEY: PEER}))
    for steady, peers in looks:
        seen = listener.listen(State({"peer": peers}), steady)
    assert seen.silence == {KEY: Silence(3)}
