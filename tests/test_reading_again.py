"""Reading the rules of one config after the other says what reading each alone would."""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, NOW, config, interface, machine, network, peer, run, side
from wgd.access import flows
from wgd.access.flows import Reader, disguises, entries, ingress, nowhere
from wgd.config.document import Config, Forward, Input, Interface, Masquerade, Peer, PortRange, Side
from wgd.kinds.nftables import NftablesKind
from wgd.kinds.route import Route
from wgd.model import State
from wgd.reconcile import observe

SOON = datetime.datetime.fromtimestamp(NOW + 2, datetime.UTC)
PEERS = (
    peer("a", "172.27.0.2/32"),
    peer("b", "172.27.0.3/32", "10.11.12.0/24"),
    peer("c", "172.27.0.4/32", "10.11.12.128/25", "fd00::4/128"),
    peer("d", "203.0.113.0/24"),
    peer("e", "172.27.0.5/32", "192.168.7.0/24", enabled=False),
    peer("f", "172.27.0.6/32", expires=SOON),
    *(peer(f"g{number}", f"172.27.1.{2 * number}/32") for number in range(12)),
    *(peer(f"h{number}", f"172.27.2.{number}/32") for number in range(4)),  # neighbours: together one range
)
NAMES = tuple(one.name for one in PEERS)
CROWD = NAMES[6:18]
SIDES = (
    *(side(name, peers=NAMES) for name in NAMES),
    side("a", "10.11.12.0/24", peers=NAMES),
    side("10.11.12.0/24"),
    side("192.168.7.0/24", "fd00:9::/64"),
    side("172.28.0.2/32"),
    side("172.27.2.1/32"),
    side("172.27.2.2/32", "172.27.2.3/32"),
    side("internet"),
    side("any"),
    side(*CROWD, peers=NAMES),
)
RULES = tuple(
    Forward(
        one,
        other,
        (PortRange("tcp", 80, 80),) if (i + j) % 3 == 0 else (),
        outgoing="eth7" if j == 4 else None,
    )
    for i, one in enumerate(SIDES)
    for j, other in enumerate(SIDES)
)
INPUTS = tuple(Input(one, ports) for one in SIDES for ports in ((), (PortRange("tcp", 22, 22),)))
MASKS: tuple[tuple[Masquerade, ...], ...] = (
    (),
    (Masquerade("lan7", side("192.168.7.0/24")),),
    (Masquerade("eth0", side("internet")),),
)
ADDRESSES = (("172.27.0.1/16",), ("172.27.0.1/16", "fd00::1/64"), ("172.27.0.1/24",))
ROUTES: tuple[dict[str, str], ...] = (
    {"0.0.0.0/0": "eth0"},
    {"0.0.0.0/0": "eth0", "192.168.7.0/24": "lan7"},
    {"0.0.0.0/0": "eth0", "10.0.0.0/8": "lan0", "172.27.0.2/32": "wg0"},
)
OTHER = interface("wg1", "172.28.0.1/16", peers=(peer("phone", "172.28.0.2/32", "192.168.8.0/24"),))


def subset(everything: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(everything), max_size=20, unique_by=id).map(tuple)


hubs: st.SearchStrategy[Interface] = st.builds(
    lambda peers, rules, inputs, masks, own: interface(
        "wg0", *own, peers=peers, forwards=rules, inputs=inputs, masquerades=masks
    ),
    subset(PEERS),
    subset(RULES),
    subset(INPUTS),
    st.sampled_from(MASKS),
    st.sampled_from(ADDRESSES),
)
steps = st.tuples(hubs, st.booleans(), st.sampled_from(ROUTES), st.integers(0, 4))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Config, State]]:
    """Edits of which most change a little: the objects that stay are the same objects."""
    found = []
    for hub, second, ways, later in draw(st.lists(steps, min_size=1, max_size=4)):
        wanted = config(hub, *([OTHER] if second else []))
        routes: dict[Hashable, Route] = {to: Route(network(to), device) for to, device in ways.items()}
        seen = replace(observe(machine(), {}, NOW + later), now=NOW + later)
        found.append((wanted, replace(seen, objects={**seen.objects, "route": routes})))
        for _ in range(draw(st.integers(0, 2))):
            field, pool = draw(st.sampled_from((("peers", PEERS), ("forwards", RULES), ("inputs", INPUTS))))
            have = getattr(hub, field)
            at, one = draw(st.integers(0, len(have))), draw(st.sampled_from(pool))
            rest = tuple(other for other in have if other is not one)
            hub = replace(hub, **{field: (*rest[:at], one, *rest[at:]) if draw(st.booleans()) else rest})
            found.append((replace(wanted, interfaces={**wanted.interfaces, "wg0": hub}), found[-1][1]))
    return found


