"""Files by name, of which few change from one look to the next: which, at the cost of those few. Pure."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from itertools import compress
from operator import is_not
from typing import Self, TypeVar

V = TypeVar("V")


class Snapshot(dict[str, V]):
    """What nobody may change, and by which names it differs from the one it was made from."""

    __slots__ = ("__weakref__", "_before", "_names")

    def __init__(self, contents: Mapping[str, V]) -> None:
        super().__init__(contents)
        self._before: weakref.ref[Mapping[str, V]] | None = None
        self._names = frozenset[str]()

    def but(self, changes: Mapping[str, V | None]) -> Self:
        """With other contents of some names (None: without it), in the order of the names; the very same if
        none is another object."""
        names = frozenset(name for name, content in changes.items() if self.get(name) is not content)
        if not names:
            return self
        made = type(self)(self)
        for name in names:
            if (content := changes[name]) is None:
                del made[name]
            else:
                made[name] = content
        if any(name not in self for name in names):
            made = type(self)(dict(sorted(made.items())))
        made._before, made._names = weakref.ref(self), names
        return made

    def since(self, before: Mapping[str, V]) -> frozenset[str] | None:
        """The names that differ, if that is known."""
        return self._names if self._before is not None and self._before() is before else None


def differing(before: Mapping[str, V], now: Mapping[str, V]) -> frozenset[str]:
    """The names that only one of them has, or that are not the very same object in both."""
    if isinstance(now, Snapshot) and (names := now.since(before)) is not None:
        return frozenset(names)
    if before is now:
        return frozenset()
    others = compress(now, map(is_not, now.values(), map(before.get, now)))
    return frozenset(others).union(before.keys() - now.keys())
