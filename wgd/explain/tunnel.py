"""Diagnoses of one leg up to the peer: interface, files, route, allowed IPs. Pure."""

from __future__ import annotations

from wgd import ground, prefixes
from wgd.config.document import Interface
from wgd.explain.leg import Leg, quoted, restored
from wgd.explain.sight import LOCAL, IPAddress
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.address import Address
from wgd.kinds.route import Route, covers, lookup

OUTSIDE = ", not through WireGuard: no file puts it behind a peer"
FEW = 8
"""A longer list of allowed IPs is not repeated."""


def _files(leg: Leg) -> str | None:
    broken = leg.interface is not None and leg.interface.name in leg.sight.broken
    return "" if broken else None


def files_are_broken(leg: Leg) -> Finding | None:
    """What follows is about the copy that was accepted last."""
    return Finding(
        f"the files of {leg.device} cannot be used as they are; what follows is about those accepted last",
        Mend("every mistake, with its line", ("wgd check",)),
    )


def _interface(leg: Leg) -> str | None:
    if leg.interface is None:
        return None
    return f"{leg.device} is up, {', '.join(map(str, leg.interface.addresses))}"


def interface_is_disabled(leg: Leg) -> Finding | None:
    if leg.interface is None or leg.interface.enabled:
        return None
    return Finding(
        f"{leg.device} is disabled",
        Mend("under [interface]", ("enabled = true",), leg.file),
    )


def interface_is_missing(leg: Leg) -> Finding | None:
    link = leg.link
    if link is None:
        return Finding(f"there is no interface {leg.device}", restored(leg.sight))
    if not link.wireguard and "device" not in leg.sight.unseen:
        return Finding(
            f"{leg.device} is there, but is no WireGuard interface ({link.kind or 'a device'})",
            Mend("another program has the name; see who", ("wgd status",)),
        )
    return None


def interface_is_down(leg: Leg) -> Finding | None:
    if leg.link is None or leg.link.up:
        return None
    return Finding(f"{leg.device} is down", restored(leg.sight))


def private_key_is_another(leg: Leg) -> Finding | None:
    have, want = leg.wireguard, leg.interface
    if have is None or want is None or have.private_key == want.private_key:
        return None
    return Finding(f"{leg.device} has another private key than its file", restored(leg.sight))


def listen_port_is_another(leg: Leg) -> Finding | None:
    have, want = leg.wireguard, leg.interface
    if have is None or want is None or want.listen_port in (None, have.listen_port):
        return None
    return Finding(
        f"{leg.device} listens on port {have.listen_port}, not on {want.listen_port}: nobody calls there",
        restored(leg.sight),
    )


def own_address_is_missing(leg: Leg) -> Finding | None:
    """Packets would go out with an address that the peer drops."""
    if leg.interface is None:
        return None
    found: list[Address] = list(leg.sight.state.of("address").values())
    have = {one.address for one in found if one.interface == leg.device}
    missing = [own for own in leg.interface.addresses if own not in have]
    if not missing:
        return None
    return Finding(f"{leg.device} lacks its address {missing[0]}", restored(leg.sight))


def _owner(leg: Leg) -> str | None:
    if leg.way.kind == LOCAL:
        return None
    if leg.owner is not None:
        return f"{leg.address} is behind {leg.name}, by {leg.owner.prefix}"
    return "" if nobody_has_it(leg) else None


def nobody_has_it(leg: Leg) -> Finding | None:
    """A private address that neither a peer nor a route of its own leads to, or one of our own networks."""
    if leg.owner is not None or leg.way.kind == LOCAL or not leg.sight.config.interfaces:
        return None
    if leg.interface is None and (_is_public(leg) or _is_beside(leg)):
        return None
    return Finding(f"no peer of the files has {leg.address} among its allowed IPs", _listing_it(leg))


def _is_public(leg: Leg) -> bool:
    at = int(leg.address)
    return bool(
        prefixes.intersection(((at, at),), ground.public_addresses(leg.address.version)) and not leg.device
    )


def _is_beside(leg: Leg) -> bool:
    """Reached by a route of its own, without WireGuard."""
    if leg.device or not leg.way.leads:
        return False
    private = ground.private_addresses(leg.address.version)
    routes = (route for route in leg.sight.state.of("route").values() if route.device == leg.way.device)
    found = lookup(leg.address, routes)
    if found is None:
        return False
    span = prefixes.ranges((found.destination,), leg.address.version)
    return not prefixes.difference(span, private)


def _listing_it(leg: Leg) -> Mend:
    interfaces = [leg.interface] if leg.interface else [*leg.sight.config.interfaces.values()]
    peers = [(interface, peer) for interface in interfaces for peer in interface.peers]
    named = [name for interface in interfaces for name in _named(interface, leg)]
    new = named[0] if named else str(leg.address)
    if len(peers) != 1:
        return Mend(f'add "{new}" to the allowed_ips of the peer behind which it is')
    interface, peer = peers[0]
    if len(peer.allowed_ips) > FEW:
        return Mend(f'add "{new}" to allowed_ips of {peer.name}', file=f"{interface.name}.toml")
    line = f"allowed_ips = {quoted([*peer.allowed_ips, new])}"
    return Mend(f"if it is behind {peer.name}: [peers.{peer.name}]", (line,), f"{interface.name}.toml")


def _named(interface: Interface, leg: Leg) -> list[str]:
    return [name for name, some in interface.networks.items() if any(leg.address in one for one in some)]


