"""What a link must be, and the MTU that fits the way to every endpoint."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from tests.configs import NOW, SPOKE_1, interface, network, peer
from wgd.config.document import MTU_AUTO, Endpoint, Interface
from wgd.kinds.link import DEFAULT_MTU, KERNEL, USERSPACE, Link, LinkKind, wanted_mtu
from wgd.kinds.route import Route
from wgd.model import State

KIND = LinkKind()
WANT = Link("wg0", KERNEL, 1420)

DIFFERENCES = (
    ("the same", Link("wg0", KERNEL, 1420, index=7), ()),
    ("userspace is as good", Link("wg0", USERSPACE, 1420), ()),
    ("mtu", Link("wg0", KERNEL, 1400), ("mtu",)),
    ("group", Link("wg0", KERNEL, 1420, group=0), ("group",)),
    ("down", Link("wg0", KERNEL, 1420, up=False), ("state",)),
    ("no WireGuard", Link("wg0", "dummy", 1420), ("kind",)),
)


@pytest.mark.parametrize(("have", "fields"), [d[1:] for d in DIFFERENCES], ids=[d[0] for d in DIFFERENCES])
def test_differences(have: Link, fields: tuple[str, ...]) -> None:
    assert tuple(field for field, _, _ in KIND.differences(WANT, have)) == fields


def test_no_mtu_asked_for_is_no_difference() -> None:
    assert KIND.differences(replace(WANT, mtu=None), Link("wg0", KERNEL, 1234)) == ()


@pytest.mark.parametrize(
    ("have", "ours"),
    [(Link("wg0", KERNEL), True), (Link("wg0", KERNEL, group=0), False), (Link("wg0", "dummy"), False)],
    ids=["our group", "another group", "no WireGuard"],
)
def test_ownership_is_the_group(have: Link, ours: bool) -> None:
    assert KIND.owns(have, State({})) is ours


WAYS = State(
    {
        "link": {
            name: Link(name, "veth", mtu, group=0) for name, mtu in {"eth0": 1500, "ppp0": 1492}.items()
        },
        "route": {
            i: route
            for i, route in enumerate(
                (
                    Route(network("0.0.0.0/0"), "eth0", 100, 16, gateway=True),
                    Route(network("198.51.100.0/24"), "ppp0", 0, 16),
                    Route(network("203.0.113.0/24"), "eth0", 0, 16, mtu=1300),
                    Route(network("192.0.2.0/24"), "wg0", 0),
                    Route(network("::/0"), "ppp0", 1024, 16, gateway=True),
                )
            )
        },
    },
    resolved={
        "a.example:1": (("192.0.2.7", 1),),
        "b.example:1": (("198.51.100.7", 1), ("192.0.2.7", 1)),
        "c.example:1": (("203.0.113.7", 1),),
        "v6.example:1": (("2001:db8::7", 1),),
        "lost.example:1": (),
    },
    now=NOW,
)


def calls(*hosts: str, own: str = "172.27.0.2/16", **more: Any) -> Interface:
    peers = tuple(peer(host, endpoint=Endpoint(f"{host}.example", 1), **more) for host in hosts)
    return interface("wg0", own, mtu=MTU_AUTO, peers=peers)


MTUS = (
    ("a number", replace(SPOKE_1, mtu=1380), 1380),
    ("not managed", SPOKE_1, None),
    ("nobody to call", calls(), DEFAULT_MTU),
    ("not resolved yet", calls("lost"), DEFAULT_MTU),
    ("the default route, never our own", calls("a"), 1420),
    ("the smallest of a name's addresses", calls("b"), 1412),
    ("the route's own MTU", calls("c"), 1220),
    ("the smallest of all", calls("a", "b", "c"), 1220),
    ("IPv6 costs the same", calls("v6"), 1412),
    ("a disabled peer does not count", calls("b", enabled=False), DEFAULT_MTU),
    (
        "an expired peer does not count",
        calls("b", expires=datetime.datetime.fromtimestamp(NOW - 1, datetime.UTC)),
        DEFAULT_MTU,
    ),
    ("never so small that IPv6 addresses would vanish", calls("c", own="fd00::2/64"), 1280),
)


@pytest.mark.parametrize(("spoke", "mtu"), [m[1:] for m in MTUS], ids=[m[0] for m in MTUS])
def test_mtu(spoke: Interface, mtu: int | None) -> None:
    assert wanted_mtu(spoke, WAYS) == mtu


def test_a_loop_of_addresses_is_no_way() -> None:
    """The endpoint is reached by the tunnel's own route only: nothing is known."""
    only = State(
        {"link": {}, "route": {0: Route(network("192.0.2.0/24"), "wg0")}}, resolved=WAYS.resolved, now=NOW
    )
    assert wanted_mtu(calls("a"), only) == DEFAULT_MTU
