"""Flows as rules and sets: whatever is shared, the same packets pass."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, NOW, config, machine, network, networks, peer, run, side
from tests.fake import FakeKernel
from tests.nft_verdict import Packet, verdict
from wgd.access.ground import Place
from wgd.access.meaning import Flow
from wgd.access.rules import LONGEST, Text, interface_of
from wgd.access.writer import FEW, Writer
from wgd.config.document import Config, Forward, Interface, PortRange
from wgd.kinds.nftables import FORWARD, Chain, NftablesKind, NftElements, NftTransaction, Rule
from wgd.model import Change, Op, State
from wgd.nftset import NamedSet, SetEdit, spelled
from wgd.plan import make_plan
from wgd.reconcile import observe

MANAGED = ("wg0", "wg1")
WEB = (PortRange("tcp", 80, 80),)
HOSTS = tuple(f"172.27.0.{number}/32" for number in range(2, 40, 2))
RANGES = tuple(f"10.{number}.0.0/24" for number in range(20))
SERVER, SITE = "172.27.9.9/32", "10.99.0.0/16"


def flow(sources: tuple[str, ...], targets: tuple[str, ...], ports: tuple[PortRange, ...] = ()) -> Flow:
    version = ip_network((*sources, *targets, "0.0.0.0/0")[0]).version
    source, target = (Place("wg0", networks(*side)) for side in (sources, targets))
    return Flow("wg0", version, source, target, ports, "one → other")


def each(sources: tuple[str, ...], targets: tuple[str, ...]) -> list[Flow]:
    """One flow from each to each, side by side; a single one stays the same."""
    length = max(len(sources), len(targets))
    left, right = (side * (length if len(side) == 1 else 1) for side in (sources, targets))
    return [flow((one,), (other,)) for one, other in zip(left, right, strict=True)]


def accepts(interface: str, flows: list[Flow], managed: tuple[str, ...]) -> tuple[list[Text], list[NamedSet]]:
    return Writer(interface, managed).accepts(tuple(flows))


V6 = tuple(f"fd00:27::{number:x}/128" for number in range(2, 40, 2))
SHARED = (
    ("many to a network", each(HOSTS, (SITE,)), "from", "ipv4_addr", len(HOSTS)),
    ("many to a server", each(HOSTS, (SERVER,)), "pairs", "ipv4_addr . ipv4_addr", len(HOSTS)),
    ("each to its own", each(HOSTS, HOSTS[::-1]), "pairs", "ipv4_addr . ipv4_addr", len(HOSTS)),
    ("a network to many", each((SITE,), HOSTS), "to", "ipv4_addr", len(HOSTS)),
    ("networks to one", each(RANGES, (SITE,)), "from", "ipv4_addr intervals", len(RANGES)),
    ("anybody to many", [flow((), (one,)) for one in HOSTS], "to", "ipv4_addr", len(HOSTS)),
    ("many to anywhere", [flow((one,), ()) for one in HOSTS], "from", "ipv4_addr", len(HOSTS)),
    ("a long list", [flow(RANGES * 4, ())], "from", "ipv4_addr intervals", len(RANGES)),
    (
        "a long list of targets",
        [flow(("172.27.0.2/32",), RANGES * 4)],
        "to",
        "ipv4_addr intervals",
        len(RANGES),
    ),
    ("two of each with two of each", [flow(HOSTS[:4], HOSTS[4:8])], "pairs", "ipv4_addr . ipv4_addr", 16),
    ("IPv6", [flow((one,), ("fd00:9::/64",)) for one in V6], "from", "ipv6_addr", len(V6)),
    ("pairs of IPv6", each(V6, V6[::-1]), "pairs", "ipv6_addr . ipv6_addr", len(V6)),
)


@pytest.mark.parametrize(
    ("flows", "sort", "type_", "elements"), [s[1:] for s in SHARED], ids=[s[0] for s in SHARED]
)
def test_many_flows_are_one_rule_and_a_set(flows: list[Flow], sort: str, type_: str, elements: int) -> None:
    (rule,), (found,) = accepts("wg0", flows, MANAGED)
    assert found.name.startswith(f"{sort}-wg0-") and interface_of(found.name) == "wg0"
    assert f"@{found.name} " in rule.text
    assert (found.type, len(found.elements)) == (type_, elements)


def test_a_few_stay_rules_with_words_of_their_own() -> None:
    rules, sets = accepts("wg0", each(HOSTS[:FEW], (SITE,)), MANAGED)
    assert len(rules) == FEW and not sets
    rules, sets = accepts("wg0", each(HOSTS[: FEW + 1], (SITE,)), MANAGED)
    assert len(rules) == 1 and len(sets) == 1


def test_what_differs_in_its_ports_shares_nothing() -> None:
    flows = [flow((one,), (SITE,), WEB if number % 2 else ()) for number, one in enumerate(HOSTS)]
    rules, sets = accepts("wg0", flows, MANAGED)
    assert [len(one.elements) for one in sets] == [len(HOSTS) // 2 + 1, len(HOSTS) // 2]
    assert len(rules) == 2


def test_single_addresses_and_ranges_of_one_flow_are_in_sets_apart() -> None:
    rules, sets = accepts("wg0", [flow((*HOSTS, *RANGES), (SITE,))], MANAGED)
    assert sorted((one.type, len(one.elements)) for one in sets) == [
        ("ipv4_addr", len(HOSTS)),
        ("ipv4_addr intervals", len(RANGES)),
    ]
    assert len(rules) == 2


def test_the_few_of_a_flow_stay_in_a_rule_while_its_many_are_in_a_set() -> None:
    rules, sets = accepts("wg0", [flow((*HOSTS, RANGES[0]), (SITE,))], MANAGED)
    assert len(sets) == 1 and len(rules) == 2
    assert 'ip saddr 10.0.0.0/24 oifname "wg0" ip daddr 10.99.0.0/16 accept' in rules[0].text


def test_a_crowd_meets_a_crowd_without_all_their_pairs() -> None:
    crowd = tuple(f"172.27.{n // 100}.{n % 100 * 2}/32" for n in range(LONGEST * 2))
    _, (found,) = accepts("wg0", [flow(crowd, HOSTS)], MANAGED)
    assert (found.type, len(found.elements)) == ("ipv4_addr", len(crowd))
    _, (found,) = accepts("wg0", [flow(HOSTS, crowd)], MANAGED)
    assert found.name.startswith("to-") and len(found.elements) == len(crowd)


def test_overlapping_ranges_are_one_interval() -> None:
    flows = each(("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", *RANGES), (SITE,))
    _, (found,) = accepts("wg0", flows, MANAGED)
    assert [spelled(found.type, one) for one in found.elements] == ["10.0.0.0-11.255.255.255"]


@given(st.permutations(each(HOSTS, (SITE,))))
def test_a_set_is_the_same_in_any_order(flows: list[Flow]) -> None:
    assert accepts("wg0", flows, MANAGED) == accepts("wg0", each(HOSTS, (SITE,)), MANAGED)


def crowded(count: int, *more: Forward) -> Interface:
    """A hub whose peers each may reach the cameras, and each its own camera."""
    peers = [peer(f"p{number}", f"172.27.1.{number}/32") for number in range(count)]
    rules = [Forward(side(p.name, peers=(p.name,)), side("10.11.12.0/24")) for p in peers]
    rules += [
        Forward(side(p.name, peers=(p.name,)), side(f"10.11.12.{number}/32"), WEB)
        for number, p in enumerate(peers)
    ]
    return replace(HUB, peers=(*HUB.peers, *peers), forwards=(*HUB.forwards, *rules, *more))


def ops(kernel: FakeKernel, wanted: Config) -> list[Op]:
    """What is done to nftables on the way to the config."""
    kernel.recover()
    assert run(kernel, wanted).converged
    return [op for op in kernel.ran if isinstance(op, NftTransaction | NftElements)]


def test_an_edit_of_one_among_many_is_one_element_of_each_set() -> None:
    kernel, before, now = machine(), config(crowded(20)), config(crowded(21))
    ops(kernel, before)
    for wanted, verb in ((now, "add"), (before, "delete")):
        (op,) = ops(kernel, wanted)
        words = sorted(command.split(" inet ")[0] for command in op.commands())
        assert words == [f"nft '{verb} element"] * 2
        assert sum(command.count("172.27.1.20") for command in op.commands()) == 2


def test_sets_stand_before_the_rules_that_look_into_them_and_go_after() -> None:
    kernel = machine()
    made = [type(op) for op in ops(kernel, config(crowded(20)))]
    assert made == [NftTransaction, NftElements, NftTransaction]
    *_, last = ops(kernel, config(HUB))
    assert [command.split()[1:3] for command in last.commands()] == [["'delete", "set"]] * 2


def test_who_goes_from_a_set_into_a_rule_is_missing_at_no_time() -> None:
    """First what comes, then the rules, then what goes."""
    kernel = machine()
    ops(kernel, config(crowded(20)))
    fewer, alone = crowded(20), side("p0", peers=("p0",))
    moved = [Forward(rule.source, side("any")) if rule.source == alone else rule for rule in fewer.forwards]
    found = ops(kernel, config(replace(fewer, forwards=tuple(moved))))
    assert [type(op) for op in found] == [NftTransaction, NftElements]
    assert all("delete element" in command for command in found[1].commands())


def test_what_a_stranger_did_to_our_sets_is_mended() -> None:
    kernel, wanted = machine(), config(crowded(20))
    ops(kernel, wanted)
    done = kernel.nft.as_text()
    (some,) = (
        one for one in kernel.nft.everything() if isinstance(one, NamedSet) and one.type == "ipv4_addr"
    )
    theirs = bytes((203, 0, 113, 9))
    plan = make_plan(wanted, observe(kernel, {}, NOW))
    assert plan.in_sync
    kernel.nft.change_elements([SetEdit(some.name, some.type, (theirs,), (min(some.elements),))])
    (change,) = make_plan(wanted, observe(kernel, {}, NOW)).changes
    assert change.label == f"set inet wgd {some.name}"
    assert change.fields == (("elements", "20 (1 unknown)", "20 (1 new)"),)
    (op,) = ops(kernel, wanted)
    assert isinstance(op, NftElements) and kernel.nft.as_text() == done


ADDRESSES = (*HOSTS[:6], *RANGES[:6], "10.0.0.0/8", "172.27.0.0/24", "203.0.113.0/24", "198.51.100.7/32")
places = st.builds(
    Place,
    st.sampled_from(("wg0", "wg1", "eth0", None)),
    st.lists(st.sampled_from(ADDRESSES), max_size=9, unique=True).map(lambda texts: networks(*texts)),
)
random_flows = st.builds(
    Flow,
    st.just("wg0"),
    st.just(4),
    places,
    places,
    st.lists(st.sampled_from((*WEB, PortRange("udp", 50, 60), PortRange("icmp"))), unique=True).map(tuple),
    st.just("one → other"),
)
packets = st.builds(
    Packet,
    st.sampled_from(("wg0", "wg1", "eth0", "eth1")),
    st.sampled_from(("wg0", "wg1", "eth0", "eth1")),
    *(st.sampled_from(("172.27.0.2", "172.27.0.4", "172.27.0.5", "10.0.0.9", "10.3.0.1", "203.0.113.9")),)
    * 2,
    protocol=st.sampled_from(("tcp", "udp", "icmp")),
    port=st.sampled_from((80, 55)),
)


def permitted(one: Flow, packet: Packet) -> bool:
    """What a flow means, without a word of nft."""
    ends = ((one.source, packet.incoming, packet.source), (one.target, packet.outgoing, packet.target))
    for place, device, address in ends:
        if device in MANAGED if place.device is None else device != place.device:
            return False
        if place.networks and not any(net.covers(network(f"{address}/32")) for net in place.networks):
            return False
    spans = [(p.protocol, p.first, p.last) for p in one.ports]
    return not spans or any(
        protocol == packet.protocol and (protocol == "icmp" or first <= packet.port <= last)
        for protocol, first, last in spans
    )


@given(st.lists(random_flows, max_size=30), st.lists(packets, min_size=20, max_size=60))
def test_the_same_packets_pass_as_with_a_rule_for_each_flow(flows: list[Flow], some: list[Packet]) -> None:
    kernel, kind = machine(), NftablesKind()
    texts, sets = accepts("wg0", flows, MANAGED)
    rules = [Rule("", text) for text in (*(one.text for one in texts), "counter drop")]
    specs = [*sets, Chain("forward-wg0", FORWARD, tuple(rules))]
    changes = [Change(kind.ref(spec), None, spec, "wg0", kind.label) for spec in specs]
    for op in kind.ops(changes, State({})):
        kernel.run(op)
    for packet in some:
        passes = verdict(kernel.nft, "forward-wg0", packet) == "accept"
        assert passes is any(permitted(one, packet) for one in flows), packet
