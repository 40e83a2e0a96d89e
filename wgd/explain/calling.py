"""Diagnoses of the peer itself: where it is called, whether it answers, and what fits through. Pure.

Handshake times are wall clock, so a clock that was set can make a living session look old, or one of the
future.
"""

from __future__ import annotations

from wgd import ground, prefixes
from wgd.config.document import Endpoint
from wgd.endpoints import SILENT
from wgd.explain.leg import Leg, address_of, restored
from wgd.explain.sight import LOCAL
from wgd.explain.steps import Finding, Mend, Stage
from wgd.explain.tunnel import PEER
from wgd.firewalls.obstacles import obstacles
from wgd.kinds.link import Link
from wgd.peer_report import in_base64
from wgd.terminal import age, size

LIVE = 180.0
"""Seconds after a handshake for which a session can carry packets."""
AHEAD = 5.0
"""Seconds that a handshake may lie in the future: clocks are corrected all the time."""
HEADERS = {4: 60, 6: 80}
"""Bytes that WireGuard adds to a packet, by the IP version of the endpoint."""


def _endpoint(leg: Leg) -> str | None:
    if not _concerned(leg):
        return None
    return f"{leg.name} is at {_place(leg)}, by {_by(leg)}"


def _concerned(leg: Leg) -> bool:
    """There is a peer to talk to."""
    return leg.peer is not None and leg.way.kind != LOCAL


def _place(leg: Leg) -> str:
    if leg.peer is None or leg.peer.endpoint is None:
        return "nowhere"
    host, port = leg.peer.endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _by(leg: Leg) -> str:
    if leg.call is None:
        return "a scoped address"
    return leg.call.device + (f" via {leg.call.gateway}" if leg.call.gateway else "")


def _configured(leg: Leg) -> Endpoint | None:
    """Where the files say that it is."""
    return leg.owner.peer.endpoint if leg.owner else None


def _age(leg: Leg) -> float | None:
    """Seconds since the last handshake; None: there never was one."""
    if leg.peer is None or not leg.peer.last_handshake:
        return None
    return leg.sight.state.now - leg.peer.last_handshake


def _is_quiet(leg: Leg, seconds: float) -> bool:
    old = _age(leg)
    return old is None or old > seconds


def endpoint_has_no_address(leg: Leg) -> Finding | None:
    wanted = _configured(leg)
    if wanted is None or leg.peer is None or leg.peer.endpoint or leg.sight.state.resolved.get(str(wanted)):
        return None
    return Finding(
        f"DNS gives no address for {wanted.host}, where {leg.name} is to be called",
        Mend("ask for it by hand", (f"getent ahosts {wanted.host}",)),
    )


def endpoint_is_not_set(leg: Leg) -> Finding | None:
    if _configured(leg) is None or leg.peer is None or leg.peer.endpoint is not None:
        return None
    return Finding(f"{leg.device} was not told where {leg.name} is", restored(leg.sight))


def calls_to_us_are_dropped(leg: Leg) -> Finding | None:
    """Another firewall on this machine, while somebody who has to call is not heard."""
    if leg.interface is None or _configured(leg) is not None or not _is_quiet(leg, LIVE):
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
    if peer is None or peer.endpoint is not None or _configured(leg) is not None:
        return None
    old = _age(leg)
    when = "has not called yet" if old is None else f"has not called for {age(old)}"
    if peer.stripped is not None:
        when += f" (it was at {peer.stripped.endpoint}; that was forgotten)"
    return Finding(
        f"{leg.name} {when}, and this machine cannot call it: no endpoint is known",
        _calls_us(leg, "is wgd or wg-quick up there, and does it call this machine"),
    )


def _calls_us(leg: Leg, words: str) -> Mend:
    """What the other side's file has to say of this machine."""
    lines = [*_our_key(leg)]
    port = leg.wireguard.listen_port if leg.wireguard else None
    lines += [f'endpoint = "this machine\'s public address:{port}"'] if port else []
    return Mend(
        f"{words}? In its table of this machine",
        (*lines, "persistent_keepalive = 25"),
        f"{leg.device}.toml",
        leg.name,
    )


def _our_key(leg: Leg) -> list[str]:
    key = leg.wireguard.public_key if leg.wireguard else b""
    return [f'public_key = "{in_base64(key)}"'] if key else []


