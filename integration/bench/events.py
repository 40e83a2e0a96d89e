"""What an onlooker heard of a change, and when it was complete. Pure.

Only routes and nftables tell. A peer's change is taken from the daemon's log, which is written after the
kernel has answered: so it is never too early.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from integration.bench.network import Edit, changed_addresses
from wgd.kernel.netlink import attributes, messages

ROUTE, NFTABLES, LOG = "route", "nftables", "log"

_NEW_ROUTE, _DEL_ROUTE = 24, 25
_ROUTE_HEADER, _DESTINATION = 12, 1
_NFT = 10 << 8
_COME, _GONE = {_NFT | 6, _NFT | 12}, {_NFT | 8, _NFT | 14}
"""New rules and elements; deleted ones."""
_SET_GONE = _NFT | 11
"""With a set go its elements, of which the kernel then says nothing."""
_SINGLE = 1
"""Edits at once of which the log is asked as well. Of many, routes come after the peers, and tell enough."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was received from one source, and when, in seconds of the steady clock."""

    at: float
    source: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be heard of some edits: packed addresses whose routes and places in the rules come and go,
    and words in the log."""

    routes_come: frozenset[bytes] = frozenset()
    routes_gone: frozenset[bytes] = frozenset()
    rules_come: frozenset[bytes] = frozenset()
    rules_gone: frozenset[bytes] = frozenset()
    logged: frozenset[bytes] = frozenset()


def expected(edits: Sequence[Edit]) -> Expected:
    """All that the edits change."""
    come, gone = ({IPv4Address(one).packed for one in some} for some in changed_addresses(edits))
    keys = {one.key.encode() for edit in edits for one in (edit.before, edit.after) if one}
    logged = frozenset(keys) if len(edits) <= _SINGLE else frozenset()
    return Expected(frozenset(come), frozenset(gone), frozenset(come), frozenset(gone), logged)


def complete_at(heard: Iterable[Heard], what: Expected) -> float | None:
    """When the last thing was heard for the first time; None while something is missing."""
    open_ = {
        (ROUTE, True): set(what.routes_come),
        (ROUTE, False): set(what.routes_gone),
        (NFTABLES, True): set(what.rules_come),
        (NFTABLES, False): set(what.rules_gone),
        (LOG, True): set(what.logged),
    }
    last: float | None = None
    for one in heard:
        if _strike(one, open_):
            last = one.at
    return None if any(open_.values()) else last


def _strike(one: Heard, open_: dict[tuple[str, bool], set[bytes]]) -> bool:
    """Takes from what is still open what was heard; whether that was anything."""
    if one.source == LOG:
        return _found(one.content, open_[LOG, True])
    struck = False
    for message in messages(one.content):
        if one.source == ROUTE and message.kind in (_NEW_ROUTE, _DEL_ROUTE):
            destination = attributes(message.body, _ROUTE_HEADER).get(_DESTINATION)
            missing = open_[ROUTE, message.kind == _NEW_ROUTE]
            if destination in missing:
                missing.discard(destination)
                struck = True
        elif one.source == NFTABLES and message.kind in _COME | _GONE:
            struck |= _found(message.body, open_[NFTABLES, message.kind in _COME])
        elif one.source == NFTABLES and message.kind == _SET_GONE:
            struck |= bool(open_[NFTABLES, False])
            open_[NFTABLES, False].clear()
    return struck


def _found(content: bytes, missing: set[bytes]) -> bool:
    found = {one for one in missing if one in content}
    missing -= found
    return bool(found)
