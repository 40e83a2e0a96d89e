"""Where to look for a peer. Pure. A configured endpoint is a hint; the live one is where the peer is.

A live endpoint must never be given up because of a clock, an answer of DNS or an edit elsewhere: only when
calls there stay unanswered, or no route leads there while one leads to another address of the peer. `now` is
our own steady clock's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wgd.config.document import Config, Interface, Role
from wgd.model import Silence, State
from wgd.values import value

SocketAddress = tuple[str, int]
"""An address without brackets, and a port."""
Leads = Callable[[SocketAddress], bool]
"""Whether a route leads to the address, other than through the tunnel itself."""

SILENT = 135.0
"""Seconds of calling without an answer after which a peer is not where we think it is: a session is renewed
after 120 s."""
LATELY = 30.0
"""Seconds since the last call for which we are still calling: WireGuard pauses after 18 tries."""

NOWHERE: SocketAddress = ("::%lo", 0)
"""The endpoint to set where there is to be none: WireGuard has no other way to clear one that keeps the
session and the replay floor. Nothing is sent there, since no route of `lo` leads to it. Without the scope the
kernel would take the IPv6 default route, and `0.0.0.0` means the host itself."""


@value
class Whereabouts:
    """What is known of a peer: its live endpoint (None: it has none), whether there ever was a handshake,
    and what it lets us hear (None: nobody listened)."""

    live: SocketAddress | None = None
    met: bool = False
    silence: Silence | None = None


def unanswered(silence: Silence | None, now: float) -> bool:
    """Whether we are calling the peer, and have been for so long that it cannot be there."""
    if silence is None or silence.calling is None:
        return False
    return now - silence.calling >= SILENT and now - silence.called <= LATELY


def lost(addresses: Sequence[SocketAddress], peer: Whereabouts, leads: Leads, now: float) -> bool:
    """Whether to give up the live endpoint for one of the peer's `addresses`."""
    if peer.live is None:
        return False
    if unanswered(peer.silence, now):
        return True
    if all(address == peer.live for address in addresses):
        return False
    waited = not peer.met or _quiet(peer, now) >= SILENT
    return waited and not leads(peer.live) and any(map(leads, addresses))


def target(
    addresses: Sequence[SocketAddress], peer: Whereabouts, leads: Leads, now: float
) -> SocketAddress | None:
    """Which of its addresses to use, should one be needed. The one in use is right (round robin), unless the
    peer is lost: then the next one is tried."""
    if peer.live in addresses and not lost(addresses, peer, leads, now):
        return peer.live
    good = [address for address in addresses if len(addresses) == 1 or leads(address)] or list(addresses)
    if peer.live in good:
        return good[(good.index(peer.live) + 1) % len(good)]
    return good[0] if good else None


def stale(interface: Interface, dialled: bool, silence: Silence | None, now: float) -> bool:
    """Whether a hub is to forget a live endpoint: a hole in some NAT box that nobody has used for so long
    that WireGuard has erased the session's keys. Never that of a peer which is `dialled` on purpose."""
    if interface.role is not Role.HUB or not interface.strip_after or dialled or silence is None:
        return False
    return now - silence.heard >= interface.strip_after


def to_ask_again(config: Config, seen: State) -> frozenset[str]:
    """The configured endpoints behind which nobody answers: their names may have moved."""
    return frozenset(
        str(peer.endpoint)
        for interface in config.enabled()
        for peer in interface.peers
        if peer.endpoint is not None
        and unanswered(seen.silence.get((interface.name, peer.public_key)), seen.steady)
    )


def _quiet(peer: Whereabouts, now: float) -> float:
    return now - peer.silence.heard if peer.silence is not None else 0.0
