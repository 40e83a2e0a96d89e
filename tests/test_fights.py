"""When an object that is repaired again and again waits, how long, and when that is forgotten."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.fights import FIRST, LONGEST, OFTEN, QUIET, WITHIN, Fights
from wgd.model import Change, Ref
from wgd.repairs import Repair

ROUTE = Change(Ref("route", ("10.11.12.0/24", 0)), None, "wanted", "wg0", lambda _: "10.11.12.0/24 dev wg0")
OTHER = Change(Ref("route", ("10.0.0.0/8", 0)), None, "wanted", "wg0", lambda _: "10.0.0.0/8 dev wg0")


def repaired(fights: Fights, *times: float, change: Change = ROUTE, who: str = "") -> int:
    """How many fights begin with these repairs."""
    return sum(len(fights.passed([Repair(change, who)], [], now)) for now in times)


def fighting() -> Fights:
    """Since second 5."""
    fights = Fights()
    assert repaired(fights, 1, 2, 3, 4, 5) == 1
    return fights


BEGINNINGS = (
    ("five in a row", (1.0, 2.0, 3.0, 4.0, 5.0), True),
    ("four are none", (1.0, 2.0, 3.0, 4.0), False),
    ("all at once", (7.0,) * OFTEN, True),
    ("too far apart", (0.0, 15.0, 30.0, 45.0, 60.0), False),
    ("just close enough", (0.1, 15.0, 30.0, 45.0, 60.0), True),
)


@pytest.mark.parametrize(("times", "begins"), [b[1:] for b in BEGINNINGS], ids=[b[0] for b in BEGINNINGS])
def test_when_it_is_a_fight(times: tuple[float, ...], begins: bool) -> None:
    fights = Fights()
    assert repaired(fights, *times) == int(begins)
    assert fights.withheld(times[-1]) == ({ROUTE.ref} if begins else set())
    assert [fight.repair.change for fight in fights.on()] == ([ROUTE] if begins else [])


def test_each_try_waits_twice_as_long_as_the_one_before() -> None:
    fights, now, waits = fighting(), 5.0, []
    for _ in range(8):
        fights.passed([], [ROUTE], now)
        waits.append(fights.due() - now)
        now = fights.due()
        assert fights.withheld(now) == frozenset()
        assert repaired(fights, now) == 0, "it is told once"
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_only_that_object_waits() -> None:
    fights = fighting()
    repaired(fights, 5.1, change=OTHER)
    assert fights.withheld(5.2) == {ROUTE.ref}


def test_nobody_is_woken_for_what_is_as_it_should_be() -> None:
    fights = fighting()
    assert fights.due() == math.inf
    fights.passed([], [ROUTE], 5.5)
    assert fights.due() == 6.0


def test_peace() -> None:
    fights = fighting()
    fights.passed([], [ROUTE], 5.5)
    repaired(fights, 6.0)
    assert fights.settled(6.0 + QUIET - 1) == ()
    (over,) = fights.settled(6.0 + QUIET)
    assert over.repair.change == ROUTE
    assert fights.on() == () and fights.known() == {}
    assert repaired(fights, 70.0) == 0


def test_what_waits_is_not_at_peace() -> None:
    fights = fighting()
    fights.passed([], [ROUTE], 5.0 + QUIET - 1)
    assert fights.settled(5.0 + QUIET) == ()


def test_an_edit_of_the_files_lets_everything_be_tried() -> None:
    fights = fighting()
    fights.pardon()
    assert fights.withheld(5.0) == frozenset()
    assert repaired(fights, 5.0) == 0
    assert fights.withheld(5.1) == {ROUTE.ref}


def test_what_it_says() -> None:
    fights = Fights()
    repaired(fights, 1, 2, 3, 4, who="ip[9]")
    repaired(fights, 5)
    fights.passed([], [ROUTE], 5.5)
    (fight,) = fights.on()
    assert fight.value(5.5, 1000.0) == {
        "object": "route",
        "label": "10.11.12.0/24 dev wg0",
        "interface": "wg0",
        "what": "route 10.11.12.0/24 dev wg0 repaired 5 times in the last minute",
        "by": "removed by ip[9]",
        "next": 1000.5,
    }
    repaired(fights, 6)
    assert fight.value(6.0, 1000.0)["next"] is None


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_whatever_happens_waits_are_bounded_and_end(steps: list[tuple[float, bool]]) -> None:
    """Each step: so many seconds pass; then the object is broken, or it is not."""
    fights, now = Fights(), 0.0
    for seconds, broken in steps:
        now += seconds
        if broken and ROUTE.ref in fights.withheld(now):
            fights.passed([], [ROUTE], now)
            assert now < fights.due() <= now + LONGEST
        else:
            fights.passed([Repair(ROUTE)] if broken else [], [], now)
        assert bool(fights.on()) or not fights.withheld(now)
        fights.settled(now)
    fights.passed([], [], now + LONGEST)
    assert fights.withheld(now + LONGEST) == frozenset()
    fights.settled(now + max(QUIET, WITHIN) + FIRST)
    assert fights.on() == ()
