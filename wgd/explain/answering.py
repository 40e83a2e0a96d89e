"""Diagnoses of whether a peer answers, and of what fits through. Pure.

Handshake times are wall clock, so a clock that was set can make a living session look old, or one of the
future.
"""

from __future__ import annotations

from wgd.config import keytext
from wgd.endpoints import SILENT
from wgd.explain.belonging import PEER, is_public
from wgd.explain.calling import LIVE, calls_us, our_key
from wgd.explain.leg import Leg, address_of
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.link import Link
from wgd.output.terminal import age, size

AHEAD = 5.0
"""Seconds that a handshake may lie in the future: clocks are corrected all the time."""
HEADERS = {4: 60, 6: 80}
"""Bytes that WireGuard adds to a packet, by the IP version of the endpoint."""


def _handshake(leg: Leg) -> str | None:
    if not leg.talks or leg.peer is None or leg.peer.endpoint is None:
        return None
    old = leg.age
    if old is None:
        return ""
    counted = f"{size(leg.peer.received)} received, {size(leg.peer.sent)} sent"
    lives = "the session lives" if old <= SILENT else "the next packet renews the session"
    return f"{age(old)} ago: {lives}; {counted}"


def clock_went_back(leg: Leg) -> Finding | None:
    """A peer takes no handshake that is older than the last one it took."""
    old, sight = leg.age, leg.sight
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
            f"{leg.place}",
            (f"wg show {leg.device} preshared-keys",),
            host=leg.name,
        ),
    )


def calls_were_never_answered(leg: Leg) -> Finding | None:
    peer = leg.peer
    if peer is None or peer.last_handshake or not peer.sent:
        return None
    return Finding(
        f"{leg.name} has never answered: {size(peer.sent)} sent to {leg.place}, nothing received",
        what_to_compare(leg),
    )


def what_to_compare(leg: Leg) -> Mend:
    """Whatever makes a peer stay silent looks the same from here."""
    ours = " ".join(our_key(leg)) or "this machine's public key"
    its = keytext.encoded(leg.peer.public_key) if leg.peer else ""
    psk = ", and the same preshared key" if leg.peer and leg.peer.preshared_key else ""
    return Mend(
        f"it must listen on that port, let UDP in, have the key {its} and list this machine by its own{psk}; "
        "compare",
        (f"wg show {leg.device}", ours),
        host=leg.name,
    )


def nothing_was_sent_yet(leg: Leg) -> Finding | None:
    if leg.age is not None:
        return None
    return Finding(
        f"there was no handshake yet, and nothing was sent to {leg.name}", _probe(leg), certain=False
    )


def _probe(leg: Leg) -> Mend:
    return Mend("send something and see", (f"wgd explain {leg.address} --probe",))


def peer_went_silent(leg: Leg) -> Finding | None:
    """We speak at least every so many seconds, and after 120 s each wants a new handshake."""
    old, peer = leg.age, leg.peer
    if old is None or old <= LIVE or peer is None or not peer.persistent_keepalive:
        return None
    return Finding(
        f"{leg.name} has not answered for {age(old - 120)}: it is called every "
        f"{peer.persistent_keepalive} s at {leg.place}",
        Mend("is it up, and still there?", (f"wg show {leg.device}",), host=leg.name),
    )


def nat_has_forgotten(leg: Leg) -> Finding | None:
    """Where a peer is that calls us is a hole in some NAT box, which closes within minutes of silence."""
    old = leg.age
    if old is None or old <= LIVE or leg.configured is not None or leg.owner is None:
        return None
    return Finding(
        f"{leg.name} was last heard {age(old)} ago, at {leg.place}: its session is over, and a NAT box "
        "there would have closed by now",
        calls_us(leg, "does it keep the way open"),
        certain=False,
    )


def session_is_over(leg: Leg) -> Finding | None:
    """Nobody spoke; the next packet would begin another."""
    old = leg.age
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
        certain=False,
    )


def nobody_keeps_the_way_open(leg: Leg) -> Finding | None:
    """This machine is behind NAT, says nothing by itself, and is to be reached."""
    peer, call = leg.peer, leg.call
    if peer is None or call is None or call.source is None or leg.configured is None:
        return None
    target = address_of(peer.endpoint[0]) if peer.endpoint else None
    outside = target is not None and is_public(target) and not is_public(call.source)
    if not outside or peer.persistent_keepalive:
        return None
    return Finding(
        f"this machine ({call.source}) is behind NAT and says nothing by itself: after minutes of silence "
        f"nothing from {leg.name} gets in",
        Mend(f"under {leg.table}", ("persistent_keepalive = 25",), leg.file),
        certain=leg.is_quiet(LIVE),
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
        lambda leg: "the way in stays open" if leg.configured and leg.talks else None,
        (nobody_keeps_the_way_open,),
        PEER,
    ),
)
