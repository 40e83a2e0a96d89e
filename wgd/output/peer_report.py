"""What the status says of each peer, as a value or, for thousands of them time and again, as JSON text. Pure.

It must never hold a secret.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from wgd.config import keytext
from wgd.config.document import Interface, host_and_port
from wgd.config.document import Peer as ConfiguredPeer
from wgd.kinds.peer import Peer
from wgd.model import Plan, State, Verb
from wgd.per_peer import PerPeer
from wgd.values import as_dict

Told = tuple[ConfiguredPeer | None, Peer | None, str]
"""A peer as in the files, as observed, and its state."""

_STATES = {Verb.CREATE: "missing", Verb.UPDATE: "drift", Verb.DELETE: "leftover"}


class PeerTexts:
    """The values of peers as JSON texts, for who writes them time and again: what the files say of a peer is
    put into words once."""

    def __init__(self) -> None:
        self._known = PerPeer[str]()

    def begin(self) -> None:
        """Another status."""
        self._known.begin()

    def of(self, interface: Interface | None, told: Sequence[Told]) -> list[str]:
        """One text each of the peers that `peers_of` tells of."""
        known = self._known.of_all(interface, lambda peer: _json(_named(peer, None))) if interface else []
        unlisted = (_json(_named(None, have)) for _, have, _ in told[len(known) :])
        return [
            f"{named[:-1]},{_json(_moving(have, state))[1:]}"
            for named, (_, have, state) in zip(chain(known, unlisted), told, strict=True)
        ]


_json = json.JSONEncoder(separators=(",", ":")).encode


def peer_states(plan: Plan) -> Mapping[Hashable, str]:
    """Peer keys → what is the matter with them; those in sync are absent."""
    states: dict[Hashable, str] = {ref.key: "blocked" for ref in plan.blocked if ref.kind == "peer"}
    states |= {c.ref.key: _STATES[c.verb] for c in plan.changes if c.ref.kind == "peer"}
    return states | {
        conflict.ref.key: "conflict" for conflict in plan.conflicts if conflict.ref.kind == "peer"
    }


def peers_of(
    name: str, interface: Interface | None, seen: State, states: Mapping[Hashable, str]
) -> Iterable[Told]:
    """Those of the files in their order, then whoever else is there, each with its state."""
    observed: Mapping[Hashable, Peer] = seen.of("peer")
    listed = interface.peers if interface else ()
    for peer in listed:
        key = (name, peer.public_key)
        yield peer, observed.get(key), states.get(key) or _resting(peer, interface, seen.now)
    known = {peer.public_key for peer in listed}
    for place, have in observed.items():
        if have.interface == name and have.public_key not in known:
            yield None, have, states.get(place, "foreign" if interface else "held")


def _resting(peer: ConfiguredPeer, interface: Interface | None, now: float) -> str:
    if not peer.enabled or (interface is not None and not interface.enabled):
        return "disabled"
    return "in sync" if peer.active(now) else "expired"


def peer_value(peer: ConfiguredPeer | None, have: Peer | None, state: str) -> dict[str, Any]:
    """`name` (null: no file lists it), `public_key`, `allowed_ips` as in the file, `endpoint` (the live one,
    or null), `last_handshake` (seconds since the epoch, or null), `received` and `sent` in bytes, `stripped`
    (null, or the `endpoint` that a hub forgot and when, `at` in seconds since the epoch), `state` ("in sync",
    "missing", "drift", "leftover", "blocked", "conflict", "foreign", "held", "disabled" or "expired")."""
    return _named(peer, have) | _moving(have, state)


def _named(peer: ConfiguredPeer | None, have: Peer | None) -> dict[str, Any]:
    source = peer or have
    assert source is not None
    return {
        "name": peer.name if peer else None,
        "public_key": keytext.encoded(source.public_key),
        "allowed_ips": list(map(str, peer.allowed_ips if peer else source.allowed_ips)),
    }


def _moving(have: Peer | None, state: str) -> dict[str, Any]:
    endpoint = have.endpoint if have else None
    return {
        "endpoint": host_and_port(*endpoint) if endpoint else None,
        "last_handshake": (have.last_handshake or None) if have else None,
        "received": have.received if have else 0,
        "sent": have.sent if have else 0,
        "stripped": as_dict(have.stripped) if have and have.stripped else None,
        "state": state,
    }
