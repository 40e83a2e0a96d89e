"""A long sequence of which each edit changes little, at the cost of what it changes. Pure.

Copying a tuple of ten thousand objects counts one more reference to each, all over the memory, and an edit
would ask for a dozen copies. So the list itself belongs to the newest version, and each older one knows what
it had where the next one differs (H. Baker, "Shallow binding makes functional arrays fast", 1991).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import is_
from typing import Any, NamedTuple, Self, TypeVar, overload

T = TypeVar("T")

_FEW = 16
"""Differences up to which looking around them is faster than undoing them once and for all."""


class _Undo(NamedTuple):
    """From `at` on, the next version has `come` members instead of those that are `gone`."""

    at: int
    gone: list[Any]
    come: int


class Version(Sequence[T]):
    """Equal to a tuple of the same members, and changed by nobody. An iterator must not outlive an edit."""

    __slots__ = ("_length", "_members", "_next", "_undo")

    def __init__(self, members: Iterable[T] = ()) -> None:
        self._members: list[T] | None = [*members]
        self._length = len(self._members)
        self._next: Self | None = None
        self._undo: list[_Undo] = []

    def but(self, swaps: Iterable[tuple[int, int, Sequence[T]]]) -> Self:
        """With others instead of those from one place to another, all in ascending order; the very same if
        each of them is the object that is there."""
        all_swaps = [(start, end, [*come]) for start, end, come in swaps]  # before anything is changed
        members = self._made() if self._members is None or self._next is not None else self._members
        undo, further = list[_Undo](), 0
        for start, end, come in all_swaps:
            gone = members[start + further : end + further]
            if len(gone) == len(come) and all(map(is_, gone, come)):
                continue
            members[start + further : end + further] = come
            undo.append(_Undo(start + further, gone, len(come)))
            further += len(come) - len(gone)
        if not undo:
            return self
        made = type(self)()
        made._members, made._length = members, len(members)
        if self._next is None:
            self._members, self._next, self._undo = None, made, undo
        return made

    def until(self, other: object) -> tuple[int, int, list[T], list[T]] | None:
        """If the other was made of this one: from where on they differ, how many are alike behind that, and
        which stand there in this one and in the other, but for those between that stay where they stood."""
        if self._next is None or self._next is not other:
            return None
        newer, undo = self._next, self._undo
        gone = [one for some in undo for one in some.gone]
        come = [one for some in undo for one in newer._some(some.at, some.at + some.come)]
        return undo[0].at, newer._length - undo[-1].at - undo[-1].come, gone, come

    def _made(self) -> list[T]:
        """A list of them that nobody else has."""
        older, newest = list[Version[T]](), self
        while newest._members is None:
            older.append(newest)
            assert newest._next is not None
            newest = newest._next
        members = [*newest._members]
        for one in reversed(older):
            for at, gone, come in reversed(one._undo):
                members[at : at + come] = gone
        return members

    def _all(self) -> list[T]:
        if self._members is None:
            self._members = self._made()
            if self._next is not None and self._next._next is not None:
                self._next, self._undo = None, []  # whoever keeps it need not keep all that came later
        return self._members

    def _some(self, start: int, end: int) -> list[T]:
        """Those between two places, at their cost if the next version has the list and little is another."""
        if len(self._undo) > _FEW or self._next is None or self._next._members is None:
            return self._all()[start:end]
        found, place, further = list[T](), start, 0
        for at, gone, come in self._undo:
            begin = at - further
            if begin > place:
                found += self._next._members[place + further : min(begin, end) + further]
            found += gone[max(place - begin, 0) : max(end - begin, 0)]
            place = max(place, begin + len(gone))
            further += come - len(gone)
            if place >= end:
                return found
        return found + self._next._members[place + further : end + further]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> list[T]: ...

    def __getitem__(self, at: int | slice) -> T | list[T]:
        if self._members is not None:
            return self._members[at]
        if isinstance(at, slice):
            start, end, step = at.indices(self._length)
            return self._some(start, max(start, end)) if step == 1 else self._all()[at]
        place = at if at >= 0 else at + self._length
        if not 0 <= place < self._length:
            raise IndexError(at)
        return self._some(place, place + 1)[0]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, (tuple, Version)):
            return NotImplemented
        if len(self) != len(other):
            return False
        if isinstance(other, Version):
            for one, next_one in ((self, other), (other, self)):
                if one._next is next_one and all(len(some.gone) == some.come for some in one._undo):
                    _, _, gone, come = one.until(next_one) or (0, 0, [], [])
                    return gone == come
        return self._all() == [*other]

    def __hash__(self) -> int:
        return hash(tuple(self._all()))

    def __repr__(self) -> str:
        return repr(tuple(self._all()))