def peer_is_disabled(leg: Leg) -> Finding | None:
    if leg.owner is None or leg.owner.peer.enabled:
        return None
    return Finding(f"{leg.name} is disabled", Mend("let it in again", (f"wgd enable {leg.name}",)))


def peer_has_expired(leg: Leg) -> Finding | None:
    if leg.owner is None or leg.owner.peer.active(leg.sight.state.now):
        return None
    when = leg.owner.peer.expires
    return Finding(
        f"{leg.name} has expired, {when:%Y-%m-%d %H:%M}",
        Mend(f"under [peers.{leg.name}], take away or move", ("expires = …",), leg.file),
    )


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
        Mend(f"under [peers.{leg.name}]", ("routes = true",), leg.file),
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
    here = f": this machine is in {winner.destination} itself" if _is_connected(leg, winner) else ""
    narrow = f"{leg.address}/{leg.address.max_prefixlen}"
    return Finding(
        f"{leg.address} leads {_where(leg)}, by {winner.destination}, before {mine.destination}{here}",
        Mend(f'add "{narrow}" to allowed_ips of {leg.name}, or take the other route away', file=leg.file),
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
    return any(
        one.interface == route.device and covers(one.address.network, route.destination) for one in addresses
    )


def _where(leg: Leg) -> str:
    """Where the kernel leads instead."""
    way = leg.way
    if not way.leads:
        return "nowhere"
    return f"to {way.device}" + (f" via {way.gateway}" if way.gateway else "")


def _peer(leg: Leg) -> str | None:
    if not leg.device or leg.way.kind == LOCAL:
        return None
    if leg.winner is None:
        return ""
    prefix = max((p for p in leg.winner.allowed_ips if leg.address in p), key=lambda p: p.prefixlen)
    return f"{leg.name} gets it: {prefix} is the longest of the allowed IPs that fit"


def peer_is_missing(leg: Leg) -> Finding | None:
    if leg.owner is None or leg.have is not None:
        return None
    return Finding(f"{leg.device} does not know {leg.name}", restored(leg.sight))


def allowed_ip_is_missing(leg: Leg) -> Finding | None:
    if leg.winner is not None:
        return None
    if leg.owner is None:
        return Finding(f"no peer of {leg.device} has {leg.address}", _listing_it(leg))
    return Finding(
        f"{leg.device} has lost {leg.owner.prefix}, an allowed IP of {leg.name}: packets from and to there "
        "are dropped",
        restored(leg.sight),
    )


def allowed_ip_is_elsewhere(leg: Leg) -> Finding | None:
    if leg.owner is None or leg.winner is None or leg.winner is leg.have:
        return None
    names = (p.name for p in leg.owner.interface.peers if p.public_key == leg.winner.public_key)
    return Finding(
        f"{leg.address} goes to {next(names, 'a peer that no file names')}, which has {leg.name}'s "
        f"{leg.owner.prefix}: an address has one peer",
        restored(leg.sight),
    )


def _source(leg: Leg) -> str:
    if not leg.device:
        return f"{leg.address} comes in by {leg.way.device}, without WireGuard"
    return f"{leg.address} is {leg.name}'s, and comes in by {leg.device}"


def source_is_nobodys(leg: Leg) -> Finding | None:
    """A peer may send only from its allowed IPs: anything else is dropped on arrival."""
    if leg.owner is not None or not leg.device:
        return None
    return Finding(
        f"no peer of {leg.device} may send from {leg.address}: such packets are dropped", _listing_it(leg)
    )


def beyond(leg: Leg) -> str | None:
    """Where a peer stands for more than itself."""
    if not leg.device or leg.way.kind == LOCAL or leg.owner is None:
        return None
    return None if leg.owner.prefix.prefixlen == leg.address.max_prefixlen else ""


def rest_is_up_to_the_peer(leg: Leg) -> Finding | None:
    return up_to_the_peer(leg, leg.way.source)


def up_to_the_peer(leg: Leg, source: IPAddress | None) -> Finding:
    """Nobody can look into another machine from here."""
    return Finding(
        f"whether {leg.name} lists {source or 'this machine'} as ours, and what it does with the packet, "
        "cannot be seen from here",
        Mend("see there", (f"wgd explain {leg.address} --from {source or 'ADDRESS'}",), host=leg.name),
        certain=False,
    )


PEER = frozenset({"peer"})

INTERFACE: tuple[Stage[Leg], ...] = (
    Stage("files", _files, (files_are_broken,)),
    Stage(
        "interface",
        _interface,
        (interface_is_disabled, interface_is_missing, interface_is_down, own_address_is_missing),
        vital=True,
    ),
    Stage(
        "settings",
        lambda leg: f"key and port of {leg.device} as in its file" if leg.interface else None,
        (private_key_is_another, listen_port_is_another),
        frozenset({"device"}),
    ),
)
OWNER: tuple[Stage[Leg], ...] = (
    Stage("owner", _owner, (nobody_has_it, peer_is_disabled, peer_has_expired), vital=True),
)
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
ALLOWED: tuple[Stage[Leg], ...] = (
    Stage("peer", _peer, (peer_is_missing, allowed_ip_is_missing, allowed_ip_is_elsewhere), PEER),
)
SOURCE: tuple[Stage[Leg], ...] = (
    Stage(
        "source",
        _source,
        (
            source_is_nobodys,
            peer_is_disabled,
            peer_has_expired,
            peer_is_missing,
            allowed_ip_is_missing,
            allowed_ip_is_elsewhere,
        ),
        PEER,
    ),
)
BEYOND: tuple[Stage[Leg], ...] = (Stage("beyond", beyond, (rest_is_up_to_the_peer,)),)
