"""What rules mean: `[[forward]]` and `[[masquerade]]` in addresses and devices."""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import HUB, NOW, SPOKE_2, WEBCAMS, config, interface, network, peer, side
from wgd.access.flows import disguises, entries, flows, nowhere
from wgd.access.ground import Place
from wgd.access.meaning import HERE, Flow
from wgd.config.document import Config, Forward, Forwarding, Input, Interface, Masquerade, Side
from wgd.kinds.route import Route
from wgd.model import State

PEERS = ("spoke-1", "spoke-2", "hub-1", "two")
ONE, CAMERAS = "172.27.0.2/32", WEBCAMS
ELSEWHERE = "192.168.7.0/24"


LAN: dict[str, str | None] = {
    "0.0.0.0/0": "eth0",
    "10.0.0.0/8": "lan0",
    ELSEWHERE: "lan7",
    "fd00:9::/64": "lan9",
}


def state(ways: dict[str, str | None]) -> State:
    """A machine whose routes lead there."""
    routes: dict[Hashable, Route] = {
        to: Route(network(to), device, protocol=2) for to, device in ways.items()
    }
    return State({"route": routes}, now=NOW)


def words(*text: str) -> Side:
    return side(*text, peers=PEERS, webcams=(WEBCAMS,), mixed=("fd00:9::/64", ELSEWHERE))


def place(at: Place) -> str:
    """`wg0 172.27.0.2/32`; `-` for a device that wgd does not manage, `*` for any address."""
    return f"{at.device or '-'} {','.join(map(str, at.networks)) or '*'}"


def told(wanted: Config, ways: dict[str, str | None] = LAN) -> list[str]:
    return [f"{place(flow.source)} → {place(flow.target)}" for flow in flows(wanted, state(ways))]


def hub(source: Side, target: Side, **more: Any) -> Interface:
    device = {key: more.pop(key) for key in ("incoming", "outgoing") if key in more}
    rule = replace(Forward(source, target), **device)
    return replace(HUB, forwards=(rule,), **more)


