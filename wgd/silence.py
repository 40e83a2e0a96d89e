"""Who has been silent for how long, by our own steady clock. Pure: the time of each look is an argument.

Handshake times are wall clock and lie once the clock was set; *that* they changed does not. Nothing here is
kept for longer than the process lives: after a restart everybody counts as heard just now.
"""

from __future__ import annotations

from collections.abc import Hashable

from wgd.kinds.peer import Peer
from wgd.listing import NOTHING, Listing, listed, touched
from wgd.model import Silence, State
from wgd.values import replace

CALL = 148
"""Bytes of a handshake's first message, which WireGuard repeats every 5 s when nobody answers. A keepalive
has 32 and expects no answer, so between two handshakes a healthy idle peer is silent for up to 205 s."""


class Listener:
    """Compares each look at the peers with the one before."""

    def __init__(self) -> None:
        self._last = NOTHING
        self._silence: dict[Hashable, Silence] = {}

    def listen(self, seen: State, now: float) -> State:
        """What was seen at steady time `now`, and what each peer lets us hear."""
        peers = listed(seen.of("peer"))
        if peers is not self._last:
            self._silence = self._compared(peers, now)
        self._last = peers
        return replace(seen, silence=self._silence, steady=now)

    def _compared(self, peers: Listing, now: float) -> dict[Hashable, Silence]:
        _, _, gone, come = touched(self._last.specs, peers.specs)
        silence = self._silence.copy()
        for peer in gone:
            del silence[peer.interface, peer.public_key]
        for peer in come:
            key = (peer.interface, peer.public_key)
            silence[key] = self._heard(key, peer, now)
        return silence

    def _heard(self, key: Hashable, peer: Peer, now: float) -> Silence:
        last: Peer | None = self._last.get(key)
        if last is None or (peer.last_handshake, peer.received) != (last.last_handshake, last.received):
            return Silence(now)
        silence = self._silence[key]
        if peer.endpoint != last.endpoint:
            return Silence(silence.heard)  # each place is given its own time to answer
        if peer.sent - last.sent >= CALL:
            return replace(silence, calling=now if silence.calling is None else silence.calling, called=now)
        return silence
