"""Files by name, of which few change from one look to the next: which, at the cost of those few. Pure."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from itertools import compress
from operator import is_not
from typing import Any, Self, TypeVar, overload

D = TypeVar("D")
V = TypeVar("V")

_ABSENT: Any = object()


class Snapshot(Mapping[str, V]):
    """What nobody may change. As of a sequence (`wgd.versions`), the newest one has the contents, and the one
    before knows what it had of those names that the next one has otherwise."""

    __slots__ = ("__weakref__", "_contents", "_length", "_next", "_undo")

    def __init__(self, contents: Mapping[str, V]) -> None:
        self._contents: dict[str, V] | None = dict(contents)
        self._length = len(self._contents)
        self._next: Self | None = None
        self._undo: dict[str, V] = {}

    def but(self, changes: Mapping[str, V | None]) -> Self:
        """With other contents of some names (None: without it), in the order of the names; the very same if
        none is another object."""
        had = {name: self._find(name) for name in changes}
        undo = {
            name: one
            for name, one in had.items()
            if one is not (_ABSENT if changes[name] is None else changes[name])
        }
        if not undo:
            return self
        contents = self._all()
        if self._next is not None or _ABSENT in undo.values():  # it keeps its own, and their order
            contents = {**contents}
        else:
            self._contents = None
        for name in undo:
            if (content := changes[name]) is None:
                del contents[name]
            else:
                contents[name] = content
        made = type(self)({})
        made._contents = dict(sorted(contents.items())) if _ABSENT in undo.values() else contents
        made._length = len(contents)
        if self._next is None:
            self._next, self._undo = made, undo
        return made

    def until(self, other: object) -> frozenset[str] | None:
        """The names that differ, if the other was made of this one."""
        return frozenset(self._undo) if self._next is not None and self._next is other else None

    def _find(self, name: str) -> Any:
        """`_ABSENT` if it is not there."""
        one: Snapshot[V] = self
        while one._contents is None:
            if name in one._undo:
                return one._undo[name]
            assert one._next is not None
            one = one._next
        return one._contents.get(name, _ABSENT)

    def _all(self) -> dict[str, V]:
        if self._contents is None:
            later, undo = self._next, [self._undo]
            while later and later._contents is None:
                undo.append(later._undo)
                later = later._next
            assert later
            assert later._contents is not None
            contents = {**later._contents}
            for some in reversed(undo):
                contents.update(some)
            self._contents = dict(sorted(contents.items()))
        return self._contents

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not _ABSENT

    def __getitem__(self, name: str) -> V:
        found: V = self._find(name)
        if found is _ABSENT:
            raise KeyError(name)
        return found

    @overload
    def get(self, name: str, /) -> V | None: ...

    @overload
    def get(self, name: str, default: V | D, /) -> V | D: ...

    def get(self, name: str, default: Any = None, /) -> Any:
        found = self._find(name)
        return default if found is _ABSENT else found

    def keys(self) -> KeysView[str]:
        return self._all().keys()

    def values(self) -> ValuesView[V]:
        return self._all().values()

    def items(self) -> ItemsView[str, V]:
        return self._all().items()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Snapshot):
            return self._all() == other
        names = self.until(other)
        names = other.until(self) if names is None else names
        if names is None:
            return self._all() == other._all()
        return all(self.get(name) == other.get(name) for name in names)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())


def differing(before: Mapping[str, V], now: Mapping[str, V]) -> frozenset[str]:
    """The names that only one of them has, or that are not the very same object in both."""
    if before is now:
        return frozenset()
    if isinstance(before, Snapshot) and (names := before.until(now)) is not None:
        return names
    gone = before.keys() - now.keys()  # first: then a snapshot need not look for each name
    return frozenset(compress(now, map(is_not, now.values(), map(before.get, now)))) | gone
