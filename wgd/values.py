"""Values: what cannot change once it is made, as mypy sees to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast, dataclass_transform, overload

T = TypeVar("T")

_UNSET: Any = object()
_FIELDS = "__value_fields__"


class _Field(NamedTuple):
    """`default`, or what the `factory` makes; neither: it must be given, if `kw_only` then by its name.
    Whether it is compared, and whether it is shown."""

    default: Any = _UNSET
    factory: Any = _UNSET
    compare: bool = True
    repr: bool = True
    kw_only: bool = False


def field(
    *, default: Any = _UNSET, default_factory: Any = _UNSET, compare: bool = True, repr: bool = True
) -> Any:
    """A field that is not like others, as in `dataclasses`."""
    return _Field(default, default_factory, compare, repr)


@overload
def value(cls: type[T], /) -> type[T]: ...


@overload
def value(*, kw_only: bool = ..., frozen: bool = ...) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: Any = None, /, *, kw_only: bool = False, frozen: bool = True) -> Any:
    """A dataclass with slots, frozen for the type checker. At run time anybody could change it: to prevent
    that there as well, each field would be set by a call of its own, which takes ten times as long, and the
    values for ten thousand peers have a million.

    It is made here, and its `__init__` only when the first one is: `dataclasses` takes a fifth of the time
    of importing wgd, at each start of each command, most of it for what nobody then uses. What that library
    can do with a dataclass, it can do with a value."""

    def made(cls: type[T]) -> type[T]:
        return _made(cls, kw_only, frozen)

    return made if cls is None else made(cls)


def replace(one: T, /, **changes: Any) -> T:
    """The same but for some fields. Raises TypeError if it has no such field."""
    return type(one)(**{**as_dict(one), **changes})


def as_dict(one: object) -> dict[str, Any]:
    """Its fields by name."""
    return {name: getattr(one, name) for name in _fields_of(type(one))}


def names(cls: type) -> tuple[str, ...]:
    """Those of its fields."""
    return tuple(_fields_of(cls))


def _fields_of(cls: type) -> Mapping[str, _Field]:
    found: Mapping[str, _Field] = getattr(cls, _FIELDS)
    return found


def _made(cls: type[T], kw_only: bool, frozen: bool) -> type[T]:
    inherited: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= base.__dict__.get(_FIELDS, {})
    own = dict(_own(cls, kw_only))
    fields = {**inherited, **own}
    compared = attrgetter(*(name for name, one in fields.items() if one.compare), "__class__")
    body: dict[str, Any] = {
        "__init__": _initial(fields),
        "__repr__": _shown,
        "__eq__": _equals(compared),
        "__hash__": _hashed(compared) if frozen else None,
        "__dataclass_fields__": _AsDataclass("__dataclass_fields__"),
        "__dataclass_params__": _AsDataclass("__dataclass_params__"),
        **{name: one for name, one in cls.__dict__.items() if name not in own},
        "__slots__": tuple(name for name in own if name not in inherited),
        _FIELDS: fields,
    }
    for name in ("__dict__", "__weakref__"):
        body.pop(name, None)
    found: Any = type(cls)(cls.__name__, cls.__bases__, body)  # type: ignore[misc]
    found.__qualname__ = cls.__qualname__
    return cast("type[T]", found)


def _own(cls: type, kw_only: bool) -> Iterator[tuple[str, _Field]]:
    """The fields that the class itself declares."""
    for name, annotation in cls.__annotations__.items():
        if not str(annotation).startswith("ClassVar"):
            default = cls.__dict__.get(name, _UNSET)
            one = default if isinstance(default, _Field) else _Field(default)
            yield name, one._replace(kw_only=kw_only)


def _initial(fields: Mapping[str, _Field]) -> Callable[..., None]:
    """Makes the real one of the class when it is called first."""

    def first(self: Any, *args: Any, **named: Any) -> None:
        owner: Any = next(cls for cls in type(self).__mro__ if cls.__dict__.get("__init__") is first)
        made = owner.__init__ = _compiled(fields)
        made(self, *args, **named)

    return first


def _compiled(fields: Mapping[str, _Field]) -> Callable[..., None]:
    """Sets each field from an argument, as a dataclass does it."""
    known: dict[str, Any] = {"_unset": _UNSET}
    arguments, lines = ["self"], ["pass"]
    for name, one in sorted(fields.items(), key=lambda item: item[1].kw_only):
        if one.kw_only and "*" not in arguments:
            arguments.append("*")
        given = name
        if one.factory is not _UNSET:
            known[f"_make_{name}"] = one.factory
            arguments.append(f"{name}=_unset")
            given = f"_make_{name}() if {name} is _unset else {name}"
        elif one.default is not _UNSET:
            known[f"_{name}"] = one.default
            arguments.append(f"{name}=_{name}")
        else:
            arguments.append(name)
        lines.append(f"self.{name} = {given}")
    exec(f"def __init__({', '.join(arguments)}): {'; '.join(lines)}", known)
    made: Callable[..., None] = known["__init__"]
    return made


def _equals(key: Callable[[Any], Any]) -> Callable[[Any, object], bool]:
    """By what the key makes of a value."""

    def equals(self: Any, other: object) -> bool:
        return self is other or (self.__class__ is other.__class__ and bool(key(self) == key(other)))

    return equals


def _hashed(key: Callable[[Any], Any]) -> Callable[[Any], int]:
    def hashed(self: Any) -> int:
        return hash(key(self))

    return hashed


def _shown(self: Any) -> str:
    shown = (name for name, one in _fields_of(type(self)).items() if one.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class _AsDataclass:
    """What `dataclasses`, pprint and pytest look for in a dataclass, made for who asks."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, one: object, cls: type) -> Any:
        import dataclasses

        found = getattr(dataclasses.make_dataclass(cls.__name__, self._fields(cls)), self._name)
        setattr(cls, self._name, found)  # instead of this, which takes a millisecond
        return found

    @staticmethod
    def _fields(cls: type) -> Iterable[tuple[str, Any, Any]]:
        import dataclasses

        for name, one in _fields_of(cls).items():
            found = dataclasses.field(compare=one.compare, repr=one.repr, kw_only=one.kw_only)
            if one.default is not _UNSET:
                found.default = one.default
            elif one.factory is not _UNSET:
                found.default_factory = one.factory
            yield name, Any, found
