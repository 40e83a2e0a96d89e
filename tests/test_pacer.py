"""When to reconcile: quiet time, longest wait, backoff, cost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.pacer import AT_ONCE, FILES, KERNEL, NEWS, Pacer, Telling


def ran_at(now: float, converged: bool = True, took: float = 0.001) -> Pacer:
    pacer = Pacer()
    pacer.begin()
    pacer.ran(now - took, now, converged)
    return pacer


def test_the_first_pass_is_due_at_once() -> None:
    assert Pacer().due() == -math.inf


@pytest.mark.parametrize("patience", [FILES, KERNEL, AT_ONCE], ids=["files", "kernel", "at once"])
def test_an_event_waits_for_a_quiet_moment(patience) -> None:
    pacer = ran_at(100.0)
    pacer.touch(patience, 101.0)
    assert pacer.due() == 101.0 + patience.quiet


def test_a_steady_stream_cannot_starve_the_pass() -> None:
    pacer = ran_at(100.0)
    for step in range(1000):
        pacer.touch(FILES, 101.0 + step * 0.01)
    assert pacer.due() == 101.0 + FILES.longest


def test_an_urgent_event_does_not_wait_for_a_patient_one() -> None:
    pacer = ran_at(100.0)
    pacer.touch(FILES, 101.0)
    pacer.touch(KERNEL, 101.001)
    assert pacer.due() == 101.001 + KERNEL.quiet


def test_a_pass_sees_all_that_was_touched_before() -> None:
    pacer = ran_at(100.0)
    pacer.touch(AT_ONCE, 101.0)
    pacer.begin()
    pacer.ran(101.0, 101.0, True)
    assert pacer.due() == 101.0 + pacer.resync


def test_a_pass_does_not_see_a_save_that_still_goes_on() -> None:
    pacer = ran_at(100.0)
    pacer.touch(FILES, 101.0)
    pacer.touch(KERNEL, 101.0)
    pacer.begin(101.05)
    assert pacer.saving()
    pacer.ran(101.05, 101.06, True)
    assert pacer.due() == 101.0 + FILES.quiet
    pacer.begin(pacer.due())
    assert not pacer.saving()


def test_a_save_that_does_not_end_is_seen_all_the_same() -> None:
    pacer = ran_at(100.0)
    for step in range(100):
        pacer.touch(FILES, 101.0 + step * 0.05)
        pacer.begin(101.0 + step * 0.05)
        if not pacer.saving():
            break
    assert 101.0 + step * 0.05 == pytest.approx(101.0 + FILES.longest)


def test_what_does_not_converge_is_tried_again_with_growing_patience() -> None:
    pacer, now, waits = Pacer(), 0.0, []
    for _ in range(9):
        pacer.begin()
        pacer.ran(now, now, False)
        waits.append(pacer.due() - now)
        now = pacer.due()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_a_failing_pass_stirs_up_does_not_hasten_the_next() -> None:
    pacer = ran_at(100.0, converged=False)
    pacer.touch(KERNEL, 100.001)
    assert pacer.due() == 101.0
    pacer.touch(FILES, 100.002)
    assert pacer.due() == 100.002 + FILES.quiet


def test_success_forgets_the_failures() -> None:
    pacer = ran_at(100.0, converged=False)
    pacer.ran(101.0, 101.0, True)
    pacer.ran(102.0, 102.0, False)
    assert pacer.due() == 103.0


@given(took=st.floats(0, 100))
def test_passes_without_a_reason_cost_at_most_one_per_cent(took: float) -> None:
    assert took / ran_at(200.0, took=took).interval() <= 0.01 + 1e-9


@given(took=st.floats(0, 5), telling=st.floats(0, 5))
def test_what_telling_took_counts(took: float, telling: float) -> None:
    pacer = ran_at(200.0, took=took)
    promised = pacer.due()
    pacer.told(telling)
    assert pacer.due() == promised, "what was told of the next pass must hold"
    pacer.ran(promised, promised + took, True)
    assert took + telling <= 0.01 * (pacer.due() - promised - took) + 1e-6


def test_what_a_change_took_does_not_count() -> None:
    pacer = ran_at(100.0)
    pacer.ran(101.0, 109.0, True, changed=True)
    assert pacer.due() == 109.0 + pacer.resync


@given(gaps=st.lists(st.floats(0, 3), min_size=1, max_size=40))
def test_no_event_waits_longer_than_its_longest(gaps: list[float]) -> None:
    pacer, now, first = ran_at(0.0), 0.0, None
    for gap in gaps:
        now += gap
        if pacer.due() <= now:
            pacer.begin()
            pacer.ran(now, now, True)
            first = None
        pacer.touch(FILES, now)
        first = now if first is None else first
        assert pacer.due() <= first + FILES.longest


def test_news_are_told_at_once_and_only_once() -> None:
    telling = Telling()
    assert telling.due() == math.inf
    telling.news(hurry=False)
    assert telling.due() < 0
    telling.told(100.0, 100.1)
    assert telling.due() == math.inf


@given(took=st.floats(0, 5))
def test_telling_of_one_change_after_the_other_leaves_room_for_the_changes(took: float) -> None:
    telling = Telling()
    telling.told(100.0, 100.0 + took)
    telling.news(hurry=False)
    assert took <= NEWS * (telling.due() - 100.0) + 1e-6


def test_who_waits_for_the_news_has_them_at_once() -> None:
    telling = Telling()
    telling.told(100.0, 101.0)
    telling.news(hurry=True)
    telling.news(hurry=False)
    assert telling.due() < 0
    telling.told(101.0, 102.0)
    telling.news(hurry=False)
    assert telling.due() > 102.0