ONE_INTERFACE: tuple[tuple[str, Interface, list[str]], ...] = (
    (
        "a peer's name is the peer itself, not what is behind it",
        hub(words("spoke-1"), words("spoke-2")),
        [f"wg0 {ONE} → wg0 172.27.0.3/32"],
    ),
    (
        "a network behind a peer is named as a network",
        hub(words("spoke-1"), words("webcams")),
        [f"wg0 {ONE} → wg0 {CAMERAS}"],
    ),
    (
        "a CIDR behind a peer lives there",
        hub(words("spoke-1"), words("10.11.12.7/32")),
        [f"wg0 {ONE} → wg0 10.11.12.7/32"],
    ),
    (
        "an IPv6 address is not the IPv4 address of the same number",
        hub(words("spoke-1"), words("::ac1b:2/128")),
        [],
    ),
    (
        "what no peer covers is where its route leads",
        hub(words("spoke-1"), words(ELSEWHERE)),
        [f"wg0 {ONE} → lan7 {ELSEWHERE}"],
    ),
    (
        "a range is split into what is inside and what is outside",
        hub(words("spoke-1"), words("10.11.0.0/16")),
        [
            f"wg0 {ONE} → wg0 {CAMERAS}",
            f"wg0 {ONE} → lan0 10.11.0.0/21,10.11.8.0/22,10.11.13.0/24,10.11.14.0/23,"
            "10.11.16.0/20,10.11.32.0/19,10.11.64.0/18,10.11.128.0/17",
        ],
    ),
    (
        "several words are one set",
        hub(words("spoke-1", "spoke-2", "webcams"), words("webcams")),
        [f"wg0 {CAMERAS},172.27.0.2/31 → wg0 {CAMERAS}"],
    ),
    (
        "from outside to outside is none of wg0's business",
        hub(words(ELSEWHERE), words("192.168.8.0/24")),
        [],
    ),
    (
        "from outside in",
        hub(words(ELSEWHERE), words("webcams")),
        [f"lan7 {ELSEWHERE} → wg0 {CAMERAS}"],
    ),
    (
        "in binds the outer side to a device",
        hub(words(ELSEWHERE), words("webcams"), incoming="eth0"),
        [f"eth0 {ELSEWHERE} → wg0 {CAMERAS}"],
    ),
    (
        "out binds the outer side to a device",
        hub(words("spoke-1"), words(ELSEWHERE), outgoing="eth0"),
        [f"wg0 {ONE} → eth0 {ELSEWHERE}"],
    ),
    (
        "in says nothing about the side behind wg0",
        hub(words("spoke-1"), words("webcams"), incoming="eth0"),
        [f"wg0 {ONE} → wg0 {CAMERAS}"],
    ),
    (
        "any to a network behind wg0: from wg0 and from everywhere else",
        hub(words("any"), words("webcams")),
        [f"wg0 * → wg0 {CAMERAS}", f"- * → wg0 {CAMERAS}"],
    ),
    (
        "any with in",
        hub(words("any"), words("webcams"), incoming="eth0"),
        [f"eth0 * → wg0 {CAMERAS}"],
    ),
    (
        "any to any never leaves wg0 out",
        hub(words("any"), words("any")),
        ["wg0 * → wg0 *", "wg0 * → - *", "- * → wg0 *"],
    ),
    (
        "a disabled peer's name permits nothing",
        hub(words("spoke-1"), words("webcams"), peers=(replace(HUB.peers[0], enabled=False), HUB.peers[1])),
        [],
    ),
    (
        "but its addresses are still behind wg0, and never leave in plaintext",
        hub(words("spoke-1"), words("webcams"), peers=(HUB.peers[0], replace(HUB.peers[1], enabled=False))),
        [f"wg0 {ONE} → wg0 {CAMERAS}"],
    ),
    (
        "an expired peer is a disabled one",
        hub(
            words("spoke-1"),
            words("webcams"),
            peers=(
                replace(HUB.peers[0], expires=datetime.datetime.fromtimestamp(NOW - 1, datetime.UTC)),
                HUB.peers[1],
            ),
        ),
        [],
    ),
    (
        "what no peer has of our own network is still behind wg0",
        hub(words("172.27.0.0/24"), words("webcams")),
        [f"wg0 172.27.0.0/24 → wg0 {CAMERAS}"],
    ),
    ("no rules, no flows", replace(HUB, forwards=()), []),
    ("unmanaged", hub(words("any"), words("any"), forwarding=Forwarding.UNMANAGED), []),
    ("disabled", hub(words("any"), words("any"), enabled=False), []),
    (
        "the name of a peer that brings a whole network of ours",
        replace(SPOKE_2, forwards=(Forward(words("hub-1"), words("webcams")),)),
        [f"wg0 172.27.0.0/16 → wlp0s0f0 {CAMERAS}"],
    ),
    (
        "families do not mix",
        interface(
            "wg0",
            "172.27.0.1/16",
            "fd00::1/64",
            peers=(peer("two", "172.27.0.2/32", "fd00::2/128"),),
            forwards=(Forward(words("two"), words("mixed")),),
        ),
        [f"wg0 {ONE} → lan7 {ELSEWHERE}", "wg0 fd00::2/128 → lan9 fd00:9::/64"],
    ),
    (
        "only the families of the interface",
        hub(words("spoke-1"), words("mixed")),
        [f"wg0 {ONE} → lan7 {ELSEWHERE}"],
    ),
)


@pytest.mark.parametrize(
    ("wg0", "expected"), [row[1:] for row in ONE_INTERFACE], ids=[row[0] for row in ONE_INTERFACE]
)
def test_one_interface(wg0: Interface, expected: list[str]) -> None:
    assert told(config(wg0)) == expected


OTHER = interface("wg1", "172.28.0.1/16", peers=(peer("phone", "172.28.0.2/32", ELSEWHERE),))
TWO_INTERFACES: tuple[tuple[str, Interface, Interface, list[str]], ...] = (
    (
        "what another interface covers lives there",
        hub(words("spoke-1"), words(ELSEWHERE)),
        OTHER,
        [f"wg0 {ONE} → wg1 {ELSEWHERE}"],
    ),
    (
        "both have to permit, each with a rule of its own",
        hub(words("172.28.0.2/32"), words("spoke-1")),
        replace(
            OTHER,
            forwards=(Forward(words("172.28.0.2/32"), words("172.27.0.2/32")),),
            forwarding=Forwarding.RULES,
        ),
        [f"wg1 172.28.0.2/32 → wg0 {ONE}"] * 2,
    ),
    (
        "any reaches the other one too",
        hub(words("spoke-1"), words("any")),
        OTHER,
        [f"wg0 {ONE} → wg0 *", f"wg0 {ONE} → wg1 *", f"wg0 {ONE} → - *"],
    ),
    (
        "a disabled one is no managed one",
        hub(words("spoke-1"), words(ELSEWHERE)),
        replace(OTHER, enabled=False),
        [f"wg0 {ONE} → lan7 {ELSEWHERE}"],
    ),
)


