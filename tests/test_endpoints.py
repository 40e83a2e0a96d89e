"""When an endpoint is given up, for which other, and when a hub forgets one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.configs import HUB, SPOKE_1, config, key
from wgd.config.document import Endpoint, Role
from wgd.endpoints import Leads, SocketAddress, Whereabouts, lost, stale, target, to_ask_again, unanswered
from wgd.kinds.peer import Peer, PeerKind
from wgd.model import Silence, State

A, B, C = ("198.51.100.15", 51820), ("203.0.113.9", 40000), ("192.0.2.1", 1)
SIX = ("2001:db8::1", 51820)
NOW = 1000.0
HEARD, QUIET = Silence(NOW - 1), Silence(NOW - 3600)
CALLING = Silence(NOW - 3600, calling=NOW - 135, called=NOW - 5)

UNANSWERED = (
    ("nobody listened", None, False),
    ("idle for an hour", QUIET, False),
    ("not for long enough", replace(CALLING, calling=NOW - 134), False),
    ("for long enough", CALLING, True),
    ("we have stopped calling", replace(CALLING, called=NOW - 31), False),
)


@pytest.mark.parametrize(("silence", "expected"), [u[1:] for u in UNANSWERED], ids=[u[0] for u in UNANSWERED])
def test_unanswered(silence: Silence | None, expected: bool) -> None:
    assert unanswered(silence, NOW) is expected


def v4(address: SocketAddress) -> bool:
    return ":" not in address[0]


def both(_: SocketAddress) -> bool:
    return True


def none(_: SocketAddress) -> bool:
    return False


TARGETS = (
    ("no endpoint is known", (), Whereabouts(), v4, None, False),
    ("a new peer", (A, B), Whereabouts(), v4, A, False),
    ("a new peer, no way to its first address", (SIX, A), Whereabouts(), v4, A, False),
    ("a new peer, ways to both", (SIX, A), Whereabouts(), both, SIX, False),
    ("a new peer, no way at all", (SIX, A), Whereabouts(), none, SIX, False),
    ("there already", (A,), Whereabouts(A, True, HEARD), v4, A, False),
    ("round robin", (A, B, C), Whereabouts(B, True, HEARD), v4, B, False),
    ("roamed", (A,), Whereabouts(B, True, HEARD), v4, A, False),
    ("calls are not answered, one address", (A,), Whereabouts(A, True, CALLING), v4, A, True),
    ("calls are not answered, roamed", (A,), Whereabouts(B, True, CALLING), v4, A, True),
    ("calls are not answered: the next", (A, B, C), Whereabouts(A, True, CALLING), v4, B, True),
    ("calls are not answered: round again", (A, B, C), Whereabouts(C, True, CALLING), v4, A, True),
    ("the next that can be reached", (A, SIX, C), Whereabouts(A, True, CALLING), v4, C, True),
    ("no way there, and never met", (SIX, A), Whereabouts(SIX, False, HEARD), v4, A, True),
    ("no way there, heard just now", (SIX, A), Whereabouts(SIX, True, HEARD), v4, SIX, False),
    ("no way there any more", (SIX, A), Whereabouts(SIX, True, QUIET), v4, A, True),
    ("no way anywhere", (SIX, A), Whereabouts(SIX, True, QUIET), none, SIX, False),
    ("no way to where it roamed", (A,), Whereabouts(SIX, True, QUIET), v4, A, True),
    ("idle for an hour", (A, B), Whereabouts(B, True, QUIET), v4, B, False),
    ("idle for an hour, roamed", (A,), Whereabouts(B, True, QUIET), v4, A, False),
)


@pytest.mark.parametrize(
    ("addresses", "peer", "leads", "where", "gives_up"), [t[1:] for t in TARGETS], ids=[t[0] for t in TARGETS]
)
def test_where_to_look(
    addresses: tuple[SocketAddress, ...],
    peer: Whereabouts,
    leads: Leads,
    where: SocketAddress | None,
    gives_up: bool,
) -> None:
    assert target(addresses, peer, leads, NOW) == where
    assert lost(addresses, peer, leads, NOW) is gives_up


LONG_AGO = Silence(NOW - 540)
STALE: tuple[tuple[str, dict[str, Any], bool, Silence | None, bool], ...] = (
    ("540 s of silence", {}, False, LONG_AGO, True),
    ("one second less", {}, False, Silence(NOW - 539), False),
    ("calls count for nothing", {}, False, replace(CALLING, heard=0), True),
    ("a spoke", {"role": Role.SPOKE}, False, LONG_AGO, False),
    ("dialled on purpose", {}, True, LONG_AGO, False),
    ("never, says the file", {"strip_after": 0}, False, LONG_AGO, False),
    ("sooner, says the file", {"strip_after": 60}, False, Silence(NOW - 60), True),
    ("nobody listened", {}, False, None, False),
)


@pytest.mark.parametrize(
    ("more", "dialled", "silence", "expected"), [s[1:] for s in STALE], ids=[s[0] for s in STALE]
)
def test_when_a_hub_forgets(
    more: dict[str, Any], dialled: bool, silence: Silence | None, expected: bool
) -> None:
    assert stale(replace(HUB, **more), dialled, silence, NOW) is expected


def test_without_a_live_endpoint_there_is_nothing_to_forget() -> None:
    there = Peer("wg0", HUB.peers[0].public_key, frozenset())
    objects = {"peer": {("wg0", there.public_key): there}}
    state = State(objects, silence={("wg0", there.public_key): LONG_AGO}, steady=NOW)
    assert next(iter(PeerKind().desired(config(HUB), state))).endpoint is None


def test_a_name_is_asked_for_again_when_nobody_answers_behind_it() -> None:
    named = replace(SPOKE_1.peers[0], endpoint=Endpoint("hub.example", 51820))
    wanted = config(replace(SPOKE_1, peers=(named,)))
    answers = {"hub.example:51820"}
    for silence, expected in ((QUIET, set()), (CALLING, answers)):
        state = State({}, silence={("wg0", key("hub-1")): silence}, steady=NOW)
        assert to_ask_again(wanted, state) == expected
