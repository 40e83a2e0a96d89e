"""What rules mean: `[[forward]]` and `[[masquerade]]` in addresses and devices."""

from __future__ import annotations

import datetime
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import HUB, NOW, SPOKE_2, WEBCAMS, config, interface, peer, side
from wgd.config.document import Config, Forward, Forwarding, Interface, Masquerade, Side
from wgd.flows import Flow, Place, disguises, flows

PEERS = ("spoke-1", "spoke-2", "hub-1", "two")
ONE, CAMERAS = "172.27.0.2/32", WEBCAMS
ELSEWHERE = "192.168.7.0/24"


def words(*text: str) -> Side:
    return side(*text, peers=PEERS, webcams=(WEBCAMS,), mixed=("fd00:9::/64", ELSEWHERE))


def place(at: Place) -> str:
    """`wg0 172.27.0.2/32`; `-` for a device that wgd does not manage, `*` for any address."""
    return f"{at.device or '-'} {','.join(map(str, at.networks)) or '*'}"


def told(wanted: Config) -> list[str]:
    return [f"{place(flow.source)} → {place(flow.target)}" for flow in flows(wanted, NOW)]


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
        "what no peer covers is not behind wg0",
        hub(words("spoke-1"), words(ELSEWHERE)),
        [f"wg0 {ONE} → - {ELSEWHERE}"],
    ),
    (
        "a range is split into what is inside and what is outside",
        hub(words("spoke-1"), words("10.11.0.0/16")),
        [
            f"wg0 {ONE} → wg0 {CAMERAS}",
            f"wg0 {ONE} → - 10.11.0.0/21,10.11.8.0/22,10.11.13.0/24,10.11.14.0/23,"
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
        [f"- {ELSEWHERE} → wg0 {CAMERAS}"],
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
    ("no rules, no flows", replace(HUB, forwards=()), []),
    ("unmanaged", hub(words("any"), words("any"), forwarding=Forwarding.UNMANAGED), []),
    ("disabled", hub(words("any"), words("any"), enabled=False), []),
    (
        "the name of a peer that brings a whole network of ours",
        replace(SPOKE_2, forwards=(Forward(words("hub-1"), words("webcams")),)),
        [f"wg0 172.27.0.0/16 → - {CAMERAS}"],
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
        [f"wg0 {ONE} → - {ELSEWHERE}", "wg0 fd00::2/128 → - fd00:9::/64"],
    ),
    (
        "only the families of the interface",
        hub(words("spoke-1"), words("mixed")),
        [f"wg0 {ONE} → - {ELSEWHERE}"],
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
        [f"wg0 {ONE} → - {ELSEWHERE}"],
    ),
)


@pytest.mark.parametrize(
    ("wg0", "wg1", "expected"), [row[1:] for row in TWO_INTERFACES], ids=[row[0] for row in TWO_INTERFACES]
)
def test_two_interfaces(wg0: Interface, wg1: Interface, expected: list[str]) -> None:
    assert told(config(wg0, wg1)) == expected


def internet(*interfaces: Interface) -> Flow:
    (flow,) = flows(config(*interfaces), NOW)
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
