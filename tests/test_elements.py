"""What an edit comes to in elements of sets: what the whole plan would say, and that it says it at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.configs import HUB, NOW, config, interface, network, peer, side
from wgd.config.document import Config, Forward, Input, Interface, Peer, PortRange
from wgd.elements import change, edited_elements
from wgd.kinds.nftables import NftablesKind
from wgd.kinds.route import Route
from wgd.listing import touched
from wgd.model import Change, State

ROUTES = {
    to: Route(network(to), device) for to, device in {"0.0.0.0/0": "eth0", "10.9.0.0/16": "lan0"}.items()
}
NAMES = tuple(f"p{number}" for number in range(24))
ADDRESSES = (
    *(f"172.27.1.{n}/32" for n in range(24)),
    *(f"10.9.0.{n}/32" for n in range(8)),
    "203.0.113.4/32",
)
WIDE = ("172.27.1.0/28", "10.9.0.0/24", "172.27.2.0/24", "fd00::2/128")
OTHER = interface("wg1", "172.28.0.1/16", forwards=(Forward(side("172.27.1.3/32"), side("172.28.0.2/32")),))


def by_address(address: str, ports: tuple[PortRange, ...] = ()) -> Forward:
    return Forward(side(address), side("10.11.12.0/24"), ports)


def by_name(name: str) -> Forward:
    return Forward(side(name, peers=NAMES), side("10.11.12.0/24"))


CAMERAS = peer("cameras", "172.27.0.3/32", "10.11.12.0/24")
PEERS = tuple(peer(f"p{n}", f"172.27.1.{n}/32") for n in range(16))
WEB = (PortRange("tcp", 80, 80),)
rules = st.one_of(
    st.builds(by_address, st.sampled_from(ADDRESSES), st.sampled_from(((), (), WEB))),
    st.builds(by_address, st.sampled_from(WIDE)),
    st.builds(by_name, st.sampled_from(NAMES)),
    st.just(Forward(side("internet"), side("10.11.12.0/24"))),
)
peers = st.builds(
    lambda name, address, wide, keepalive: peer(
        name, address, *wide, persistent_keepalive=keepalive, enabled=keepalive != 9
    ),
    st.sampled_from(NAMES),
    st.sampled_from(ADDRESSES),
    st.sampled_from(((), (), (), *((one,) for one in WIDE))),
    st.sampled_from((0, 25, 25, 9)),
)
few = st.tuples(
    st.lists(peers, max_size=2, unique_by=lambda one: one.name), st.lists(st.integers(0, 20), max_size=1)
)
some_rules = st.tuples(st.lists(rules, max_size=2), st.lists(st.integers(0, 40), max_size=2))


NAMED, ADDRESSED = (
    tuple(by_name(one.name) for one in PEERS),
    tuple(by_address(f"172.27.1.{n}/32") for n in range(16)),
)


def edited(
    hub: Interface, more: list[Peer], gone: list[int], new: list[Forward], old: list[int]
) -> Interface:
    """What stays is the same object; rules name peers who are there."""
    names = {one.name for one in more}
    left = [p for at, p in enumerate(hub.peers) if p.name not in names and (at not in gone or p.name == "p1")]
    words = [rule for at, rule in enumerate(hub.forwards) if at not in old]
    there = names | {one.name for one in left}
    kept = [rule for rule in (*words[:3], *new, *words[3:]) if _named(rule) <= there]
    return replace(hub, peers=(*left, *more), forwards=tuple(kept))


def _named(rule: Forward) -> set[str]:
    return {name for side in rule.sides for name in side.peers}


def compared(before: Config, now: Config) -> tuple[list[Change] | None, list[Change] | None]:
    """What the edit alone says of elements, and what there is to say; None: not only elements change."""
    kind, seen = NftablesKind(), State({"route": ROUTES}, now=NOW)
    specs = {kind.key(spec): spec for spec in kind.desired(before, seen)}
    seen = replace(seen, objects={**seen.objects, "nftables": specs})
    differs = touched(before.interfaces["wg0"].peers, now.interfaces["wg0"].peers)
    found = edited_elements(kind, before, now, {"wg0": (differs.gone, differs.come)}, seen)
    whole = NftablesKind().changed_elements(now, seen)
    if found is None:
        return None, whole
    changes = [change(kind, *refill) for refill in found[0]]
    assert found[1] == [*kind.ops(changes, seen)]
    return changes, whole


@given(
    st.lists(rules, max_size=12), st.lists(st.tuples(few, some_rules), min_size=1, max_size=3), st.booleans()
)
@settings(max_examples=4 * settings.default.max_examples)
def test_it_says_what_the_whole_plan_would(
    first: list[Forward],
    steps: list[tuple[tuple[list[Peer], list[int]], tuple[list[Forward], list[int]]]],
    two: bool,
) -> None:
    hub = replace(HUB, peers=(CAMERAS, *PEERS), inputs=(Input(side("p1", peers=NAMES)),))
    hub = edited(hub, [], [], [*ADDRESSED, *first], [])
    for (more, gone), (new, old) in steps:
        after = edited(hub, more, gone, new, old)
        before, now = (config(one, *([OTHER] if two else [])) for one in (hub, after))
        now = replace(
            now, interfaces={**now.interfaces, **({"wg1": before.interfaces["wg1"]} if two else {})}
        )
        found, whole = compared(before, now)
        event("known" if found else "unknown" if found is None else "nothing")
        if found is not None:
            assert whole is not None
            assert {change.ref: change for change in found} == {change.ref: change for change in whole}
        hub = after


MOVED = replace(PEERS[4], allowed_ips=(network("172.27.1.77/32"),))
CHEAP = {
    "an address, in the peer and in its rule": (ADDRESSED, (4, MOVED), (4, by_address("172.27.1.77/32")), 2),
    "an address, and a rule that names the peer": (NAMED, (4, MOVED), None, 2),
    "a peer and its rule come": (
        ADDRESSED,
        (16, peer("new", "172.27.1.50/32")),
        (16, by_address("172.27.1.50/32")),
        1,
    ),
    "a rule goes": (ADDRESSED, None, (4, None), 1),
    "a keepalive": (NAMED, (4, replace(PEERS[4], persistent_keepalive=25)), None, 0),
}


@pytest.mark.parametrize(("rules", "one", "rule", "elements"), CHEAP.values(), ids=CHEAP)
def test_it_is_known_of_what_people_edit(
    rules: tuple[Forward, ...],
    one: tuple[int, Peer] | None,
    rule: tuple[int, Forward | None] | None,
    elements: int,
) -> None:
    before = replace(HUB, peers=(CAMERAS, *PEERS), forwards=rules)
    row, words = [*PEERS], [*rules]
    if one:
        row[one[0] : one[0] + 1] = [one[1]]
    if rule:
        words[rule[0] : rule[0] + 1] = [rule[1]] if rule[1] else []
    now = replace(before, peers=(CAMERAS, *row), forwards=tuple(words))
    found, whole = compared(config(before), config(now))
    assert found is not None and found == whole
    assert sum(len(change.before.elements ^ change.after.elements) for change in found) == elements
