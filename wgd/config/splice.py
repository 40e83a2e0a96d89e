"""What the files of one interface have, one behind the other, and the edit of a few of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, count
from operator import is_not
from typing import Generic, TypeVar

from wgd.config.document import Forward, Peer
from wgd.listing import touched
from wgd.values import value
from wgd.versions import Version

T = TypeVar("T")
V = TypeVar("V")


@value
class Swap(Generic[T]):
    """From `at` on, some members of a sequence were replaced; `gone` and `come` are in only one of both."""

    at: int
    before: Sequence[T]
    now: Sequence[T]
    gone: Sequence[T]
    come: Sequence[T]

    @property
    def in_place(self) -> bool:
        """Whether all others stand where they stood."""
        return len(self.before) == len(self.now)

    def changed(self, length: int) -> Iterable[int]:
        """The numbers of those that may be others; of so many all, unless the rest stands where it stood."""
        if not self.in_place:
            return range(length)
        return compress(count(), map(is_not, self.before, self.now))

    @classmethod
    def between(cls, before: Sequence[T], now: Sequence[T]) -> Swap[T]:
        start, end, gone, come = touched(before, now)
        return cls(start, before[start:end], now[start:end], gone, come)


class Sizes:
    """How much each of the files has."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._before: list[int] | None = None

    def starts(self, places: Iterable[int]) -> list[int]:
        """How much comes before each of these places."""
        if self._before is None:
            self._before = [0, *accumulate(self._sizes)]
        return [self._before[place] for place in places]

    def insert(self, place: int) -> None:
        """A file that has nothing yet."""
        self._sizes.insert(place, 0)
        self._before = None

    def set(self, place: int, size: int) -> None:
        if self._sizes[place] != size:
            self._sizes[place] = size
            self._before = None


def spliced(
    values: Sequence[V],
    starts: Iterable[int],
    swaps: Sequence[Swap[T]],
    make: Callable[[T], V],
    key: Callable[[V], Hashable],
) -> Sequence[V]:
    """The values of all drafts; one that is equal to the one that had its key before is that very object."""
    places = [(start + swap.at, swap) for start, swap in zip(starts, swaps, strict=True)]
    went = [
        (swap.before[number], values[at + number])
        for at, swap in places
        for number in swap.changed(len(swap.before))
    ]
    before, known = {id(one): made for one, made in went}, {key(made): made for _, made in went}

    def made_of(one: T) -> V:
        made = before.get(id(one)) or make(one)
        other = known.get(key(made), made)
        return other if other == made else made

    def made(at: int, swap: Swap[T]) -> Iterator[tuple[int, int, list[V]]]:
        if not swap.in_place:
            yield at, at + len(swap.before), [*map(made_of, swap.now)]
            return
        for number in swap.changed(len(swap.now)):
            yield at + number, at + number + 1, [made_of(swap.now[number])]

    version = values if isinstance(values, Version) else Version(values)
    return version.but(chain.from_iterable(made(at, swap) for at, swap in places))


def by_name(peer: Peer) -> Hashable:
    """What a peer is known again by."""
    return peer.name


def by_words(rule: Forward) -> Hashable:
    """What a rule is known again by."""
    return rule.source.words, rule.target.words, rule.ports
