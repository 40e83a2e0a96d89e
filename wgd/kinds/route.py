"""Kind `route`: what leads the allowed IPs into the interface.

Marker: route protocol 119.
Quirks: the kernel identifies a route by table, destination and metric, never by protocol: `add` meets
    EEXIST, `replace` steals, `delete` without a protocol deletes anyone's. IPv4 routes vanish silently when
    their link goes down. IPv6 routes come back with metric 1024.
Deletes when: it carries the protocol, in the main table, and no allowed IP asks for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import ClassVar

from wgd.config.document import Config, Peer
from wgd.kinds.address import Address
from wgd.model import OURS, Change, Later, Op, Ref, Stage, State
from wgd.per_peer import PerPeer
from wgd.prefixes import IPAddress, Prefix, within
from wgd.protocols import Kind
from wgd.values import value

METRIC = {4: 0, 6: 1024}
"""What the kernel gives a route that names no metric."""


@value
class Route:
    """A unicast route of the main table. `device` None: several next hops, or none (blackhole).

    `gateway`: whether it goes through another router; `mtu`: its own MTU metric, 0 for none.
    """

    destination: Prefix
    device: str | None
    metric: int = 0
    protocol: int = OURS
    gateway: bool = False
    mtu: int = 0


@value(kw_only=True)
class RouteSet(Op):
    """Add the routes; `replace`: take the place of one with the same destination and metric."""

    stage: ClassVar[Stage] = Stage.ROUTE
    routes: tuple[Route, ...]
    replace: bool = False

    def commands(self) -> Sequence[str]:
        verb = "replace" if self.replace else "add"
        return Later(partial(_command, verb), self.routes)


@value(kw_only=True)
class RouteDelete(Op):
    """Delete the routes, only where protocol and device are still as given."""

    stage: ClassVar[Stage] = Stage.ROUTE
    routes: tuple[Route, ...]

    def commands(self) -> Sequence[str]:
        return Later(partial(_command, "delete"), self.routes)


def _command(verb: str, route: Route) -> str:
    return f"ip route {verb} {route.destination} dev {route.device} proto {OURS}"


class RouteKind(Kind[Route]):
    name = "route"
    reads = frozenset({"address", "route"})

    def key(self, spec: Route) -> Hashable:
        return (spec.destination, spec.metric)

    def __init__(self) -> None:
        self._routes = PerPeer[tuple[Route, ...]]()

    def desired(self, config: Config, seen: State) -> Iterable[Route]:
        self._routes.begin()
        for interface in config.enabled():
            connected = frozenset({*interface.own_networks} | _foreign_prefixes(interface.name, seen))
            make = partial(_routes, interface.name, connected)
            yield from chain.from_iterable(self._routes.of(interface, seen.now, make, given=connected))

    def owns(self, have: Route, seen: State) -> bool:
        return have.protocol == OURS

    def differences(self, want: Route, have: Route) -> tuple[tuple[str, str, str], ...]:
        found = []
        if want.device != have.device:
            found.append(("device", str(have.device), str(want.device)))
        if want.protocol != have.protocol:
            found.append(("protocol", str(have.protocol), str(want.protocol)))
        return tuple(found)

    def conflict(self, want: Route, have: Route, config: Config, seen: State) -> tuple[str, str] | None:
        if have.protocol == OURS or have.device == want.device:
            return None  # ours, or on our own link: `replace` takes it over in one step
        return (
            f"{have.destination} already leads to {have.device or 'another next hop'}",
            f"delete that route, or set `routes = false` for the peer of {want.device} that lists it",
        )

    def foreign(self, have: Route, config: Config, seen: State) -> bool:
        return have.device in config.interfaces and have.protocol not in (OURS, 2)  # 2: the connected prefix

    def interface(self, spec: Route) -> str | None:
        return spec.device

    def label(self, spec: Route) -> str:
        return f"{spec.destination} dev {spec.device}"

    def needs(self, spec: Route) -> tuple[Ref, ...]:
        return (Ref("link", spec.device),)

    def missing(self, spec: Route, seen: State) -> tuple[Ref, ...]:
        """A link that is down is as good as none."""
        link = seen.of("link").get(spec.device)
        return () if link is not None and link.up else self.needs(spec)

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        made: dict[tuple[bool, str], list[Change]] = {}
        for change in changes:
            if change.after is not None:
                made.setdefault((change.before is not None, str(change.after.device)), []).append(change)
        for (replaces, _), some in sorted(made.items()):
            yield RouteSet(
                refs=tuple([change.ref for change in some]),
                needs=self.missing(some[0].after, seen),
                routes=tuple([change.after for change in some]),
                replace=replaces,
            )
        if gone := [change for change in changes if change.after is None]:
            yield RouteDelete(
                refs=tuple([change.ref for change in gone]),
                routes=tuple([change.before for change in gone]),
                deletes=True,
            )


def _routes(interface: str, connected: Iterable[Prefix], peer: Peer) -> tuple[Route, ...]:
    """One for each allowed IP that the interface's connected prefixes do not cover (as wg-quick)."""
    return tuple(
        Route(prefix, interface, METRIC[prefix.version])
        for prefix in peer.allowed_ips
        if peer.routes and not within(prefix, connected)
    )


def _foreign_prefixes(interface: str, seen: State) -> set[Prefix]:
    """Those of addresses that somebody else gave our link: their connected routes are not ours to replace."""
    addresses: Iterable[Address] = seen.of("address").values()
    return {one.network for one in addresses if one.interface == interface and one.protocol != OURS}


def lookup(address: IPAddress, routes: Iterable[Route], without: str | None = None) -> Route | None:
    """The main table's route to the address: longest prefix, then lowest metric; not by `without`."""
    fitting = [
        route for route in routes if address in route.destination and route.device not in (None, without)
    ]
    return min(fitting, key=lambda route: (-route.destination.length, route.metric), default=None)
