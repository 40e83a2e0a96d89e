"""The rules as nft reads them, and when they are the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import (
    HUB,
    NOW,
    SEED,
    SPOKE_2,
    WEBCAMS,
    config,
    interface,
    machine,
    peer,
    resolved,
    run,
    side,
)
from wgd.access.flows import FENCE
from wgd.config.document import Config, Forward, Input, Interface, Masquerade, PortRange
from wgd.kinds.nftables import FORWARD, Chain, NftablesKind, Rule
from wgd.model import State
from wgd.nftset import NamedSet
from wgd.plan import make_plan
from wgd.reconcile import observe

KIND = NftablesKind()


def texts(wanted: Config, chain: str, seen: State | None = None) -> list[str]:
    """The rules of one chain without their comments."""
    chains = {c.name: c for c in KIND.desired(wanted, seen or State({}, now=NOW))}
    return [rule.text.partition(" comment ")[0] for rule in chains[chain].rules] if chain in chains else []


def permits(rule: Forward, **more: Any) -> list[str]:
    """What one rule of a hub becomes, without the frame around it."""
    return texts(config(replace(HUB, forwards=(rule,), **more)), "forward-wg0")[3:-1]


def test_the_frame_of_a_chain() -> None:
    frame = texts(config(HUB), "forward-wg0")
    assert frame[:3] + frame[-1:] == [
        'iifname != "wg0" oifname != "wg0" accept',
        "ct direction reply ct state established,related accept",
        "ct state related meta l4proto { icmp, ipv6-icmp } accept",
        "counter drop",
    ]


PORTS = (
    ("none", (), [""]),
    ("one", (PortRange("tcp", 80, 80),), [" tcp dport 80"]),
    ("range", (PortRange("udp", 5000, 5010),), [" udp dport 5000-5010"]),
    ("sorted", (PortRange("tcp", 554, 554), PortRange("tcp", 80, 80)), [" tcp dport { 80, 554 }"]),
    (
        "merged",
        (PortRange("tcp", 80, 90), PortRange("tcp", 85, 95), PortRange("tcp", 96, 96)),
        [" tcp dport 80-96"],
    ),
    ("twice", (PortRange("tcp", 80, 80), PortRange("tcp", 80, 80)), [" tcp dport 80"]),
    (
        "all protocols",
        (PortRange("icmp"), PortRange("udp", 53, 53), PortRange("tcp", 53, 53)),
        [" tcp dport 53", " udp dport 53", " meta l4proto icmp"],
    ),
)


@pytest.mark.parametrize(("ports", "expected"), [p[1:] for p in PORTS], ids=[p[0] for p in PORTS])
def test_ports(ports: tuple[PortRange, ...], expected: list[str]) -> None:
    rule = Forward(side("spoke-1", peers=("spoke-1",)), side(WEBCAMS), ports)
    start = 'meta nfproto ipv4 iifname "wg0" ip saddr 172.27.0.2/32 oifname "wg0" ip daddr 10.11.12.0/24'
    assert permits(rule) == [f"{start}{words} accept" for words in expected]


def test_icmp_is_named_by_its_version() -> None:
    peers = (peer("spoke-1", "fd00::2/128"), peer("spoke-2", "fd00::3/128"))
    rule = Forward(side("any"), side("fd00::3/128"), (PortRange("icmp"),))
    hub = interface("wg0", "fd00::1/64", peers=peers, forwards=(rule,))
    assert (
        'meta nfproto ipv6 iifname "wg0" oifname "wg0" ip6 daddr fd00::3/128 meta l4proto ipv6-icmp accept'
        in (texts(config(hub), "forward-wg0"))
    )


def test_several_addresses_become_a_set() -> None:
    rule = Forward(side("172.27.0.2/32", "172.27.0.4/32"), side(WEBCAMS))
    peers = (*HUB.peers, peer("phone", "172.27.0.4/32"))
    assert "ip saddr { 172.27.0.2/32, 172.27.0.4/32 }" in permits(rule, peers=peers)[0]


def test_a_second_interface_is_a_managed_one() -> None:
    rule = Forward(side("spoke-1", peers=("spoke-1",)), side("203.0.113.0/24"))
    two = config(replace(HUB, forwards=(rule,)), interface("wg1", "172.28.0.1/16"))
    assert (
        texts(two, "forward-wg0")[3].split("oifname")[1]
        == ' != { "wg0", "wg1" } ip daddr 203.0.113.0/24 accept'
    )


def test_what_comes_in_has_a_chain_of_its_own() -> None:
    rules = (
        Input(side("spoke-1", peers=("spoke-1",)), (PortRange("tcp", 22, 22),)),
        Input(side("any"), PORTS[-1][1]),
    )
    assert texts(config(replace(HUB, forwards=(), inputs=rules)), "input-wg0") == [
        'iifname != "wg0" accept',
        "ct direction reply ct state established,related accept",
        "ct state related meta l4proto { icmp, ipv6-icmp } accept",
        'meta nfproto ipv4 iifname "wg0" ip saddr 172.27.0.2/32 tcp dport 22 accept',
        *(
            f'meta nfproto ipv4 iifname "wg0" {ports} accept'
            for ports in ("tcp dport 53", "udp dport 53", "meta l4proto icmp")
        ),
        "counter drop",
    ]


def test_many_who_come_in_are_a_set() -> None:
    peers = tuple(peer(f"p{n}", f"172.27.1.{2 * n}/32") for n in range(20))
    rules = tuple(Input(side(p.name, peers=(p.name,))) for p in peers)
    wanted = config(replace(HUB, peers=peers, forwards=(), inputs=rules))
    *_, rule, _ = texts(wanted, "input-wg0")
    (found,) = (one for one in KIND.desired(wanted, State({}, now=NOW)) if isinstance(one, NamedSet))
    assert rule == f'meta nfproto ipv4 iifname "wg0" ip saddr @{found.name} accept'
    assert len(found.elements) == 20 and KIND.interface(found) == "wg0"


def test_masquerade_is_narrow() -> None:
    assert texts(SEED["spoke-2"], "masquerade-wg0") == [
        f'meta nfproto ipv4 iifname "wg0" oifname "wlp0s0f0" ip daddr {WEBCAMS} masquerade'
    ]


def test_masquerade_to_any_is_said_aloud() -> None:
    wide = config(replace(SPOKE_2, masquerades=(Masquerade("wlp0s0f0", side("any")),)))
    assert texts(wide, "masquerade-wg0") == ['meta nfproto ipv4 iifname "wg0" oifname "wlp0s0f0" masquerade']


def test_what_is_dropped_is_told_where_the_file_says_so() -> None:
    """Before it is dropped, and neither of what passes nor of everything."""
    told = config(replace(HUB, inputs=(Input(side("any")),), log_drops=True))
    for chain, where in (("forward-wg0", "forward"), ("input-wg0", "input")):
        *_, log, drop = texts(told, chain)
        assert log == f'limit rate 5/second burst 10 packets counter log prefix "wgd wg0 {where}: "'
        assert drop == "counter drop"
        quiet = texts(config(replace(HUB, inputs=(Input(side("any")),))), chain)
        assert [text for text in texts(told, chain) if text != log] == quiet


CLAMPED = [
    f'{way} "wg0" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu'
    for way in ("iifname", "oifname")
]
TO_PUBLIC = Forward(side("spoke-1", peers=("spoke-1",)), side("203.0.113.0/24"))
CLAMPS = (
    ("from peer to peer all have the same", HUB, []),
    ("another device", SPOKE_2, CLAMPED),
    ("a device that no rule names", replace(HUB, forwards=(TO_PUBLIC,)), CLAMPED),
    ("the file says no", replace(SPOKE_2, clamp_mss=False), []),
    ("the file says yes", replace(HUB, clamp_mss=True), CLAMPED),
    ("wgd decides nothing", interface("wg0", "172.27.0.1/16"), []),
    ("but the file says yes", interface("wg0", "172.27.0.1/16", clamp_mss=True), CLAMPED),
)


@pytest.mark.parametrize(("one", "expected"), [row[1:] for row in CLAMPS], ids=[row[0] for row in CLAMPS])
def test_tcp_is_clamped_where_it_leads_to_another_device(one: Interface, expected: list[str]) -> None:
    assert texts(config(one), "clamp-wg0") == expected


ADDRESSES = (("any", "10.0.0.7"), ("fd00:9::/64", "fd00:9::7"))


@pytest.mark.parametrize(("target", "address"), ADDRESSES)
def test_masquerade_with_an_address_of_its_own_is_for_that_ip_version(target: str, address: str) -> None:
    both = interface(
        "wg0",
        "172.27.0.3/16",
        "fd00::3/64",
        masquerades=(Masquerade("eth0", side(target), ip_address(address)),),
    )
    (rule,) = texts(config(both), "masquerade-wg0")
    family = "ip6" if ":" in address else "ip"
    assert rule.startswith(f"meta nfproto {'ipv6' if family == 'ip6' else 'ipv4'} iifname")
    assert rule.endswith(f" snat {family} to {address}") and "masquerade" not in rule


ANSWERS = "ct direction reply ct state established,related accept"
"""Docker may have made the machine a router since, and needs its answers."""


def test_what_wgd_opened_it_fences_in_the_versions_it_opened() -> None:
    """IPv6 forwarding of that device is somebody else's."""
    seen = observe(machine(), {}, NOW)
    assert texts(SEED["spoke-2"], FENCE, seen) == [
        ANSWERS,
        'meta nfproto ipv4 iifname "wlp0s0f0" oifname != "wg0" counter drop',
    ]


