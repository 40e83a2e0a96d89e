"""What administrators do: each operation is a step from one wish to the next; together they lead back.

Left out is what by its meaning ends the session that is measured: removing the active peer, changing its
key or the interface's own, its pre-shared key on one side only, and taking away the prefixes that are in use.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from integration.disruption.wish import SECOND_ADDRESS, SPARE_ROUTES, SPARE_RULES, PeerWish, Wish

Item = TypeVar("Item")
Step = Callable[[Wish], Wish]
FIRST, SECOND, *_ = SPARE_ROUTES
*_, PHONE_ROUTE, LAPTOP_ROUTE = SPARE_ROUTES


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table."""

    name: str
    step: Step


def new_key() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def add_phone(wish: Wish) -> Wish:
    return wish.with_peer(PeerWish("phone", new_key(), frozenset({PHONE_ROUTE})))


def change_phone(wish: Wish) -> Wish:
    return wish.with_peer(replace(wish.peer("phone"), public_key=new_key(), keepalive=30))


def allow(*prefixes: str) -> Step:
    """The active peer gets them."""
    return lambda wish: _allowing(wish, wish.active, frozenset(prefixes))


def forbid(*prefixes: str) -> Step:
    """Whoever has them loses them."""

    def step(wish: Wish) -> Wish:
        for peer in wish.peers:
            wish = wish.with_peer(replace(peer, allowed_ips=peer.allowed_ips - set(prefixes)))
        return wish

    return step


def move(prefix: str, to: str) -> Step:
    return lambda wish: _allowing(forbid(prefix)(wish), to, frozenset({prefix}))


def _allowing(wish: Wish, name: str, prefixes: frozenset[str]) -> Wish:
    peer = wish.peer(name)
    return wish.with_peer(replace(peer, allowed_ips=peer.allowed_ips | prefixes))


def keepalive(seconds: int) -> Step:
    return lambda wish: wish.with_peer(replace(wish.peer(wish.active), keepalive=seconds))


def preshared_key(wish: Wish) -> Wish:
    return wish.with_peer(replace(wish.peer("laptop"), preshared_key=new_key()))


def mtu(size: int) -> Step:
    return lambda wish: replace(wish, mtu=size)


def second_address(wish: Wish) -> Wish:
    return replace(wish, addresses=wish.addresses ^ {SECOND_ADDRESS})


def rule(wish: Wish) -> Wish:
    return replace(wish, forwards=_toggled(wish.forwards, ("172.27.0.2/32", SPARE_RULES[0])))


def masquerade(wish: Wish) -> Wish:
    return replace(wish, masqueraded=_toggled(wish.masqueraded, SPARE_RULES[1]))


def _toggled(those: tuple[Item, ...], one: Item) -> tuple[Item, ...]:
    return tuple(item for item in those if item != one) if one in those else (*those, one)


def named(base: Wish) -> tuple[Operation, ...]:
    """A round trip: the last step leads back to where the first began."""
    return (
        Operation("add a peer", add_phone),
        Operation("change a peer (new key, keepalive)", change_phone),
        Operation("active peer: add two allowed IPs", allow(FIRST, SECOND)),
        Operation("active peer: move an allowed IP to another", move(FIRST, "phone")),
        Operation("active peer: remove an allowed IP", forbid(SECOND)),
        Operation("remove a peer", lambda wish: wish.without_peer("phone")),
        Operation("active peer: change the keepalive", keepalive(20)),
        Operation("another peer: change the pre-shared key", preshared_key),
        Operation("change the MTU", mtu(1400)),
        Operation("add a second address", second_address),
        Operation("remove it", second_address),
        Operation("add a rule", rule),
        Operation("change the masquerade", masquerade),
        Operation("save unchanged", lambda wish: wish),
        Operation("back to the beginning, in one save", lambda _: base),
    )
