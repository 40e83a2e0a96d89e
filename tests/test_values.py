"""A value is what a dataclass of the same fields is, and only the type checker sees that it is frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.values import value


class _Fields:
    number: int
    names: tuple[str, ...] = ()
    shown: list[int] = field(default_factory=list, compare=False)
    hidden: str = field(default="hidden", repr=False)
    sort: ClassVar[str] = "no field"


def _copy(name: str) -> type:
    """Another class of the same fields: decorating changes what it is given."""
    return type(name, (), {**vars(_Fields), "__qualname__": name})


Plain: Any = dataclass(frozen=True, slots=True)(_copy("Same"))
Own: Any = value(_copy("Same"))
Keyed: Any = value(kw_only=True)(
    type("Keyed", (Own,), {"__annotations__": {"more": "int"}, "__qualname__": "Keyed"})
)

arguments = st.fixed_dictionaries(
    {"number": st.integers(0, 1)},
    optional={
        "names": st.sampled_from(((), ("a",))),
        "shown": st.sampled_from(([], [1])),
        "hidden": st.sampled_from(("hidden", "x")),
    },
)


@given(arguments, arguments)
def test_it_is_made_shown_compared_and_hashed_as_a_dataclass(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert repr(Own(**one)) == repr(Plain(**one))
    assert (Own(**one) == Own(**other)) is (Plain(**one) == Plain(**other))
    assert Own(**one) != Plain(**one)
    if Own(**one) == Own(**other):
        assert hash(Own(**one)) == hash(Own(**other))
    assert replace(Own(**one), **other) == Own(**{**one, **other})
    assert [f.name for f in fields(Own)] == [f.name for f in fields(Plain)]


def test_what_a_factory_makes_is_each_value_s_own() -> None:
    assert Own(1).shown is not Own(1).shown


def test_it_has_room_for_its_fields_alone() -> None:
    with pytest.raises(AttributeError):
        Own(1).more = 1


def test_what_comes_by_name_stands_behind_what_it_inherits() -> None:
    made = Keyed(1, ("a",), more=2)
    assert (made.number, made.names, made.more) == (1, ("a",), 2)
    assert made != Own(1, ("a",)) and isinstance(made, Own)
    with pytest.raises(TypeError):
        Keyed(1, 2)
