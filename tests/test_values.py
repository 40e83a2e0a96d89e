"""A value is what a dataclass of the same fields is, and only the type checker sees that it is frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, fields
from pprint import pformat
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd import values
from wgd.values import as_dict, replace, value


def _same(field: Callable[..., Any]) -> type:
    """A class of these fields, which have yet to be made."""

    class Same:
        number: int
        names: tuple[str, ...] = ()
        shown: list[int] = field(default_factory=list, compare=False)
        hidden: str = field(default="hidden", repr=False)
        sort: ClassVar[str] = "no field"

    Same.__qualname__ = "Same"
    return Same


Plain: Any = dataclass(frozen=True, slots=True)(_same(dataclasses.field))
Own: Any = value(_same(values.field))
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
    with pytest.raises(TypeError):
        replace(Own(**one), other=1)


@given(arguments, arguments)
def test_what_dataclasses_can_do_with_a_dataclass_it_can_do_with_a_value(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert [f.name for f in fields(Own)] == [f.name for f in fields(Plain)]
    assert dataclasses.replace(Own(**one), **other) == Own(**{**one, **other})
    assert dataclasses.asdict(Own(**one)) == dataclasses.asdict(Plain(**one)) == as_dict(Own(**one))


@given(arguments)
def test_pprint_shows_it(one: dict[str, Any]) -> None:
    """pytest's explanation of a failed comparison looks at the same of it."""
    assert pformat(Own(**one), width=1) == repr(Own(**one))


def test_what_dataclasses_look_at_is_made_once_for_each_class() -> None:
    assert fields(Own)[0] is fields(Own)[0]
    assert [f.name for f in fields(Keyed)] == [*(f.name for f in fields(Own)), "more"]


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


def test_one_that_changes_has_no_hash() -> None:
    made: Any = value(frozen=False)(_same(values.field))(1)
    with pytest.raises(TypeError):
        hash(made)


def test_a_class_s_own_methods_stay() -> None:
    @value
    class Told:
        word: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Told)

    assert Told("a") == Told("b") and repr(Told("a")).endswith("Told(word='a')")


def test_it_wants_what_has_no_default() -> None:
    with pytest.raises(TypeError, match="number"):
        Own()
