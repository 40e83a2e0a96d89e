"""Diagnoses of where a peer is called. Pure."""

from __future__ import annotations

from wgd.config import keytext
from wgd.config.document import host_and_port
from wgd.endpoints import SILENT
from wgd.explain.belonging import PEER
from wgd.explain.leg import Leg, address_of, restored
from wgd.explain.sight import LOCAL
from wgd.explain.steps import Finding, Mend, Stage
from wgd.firewalls.obstacles import obstacles
from wgd.output.terminal import age

LIVE = 180.0
"""Seconds after a handshake for which a session can carry packets."""


def _endpoint(leg: Leg) -> str | None:
    if not leg.talks:
        return None
    return f"{leg.name} is at {leg.place}, by {_by(leg)}"


def _by(leg: Leg) -> str:
    if leg.call is None:
        return "a scoped address"
    return leg.call.device + (f" via {leg.call.gateway}" if leg.call.gateway else "")


def endpoint_has_no_address(leg: Leg) -> Finding | None:
    wanted = leg.configured
    if wanted is None or leg.peer is None or leg.peer.endpoint or leg.sight.state.resolved.get(str(wanted)):
        return None
    return Finding(
        f"DNS gives no address for {wanted.host}, where {leg.name} is to be called",
        Mend("ask for it by hand", (f"getent ahosts {wanted.host}",)),
    )


def endpoint_is_not_set(leg: Leg) -> Finding | None:
    if leg.configured is None or leg.peer is None or leg.peer.endpoint is not None:
        return None
    return Finding(f"{leg.device} was not told where {leg.name} is", restored(leg.sight))


def calls_to_us_are_dropped(leg: Leg) -> Finding | None:
    """Another firewall on this machine, while somebody who has to call is not heard."""
    if leg.interface is None or leg.configured is not None or not leg.is_quiet(LIVE):
        return None
    found = obstacles(leg.sight.config, leg.sight.state, leg.sight.ruleset)
    dropped = (one for one in found if one.interface == leg.device and not one.outgoing)
    obstacle = next((one for one in dropped if one.incoming != leg.device), None)
    if obstacle is None:
        return None
    opening = Mend("open it", obstacle.commands) if obstacle.commands else None
    return Finding(f"{leg.name} cannot call: {obstacle}", opening, certain=obstacle.certain)


def peer_has_not_called(leg: Leg) -> Finding | None:
    """A hub knows of a peer only what the peer's last call told."""
    peer = leg.peer
    if peer is None or peer.endpoint is not None or leg.configured is not None:
        return None
    old = leg.age
    when = "has not called yet" if old is None else f"has not called for {age(old)}"
    if peer.stripped is not None:
        when += f" (it was at {peer.stripped.endpoint}; that was forgotten)"
    return Finding(
        f"{leg.name} {when}, and this machine cannot call it: no endpoint is known",
        calls_us(leg, "is wgd or wg-quick up there, and does it call this machine"),
    )


def calls_us(leg: Leg, words: str) -> Mend:
    """What the other side's file has to say of this machine."""
    lines = [*our_key(leg)]
    port = leg.wireguard.listen_port if leg.wireguard else None
    lines += [f'endpoint = "this machine\'s public address:{port}"'] if port else []
    return Mend(
        f"{words}? In its table of this machine",
        (*lines, "persistent_keepalive = 25"),
        f"{leg.device}.toml",
        leg.name,
    )


def our_key(leg: Leg) -> list[str]:
    key = leg.wireguard.public_key if leg.wireguard else b""
    return [f'public_key = "{keytext.encoded(key)}"'] if key else []


def endpoint_is_in_its_own_tunnel(leg: Leg) -> Finding | None:
    """The encrypted packets would have to be encrypted again, for ever."""
    if leg.call is None or leg.peer is None or leg.call.device != leg.device or not leg.device:
        return None
    address = address_of(leg.peer.endpoint[0]) if leg.peer.endpoint else None
    return Finding(
        f"{leg.name} is called at {leg.place}, which leads into {leg.device} itself: a loop",
        Mend(
            f"lead {address} past the tunnel, or take it out of allowed_ips",
            (f"ip route add {address} via GATEWAY",),
        ),
    )


def endpoint_cannot_be_reached(leg: Leg) -> Finding | None:
    if leg.call is None or leg.call.leads or leg.call.kind == LOCAL:
        return None
    return Finding(
        f"no route leads to {leg.place}, where {leg.name} is called",
        Mend("is this machine connected?", ("ip route",)),
    )


def endpoint_is_out_of_date(leg: Leg) -> Finding | None:
    """The name leads elsewhere now. Nothing is wrong with that while the peer answers where it is."""
    wanted, peer = leg.configured, leg.peer
    if wanted is None or wanted.address is not None or peer is None or peer.endpoint is None:
        return None
    now = leg.sight.state.resolved.get(str(wanted), ())
    if not now or peer.endpoint in now or not leg.is_quiet(SILENT):
        return None
    key = keytext.encoded(peer.public_key)
    return Finding(
        f"{wanted.host} is {now[0][0]} now, and {leg.name} is still called at {leg.place}",
        Mend("the daemon follows the name after 135 s without an answer", ("systemctl start wgd",))
        if not leg.sight.mended
        else Mend("at once", (f"wg set {leg.device} peer {key} endpoint {host_and_port(*now[0])}",)),
    )


ENDPOINT: tuple[Stage[Leg], ...] = (
    Stage(
        "endpoint",
        _endpoint,
        (
            endpoint_has_no_address,
            endpoint_is_not_set,
            calls_to_us_are_dropped,
            peer_has_not_called,
            endpoint_is_in_its_own_tunnel,
            endpoint_cannot_be_reached,
            endpoint_is_out_of_date,
        ),
        PEER,
    ),
)
