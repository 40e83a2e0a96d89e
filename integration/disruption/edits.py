"""Random edits, equally many of each kind, most of them on the active peer itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice

from integration.disruption import operations
from integration.disruption.wish import SPARE_ROUTES, Wish

LAPTOP = "laptop"
"""The peer that takes and gives prefixes."""

Draw = Callable[[random.Random, Wish], Wish | None]
"""A kind of edit: None where there is nothing to do it to."""


def _some(dice: random.Random, prefixes: set[str]) -> list[str]:
    return dice.sample(sorted(prefixes), dice.randint(1, min(4, len(prefixes)))) if prefixes else []


def _spare(wish: Wish, name: str) -> set[str]:
    return set(wish.peer(name).allowed_ips) & set(SPARE_ROUTES[:-2])


def _allow(dice: random.Random, wish: Wish) -> Wish | None:
    free = set(SPARE_ROUTES[:-2]) - wish.routes
    return operations.allow(*_some(dice, free))(wish) if free else None


def _forbid(dice: random.Random, wish: Wish) -> Wish | None:
    own = _spare(wish, wish.active)
    return operations.forbid(*_some(dice, own))(wish) if own else None


def _give(dice: random.Random, wish: Wish) -> Wish | None:
    own = _spare(wish, wish.active)
    return operations.move(dice.choice(sorted(own)), LAPTOP)(wish) if own else None


def _take(dice: random.Random, wish: Wish) -> Wish | None:
    others = _spare(wish, LAPTOP)
    return operations.move(dice.choice(sorted(others)), wish.active)(wish) if others else None


def _swap(dice: random.Random, wish: Wish) -> Wish | None:
    """Some come and some go in one save."""
    forbidden = _forbid(dice, wish)
    return _allow(dice, forbidden) if forbidden else None


def _keepalive(dice: random.Random, wish: Wish) -> Wish | None:
    now = wish.peer(wish.active).keepalive
    return operations.keepalive(dice.choice([n for n in range(15, 26) if n != now]))(wish)


def _preshared_key(_: random.Random, wish: Wish) -> Wish | None:
    return operations.preshared_key(wish)


def _peer(_: random.Random, wish: Wish) -> Wish | None:
    known = any(peer.name == "phone" for peer in wish.peers)
    return wish.without_peer("phone") if known else operations.add_phone(wish)


def _mtu(dice: random.Random, wish: Wish) -> Wish | None:
    return replace(wish, mtu=dice.choice([size for size in range(1380, 1421, 4) if size != wish.mtu]))


KINDS: dict[str, Draw] = {
    "active peer: allowed IPs added": _allow,
    "active peer: allowed IPs removed": _forbid,
    "active peer: some added, some removed": _swap,
    "active peer: an allowed IP moved away": _give,
    "active peer: an allowed IP moved to it": _take,
    "active peer: keepalive": _keepalive,
    "another peer: pre-shared key": _preshared_key,
    "another peer: added or removed": _peer,
    "MTU": _mtu,
    "second address added or removed": lambda _, wish: operations.second_address(wish),
    "rule added or removed": lambda _, wish: operations.rule(wish),
    "masquerade changed": lambda _, wish: operations.masquerade(wish),
}


def random_edits(seed: int, base: Wish, count: int) -> Iterator[tuple[str, Wish]]:
    """(its kind, what is wanted after it), each from where the one before led."""
    dice, wish = random.Random(seed), base
    waiting = list(islice(cycle(KINDS), count))
    dice.shuffle(waiting)
    while waiting:
        found = next(((kind, new) for kind in waiting if (new := KINDS[kind](dice, wish)) is not None), None)
        if found is None:  # only moves are left, and nothing to be moved
            return
        kind, wish = found
        waiting.remove(kind)
        yield kind, wish
