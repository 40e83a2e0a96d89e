"""Long lists of which little changes from one look to the next, at the cost of what changed. Pure.

Whatever loops over ten thousand objects here is the interpreter's own C. Nothing depends on it: a listing
made from the one before is equal to one that is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from itertools import compress
from operator import is_not
from typing import Any, NamedTuple, TypeVar

from wgd.versions import Version

T = TypeVar("T")
V = TypeVar("V")

_PORTION = 2**18


class Touched(NamedTuple):
    """Where two sequences differ: from `start` on, as far as `end` from their ends, as a negative number or
    None; and which objects of there are only in the one (`gone`) or only in the other (`come`)."""

    start: int
    end: int | None
    gone: Sequence[Any]
    come: Sequence[Any]


def touched(before: Sequence[T], now: Sequence[T]) -> Touched:
    """How `now` differs from `before`: an object that stayed is the same object. One that stands there more
    than once may also be told as gone from a place, or come to it. Of a version and the one made of it that
    is known; others are compared, both of the same type."""
    if before is now:
        return Touched(len(now), None, [], [])
    if isinstance(before, Version) and (known := before.until(now)):
        start, alike, gone, come = known
        return Touched(start, -alike or None, *_but_what_stays(gone, come))
    start, end = window(before, now)
    old, new = before[start:end], now[start:end]
    if len(old) == len(new):  # most has stayed in its place
        old, new = ([*compress(some, map(is_not, old, new))] for some in (old, new))
    return Touched(start, end, *_but_what_stays(old, new))


def _but_what_stays(gone: Sequence[T], come: Sequence[T]) -> tuple[list[T], list[T]]:
    """But for what is in both, be it in another place."""
    if not gone or not come:
        return [*gone], [*come]
    stay = set(map(id, gone)).intersection(map(id, come))
    return [one for one in gone if id(one) not in stay], [one for one in come if id(one) not in stay]


def remade(before: Sequence[T], each: list[V], now: Sequence[T], make: Callable[[T], V]) -> list[V]:
    """What `make` makes of each of `now`, given what it made of `each` of those before: made is only what is
    new."""
    start, end, _, _ = touched(before, now)
    known = {id(one): made for one, made in zip(before[start:end], each[start:end], strict=True)}
    between = [known[id(one)] if id(one) in known else make(one) for one in now[start:end]]
    return each[:start] + between + (each[end:] if end else [])


def window(before: Sequence[T], now: Sequence[T]) -> tuple[int, int | None]:
    """`touched`'s `start` and `end` alone."""
    least = min(len(before), len(now))
    start = extent(least, lambda one, other: before[one:other] == now[one:other])
    olds, news = len(before), len(now)
    alike = extent(
        least - start,
        lambda one, other: before[olds - other : olds - one] == now[news - other : news - one],
    )
    return start, -alike or None


def extent(most: int, alike: Callable[[int, int], bool]) -> int:
    """How many of the first so many are `alike`, as is asked of those from one place to another: comparing
    slices takes no loop of ours. In portions: what is copied for it stays in the processor's cache."""
    found, portion = 0, _PORTION
    while portion:
        if found + portion <= most and alike(found, found + portion):
            found += portion
        else:
            portion //= 2
    return found


class Listing(dict[Hashable, Any]):
    """Specs by key, and the same in order as `specs`, which nobody may change. `told`: what it was made from,
    where some had one key."""

    __slots__ = ("specs", "told")

    def __init__(
        self, specs: Mapping[Hashable, Any], order: list[Any] | None = None, told: list[Any] | None = None
    ) -> None:
        super().__init__(specs)
        self.specs = [*self.values()] if order is None else order
        self.told = self.specs if told is None else told

    def among(self, keys: Set[Hashable] | None) -> list[Any]:
        """The specs of those keys (None: of all) that are there, in order."""
        if keys is None:
            return self.specs
        found = {id(self.get(key)) for key in keys}
        return [spec for spec in self.specs if id(spec) in found] if found else []


NOTHING = Listing({})


def listed(specs: Mapping[Hashable, Any]) -> Listing:
    """As a listing."""
    return specs if isinstance(specs, Listing) else Listing(specs)


def listing(specs: Iterable[Any], key: Callable[[Any], Hashable], last: Listing = NOTHING) -> Listing:
    """The specs by their keys. What equals `last` in the same place is the very same object, down to the
    whole listing. Of two with one key the later counts, in the place of the first."""
    now = [*specs]
    if now == last.told:
        return last
    differs = touched(last.specs, now)
    start, end = differs.start, differs.end
    if start == 0 and end is None:  # nothing is left of it
        return _anew(now, key)
    order = last.specs[:start] + now[start:end] + (last.specs[end:] if end else [])
    found = Listing(last, order)
    for spec in differs.gone:
        del found[key(spec)]
    for spec in differs.come:
        found[key(spec)] = spec
    return found if len(found) == len(order) else _anew(now, key)


def _anew(told: list[Any], key: Callable[[Any], Hashable]) -> Listing:
    found = {key(spec): spec for spec in told}
    return Listing(found, told if len(found) == len(told) else None, told)
