"""Versions are tuples: what edits make of one, and that those before stay as they were."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.listing import touched
from wgd.versions import Version

letters = st.lists(st.sampled_from("abc"), max_size=8)


@st.composite
def swaps(draw: st.DrawFn, length: int) -> list[tuple[int, int, list[str]]]:
    """Some, in ascending order, of a sequence that is as long as that."""
    places = sorted(draw(st.lists(st.integers(0, length), max_size=6)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return [(start, end, draw(st.lists(st.sampled_from("abcd"), max_size=3))) for start, end in pairs]


def swapped(members: Sequence[str], some: Sequence[tuple[int, int, list[str]]]) -> tuple[str, ...]:
    made = [*members]
    for start, end, come in reversed(some):
        made[start:end] = come
    return tuple(made)


def assert_is(one: Version[str], members: tuple[str, ...], start: int, end: int) -> None:
    """Whatever can be asked of a tuple is answered as by one; what costs most at last."""
    assert len(one) == len(members)
    assert one[start:end] == [*members[start:end]]
    for at in range(-len(members), len(members)):
        assert one[at] == members[at]
    for beyond in (len(members), -len(members) - 1):
        with pytest.raises(IndexError):
            one[beyond]
    assert one == members and members == one and [*one] == [*members]
    assert hash(one) == hash(members) and repr(one) == repr(members) and one[::-1] == [*members[::-1]]


@given(st.data(), letters)
def test_each_version_stays_what_it_was(data: st.DataObject, first: list[str]) -> None:
    all_of = [(Version(first), tuple(first))]
    for _ in range(data.draw(st.integers(1, 4))):
        of = data.draw(st.integers(0, len(all_of) - 1))  # mostly the newest, but anybody may edit any
        one, members = all_of[of]
        some = data.draw(swaps(len(members)))
        all_of.append((one.but(some), swapped(members, some)))
    for one, members in data.draw(st.permutations(all_of)):
        assert_is(one, members, data.draw(st.integers(-3, 9)), data.draw(st.integers(-3, 9)))


@given(st.data(), letters)
def test_versions_compare_as_tuples(data: st.DataObject, first: list[str]) -> None:
    one = Version(first)
    some = data.draw(swaps(len(first)))
    other = one.but(some)
    same = tuple(first) == swapped(first, some)
    assert (one == other) is same and (other == one) is same
    assert (one == Version(swapped(first, some))) is same
    assert one != first and one != "".join(first)


@given(st.data(), st.integers(0, 9))
def test_what_an_edit_touched_is_known_of_versions(data: st.DataObject, length: int) -> None:
    """As it would be found by comparing: each object is another here."""
    first = [object() for _ in range(length)]
    before = Version(first)
    some = [(start, end, [object() for _ in come]) for start, end, come in data.draw(swaps(length))]
    now = before.but(some)
    told, found = touched(before, now), touched(tuple(first), tuple(now))
    assert [*map(id, told.gone)] == [*map(id, found.gone)]
    assert [*map(id, told.come)] == [*map(id, found.come)]
    assert [*before[told.start : told.end]] == [*first[found.start : found.end]]
    assert [*now[told.start : told.end]] == [*now[found.start : found.end]]


def test_a_version_of_the_same_objects_is_the_same() -> None:
    first = [*"abc"]
    one = Version(first)
    assert one.but([]) is one and one.but([(0, 2, first[:2])]) is one
    assert one == ("a", "b", "c")


class Member:
    """What can be seen to go."""


def test_an_old_version_that_was_read_does_not_keep_all_that_came_later() -> None:
    old = latest = Version([Member(), Member()])
    come = []
    for _ in range(4):
        one = Member()
        come.append(weakref.ref(one))
        latest = latest.but([(0, 1, [one])])
        del one
    assert len({*old, *latest}) == 3
    assert [one() is None for one in come] == [True, True, True, False]


def test_making_what_comes_may_fail() -> None:
    one = Version("abc")
    with pytest.raises(ZeroDivisionError):
        one.but((at, at + 1, [str(1 // (1 - at))]) for at in range(3))
    assert one == ("a", "b", "c")
