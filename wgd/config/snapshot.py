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
    """What nobody may change. Of versions that have the same names, the newest has the contents, and the one
    before knows what it had otherwise, as those of a sequence do (`wgd.versions`)."""

    __slots__ = ("__weakref__", "_contents", "_length", "_next", "_undo")

    def __init__(self, contents: Mapping[str, V]) -> None:
        self._contents: dict[str, V] | None = dict(contents)
        self._length = len(self._contents)
        self._next: Self | None = None
        self._undo: dict[str, V] = {}

    def but(self, changes: Mapping[str, V | None]) -> Self:
        """With other contents of some names (None: without it), in the order of the names; the very same if
        none is another object."""
        wanted = {name: _ABSENT if content is None else content for name, content in changes.items()}
        undo = {name: one for name in wanted if (one := self._find(name)) is not wanted[name]}
        if not undo:
            return self
        names_stay = all(one is not _ABSENT and wanted[name] is not _ABSENT for name, one in undo.items())
        gives = names_stay and self._next is None
        contents = self._all() if gives else {**self._all()}
        for name in undo:
            if wanted[name] is _ABSENT:
                del contents[name]
            else:
                contents[name] = wanted[name]
        made = type(self)({})
        made._contents = contents if names_stay else dict(sorted(contents.items()))
        made._length = len(contents)
        if self._next is None:
            self._next, self._undo = made, undo
        if gives:
            self._contents = None
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
            older, newest = list[Snapshot[V]](), self
            while newest._contents is None:
                older.append(newest)
                assert newest._next is not None
                newest = newest._next
            contents = {**newest._contents}
            for one in reversed(older):
                contents.update(one._undo)
            self._contents = contents
        if self._next is not None and self._next._next is not None:
            self._next, self._undo = None, {}  # whoever keeps it need not keep all that came later
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