def test_what_forwarded_before_is_not_fenced() -> None:
    kernel = machine()
    kernel.write_sysctl("net/ipv4/conf/all/forwarding", "1")
    assert texts(SEED["spoke-2"], FENCE, observe(kernel, {}, NOW)) == []


def test_the_fence_stands_until_forwarding_is_off_again() -> None:
    """Also when nothing is managed any more: an empty set is no nft."""
    kernel = machine()
    run(kernel, SEED["spoke-2"])
    seen = observe(kernel, {}, NOW)
    assert texts(Config(), FENCE, seen) == [ANSWERS, 'meta nfproto ipv4 iifname "wlp0s0f0" counter drop']
    report = run(kernel, Config())
    assert all(outcome.ok for outcome in report.outcomes) and report.converged
    assert kernel.nft.as_text() == ""


def test_a_removed_interface_of_ours_needs_no_fence() -> None:
    kernel = machine()
    run(kernel, SEED["hub-1"])
    assert texts(Config(), FENCE, observe(kernel, {}, NOW)) == []


def test_ipv6_forwarding_of_all_devices_is_fenced() -> None:
    rule = Forward(side("any"), side("2001:db8:1::/64"))
    hub = config(interface("wg0", "fd00::1/64", peers=(peer("a", "fd00::2/128"),), forwards=(rule,)))
    assert texts(hub, FENCE, observe(machine(), {}, NOW)) == [
        ANSWERS,
        'meta nfproto ipv6 iifname != "wg0" oifname != "wg0" counter drop',
    ]