@given(histories())
def test_what_was_read_before_changes_no_answer(history: list[tuple[Config, State]]) -> None:
    kept, kind = Reader(), NftablesKind()
    for wanted, seen in history:
        fresh = Reader()
        assert kept.read(wanted, seen)[4:] == fresh.read(wanted, seen)[4:]
        assert kept.ingress(wanted, seen) == fresh.ingress(wanted, seen)
        assert kept.disguises(wanted) == fresh.disguises(wanted)
        assert list(kind.desired(wanted, seen)) == list(NftablesKind().desired(wanted, seen))


@given(histories())
def test_whoever_asks_gets_the_answer_for_what_he_asked(history: list[tuple[Config, State]]) -> None:
    """Whatever somebody else asked before."""
    for wanted, seen in history:
        fresh = Reader()
        assert flows.flows(wanted, seen) == fresh.read(wanted, seen).flows
        assert entries(wanted, seen) == fresh.read(wanted, seen).entries
        assert nowhere(wanted, seen) == fresh.read(wanted, seen).rest.nowhere
        assert ingress(wanted, seen) == fresh.ingress(wanted, seen)
        assert disguises(wanted) == fresh.disguises(wanted)


def test_a_rule_that_an_edit_did_not_touch_is_not_read_again() -> None:
    before = config(replace(HUB, forwards=RULES[:20]))
    now = config(
        replace(HUB, peers=(*HUB.peers, peer("new", "172.27.9.9/32")), forwards=(*RULES[:20], RULES[30]))
    )
    reader, seen = Reader(), State({}, now=NOW)
    first = reader.read(before, seen).flows
    known = {id(flow) for flow in first}
    again = [flow for flow in reader.read(now, seen).flows if id(flow) in known]
    assert again == list(first)


def test_a_neighbour_is_not_read_again() -> None:
    """Though the addresses of both are one range until one of them goes."""
    row = tuple(peer(f"n{number}", f"10.9.3.{number}/32") for number in range(9))
    rules = tuple(Forward(side(f"10.9.3.{number}/32"), side("any")) for number in range(9))
    moved = (*row[:4], replace(row[4], allowed_ips=(network("10.9.3.44/32"),)), *row[5:])
    reader, seen = Reader(), State({}, now=NOW)
    first = reader.read(config(replace(HUB, peers=row, forwards=rules)), seen).flows
    again = reader.read(config(replace(HUB, peers=moved, forwards=rules)), seen).flows
    stayed = {id(flow) for flow in first} & {id(flow) for flow in again}
    changed = {flow.words for flow in (*first, *again) if id(flow) not in stayed}
    assert changed == {"10.9.3.4/32 → any"}


GRANTS = {
    "a name": (side("a", peers=NAMES), PEERS[:1]),
    "addresses that a peer brings": (side("10.11.12.0/24"), PEERS[1:2]),
    "the internet, of which a peer has a part": (side("internet"), PEERS[3:4]),
}


@pytest.mark.parametrize(("words", "peers"), GRANTS.values(), ids=GRANTS)
def test_a_rule_is_read_again_when_what_it_names_comes_or_goes(words: Side, peers: tuple[Peer, ...]) -> None:
    without = replace(HUB, peers=(), forwards=(Forward(side("any"), words),))
    reader, seen = Reader(), State({}, now=NOW)
    said = [reader.read(config(replace(without, peers=some)), seen).flows for some in ((), peers, ())]
    assert said[0] == said[2] != said[1]


def test_peers_expire_while_nothing_else_changes() -> None:
    rule = Forward(side("f", peers=NAMES), side("any"))
    wanted = config(replace(HUB, peers=PEERS, forwards=(rule,)))
    kernel = machine()
    assert run(kernel, wanted, NOW).converged
    assert {flow.words for flow in flows.flows(wanted, State({}, now=NOW))} == {"f → any"}
    assert flows.flows(wanted, State({}, now=NOW + 3)) == ()
    assert flows.flows(wanted, State({}, now=NOW)) != ()
