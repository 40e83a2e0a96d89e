"""Values: what cannot change once it is made, as mypy sees to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def value(cls: type[T], /) -> type[T]: ...


@overload
def value(*, kw_only: bool = ...) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(cls: Any = None, /, *, kw_only: bool = False) -> Any:
    """A dataclass with slots, frozen for the type checker. At run time anybody could change it: to prevent
    that there as well, each field would be set by a call of its own, which takes ten times as long, and the
    values for ten thousand peers have a million."""

    def made(cls: type[T]) -> type[T]:
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _shown  # type: ignore[method-assign]
        return dataclasses.dataclass(slots=True, unsafe_hash=True, repr=False, kw_only=kw_only)(cls)

    return made if cls is None else made(cls)


def _shown(self: Any) -> str:
    """As a dataclass shows itself, without code of its own for each."""
    fields = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(fields)})"
