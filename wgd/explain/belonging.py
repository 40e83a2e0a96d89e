"""Diagnoses of whose an address is: by the files, and by WireGuard. Pure."""

from __future__ import annotations

from wgd import prefixes
from wgd.access import ground
from wgd.config.document import Interface
from wgd.explain.leg import Leg, quoted, restored, table_of
from wgd.explain.sight import LOCAL, IPAddress
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.route import lookup

PEER = frozenset({"peer"})
"""What it takes to see who has an address."""
FEW = 8
"""A longer list of allowed IPs is not repeated."""


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
    if leg.interface is None and not leg.device and (is_public(leg.address) or _is_beside(leg)):
        return None
    way = "" if leg.device else ", and no route but the default one leads there"
    return Finding(f"no peer of the files has {leg.address} among its allowed IPs{way}", _listing_it(leg))


def is_public(address: IPAddress) -> bool:
    """It means the same everywhere."""
    at = int(address)
    return bool(prefixes.intersection(((at, at),), ground.public_addresses(address.version)))


def _is_beside(leg: Leg) -> bool:
    """Reached by a route of its own, without WireGuard."""
    if not leg.way.leads:
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
    return Mend(f"if it is behind {peer.name}: {table_of(peer.name)}", (line,), f"{interface.name}.toml")


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
        Mend(f"under {leg.table}, take away or move", ("expires = …",), leg.file),
    )


def _peer(leg: Leg) -> str | None:
    if not leg.device or leg.way.kind == LOCAL:
        return None
    if leg.winner is None:
        return ""
    prefix = max((p for p in leg.winner.allowed_ips if leg.address in p), key=lambda p: p.length)
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
    return None if leg.owner.prefix.single else ""


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


OWNER: tuple[Stage[Leg], ...] = (
    Stage("owner", _owner, (nobody_has_it, peer_is_disabled, peer_has_expired), vital=True),
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
