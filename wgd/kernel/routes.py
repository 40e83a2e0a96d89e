"""The main table's routes: reading and changing them by the thousand, with few system calls.

A person waits for this, so it must never import a netlink library; and it must never change a route whose
protocol it was not told.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from errno import ENODEV, ENOENT, ESRCH
from functools import lru_cache
from struct import Struct

from wgd.errors import KernelError, PartialFailure
from wgd.kernel import netlink
from wgd.kernel.netlink import (
    NOTHING_YET,
    U32,
    Dumped,
    Kept,
    Netlink,
    Request,
    absent_is_done,
    attribute,
    attribute_header,
    attributes,
)
from wgd.kernel.rtnetlink import FAMILIES, NONE, DeviceNames, index_of, number, of_family
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.prefixes import BITS, Prefix

_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
# family, destination length, source length, tos, table, protocol, scope, type, flags
ROUTE = Struct("=BBBBBBBBI")
RTA_DST, RTA_OIF, RTA_GATEWAY, _RTA_PRIORITY, RTA_METRICS = 1, 4, 5, 6, 8
_RTA_MULTIPATH, _RTA_VIA = 9, 18
RTAX_MTU = 2
_MAIN, _SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_ANY = 254, 0, 253, 255
_UNICAST = 1
_WITHOUT_DEVICE = (6, 7, 8, 9)  # blackhole, unreachable, prohibit, throw: IPv6 shows the loopback device


class Routes:
    """The main table's unicast routes, IPv4 and IPv6, read time and again.

    What the kernel tells in the same bytes as the last time is the same object, down to the whole list: only
    what the last dump held is kept.
    """

    def __init__(self) -> None:
        self._kept = Kept(netlink.ROUTE)
        self._dumps: Mapping[int, Dumped] = dict.fromkeys(FAMILIES.values(), NOTHING_YET)
        self._names = DeviceNames()
        self._known: dict[bytes, Route | None] = {}
        self._routes: list[Route] = []

    def read(self) -> list[Route]:
        """Raises KernelError."""
        before, known, names = self._dumps, self._known, DeviceNames()
        with Netlink(netlink.ROUTE, strict=True) as kernel:
            self._dumps = {family: _main_table(kernel, family, last) for family, last in before.items()}
        if any(names[index] != name for index, name in self._names.items()):
            known = {}  # the same bytes mean another device
        elif all(self._dumps[family] is last for family, last in before.items()):
            return self._routes
        self._names, self._known = names, {}
        for family, dumped in self._dumps.items():
            for message in of_family(family, dumped.bodies):
                self._known[message] = known[message] if message in known else parse_route(message, names)
        self._routes = [route for route in self._known.values() if route is not None]
        return self._routes

    def set(self, op: RouteSet) -> None:
        """Adds or replaces them all; those that the kernel takes stay when others are refused."""
        flags = netlink.CREATE | (netlink.REPLACE if op.replace else netlink.EXCLUSIVE)
        doing = "replace route" if op.replace else "add route"
        self._change(doing, op.routes, _NEWROUTE, flags, _SCOPE_LINK)

    def delete(self, op: RouteDelete) -> None:
        """Deletes them where protocol and device are as given; others, and those gone already, are let be."""
        with absent_is_done(ENODEV):
            self._change("delete route", op.routes, _DELROUTE, 0, _SCOPE_ANY, harmless=ESRCH)

    def _change(
        self, doing: str, routes: Sequence[Route], kind: int, flags: int, scope: int, harmless: int = 0
    ) -> None:
        devices = {str(route.device) for route in routes}
        index = {device: index_of(device, f"{doing} dev {device}") for device in devices}
        requests = [
            Request(kind, flags, pack_route(route, index[str(route.device)], scope)) for route in routes
        ]
        with self._kept.errand() as kernel:
            refused = kernel.batch(doing, requests)
        grave = {
            at: KernelError(f"{doing} {routes[at].destination} dev {routes[at].device}", errno, text)
            for at, (errno, text) in refused.items()
            if errno != harmless
        }
        if grave:
            raise PartialFailure([*grave.values()], {at: str(error) for at, error in grave.items()})


def _main_table(kernel: Netlink, family: int, last: Dumped) -> Dumped:
    with absent_is_done(ENOENT):  # a new namespace has no such table before its first route
        asked = ROUTE.pack(family, 0, 0, 0, _MAIN, 0, 0, 0, 0)
        return kernel.dump("read the routes", _GETROUTE, asked, last)
    return NOTHING_YET


def parse_route(message: bytes, names: Mapping[int, str | None]) -> Route | None:
    """One route of a dump; None: it is of no interest (another table or sort), or its device just went."""
    family, length, source, tos, table, protocol, _, sort, _ = ROUTE.unpack_from(message)
    if source or tos or (sort != _UNICAST and sort not in _WITHOUT_DEVICE):
        return None  # told apart by more than destination and metric, or no way of forwarding
    if table != _MAIN:
        return None
    has = attributes(message, ROUTE.size)
    device = None
    if sort == _UNICAST and RTA_OIF in has and (device := names[number(has[RTA_OIF])]) is None:
        return None
    return Route(
        _network(family, has.get(RTA_DST), length),
        device,
        number(has.get(_RTA_PRIORITY, NONE)),
        protocol,
        RTA_GATEWAY in has or _RTA_VIA in has or _RTA_MULTIPATH in has,
        number(attributes(has[RTA_METRICS]).get(RTAX_MTU, NONE)) if RTA_METRICS in has else 0,
    )


def pack_route(route: Route, index: int, scope: int) -> bytes:
    """The message for an IPv4 or IPv6 route straight into a device; IPv6 has no scopes."""
    destination = route.destination
    begin = _begun(destination.version, destination.length, route.protocol, scope)
    return begin + destination.packed + _ended(index, route.metric)


@lru_cache(maxsize=256)
def _begun(version: int, length: int, protocol: int, scope: int) -> bytes:
    """What stands before the destination: of ten thousand routes the same."""
    scope = scope if version == 4 else _SCOPE_UNIVERSE
    head = ROUTE.pack(FAMILIES[version], length, 0, 0, _MAIN, protocol, scope, _UNICAST, 0)
    return head + attribute_header(BITS[version] // 8, RTA_DST)


@lru_cache(maxsize=256)
def _ended(index: int, metric: int) -> bytes:
    """What stands behind it."""
    return attribute(RTA_OIF, U32.pack(index)) + attribute(_RTA_PRIORITY, U32.pack(metric))


def _network(family: int, packed: bytes | None, length: int) -> Prefix:
    whole = int.from_bytes(packed or b"", "big")
    return Prefix(4 if family == socket.AF_INET else 6, whole, length)
