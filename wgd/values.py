"""Values: what cannot change once it is made, as mypy sees to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
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
    values for ten thousand peers have a million.

    Its methods are made here with one `exec` for each class. The library needs one for each method, and has
    all of them compiled at each start of each command."""

    def made(cls: type[T]) -> type[T]:
        found = dataclasses.dataclass(slots=True, init=False, repr=False, eq=False, kw_only=kw_only)(cls)
        fields = dataclasses.fields(found)  # type: ignore[arg-type]
        compared = attrgetter(*(one.name for one in fields if one.compare), "__class__")
        methods = {"__init__": _initial(fields), "__repr__": _shown, **_comparing(compared)}
        for name in methods.keys() - cls.__dict__:
            setattr(found, name, methods[name])
        return found

    return made if cls is None else made(cls)


def _initial(fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """Sets each field from an argument, as a dataclass does it."""
    known: dict[str, Any] = {"_unset": _UNSET}
    arguments, lines = ["self"], ["pass"]
    for one in sorted(fields, key=lambda one: bool(one.kw_only)):
        if one.kw_only and "*" not in arguments:
            arguments.append("*")
        given = one.name
        if one.default_factory is not dataclasses.MISSING:
            known[f"_make_{one.name}"] = one.default_factory
            arguments.append(f"{one.name}=_unset")
            given = f"_make_{one.name}() if {one.name} is _unset else {one.name}"
        elif one.default is not dataclasses.MISSING:
            known[f"_{one.name}"] = one.default
            arguments.append(f"{one.name}=_{one.name}")
        else:
            arguments.append(one.name)
        lines.append(f"self.{one.name} = {given}")
    exec(f"def __init__({', '.join(arguments)}): {'; '.join(lines)}", known)
    made: Callable[..., None] = known["__init__"]
    return made


_UNSET = object()


def _comparing(key: Callable[[Any], Any]) -> dict[str, Callable[..., Any]]:
    """Equality and hash by what the key makes of a value."""

    def equals(self: Any, other: object) -> bool:
        return self is other or (self.__class__ is other.__class__ and bool(key(self) == key(other)))

    def hashed(self: Any) -> int:
        return hash(key(self))

    return {"__eq__": equals, "__hash__": hashed}


def _shown(self: Any) -> str:
    fields = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(fields)})"
