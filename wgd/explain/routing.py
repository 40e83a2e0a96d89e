"""Diagnoses of where the kernel leads. Pure."""

from __future__ import annotations

from wgd.explain.leg import Leg, restored
from wgd.explain.sight import LOCAL
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.address import Address
from wgd.kinds.route import Route, lookup
from wgd.prefixes import within

OUTSIDE = ", not through WireGuard: no file puts it behind a peer"


def _route(leg: Leg) -> str:
    way = leg.way
    if way.kind == LOCAL:
        return f"{leg.address} is this machine itself"
    via = f" via {way.gateway}" if way.gateway else ""
    source = f", from {way.source}" if way.source else ""
    outside = "" if leg.device or not leg.sight.config.interfaces else OUTSIDE
    return f"{leg.address} leads to {way.device}{via}{source}{outside}"


def address_is_our_own(leg: Leg) -> Finding | None:
    if leg.way.kind != LOCAL or leg.owner is None or _is_configured_here(leg):
        return None
    return Finding(
        f"{leg.address} is an address of this machine ({leg.way.device}), and of {leg.name} by the files",
        Mend("one of the two must have another address"),
    )


def _is_configured_here(leg: Leg) -> bool:
    """A peer's range may hold our own address."""
    return any(
        leg.address == own.ip
        for interface in leg.sight.config.interfaces.values()
        for own in interface.addresses
    )


def route_is_switched_off(leg: Leg) -> Finding | None:
    if leg.owner is None or leg.owner.peer.routes or leg.way.device == leg.device:
        return None
    return Finding(
        f"{leg.address} leads {_where(leg)}, since `routes = false` keeps {leg.name} from having routes",
        Mend(f"under {leg.table}", ("routes = true",), leg.file),
    )


def route_is_missing(leg: Leg) -> Finding | None:
    if leg.way.kind == LOCAL or leg.way.device == leg.port or _our_route(leg) is not None:
        return None
    if not leg.device:
        return None
    return Finding(
        f"{leg.address} leads {_where(leg)}: the route to {leg.device} is gone", restored(leg.sight)
    )


def other_route_wins(leg: Leg) -> Finding | None:
    """Two networks with the same addresses, or somebody's longer prefix."""
    if not leg.device or leg.way.kind == LOCAL or leg.way.device == leg.device:
        return None
    mine = _our_route(leg)
    winner = lookup(leg.address, leg.sight.state.of("route").values())
    if winner is None or winner.device == leg.device or mine is None:
        return Finding(
            f"{leg.address} leads {_where(leg)}: a rule or table of policy routing comes before {leg.device}",
            Mend("see which", ("ip rule",)),
        )
    connected = _is_connected(leg, winner)
    here = f": this machine is in {winner.destination} itself" if connected else ""
    narrow = f"{leg.address}/{leg.address.max_prefixlen}"
    return Finding(
        f"{leg.address} leads {_where(leg)}, by {winner.destination}, before {mine.destination}{here}",
        Mend(f'add "{narrow}" to allowed_ips of {leg.name}', file=leg.file)
        if connected
        else Mend("take it away", (f"ip route delete {winner.destination} dev {winner.device}",)),
    )


def nothing_leads_there(leg: Leg) -> Finding | None:
    if leg.way.kind == LOCAL or leg.way.leads:
        return None
    return Finding(f"{leg.address} leads {_where(leg)}", Mend("see the routes", ("ip route",)))


def _our_route(leg: Leg) -> Route | None:
    routes: list[Route] = list(leg.sight.state.of("route").values())
    return lookup(leg.address, (route for route in routes if route.device == leg.device))


def _is_connected(leg: Leg, route: Route) -> bool:
    addresses: list[Address] = list(leg.sight.state.of("address").values())
    here = (one.network for one in addresses if one.interface == route.device)
    return within(route.destination, here)


def _where(leg: Leg) -> str:
    """Where the kernel leads instead."""
    way = leg.way
    if not way.leads:
        return "nowhere"
    return f"to {way.device}" + (f" via {way.gateway}" if way.gateway else "")


ROUTE: tuple[Stage[Leg], ...] = (
    Stage(
        "route",
        _route,
        (
            address_is_our_own,
            route_is_switched_off,
            route_is_missing,
            other_route_wins,
            nothing_leads_there,
        ),
    ),
)
