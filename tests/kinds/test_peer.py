"""Peers are only ever edited: what does not differ is not sent, and endpoints are hints."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configs import (
    HUB,
    NOW,
    SPOKE_1,
    WEBCAMS,
    config,
    key,
    machine,
    network,
    networks,
    peer,
    private_key,
    resolved,
    run,
)
from tests.fake import FakeKernel
from wgd.config.document import Config, Endpoint
from wgd.config.document import Peer as ConfiguredPeer
from wgd.endpoints import NOWHERE
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit, PeersSet, Stripped, pushes_endpoint
from wgd.model import Report
from wgd.reconcile import reconcile
from wgd.silence import Listener

A, B = ("198.51.100.15", 51820), ("203.0.113.9", 40000)
WANT = Peer("wg0", key("hub-1"), frozenset(), endpoint=A, configured="hub.example:51820")
SAME = WANT.configured
PUSHES = (
    ("nothing configured", None, B, None, False),
    ("not resolved yet", None, None, None, False),
    ("a new peer", A, None, None, True),
    ("there already", A, A, SAME, False),
    ("roamed", A, B, SAME, False),
    ("roamed, and we do not remember what was pushed", A, B, None, False),
    ("the configured one changed", A, B, "old.example:51820", True),
    ("changed, but it is there already", A, A, "old.example:51820", False),
)


@pytest.mark.parametrize(
    ("target", "live", "pushed", "expected"), [p[1:] for p in PUSHES], ids=[p[0] for p in PUSHES]
)
def test_when_an_endpoint_is_pushed(
    target: tuple[str, int] | None, live: tuple[str, int] | None, pushed: str | None, expected: bool
) -> None:
    want = replace(WANT, endpoint=target)
    assert pushes_endpoint(want, replace(WANT, endpoint=live, pushed=pushed)) is expected


def edits(report: Report) -> list[PeerEdit]:
    return [edit for o in report.outcomes if isinstance(o.op, PeersSet) for edit in o.op.edits]


def hub(*peers: ConfiguredPeer) -> Config:
    return config(replace(HUB, peers=peers, forwards=()))


def converged(wanted: Config) -> FakeKernel:
    kernel = machine()
    assert run(kernel, wanted).converged
    return kernel


ONE, TWO = peer("one", "172.27.0.2/32"), peer("two", "172.27.0.3/32", WEBCAMS)


def test_adding_one_names_only_that_one() -> None:
    report = run(converged(hub(ONE)), hub(ONE, TWO))
    assert [edit.name for edit in edits(report)] == ["two"]
    assert not edits(report)[0].only_existing


def test_removing_one_names_only_that_one() -> None:
    report = run(converged(hub(ONE, TWO)), hub(ONE))
    assert [(edit.public_key, edit.remove) for edit in edits(report)] == [(key("two"), True)]


def test_an_expired_peer_is_removed() -> None:
    until = datetime.datetime.fromtimestamp(NOW + 60, datetime.UTC)
    wanted = hub(ONE, replace(TWO, expires=until))
    kernel = converged(wanted)
    report = run(kernel, wanted, now=NOW + 61)
    assert report.converged and [edit.remove for edit in edits(report)] == [True]


def test_a_prefix_is_appended_and_the_peer_not_made_again() -> None:
    report = run(converged(hub(ONE)), hub(peer("one", "172.27.0.2/32", WEBCAMS)))
    assert edits(report) == [
        PeerEdit(key("one"), "one", only_existing=True, add_allowed_ips=networks(WEBCAMS))
    ]


def test_a_prefix_moves_by_being_added() -> None:
    """The peer that loses it has no edit: there is nothing to say to it."""
    moved = hub(peer("one", "172.27.0.2/32", WEBCAMS), peer("two", "172.27.0.3/32"))
    report = run(converged(hub(ONE, TWO)), moved)
    assert report.converged and [edit.name for edit in edits(report)] == ["one"]


def test_prefixes_can_be_exchanged() -> None:
    swapped = hub(peer("one", "172.27.0.3/32", WEBCAMS), peer("two", "172.27.0.2/32"))
    report = run(converged(hub(ONE, TWO)), swapped)
    assert report.converged and len({id(outcome.op) for outcome in report.outcomes}) == 1


def test_a_prefix_that_goes_is_removed_by_name() -> None:
    """Never REPLACE_ALLOWEDIPS, which leaves a gap for those that stay."""
    report = run(converged(hub(ONE, TWO)), hub(ONE, peer("two", "172.27.0.3/32")))
    assert report.converged
    assert edits(report) == [
        PeerEdit(key("two"), "two", only_existing=True, remove_allowed_ips=networks(WEBCAMS))
    ]


def test_a_removed_peers_prefix_can_go_to_another() -> None:
    report = run(converged(hub(ONE, TWO)), hub(peer("one", "172.27.0.2/32", WEBCAMS)))
    assert report.converged and [edit.remove for edit in edits(report)] == [False, True]


def test_another_public_key_takes_over_in_one_message() -> None:
    """Its prefixes move to the new key before the old one goes."""
    new = replace(ONE, public_key=key("one's new phone"))
    report = run(converged(hub(ONE, TWO)), hub(new, TWO))
    assert report.converged and len({id(outcome.op) for outcome in report.outcomes}) == 1
    assert [(edit.public_key, edit.remove) for edit in edits(report)] == [
        (new.public_key, False),
        (ONE.public_key, True),
    ]


PSK = private_key("psk")


def test_a_preshared_key_is_set_and_removed() -> None:
    kernel = converged(hub(ONE))
    assert [e.preshared_key for e in edits(run(kernel, hub(replace(ONE, preshared_key=PSK))))] == [PSK]
    assert [e.preshared_key for e in edits(run(kernel, hub(ONE)))] == [NO_PRESHARED_KEY]


def test_keepalive_is_set_and_turned_off() -> None:
    kernel = converged(hub(ONE))
    assert [
        e.persistent_keepalive for e in edits(run(kernel, hub(replace(ONE, persistent_keepalive=25))))
    ] == [25]
    assert [e.persistent_keepalive for e in edits(run(kernel, hub(ONE)))] == [0]


def test_a_roaming_peer_is_left_alone() -> None:
    kernel = converged(config(SPOKE_1))
    kernel.roam("wg0", key("hub-1"), B)
    report = run(kernel, config(SPOKE_1))
    assert report.plan.in_sync and report.outcomes == ()


def test_a_new_endpoint_in_the_file_is_pushed_once() -> None:
    kernel = converged(config(SPOKE_1))
    hub_peer = replace(SPOKE_1.peers[0], endpoint=Endpoint("203.0.113.1", 1))
    wanted = config(replace(SPOKE_1, peers=(hub_peer,)))
    assert [edit.endpoint for edit in edits(run(kernel, wanted))] == [("203.0.113.1", 1)]
    kernel.roam("wg0", key("hub-1"), B)
    assert run(kernel, wanted).outcomes == ()


def test_a_new_text_for_where_the_peer_is_sends_nothing_then_or_later() -> None:
    kernel = converged(config(SPOKE_1))
    there = replace(SPOKE_1.peers[0], endpoint=Endpoint(*B))
    wanted = config(replace(SPOKE_1, peers=(there,)))
    kernel.roam("wg0", key("hub-1"), B)
    report = run(kernel, wanted)
    assert [(edit.endpoint, edit.configured) for edit in edits(report)] == [(None, "203.0.113.9:40000")]
    assert (*report.plan.ops[0].commands(),) == ("# hub-1 is at 203.0.113.9:40000 already",)
    kernel.roam("wg0", key("hub-1"), ("192.0.2.7", 7))
    assert run(kernel, wanted).plan.in_sync


def test_a_peer_that_went_meanwhile_is_not_made_by_an_edit() -> None:
    kernel = converged(hub(ONE))
    kernel.edit_peer(
        "wg0", PeerEdit(key("nobody"), only_existing=True, add_allowed_ips=(network("10.0.0.0/8"),))
    )
    assert len(kernel.dump("peer")) == 1


def test_what_the_peer_is_called_is_no_difference() -> None:
    kernel = converged(hub(ONE))
    assert run(kernel, hub(replace(ONE, name="renamed"))).plan.in_sync


def listening(
    kernel: FakeKernel, wanted: Config, listener: Listener, steady: float, now: float = NOW
) -> Report:
    """One pass of a daemon, at that time of its steady clock."""
    return reconcile(kernel, wanted, resolved(wanted), now, listen=lambda seen: listener.listen(seen, steady))


SPOKE = ("wg0", key("one"))


def test_a_hub_forgets_where_a_silent_peer_was() -> None:
    kernel, wanted, listener = converged(hub(ONE, TWO)), hub(ONE, TWO), Listener()
    kernel.roam(*SPOKE, B)
    assert listening(kernel, wanted, listener, 0.0).plan.in_sync
    assert listening(kernel, wanted, listener, 539.0).plan.in_sync
    report = listening(kernel, wanted, listener, 540.0, NOW + 540)
    (edit,) = edits(report)
    assert edit == PeerEdit(
        key("one"),
        "one",
        only_existing=True,
        endpoint=NOWHERE,
        stripped=Stripped("203.0.113.9:40000", NOW + 540),
    )
    assert report.plan.changes[0].fields == (("endpoint", "203.0.113.9:40000", "none"),)
    assert report.converged and listening(kernel, wanted, listener, 2000.0).plan.in_sync


@pytest.mark.parametrize("after", [0, 60], ids=["never", "sooner"])
def test_how_long_a_hub_remembers_is_configurable(after: int) -> None:
    wanted = config(replace(HUB, peers=(ONE,), forwards=(), strip_after=after))
    kernel, listener = converged(wanted), Listener()
    kernel.roam(*SPOKE, B)
    listening(kernel, wanted, listener, 0.0)
    assert len(edits(listening(kernel, wanted, listener, 60.0))) == (1 if after else 0)


def test_a_peer_that_a_hub_dials_is_never_forgotten() -> None:
    dialled = replace(ONE, endpoint=Endpoint(*A), persistent_keepalive=25)
    kernel, listener = converged(hub(dialled)), Listener()
    listening(kernel, hub(dialled), listener, 0.0)
    assert listening(kernel, hub(dialled), listener, 10_000.0).plan.in_sync


def test_who_was_heard_is_not_forgotten() -> None:
    kernel, wanted, listener = converged(hub(ONE)), hub(ONE), Listener()
    for steady in range(0, 3000, 300):
        kernel.roam(*SPOKE, B)
        assert listening(kernel, wanted, listener, steady).plan.in_sync


def test_a_call_that_nobody_answers_goes_to_the_configured_endpoint_again() -> None:
    wanted, listener = config(SPOKE_1), Listener()
    kernel = converged(wanted)
    kernel.roam("wg0", key("hub-1"), B)
    pushed = []
    for steady in range(0, 300, 5):
        kernel.call("wg0", key("hub-1"))
        done = listening(kernel, wanted, listener, steady)
        pushed += [(steady, edit.endpoint) for edit in edits(done)]
    assert pushed == [(140, A)], "135 s after the first call that was noticed"


STEPS = ("pass", "handshake", "call", "roam")


@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(-172_800, 172_800)), max_size=60),
    st.sampled_from(("hub", "spoke")),
)
def test_a_clock_that_jumps_changes_nothing(steps: list[tuple[str, int]], role: str) -> None:
    """The same events, with a wall clock that runs straight and with one that jumps up to two days."""
    wanted, who = (hub(ONE), key("one")) if role == "hub" else (config(SPOKE_1), key("hub-1"))
    told = [endpoints_told(wanted, who, [(step, jump * wild) for step, jump in steps]) for wild in (0, 1)]
    assert told[0] == told[1]


def endpoints_told(wanted: Config, who: bytes, steps: list[tuple[str, int]]) -> list[tuple[int, object]]:
    """When (by the steady clock) which endpoint was set."""
    kernel, listener = converged(wanted), Listener()
    told: list[tuple[int, object]] = []
    for number, (step, jump) in enumerate(steps):
        steady, wall = 20 * number, NOW + 20 * number + jump
        if step == "handshake":
            kernel.shake_hands("wg0", who, wall)
        elif step == "call":
            kernel.call("wg0", who)
        elif step == "roam":
            kernel.roam("wg0", who, ("203.0.113.9", 40000 + number))
        done = listening(kernel, wanted, listener, steady, wall)
        told += [(steady, edit.endpoint) for edit in edits(done)]
    return told