@pytest.mark.parametrize(
    ("wg0", "wg1", "expected"), [row[1:] for row in TWO_INTERFACES], ids=[row[0] for row in TWO_INTERFACES]
)
def test_two_interfaces(wg0: Interface, wg1: Interface, expected: list[str]) -> None:
    assert told(config(wg0, wg1)) == expected


TO_CAMERAS = hub(words("spoke-1"), words("webcams"), peers=HUB.peers[:1])
"""The peer that brought the cameras was taken out of the file."""
MASQUERADED = replace(TO_CAMERAS, masquerades=(Masquerade("lan7", words("webcams")),))
WAYS: tuple[tuple[str, Interface, dict[str, str | None], list[str]], ...] = (
    ("the default route is no way", TO_CAMERAS, {"0.0.0.0/0": "eth0"}, []),
    ("nor is half of it", TO_CAMERAS, {"0.0.0.0/1": "eth0", "128.0.0.0/1": "eth0"}, []),
    ("nor a route that is still there into wg0", TO_CAMERAS, {CAMERAS: "wg0"}, []),
    ("a route to a larger network", TO_CAMERAS, {"10.0.0.0/8": "lan0"}, [f"lan0 {CAMERAS}"]),
    (
        "the longest prefix wins",
        TO_CAMERAS,
        {"10.0.0.0/8": "lan0", "10.11.12.128/25": "lan7"},
        ["lan0 10.11.12.0/25", "lan7 10.11.12.128/25"],
    ),
    ("into a black hole", TO_CAMERAS, {"10.0.0.0/8": "lan0", "10.11.0.0/16": None}, []),
    ("a device that masquerading names", MASQUERADED, {"10.0.0.0/8": "lan0"}, [f"lan7 {CAMERAS}"]),
    (
        "masquerading to anywhere names none",
        replace(TO_CAMERAS, masquerades=(Masquerade("eth0", words("any")),)),
        {"0.0.0.0/0": "eth0"},
        [],
    ),
    (
        "a device that the rule names",
        hub(words("spoke-1"), words("webcams"), peers=HUB.peers[:1], outgoing="eth0"),
        {},
        [f"eth0 {CAMERAS}"],
    ),
    (
        "public addresses by any device, since that is where they live",
        hub(words("spoke-1"), words("203.0.113.0/24")),
        {"0.0.0.0/0": "eth0"},
        ["- 203.0.113.0/24"],
    ),
)


