"""What the real kernel does with links, addresses and routes, and what of it the code depends on."""

from __future__ import annotations

import errno
from ipaddress import ip_interface

import pytest

from integration.host import Host
from wgd.errors import KernelError, PartialFailure
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.address import Address, AddressAdd, AddressDelete
from wgd.kinds.link import Link
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.prefixes import Prefix

CAMERAS = Prefix.parse("10.11.12.0/24")
BY_KERNEL, BY_BOOT = 2, 3


@pytest.fixture
def kernel(namespace: Host) -> LinuxKernel:
    namespace.ip("link add v0 type veth peer v1\nlink set v0 up\nlink set v1 up")
    return LinuxKernel()


def routes(kernel: LinuxKernel) -> set[Route]:
    """But for link-local ones, and IPv6's of a device that is up."""
    found = (route for route in kernel.dump("route") if isinstance(route, Route))
    return {route for route in found if not route.destination.address.is_link_local}


def addresses(kernel: LinuxKernel) -> set[Address]:
    found = (address for address in kernel.dump("address") if isinstance(address, Address))
    return {address for address in found if address.interface == "v0" and not address.address.is_link_local}


def add(kernel: LinuxKernel, *wanted: Route, replace: bool = False) -> None:
    kernel.run(RouteSet(refs=(), routes=wanted, replace=replace))


def delete(kernel: LinuxKernel, *gone: Route) -> None:
    kernel.run(RouteDelete(refs=(), routes=gone))


def test_links_show_name_kind_mtu_state_and_group(kernel: LinuxKernel, namespace: Host) -> None:
    namespace.ip("link set v0 mtu 1400 group 119\nlink set v1 down")
    links = {link.name: link for link in kernel.dump("link") if isinstance(link, Link)}
    assert (links["v0"].kind, links["v0"].mtu, links["v0"].up, links["v0"].group) == ("veth", 1400, True, 119)
    assert (links["v1"].up, links["v1"].group) == (False, 0)
    assert links["lo"].kind == ""


@pytest.mark.parametrize("text", ["172.27.0.1/16", "fd00::1/64"])
def test_an_address_keeps_its_protocol_and_goes_again(kernel: LinuxKernel, text: str) -> None:
    address = ip_interface(text)
    kernel.run(AddressAdd(refs=(), interface="v0", address=address))
    assert addresses(kernel) == {Address("v0", address, 119)}
    with pytest.raises(KernelError) as caught:
        kernel.run(AddressAdd(refs=(), interface="v0", address=address))
    assert caught.value.errno == errno.EEXIST
    for _ in range(2):  # the second time it is gone already
        kernel.run(AddressDelete(refs=(), interface="v0", address=address))
        assert addresses(kernel) == set()


def test_an_address_of_a_link_that_is_gone_is_done_or_refused(kernel: LinuxKernel) -> None:
    kernel.run(AddressDelete(refs=(), interface="nope", address=ip_interface("172.27.0.1/16")))
    with pytest.raises(KernelError, match="ENODEV: there is no interface nope"):
        kernel.run(AddressAdd(refs=(), interface="nope", address=ip_interface("172.27.0.1/16")))


def test_a_new_namespace_has_no_table_before_its_first_route(namespace: Host) -> None:
    assert routes(LinuxKernel()) == set()


def test_routes_of_every_sort_are_read(kernel: LinuxKernel, namespace: Host) -> None:
    namespace.ip(
        """address add 192.0.2.2/24 dev v0
        route add default via 192.0.2.1 dev v0 proto boot
        route add 10.1.0.0/16 dev v0 metric 7 mtu 1300 proto boot
        route add blackhole 10.2.0.0/16 proto boot
        route add 10.3.0.0/16 proto boot nexthop via 192.0.2.3 dev v0 nexthop via 192.0.2.4 dev v0
        route add 10.4.0.0/16 dev v0 table 7
        route add unreachable fd01::/64 proto boot
        route add fd02::/64 dev v0 proto boot"""
    )
    assert routes(kernel) == {
        Route(Prefix.parse("192.0.2.0/24"), "v0", protocol=BY_KERNEL),
        Route(Prefix.parse("0.0.0.0/0"), "v0", protocol=BY_BOOT, gateway=True),
        Route(Prefix.parse("10.1.0.0/16"), "v0", 7, BY_BOOT, mtu=1300),
        Route(Prefix.parse("10.2.0.0/16"), None, protocol=BY_BOOT),
        Route(Prefix.parse("10.3.0.0/16"), None, protocol=BY_BOOT, gateway=True),
        Route(Prefix.parse("fd01::/64"), None, 1024, BY_BOOT),
        Route(Prefix.parse("fd02::/64"), "v0", 1024, BY_BOOT),
    }


@pytest.mark.parametrize(
    "route", [Route(CAMERAS, "v0"), Route(Prefix.parse("fd00::/64"), "v0", 1024)], ids=["IPv4", "IPv6"]
)
def test_a_route_is_added_replaced_and_deleted(kernel: LinuxKernel, route: Route) -> None:
    add(kernel, route)
    assert routes(kernel) == {route}
    add(kernel, route, replace=True)
    assert routes(kernel) == {route}
    for _ in range(2):  # the second time it is gone already
        delete(kernel, route)
        assert routes(kernel) == set()


