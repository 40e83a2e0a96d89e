"""Links and addresses out of the kernel's messages."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_interface
from struct import pack

import pytest

from wgd.kernel.netlink import U32, attribute, nest
from wgd.kernel.rtnetlink import parse_address, parse_link
from wgd.kinds.address import Address
from wgd.kinds.link import Link

IFNAME, MTU, LINKINFO, GROUP = 3, 4, 18, 27
UP, BROADCAST = 0x1, 0x2


def link(flags: int, *attributes: bytes) -> bytes:
    return pack("=BxHiII", 0, 1, 4, flags, 0) + b"".join(attributes)


WG0 = (attribute(IFNAME, b"wg0\0"), attribute(MTU, U32.pack(1420)))
LINKS = (
    (
        "a WireGuard interface of ours",
        link(UP, *WG0, nest(LINKINFO, attribute(1, b"wireguard\0")), attribute(GROUP, U32.pack(119))),
        Link("wg0", "wireguard", 1420, True, 119, 4),
    ),
    ("a device without a kind, down", link(BROADCAST, *WG0), Link("wg0", "", 1420, False, 0, 4)),
)


@pytest.mark.parametrize(("message", "expected"), [x[1:] for x in LINKS], ids=[x[0] for x in LINKS])
def test_link(message: bytes, expected: Link) -> None:
    assert parse_link(message) == expected


ADDRESS, LOCAL, PROTO = 1, 2, 11


def address(length: int, **attributes: str | int) -> bytes:
    """Keyword: text of an address, or a number of one byte."""
    numbers = {"address": ADDRESS, "local": LOCAL, "proto": PROTO}
    values = {
        numbers[name]: bytes([value]) if isinstance(value, int) else ip_address(value).packed
        for name, value in attributes.items()
    }
    family = socket.AF_INET6 if any(len(value) == 16 for value in values.values()) else socket.AF_INET
    packed = b"".join(attribute(kind, value) for kind, value in values.items())
    return pack("=BBBBI", family, length, 0, 0, 4) + packed


ADDRESSES = (
    ("ours", address(16, address="172.27.0.1", local="172.27.0.1", proto=119), "172.27.0.1/16", 119),
    ("nobody said whose", address(16, address="172.27.0.1", local="172.27.0.1"), "172.27.0.1/16", 0),
    ("point to point: our side", address(32, address="10.0.0.9", local="10.0.0.1"), "10.0.0.1/32", 0),
    ("IPv6 without a far end", address(64, address="fd00::1", proto=119), "fd00::1/64", 119),
)


@pytest.mark.parametrize(
    ("message", "expected", "protocol"), [a[1:] for a in ADDRESSES], ids=[a[0] for a in ADDRESSES]
)
def test_address(message: bytes, expected: str, protocol: int) -> None:
    found = parse_address(message, {4: "wg0"})
    assert found == Address("wg0", ip_interface(expected), protocol)


def test_an_address_of_a_device_that_just_went_is_left_out() -> None:
    assert parse_address(address(64, address="fd00::1"), {4: None}) is None
