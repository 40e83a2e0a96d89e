"""Routes out of the kernel's messages, and into them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from struct import pack

import pytest

from wgd.kernel.netlink import U32, attribute, nest
from wgd.kernel.routes import pack_route, parse_route
from wgd.kinds.route import Route
from wgd.prefixes import Prefix

DST, OIF, GATEWAY, PRIORITY, METRICS, MULTIPATH, VIA, NEXTHOP = 1, 4, 5, 6, 8, 9, 18, 30
MAIN, LOCAL_TABLE = 254, 255
UNICAST, LOCAL, BLACKHOLE, UNREACHABLE = 1, 2, 6, 7
NAMES: Mapping[int, str | None] = {4: "wg0", 1: "lo", 9: None}


def number(kind: int, value: int) -> bytes:
    return attribute(kind, U32.pack(value))


def route(
    destination: str,
    *attributes: bytes,
    sort: int = UNICAST,
    table: int = MAIN,
    tos: int = 0,
    source: int = 0,
) -> bytes:
    network = Prefix.parse(destination)
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    head = pack("=BBBBBBBBI", family, network.length, source, tos, table, 119, 0, sort, 0)
    where = attribute(DST, network.packed) if network.length else b""
    return head + where + b"".join(attributes)


def parsed(message: bytes) -> Route | None:
    return parse_route(message, NAMES)


DEV = number(OIF, 4)
CAMERAS = Prefix.parse("10.11.12.0/24")
ROUTES = (
    ("into a device", route("10.11.12.0/24", DEV), Route(CAMERAS, "wg0")),
    ("with a metric", route("10.11.12.0/24", number(PRIORITY, 7), DEV), Route(CAMERAS, "wg0", 7)),
    (
        "default, through a gateway",
        route("0.0.0.0/0", DEV, attribute(GATEWAY, ip_address("192.0.2.1").packed)),
        Route(Prefix.parse("0.0.0.0/0"), "wg0", gateway=True),
    ),
    (
        "IPv4 through an IPv6 gateway",
        route("10.11.12.0/24", DEV, attribute(VIA, b"\x0a\0" + bytes(16))),
        Route(CAMERAS, "wg0", gateway=True),
    ),
    (
        "IPv6",
        route("fd00::/64", number(PRIORITY, 1024), DEV),
        Route(Prefix.parse("fd00::/64"), "wg0", 1024),
    ),
    ("default of IPv6", route("::/0", DEV), Route(Prefix.parse("::/0"), "wg0")),
    (
        "with an MTU of its own",
        route("10.11.12.0/24", DEV, nest(METRICS, number(2, 1300))),
        Route(CAMERAS, "wg0", mtu=1300),
    ),
    (
        "several next hops",
        route("10.11.12.0/24", attribute(MULTIPATH, bytes(16))),
        Route(CAMERAS, None, gateway=True),
    ),
    ("a next hop object alone", route("10.11.12.0/24", number(NEXTHOP, 3)), Route(CAMERAS, None)),
    ("a blackhole", route("10.11.12.0/24", sort=BLACKHOLE), Route(CAMERAS, None)),
    (
        "unreachable, which IPv6 shows with a device",
        route("fd00::/64", number(OIF, 1), sort=UNREACHABLE),
        Route(Prefix.parse("fd00::/64"), None),
    ),
)


@pytest.mark.parametrize(("message", "expected"), [r[1:] for r in ROUTES], ids=[r[0] for r in ROUTES])
def test_route(message: bytes, expected: Route) -> None:
    assert parsed(message) == expected


LEFT_OUT = (
    ("of another table", route("10.11.12.0/24", DEV, table=LOCAL_TABLE)),
    ("to ourselves", route("10.11.12.0/24", DEV, sort=LOCAL)),
    ("for one type of service", route("10.11.12.0/24", DEV, tos=4)),
    ("for one source", route("fd00::/64", DEV, source=64)),
    ("of a device that just went", route("10.11.12.0/24", number(OIF, 9))),
)


@pytest.mark.parametrize("message", [m[1] for m in LEFT_OUT], ids=[m[0] for m in LEFT_OUT])
def test_left_out(message: bytes) -> None:
    assert parsed(message) is None


@pytest.mark.parametrize("destination", ["10.11.12.0/24", "10.0.0.1/32", "fd00::/64", "0.0.0.0/0", "::/0"])
def test_what_is_packed_is_parsed_again(destination: str) -> None:
    wanted = Route(Prefix.parse(destination), "wg0", 1024)
    assert parsed(pack_route(wanted, 4, 253)) == wanted