def endpoint_is_in_its_own_tunnel(leg: Leg) -> Finding | None:
    """The encrypted packets would have to be encrypted again, for ever."""
    if leg.call is None or leg.peer is None or leg.call.device != leg.device or not leg.device:
        return None
    address = address_of(leg.peer.endpoint[0]) if leg.peer.endpoint else None
    return Finding(
        f"{leg.name} is called at {_place(leg)}, which leads into {leg.device} itself: a loop",
        Mend(
            f"lead {address} past the tunnel, or take it out of allowed_ips",
            (f"ip route add {address} via GATEWAY",),
        ),
    )


def endpoint_cannot_be_reached(leg: Leg) -> Finding | None:
    if leg.call is None or leg.call.leads or leg.call.kind == LOCAL:
        return None
    return Finding(
        f"no route leads to {_place(leg)}, where {leg.name} is called",
        Mend("is this machine connected?", ("ip route",)),
    )


def endpoint_is_out_of_date(leg: Leg) -> Finding | None:
    """The name leads elsewhere now. Nothing is wrong with that while the peer answers where it is."""
    wanted, peer = _configured(leg), leg.peer
    if wanted is None or wanted.address is not None or peer is None or peer.endpoint is None:
        return None
    now = leg.sight.state.resolved.get(str(wanted), ())
    if not now or peer.endpoint in now or not _is_quiet(leg, SILENT):
        return None
    host, port = now[0]
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    key = in_base64(peer.public_key)
    return Finding(
        f"{wanted.host} is {host} now, and {leg.name} is still called at {_place(leg)}",
        Mend("the daemon follows the name after 135 s without an answer", ("systemctl start wgd",))
        if not leg.sight.mended
        else Mend("at once", (f"wg set {leg.device} peer {key} endpoint {there}",)),
    )


def _handshake(leg: Leg) -> str | None:
    if not _concerned(leg) or leg.peer is None or leg.peer.endpoint is None:
        return None
    old = _age(leg)
    if old is None:
        return ""
    counted = f"{size(leg.peer.received)} received, {size(leg.peer.sent)} sent"
    lives = "the session lives" if old <= SILENT else "the next packet renews the session"
    return f"{age(old)} ago: {lives}; {counted}"


def clock_went_back(leg: Leg) -> Finding | None:
    """A peer takes no handshake that is older than the last one it took."""
    old, sight = _age(leg), leg.sight
    if old is not None and old < -AHEAD:
        what = f"the last handshake with {leg.name} lies {age(-old)} in the future"
    elif old is None and sight.state.now < sight.saved - AHEAD:
        what = f"the files were saved {age(sight.saved - sight.state.now)} in the future"
    else:
        return None
    return Finding(
        f"the clock of this machine went back: {what}, and {leg.name} takes no handshake older than that",
        Mend("set the clock", ("timedatectl set-ntp true",)),
    )


def only_half_a_handshake(leg: Leg) -> Finding | None:
    """Calls of the peer are understood, which takes both keys, and never completed."""
    peer = leg.peer
    if peer is None or peer.last_handshake or not peer.received:
        return None
    psk = "set" if peer.preshared_key else "none"
    return Finding(
        f"{leg.name} calls, and makes nothing of the answers: {size(peer.received)} received, no handshake",
        Mend(
            f"the preshared key must be the same on both sides (here: {psk}), and answers must get to "
            f"{_place(leg)}",
            (f"wg show {leg.device} preshared-keys",),
            host=leg.name,
        ),
    )


def calls_were_never_answered(leg: Leg) -> Finding | None:
    peer = leg.peer
    if peer is None or peer.last_handshake or not peer.sent:
        return None
    ours = " ".join(_our_key(leg)) or "this machine's public key"
    psk = ", and the same preshared key" if peer.preshared_key else ""
    return Finding(
        f"{leg.name} has never answered: {size(peer.sent)} sent to {_place(leg)}, nothing received",
        Mend(
            f"it must listen on that port, let UDP in, have the key {in_base64(peer.public_key)} and list "
            f"this machine by its own{psk}; compare",
            (f"wg show {leg.device}", ours),
            host=leg.name,
        ),
    )


def nothing_was_sent_yet(leg: Leg) -> Finding | None:
    if _age(leg) is not None:
        return None
    return Finding(
        f"there was no handshake yet, and nothing was sent to {leg.name}", _probe(leg), certain=False
    )


def _probe(leg: Leg) -> Mend:
    return Mend("send something and see", (f"wgd explain {leg.address} --probe",))


