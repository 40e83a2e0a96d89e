"""Which allowed IPs become routes, whose routes may be replaced, and where an address leads."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.configs import HUB, NOW, SEED, WEBCAMS, address, config, interface, machine, network, peer, run
from wgd.config.document import Interface, Peer
from wgd.kinds.route import Route, RouteDelete, RouteKind, RouteSet, lookup
from wgd.model import OURS, State

KIND = RouteKind()
CAMERAS = network(WEBCAMS)


def wanted(*peers: Peer, own: tuple[str, ...] = ("172.27.0.1/16",)) -> list[str]:
    made = interface("wg0", *own, peers=peers)
    return [
        f"{route.destination} metric {route.metric}"
        for route in KIND.desired(config(made), State({}, now=NOW))
    ]


WANTED: tuple[tuple[str, list[Peer], list[str]], ...] = (
    ("covered by the connected prefix", [peer("a", "172.27.0.2/32", "172.27.0.0/16")], []),
    ("beyond it", [peer("a", "172.27.0.2/32", WEBCAMS)], [f"{WEBCAMS} metric 0"]),
    ("wider than it", [peer("a", "172.16.0.0/12")], ["172.16.0.0/12 metric 0"]),
    ("IPv6 has the kernel's metric", [peer("a", "fd00::/64")], ["fd00::/64 metric 1024"]),
    ("routes = false", [peer("a", WEBCAMS, routes=False)], []),
    ("disabled", [peer("a", WEBCAMS, enabled=False)], []),
    ("one of two", [peer("a", WEBCAMS, enabled=False), peer("b", WEBCAMS)], [f"{WEBCAMS} metric 0"]),
)


@pytest.mark.parametrize(("peers", "expected"), [w[1:] for w in WANTED], ids=[w[0] for w in WANTED])
def test_wanted(peers: list[Peer], expected: list[str]) -> None:
    assert wanted(*peers) == expected


CONFLICTS = (
    ("another device", Route(CAMERAS, "eth0", 0, 3), True),
    ("a blackhole", Route(CAMERAS, None, 0, 3), True),
    ("ours, on another device", Route(CAMERAS, "wg1", 0, OURS), False),
    ("by hand, on our own link", Route(CAMERAS, "wg0", 0, 3), False),
)


@pytest.mark.parametrize(("have", "conflicts"), [c[1:] for c in CONFLICTS], ids=[c[0] for c in CONFLICTS])
def test_conflicts(have: Route, conflicts: bool) -> None:
    want = Route(CAMERAS, "wg0")
    assert KIND.differences(want, have) != ()
    assert (KIND.conflict(want, have, SEED["hub-1"], State({})) is not None) is conflicts


def test_our_own_route_to_another_device_is_replaced_in_one_step() -> None:
    kernel = machine()
    hub, other = interface("wg0", "172.27.0.1/16"), interface("wg1", "172.28.0.1/16")
    run(kernel, config(replace(hub, peers=(peer("a", WEBCAMS),)), other))
    report = run(kernel, config(hub, replace(other, peers=(peer("a", WEBCAMS),))))
    assert report.converged
    assert [op.replace for op in kernel.ran if isinstance(op, RouteSet)] == [False, True]


def test_the_connected_prefix_of_a_foreign_address_is_not_stolen() -> None:
    kernel = machine()
    run(kernel, config(interface("wg0", "172.27.0.1/16")))
    kernel.add_address("wg0", address("10.11.12.9/24"))
    report = run(kernel, config(HUB))
    assert report.converged and "route 10.11.12.0/24 dev wg0 metric 0 proto 2" in kernel.as_text()
    kernel.delete_address("wg0", address("10.11.12.9/24"))
    assert run(kernel, config(HUB)).converged
    assert "route 10.11.12.0/24 dev wg0 metric 0 proto 119" in kernel.as_text()


def test_only_the_mark_makes_a_route_ours() -> None:
    assert KIND.owns(Route(CAMERAS, "wg0", 0, OURS), State({}))
    assert not KIND.owns(Route(CAMERAS, "wg0", 0, 3), State({}))


def test_foreign_routes_on_our_link() -> None:
    assert KIND.foreign(Route(CAMERAS, "wg0", 0, 3), SEED["hub-1"], State({}))
    assert not KIND.foreign(Route(CAMERAS, "wg0", 0, 2), SEED["hub-1"], State({}))
    assert not KIND.foreign(Route(CAMERAS, "eth0", 0, 3), SEED["hub-1"], State({}))


def test_one_op_a_device_and_verb() -> None:
    kernel = machine()
    prefixes = [f"10.{i}.0.0/16" for i in range(1, 100)]
    report = run(kernel, config(interface("wg0", "172.27.0.1/16", peers=(peer("a", *prefixes),))))
    assert [len(o.op.routes) for o in report.outcomes if isinstance(o.op, RouteSet)] == [99]
    report = run(kernel, config(interface("wg0", "172.27.0.1/16")))
    assert [len(o.op.routes) for o in report.outcomes if isinstance(o.op, RouteDelete)] == [99]


ROUTES = (
    Route(network("0.0.0.0/0"), "eth0", 100),
    Route(network("0.0.0.0/0"), "ppp0", 50),
    Route(network("10.0.0.0/8"), "wlp0s0f0"),
    Route(network("10.11.12.0/24"), "wg0"),
    Route(network("192.0.2.0/24"), None),
    Route(network("::/0"), "eth0", 1024),
)
LOOKUPS = (
    ("longest prefix", "10.11.12.7", None, "wg0"),
    ("not our own", "10.11.12.7", "wg0", "wlp0s0f0"),
    ("lowest metric", "198.51.100.15", None, "ppp0"),
    ("no blackhole", "192.0.2.1", None, "ppp0"),
    ("IPv6", "2001:db8::1", None, "eth0"),
)


@pytest.mark.parametrize(
    ("target", "without", "device"), [x[1:] for x in LOOKUPS], ids=[x[0] for x in LOOKUPS]
)
def test_lookup(target: str, without: str | None, device: str) -> None:
    found = lookup(ip_address(target), ROUTES, without)
    assert found is not None and found.device == device


def test_no_way_at_all() -> None:
    assert lookup(ip_address("10.0.0.1"), ROUTES[3:4]) is None


COVERS = (
    ("10.0.0.0/8", "10.1.0.0/16", True),
    ("10.0.0.0/8", "10.0.0.0/8", True),
    ("10.1.0.0/16", "10.0.0.0/8", False),
    ("::/0", "10.0.0.0/8", False),
)


@pytest.mark.parametrize(("outer", "inner", "expected"), COVERS)
def test_covers(outer: str, inner: str, expected: bool) -> None:
    assert network(outer).covers(network(inner)) is expected


def test_a_hub_that_is_gone_has_no_routes_left() -> None:
    kernel, hub = machine(), config(HUB)
    run(kernel, hub)
    run(kernel, config(replace(HUB, enabled=False)))
    assert not [route for route in kernel.dump("route") if isinstance(route, Route) and route.device == "wg0"]


def test_an_interface_without_peers_wants_none() -> None:
    empty: Interface = interface("wg0", "172.27.0.1/16")
    assert list(KIND.desired(config(empty), State({}, now=NOW))) == []
