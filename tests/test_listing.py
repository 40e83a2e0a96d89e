"""A listing made from the one before is what it would be without: in content, order and identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from wgd.listing import NOTHING, Listing, listed, listing, touched


class Spec(NamedTuple):
    name: int
    value: int


def name(spec: Spec) -> int:
    return spec.name


values = st.builds(Spec, st.integers(0, 7), st.integers(0, 2))
lists = st.lists(values, max_size=12)


@given(st.lists(lists, min_size=2, max_size=4))
def test_it_is_what_it_would_be_without_the_one_before(steps: list[list[Spec]]) -> None:
    """Also when two specs have one key."""
    last = NOTHING
    for specs in steps:
        now, anew = listing(specs, name, last), listing(specs, name)
        assert now == anew == {spec.name: spec for spec in specs}
        assert now.specs == anew.specs == [*anew.values()]
        assert all(now[spec.name] is spec for spec in now.specs)
        last = now


@given(lists, lists, lists)
def test_what_stays_in_its_place_is_the_same_object(
    head: list[Spec], more: list[Spec], tail: list[Spec]
) -> None:
    unique = [*{spec.name: spec for spec in (*head, *more, *tail)}.values()]
    last = listing(unique, name)
    again = [Spec(*spec) for spec in unique]
    assert listing(again, name, last) is last
    now = listing([*again, Spec(99, 0)], name, last)
    assert all(one is other for one, other in zip(unique, now.specs, strict=False))


@given(lists, lists)
def test_the_same_told_again_is_the_very_same_though_some_have_one_key(
    first: list[Spec], specs: list[Spec]
) -> None:
    """As IPv6 routes have: every device leads to fe80::/64."""
    last = listing(specs, name, listing(first, name))
    assert listing([Spec(*spec) for spec in specs], name, last) is last


@given(lists, lists)
def test_what_was_touched_is_what_is_not_the_same_object(before: list[Spec], now: list[Spec]) -> None:
    _is_told_right(before, now)
    _is_told_right(before, before)


def _is_told_right(before: Sequence[Spec], now: Sequence[Spec]) -> None:
    start, end, gone, come = touched(before, now)
    assert before[:start] == now[:start]
    assert end is None or before[end:] == now[end:]
    assert gone == [one for one in before[start:end] if not any(one is other for other in now[start:end])]
    assert come == [one for one in now[start:end] if not any(one is other for other in before[start:end])]


def test_among_keeps_the_order() -> None:
    specs = [Spec(number, 0) for number in (3, 1, 2)]
    found = listing(specs, name)
    assert found.among({1, 3, 8}) == [specs[0], specs[1]]
    assert found.among(None) == specs
    assert found.among(set()) == []


def test_a_listing_is_taken_as_it_is() -> None:
    found = Listing({1: "one"})
    assert listed(found) is found
    assert listed({1: "one"}) == found and listed({1: "one"}).specs == ["one"]
