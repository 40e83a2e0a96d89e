"""What the kernel answers when it is asked where a packet would go."""

from __future__ import annotations

from errno import EHOSTUNREACH, ENETUNREACH
from ipaddress import ip_address

from tests.contract.world import Scenario, World
from wgd.explain.sight import LOCAL, UNICAST, Lookup, Way

WAYS: list[Scenario] = []


def way(scenario: Scenario) -> Scenario:
    WAYS.append(scenario)
    return scenario


def asked(world: World, address: str, incoming: str = "", source: str = "") -> Way:
    return world.ask(Lookup(ip_address(address), 0, incoming, ip_address(source) if source else None))


@way
def the_longest_prefix_leads(world: World) -> None:
    world.add_device("near", "10.0.0.3/8")
    world.add_device("far", "172.27.0.2/16")
    world.add_route("10.11.12.0/24", "far")
    assert asked(world, "10.11.12.7") == Way(UNICAST, "far", source=ip_address("172.27.0.2"))
    assert asked(world, "10.11.13.7") == Way(UNICAST, "near", source=ip_address("10.0.0.3"))


@way
def nothing_leads_where_there_is_no_route(world: World) -> None:
    world.add_device("near", "10.0.0.3/8")
    assert asked(world, "192.0.2.1") == Way(errno=ENETUNREACH)


@way
def an_own_address_is_local(world: World) -> None:
    world.add_device("near", "10.0.0.3/8")
    assert asked(world, "10.0.0.3").kind == LOCAL
    assert asked(world, "10.0.0.3", "near", "10.0.0.9").kind == LOCAL


@way
def what_came_in_goes_on_only_with_forwarding(world: World) -> None:
    world.add_device("near", "10.0.0.3/8")
    world.add_device("far", "172.27.0.2/16")
    world.write_sysctl("net/ipv4/conf/far/forwarding", "0")
    assert asked(world, "10.11.12.7", "far", "172.27.0.9") == Way(errno=EHOSTUNREACH)
    world.write_sysctl("net/ipv4/conf/far/forwarding", "1")
    assert asked(world, "10.11.12.7", "far", "172.27.0.9").device == "near"
