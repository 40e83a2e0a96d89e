"""Peers are only ever edited: what does not differ is not sent, and endpoints are hints."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

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
    run,
)
from tests.fake import FakeKernel
from wgd.config.document import Config, Endpoint
from wgd.config.document import Peer as ConfiguredPeer
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit, PeersSet, pushes_endpoint
from wgd.model import Report

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


def test_a_prefix_that_goes_is_taken_by_a_peer_that_goes() -> None:
    """Never REPLACE_ALLOWEDIPS, which leaves a gap for those that stay."""
    report = run(converged(hub(ONE, TWO)), hub(ONE, peer("two", "172.27.0.3/32")))
    took, went = edits(report)
    assert report.converged
    assert took.add_allowed_ips == networks(WEBCAMS) and took.public_key == went.public_key and went.remove
    assert took.public_key not in (key("one"), key("two"))


def test_a_removed_peers_prefix_can_go_to_another() -> None:
    report = run(converged(hub(ONE, TWO)), hub(peer("one", "172.27.0.2/32", WEBCAMS)))
    assert report.converged and [edit.remove for edit in edits(report)] == [False, True]


def test_a_leftover_of_a_crash_goes() -> None:
    kernel, wanted = converged(hub(ONE, TWO)), hub(ONE, peer("two", "172.27.0.3/32"))
    dummy = edits(run(converged(hub(ONE, TWO)), wanted))[0]
    kernel.edit_peer("wg0", dummy)
    assert run(kernel, wanted).converged and len(kernel.dump("peer")) == 2


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


def test_a_peer_that_went_meanwhile_is_not_made_by_an_edit() -> None:
    kernel = converged(hub(ONE))
    kernel.edit_peer(
        "wg0", PeerEdit(key("nobody"), only_existing=True, add_allowed_ips=(network("10.0.0.0/8"),))
    )
    assert len(kernel.dump("peer")) == 1


def test_what_the_peer_is_called_is_no_difference() -> None:
    kernel = converged(hub(ONE))
    assert run(kernel, hub(replace(ONE, name="renamed"))).plan.in_sync
