"""A trial: whatever happens, the files or the confirmed state are in force, and in the end the latter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.trial import ARMED_FOR, Look, Phase, Request, Trial, final, in_force, step, unrecorded

TRY, CONFIRM = Request(60.0), Request()
GOOD = Look("good", "good", "boot-1", 0.0, names=frozenset({"wg0"}))
EDITED = replace(GOOD, wanted="edited", names=frozenset({"wg0", "wg1"}))
RUNNING = Trial(Phase.RUNNING, 60.0, "boot-1", 60.0, "edited", frozenset({"wg0", "wg1"}))
ARMED = Trial(Phase.ARMED, 60.0, "boot-1", ARMED_FOR)
RETURNED = replace(RUNNING, phase=Phase.RETURNED)
CONFIRMED = replace(RUNNING, phase=Phase.CONFIRMED)
OTHER = replace(EDITED, wanted="other")
BROKEN = replace(GOOD, clean=False)
LATER = {"now": 61.0}
REBOOTED = {"boot": "boot-2", "now": 3.0}

STEPS: dict[str, tuple[Trial | None, Look, Request | None, Any]] = {
    "a save is final": (None, EDITED, None, None),
    "confirm_required makes it a trial": (None, replace(EDITED, required=60.0), None, RUNNING),
    "without an edit, required or not": (None, replace(GOOD, required=60.0), None, None),
    "try waits for an edit": (None, GOOD, TRY, ARMED),
    "the edit runs": (ARMED, EDITED, None, RUNNING),
    "what is edited already runs": (None, EDITED, TRY, RUNNING),
    "nothing new": (RUNNING, replace(EDITED, now=59.0), None, RUNNING),
    "nobody confirmed": (RUNNING, replace(EDITED, **LATER), None, RETURNED),
    "the machine was started anew": (RUNNING, replace(EDITED, **REBOOTED), None, RETURNED),
    "edited while the machine was off": (
        RUNNING,
        replace(OTHER, **REBOOTED),
        None,
        replace(RETURNED, tried="other"),
    ),
    "confirmed in time": (RUNNING, EDITED, CONFIRM, CONFIRMED),
    "confirmed, and not yet accepted": (CONFIRMED, replace(EDITED, **LATER), None, CONFIRMED),
    "accepted": (CONFIRMED, replace(EDITED, confirmed="edited"), None, CONFIRMED),
    "too late": (RUNNING, replace(EDITED, **LATER), CONFIRM, RETURNED),
    "much too late": (RETURNED, replace(EDITED, **LATER), CONFIRM, RETURNED),
    "only what ran is confirmed": (
        RUNNING,
        replace(OTHER, now=9.0),
        CONFIRM,
        replace(RUNNING, until=69.0, tried="other"),
    ),
    "a second edit has all its time": (
        RUNNING,
        replace(OTHER, now=59.0),
        None,
        replace(RUNNING, until=119.0, tried="other"),
    ),
    "a second try has another time": (
        RUNNING,
        replace(EDITED, now=9.0),
        Request(300.0),
        replace(RUNNING, timeout=300.0, until=309.0),
    ),
    "tried again": (RETURNED, replace(EDITED, **LATER), TRY, replace(RUNNING, until=121.0)),
    "a mended file is tried, too": (
        RETURNED,
        replace(OTHER, **LATER),
        None,
        replace(RUNNING, until=121.0, tried="other"),
    ),
    "a file that was put back ends it": (RETURNED, GOOD, None, None),
    "a broken file says nothing": (RETURNED, BROKEN, None, RETURNED),
    "nor does it to a trial that waits": (ARMED, BROKEN, None, ARMED),
    "put back by hand": (RUNNING, GOOD, None, replace(ARMED, names=RUNNING.names)),
    "broken when its time is over": (RUNNING, replace(BROKEN, **LATER), None, RETURNED),
    "nothing was edited": (ARMED, GOOD, CONFIRM, None),
    "forgotten": (ARMED, replace(GOOD, now=ARMED_FOR), None, None),
    "edited while nobody looked": (
        ARMED,
        replace(EDITED, boot="boot-2"),
        None,
        replace(RUNNING, boot="boot-2"),
    ),
    "nothing to confirm": (None, GOOD, CONFIRM, None),
}


@pytest.mark.parametrize(("trial", "look", "request_", "wanted"), STEPS.values(), ids=STEPS)
def test_steps(trial: Trial | None, look: Look, request_: Request | None, wanted: Trial | None) -> None:
    assert step(trial, look, request_) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (None, RUNNING, RETURNED),
        (RETURNED, RUNNING, RETURNED),
        (None, ARMED, None),
        (RUNNING, CONFIRMED, RUNNING),
        (RUNNING, RETURNED, RETURNED),
    ],
)
def test_a_trial_that_the_disk_cannot_hold_does_not_begin(
    before: Trial | None, after: Trial, wanted: Trial | None
) -> None:
    assert unrecorded(before, after) == wanted


@dataclass
class World:
    """Files, accepted copies, a disk, and a daemon that may die at any time; numbers stand for contents."""

    files: int = 0
    accepted: int = 0
    time: float = 0.0
    boots: int = 0
    broken: bool = False
    full: bool = False
    required: bool = False
    memory: Trial | None = None
    disk: Trial | None = None
    ran: list[int] = field(default_factory=lambda: [0])

    def look(self) -> Look:
        wanted = self.accepted if self.broken else self.files
        names = frozenset({f"wg{wanted}"})
        required = 60.0 if self.required else None
        return Look(
            str(wanted), str(self.accepted), str(self.boots), self.time, not self.broken, names, required
        )

    def does(self, request: Request | None = None, dies: bool = False) -> None:
        """A pass: take the step, record it, run, accept."""
        look = self.look()
        after = step(self.memory, look, request)
        if after is not None and after != self.disk:
            if self.full:
                after = unrecorded(self.memory, after)
            else:
                self.disk = after
        self.memory = after
        self.ran.append(int(look.wanted) if in_force(after) else self.accepted)
        if dies:
            self.starts()
        elif final(after) and not self.full:
            self.accepted = self.ran[-1]
            self.memory = self.disk = None

    def starts(self) -> None:
        self.memory = self.disk

    @property
    def now(self) -> int:
        return self.ran[-1]


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.sampled_from((1.0, 30.0, 61.0))),
        st.sampled_from(
            [(word, 0) for word in ("try", "confirm", "die", "kill", "reboot", "break", "full", "free")]
        ),
    ),
    max_size=25,
)


def act(world: World, what: str, value: float) -> None:
    request, dies = None, False
    match what:
        case "save":
            world.files, world.broken = int(value), False
        case "wait":
            world.time += value
        case "try":
            request = TRY
        case "confirm":
            request = CONFIRM
        case "die":
            dies = True
        case "kill":
            world.starts()
        case "reboot":
            world.boots, world.time = world.boots + 1, 0.0
            world.starts()
        case "break":
            world.broken = True
        case "full" | "free":
            world.full = what == "full"
    world.does(request, dies)


@given(ACTS, st.booleans())
def test_what_runs_is_what_the_files_say_or_what_was_confirmed(
    acts: list[tuple[str, float]], required: bool
) -> None:
    world = World(required=required)
    for what, value in acts:
        before = world.accepted
        act(world, what, value)
        assert world.now in (world.files, before, world.accepted)


@given(ACTS)
def test_where_it_is_required_only_a_person_confirms(acts: list[tuple[str, float]]) -> None:
    """And only what ran; whatever dies, breaks or is full, and whenever."""
    world = World(required=True)
    for what, value in acts:
        before, ran = world.accepted, set(world.ran)
        confirming = what == "confirm" or (world.disk is not None and world.disk.phase is Phase.CONFIRMED)
        act(world, what, value)
        if world.accepted != before:
            assert confirming and world.accepted in ran


@given(ACTS, st.booleans(), st.sampled_from(["wait", "reboot"]))
def test_without_a_word_the_confirmed_state_comes_back(
    acts: list[tuple[str, float]], required: bool, how: str
) -> None:
    world = World(required=required)
    for what, value in acts:
        act(world, what, value)
    running = world.memory is not None and world.memory.phase is Phase.RUNNING
    confirmed = world.accepted
    act(world, how, 61.0)
    if running:
        assert world.now == confirmed == world.accepted
        act(world, "wait", 1000.0)
        assert world.now == confirmed