def test_a_long_comment_is_cut_between_characters() -> None:
    words = tuple(f"ä{n:03}.example" for n in range(40))
    rule = Forward(side(*words, **{word: ("172.27.0.2/32",) for word in words}), side(WEBCAMS))
    chain = next(iter(KIND.desired(config(replace(HUB, forwards=(rule,))), State({}, now=NOW))))
    assert all(len(r.text.partition(' comment "')[2].encode()) <= 128 for r in chain.rules)


SAME = Chain("forward-wg0", FORWARD, (Rule("a"), Rule("b")))
DIFFERENCES = (
    ("the same", SAME, ()),
    ("text unknown", replace(SAME, rules=(Rule("a", "x"), Rule("b", "y"))), ()),
    ("hook", replace(SAME, hook=""), ("hook",)),
    ("one missing", replace(SAME, rules=(Rule("a"),)), ("rules",)),
    ("order", replace(SAME, rules=(Rule("b"), Rule("a"))), ("rules",)),
    ("a stranger's", replace(SAME, rules=(Rule(""), Rule("a"), Rule("b"))), ("rules",)),
)


@pytest.mark.parametrize(("have", "fields"), [d[1:] for d in DIFFERENCES], ids=[d[0] for d in DIFFERENCES])
def test_differences(have: Chain, fields: tuple[str, ...]) -> None:
    assert tuple(field for field, _, _ in KIND.differences(SAME, have)) == fields


def test_words_alone_change_nothing_on_the_wire() -> None:
    """A network renamed is the same rule."""
    one, other = (
        config(replace(HUB, forwards=(Forward(side("any"), side(name, **{name: (WEBCAMS,)})),)))
        for name in ("webcams", "cameras")
    )
    kernel = machine()
    run(kernel, one)
    assert make_plan(other, observe(kernel, resolved(other), NOW)).in_sync


def test_the_last_chain_takes_the_table_along() -> None:
    kernel = machine()
    run(kernel, SEED["hub-1"])
    plan = make_plan(Config(), observe(kernel, {}, NOW))
    assert plan.ops[-1].commands() == ("nft 'delete table inet wgd'",)


def test_what_a_stranger_put_into_our_table_goes() -> None:
    kernel = machine()
    run(kernel, SEED["hub-1"])
    kernel.nft.add_set("theirs")
    kernel.nft.insert("elsewhere", "accept")
    assert run(kernel, SEED["hub-1"]).converged
    assert "theirs" not in kernel.nft.as_text() and "elsewhere" not in kernel.nft.as_text()