@pytest.mark.parametrize(("wg0", "ways", "expected"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_what_no_peer_has(wg0: Interface, ways: dict[str, str | None], expected: list[str]) -> None:
    assert told(config(wg0), ways) == [f"wg0 {ONE} → {target}" for target in expected]


def test_two_devices_of_one_network() -> None:
    routes: dict[Hashable, Route] = {
        number: Route(network(CAMERAS), f"lan{number}", metric=number) for number in (1, 2)
    }
    found = flows(config(TO_CAMERAS), State({"route": routes}, now=NOW))
    assert [flow.target.device for flow in found] == ["lan1", "lan2"]


NOWHERE: tuple[tuple[str, Interface, dict[str, str | None], list[str]], ...] = (
    ("only the default route", TO_CAMERAS, {"0.0.0.0/0": "eth0"}, [CAMERAS]),
    ("a part of it has a way", TO_CAMERAS, {"10.11.12.0/25": "lan0"}, []),
    ("a peer", HUB, {}, []),
    ("the rule names a device", hub(words(ONE), words(ELSEWHERE), outgoing="eth0"), {}, []),
    ("both sides, and twice", replace(TO_CAMERAS, forwards=TO_CAMERAS.forwards * 2), {}, [CAMERAS]),
    ("no rule counts", replace(TO_CAMERAS, forwarding=Forwarding.UNMANAGED), {}, []),
    ("public", hub(words("spoke-1"), words("203.0.113.0/24")), {}, []),
)


@pytest.mark.parametrize(
    ("wg0", "ways", "expected"), [row[1:] for row in NOWHERE], ids=[row[0] for row in NOWHERE]
)
def test_what_lives_nowhere_is_told(wg0: Interface, ways: dict[str, str | None], expected: list[str]) -> None:
    assert [str(found.network) for found in nowhere(config(wg0), state(ways))] == expected


def internet(*interfaces: Interface) -> Flow:
    (flow,) = flows(config(*interfaces), state(LAN))
    return flow


PUBLIC = peer("two", "172.27.0.2/32", "203.0.113.0/24")
INTERNET = (
    ("a public address", "198.51.100.15", True),
    ("private", "192.168.1.1", False),
    ("shared", "100.64.0.1", False),
    ("link-local", "169.254.1.1", False),
    ("loopback", "127.0.0.1", False),
    ("multicast", "224.0.0.251", False),
    ("broadcast", "255.255.255.255", False),
    ("behind a peer", "203.0.113.9", False),
    ("our own network", "11.0.0.9", False),
)


@pytest.mark.parametrize(
    ("address", "inside"), [row[1:] for row in INTERNET], ids=[row[0] for row in INTERNET]
)
def test_internet_is_nothing_private_and_nothing_managed(address: str, inside: bool) -> None:
    rule = Forward(words("two"), words("internet"))
    flow = internet(interface("wg0", "172.27.0.1/16", "11.0.0.1/24", peers=(PUBLIC,), forwards=(rule,)))
    assert flow.target.device is None
    assert any(ip_address(address) in net for net in flow.target.networks) is inside


INTERNET6 = (
    ("fd00::9", False),
    ("fe80::1", False),
    ("ff02::1", False),
    ("::1", False),
    ("2001:db8::1", True),
)


@pytest.mark.parametrize(("address", "inside"), INTERNET6)
def test_internet_in_ipv6(address: str, inside: bool) -> None:
    rule = Forward(words("fd00::2/128"), words("internet"))
    flow = internet(interface("wg0", "fd00::1/64", peers=(peer("two", "fd00::2/128"),), forwards=(rule,)))
    assert any(ip_address(address) in net for net in flow.target.networks) is inside


def masquerading(*rules: Masquerade, **more: Any) -> list[str]:
    wanted = config(replace(SPOKE_2, masquerades=rules, **more))
    return [f"{d.interface} {d.out} {','.join(map(str, d.networks)) or '*'}" for d in disguises(wanted)]


DISGUISES: tuple[tuple[str, tuple[Masquerade, ...], list[str]], ...] = (
    ("narrow", (Masquerade("wlp0s0f0", words("webcams")),), [f"wg0 wlp0s0f0 {WEBCAMS}"]),
    ("any, said aloud", (Masquerade("eth0", words("any")),), ["wg0 eth0 *"]),
    (
        "several words",
        (Masquerade("eth0", words("webcams", ELSEWHERE)),),
        [f"wg0 eth0 {WEBCAMS},{ELSEWHERE}"],
    ),
    ("another family", (Masquerade("eth0", words("fd00:9::/64")),), []),
)


@pytest.mark.parametrize(
    ("rules", "expected"), [row[1:] for row in DISGUISES], ids=[row[0] for row in DISGUISES]
)
def test_masquerading(rules: tuple[Masquerade, ...], expected: list[str]) -> None:
    assert masquerading(*rules) == expected


def test_masquerading_to_the_internet_leaves_the_private_out() -> None:
    wanted = config(replace(SPOKE_2, masquerades=(Masquerade("eth0", words("internet")),)))
    (disguise,) = disguises(wanted)
    assert not any(ip_address("10.0.0.9") in net for net in disguise.networks)
    assert any(ip_address("198.51.100.15") in net for net in disguise.networks)


def test_masquerading_needs_an_enabled_interface() -> None:
    assert masquerading(Masquerade("eth0", words("any")), enabled=False) == []


ENTRIES: tuple[tuple[str, Side, list[str]], ...] = (
    ("a peer", words("spoke-1"), [f"wg0 {ONE}"]),
    ("a network behind a peer", words("webcams"), [f"wg0 {CAMERAS}"]),
    ("anybody who comes through", words("any"), ["wg0 *"]),
    ("nobody from elsewhere, whatever his address", words(ELSEWHERE, "203.0.113.0/24"), []),
    ("of a range what is behind the interface", words("10.11.0.0/16"), [f"wg0 {CAMERAS}"]),
    ("together", words("spoke-1", ELSEWHERE, "webcams"), [f"wg0 {CAMERAS},{ONE}"]),
)


@pytest.mark.parametrize(("source", "expected"), [e[1:] for e in ENTRIES], ids=[e[0] for e in ENTRIES])
def test_who_may_come_in(source: Side, expected: list[str]) -> None:
    found = entries(config(replace(HUB, inputs=(Input(source),))), state(LAN))
    assert [place(entry.source) for entry in found] == expected
    assert all(entry.target == HERE for entry in found)


def test_who_comes_in_from_nowhere_is_told() -> None:
    wanted = config(replace(HUB, forwards=(), inputs=(Input(words(ELSEWHERE, "webcams")),)))
    (found,) = nowhere(wanted, state(LAN))
    assert str(found) == (
        f"the rule {ELSEWHERE}, webcams → this machine of wg0 permits nothing for {ELSEWHERE}: no peer has it"
    )