def test_an_ipv6_route_without_a_metric_comes_back_with_1024(kernel: LinuxKernel) -> None:
    add(kernel, Route(Prefix.parse("fd00::/64"), "v0", 0))
    assert {route.metric for route in routes(kernel)} == {1024}


def test_add_meets_eexist_whoever_owns_the_route_and_replace_steals_it(
    kernel: LinuxKernel, namespace: Host
) -> None:
    namespace.ip(f"route add {CAMERAS} dev v1 proto boot")
    with pytest.raises(KernelError, match=r"add route 10\.11\.12\.0/24 dev v0: EEXIST"):
        add(kernel, Route(CAMERAS, "v0"))
    assert routes(kernel) == {Route(CAMERAS, "v1", protocol=BY_BOOT)}
    add(kernel, Route(CAMERAS, "v0"), replace=True)
    assert routes(kernel) == {Route(CAMERAS, "v0")}


@pytest.mark.parametrize("theirs", ["dev v0 proto boot", "dev v1 proto 119"])
@pytest.mark.parametrize("destination", ["10.11.12.0/24", "fd00::/64"])
def test_delete_leaves_a_route_of_another_protocol_or_device(
    kernel: LinuxKernel, namespace: Host, theirs: str, destination: str
) -> None:
    metric = 1024 if ":" in destination else 0
    namespace.ip(f"route add {destination} {theirs}")
    before = routes(kernel)
    delete(kernel, Route(Prefix.parse(destination), "v0", metric))
    assert routes(kernel) == before != set()


def test_ipv4_routes_go_with_the_link_going_down_and_ipv6_ones_too(
    kernel: LinuxKernel, namespace: Host
) -> None:
    add(kernel, Route(CAMERAS, "v0"), Route(Prefix.parse("fd00::/64"), "v0", 1024))
    namespace.ip("link set v0 down")
    assert routes(kernel) == set()
    with pytest.raises(KernelError, match="ENETDOWN"):
        add(kernel, Route(CAMERAS, "v0"))


def test_unchanged_routes_are_the_same_objects(kernel: LinuxKernel, namespace: Host) -> None:
    add(kernel, Route(CAMERAS, "v0"), Route(Prefix.parse("fd00::/64"), "v0", 1024))
    before = kernel.dump("route")
    assert kernel.dump("route") is before
    add(kernel, Route(Prefix.parse("10.11.13.0/24"), "v0"))
    after = kernel.dump("route")
    assert {id(route) for route in before} < {id(route) for route in after}
    assert len([*after]) == len([*before]) + 1


def test_a_device_that_was_renamed_makes_other_routes(kernel: LinuxKernel, namespace: Host) -> None:
    """The kernel tells its number, and so the same bytes."""
    add(kernel, Route(Prefix.parse("fd00::/64"), "v0", 1024), Route(CAMERAS, "v0"))
    assert {route.device for route in routes(kernel)} == {"v0"}
    namespace.ip("link set v0 down")
    namespace.ip("link set v0 name v9; link set v9 up".replace("; ", "\n"))
    add(kernel, Route(CAMERAS, "v9"))
    assert {route.device for route in routes(kernel)} == {"v9"}


def test_one_refused_route_is_named_and_the_others_are_added(kernel: LinuxKernel, namespace: Host) -> None:
    many = [Route(Prefix(4, 0x0B000000 + (n << 8), 24), "v0") for n in range(1000)]
    namespace.ip(f"route add {many[700].destination} dev v1 proto boot")
    with pytest.raises(KernelError, match=r"add route 11\.2\.188\.0/24 dev v0: EEXIST: File exists$"):
        add(kernel, *many)
    assert len(routes(kernel) & set(many)) == 999


def test_each_refused_route_is_told_by_its_place_in_the_op(kernel: LinuxKernel, namespace: Host) -> None:
    many = [Route(Prefix(4, 0x0B000000 + (n << 8), 24), "v0") for n in range(1000)]
    taken = (0, 399, 400, 999)
    for at in taken:
        namespace.ip(f"route add {many[at].destination} dev v1 proto boot")
    with pytest.raises(PartialFailure) as caught:
        add(kernel, *many)
    assert caught.value.failed == {
        at: f"add route {many[at].destination} dev v0: EEXIST: File exists" for at in taken
    }


def test_a_whole_batch_that_is_refused_is_counted(kernel: LinuxKernel) -> None:
    many = [Route(Prefix(4, 0x0B000000 + (n << 8), 24), "v0") for n in range(1000)]
    add(kernel, *many)
    with pytest.raises(KernelError, match=r"11\.0\.0\.0/24 dev v0: EEXIST: .*\(and 999 more\)"):
        add(kernel, *many)


def test_ten_thousand_routes_in_and_out(kernel: LinuxKernel) -> None:
    many = {Route(Prefix(4, 0x0B000000 + (n << 8), 24), "v0") for n in range(5000)}
    many |= {Route(Prefix(6, 0xFD << 120 | n << 64, 64), "v0", 1024) for n in range(5000)}
    add(kernel, *many)
    assert routes(kernel) == many
    delete(kernel, *many)
    assert routes(kernel) == set()


def test_routes_of_a_link_that_is_gone_are_done_or_refused(kernel: LinuxKernel) -> None:
    delete(kernel, Route(CAMERAS, "nope"))
    with pytest.raises(KernelError, match="ENODEV"):
        add(kernel, Route(CAMERAS, "nope"))