def peer_went_silent(leg: Leg) -> Finding | None:
    """We speak at least every so many seconds, and after 120 s each wants a new handshake."""
    old, peer = _age(leg), leg.peer
    if old is None or old <= LIVE or peer is None or not peer.persistent_keepalive:
        return None
    return Finding(
        f"{leg.name} has not answered for {age(old - 120)}: it is called every "
        f"{peer.persistent_keepalive} s at {_place(leg)}",
        Mend("is it up, and still there?", (f"wg show {leg.device}",), host=leg.name),
    )


def nat_has_forgotten(leg: Leg) -> Finding | None:
    """Where a peer is that calls us is a hole in some NAT box, which closes within minutes of silence."""
    old = _age(leg)
    if old is None or old <= LIVE or _configured(leg) is not None or leg.owner is None:
        return None
    return Finding(
        f"{leg.name} was last heard {age(old)} ago, at {_place(leg)}: its session is over, and a NAT box "
        "there has closed by now",
        _calls_us(leg, "it has to keep the way open"),
    )


def session_is_over(leg: Leg) -> Finding | None:
    """Nobody spoke; the next packet would begin another."""
    old = _age(leg)
    if old is None or old <= LIVE:
        return None
    return Finding(
        f"{age(old)} ago: nobody had anything to say, or {leg.name} is gone", _probe(leg), certain=False
    )


def _mtu(leg: Leg) -> str | None:
    if leg.call is None or leg.peer is None or leg.link is None or not _path(leg) or not leg.call.leads:
        return None
    return f"{leg.link.mtu} inside, {_needed(leg)} outside, of {_path(leg)} by {leg.call.device}"


def _needed(leg: Leg) -> int:
    host = leg.peer.endpoint[0] if leg.peer and leg.peer.endpoint else ""
    return (leg.link.mtu or 0 if leg.link else 0) + HEADERS[6 if ":" in host else 4]


def _path(leg: Leg) -> int:
    """What fits on the way to the endpoint, as far as this machine knows."""
    if leg.call is None:
        return 0
    link: Link | None = leg.sight.state.of("link").get(leg.call.device)
    return leg.call.mtu or (link.mtu or 0 if link else 0)


def tunnel_is_too_wide(leg: Leg) -> Finding | None:
    if _needed(leg) <= _path(leg):
        return None
    fits = _path(leg) - _needed(leg) + (leg.link.mtu or 0 if leg.link else 0)
    by = leg.call.device if leg.call else ""
    return Finding(
        f"a full packet of {leg.device} takes {_needed(leg)} bytes, and {_path(leg)} fit by {by}: large ones "
        "are lost where fragments are not let through",
        Mend("under [interface]", (f"mtu = {fits}",), leg.file or f"{leg.device}.toml"),
    )


def nobody_keeps_the_way_open(leg: Leg) -> Finding | None:
    """This machine is behind NAT, says nothing by itself, and is to be reached."""
    peer, call = leg.peer, leg.call
    if peer is None or call is None or call.source is None or _configured(leg) is None:
        return None
    public = ground.public_addresses(call.source.version)
    at, target = int(call.source), address_of(peer.endpoint[0]) if peer.endpoint else None
    behind = not prefixes.intersection(((at, at),), public)
    outside = target is not None and prefixes.intersection(((int(target), int(target)),), public)
    if not behind or not outside or peer.persistent_keepalive:
        return None
    return Finding(
        f"this machine ({call.source}) is behind NAT and says nothing by itself: after minutes of silence "
        f"nothing from {leg.name} gets in",
        Mend(f"under [peers.{leg.name}]", ("persistent_keepalive = 25",), leg.file),
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
HANDSHAKE: tuple[Stage[Leg], ...] = (
    Stage(
        "handshake",
        _handshake,
        (
            clock_went_back,
            only_half_a_handshake,
            calls_were_never_answered,
            nothing_was_sent_yet,
            peer_went_silent,
            nat_has_forgotten,
            session_is_over,
        ),
        PEER,
    ),
)
MTU: tuple[Stage[Leg], ...] = (Stage("MTU", _mtu, (tunnel_is_too_wide,), PEER),)
KEPT_OPEN: tuple[Stage[Leg], ...] = (
    Stage(
        "keepalive",
        lambda leg: "the way in stays open" if _configured(leg) and _concerned(leg) else None,
        (nobody_keeps_the_way_open,),
        PEER,
    ),
)
