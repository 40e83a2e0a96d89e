"""Whether what the files say is on trial, and what that makes of it. Pure.

What was accepted last is the confirmed state. On trial the files are in force without being accepted, and
unless somebody confirms them in time the accepted copies come back, and stay until the files say something
else. Whatever happens, one of these two is in force: the files, or the confirmed state.
"""

from __future__ import annotations

import enum

from wgd.values import field, replace, value

TIMEOUT = 60.0
"""Seconds that an edit is given, unless somebody says otherwise."""
ARMED_FOR = 3600.0
"""Seconds that `wgd try` waits for an edit: a trial that nobody remembers would surprise."""


class Phase(enum.StrEnum):
    """Where a trial is."""

    ARMED = "armed"
    """The files say what is confirmed; what is saved next is on trial."""
    RUNNING = "running"
    RETURNED = "returned"
    """Nobody confirmed it: the confirmed state is in force, whatever the files say."""
    CONFIRMED = "confirmed"
    """Only until the accepted copies say so, too."""


WAITING = (Phase.ARMED, Phase.RUNNING)
"""The phases that end by themselves."""


@value
class Trial:
    """`timeout`: seconds that each edit is given. `until`: when it ends, in seconds of the boot `boot`.

    `tried`: a digest of the files that ran, or that the confirmed state has replaced. `names`: the interfaces
    that files on trial have named, since what they made is ours to take away."""

    phase: Phase
    timeout: float
    boot: str
    until: float
    tried: str = ""
    names: frozenset[str] = frozenset()


@value
class Request:
    """What a person asks for: to try the files for so many seconds, or (None) to confirm them."""

    timeout: float | None = None


@value
class Look:
    """The files at a moment. `wanted` and `confirmed` are digests: of what they ask for, with the copies of
    broken ones, and of the accepted copies. `clean`: none is broken. `names`: the interfaces they name.
    `required`: seconds that each save is tried for; None: a save is final. `now`: seconds of `boot`."""

    wanted: str
    confirmed: str
    boot: str
    now: float
    clean: bool = True
    names: frozenset[str] = field(default=frozenset())
    required: float | None = None

    @property
    def same(self) -> bool:
        """Whether the files ask for nothing but what is confirmed."""
        return self.wanted == self.confirmed


def step(trial: Trial | None, look: Look, request: Request | None = None) -> Trial | None:
    """What becomes of the trial; None: there is none, and what the files say is final."""
    trial = _in_time(trial, look)
    if trial is not None and trial.phase is Phase.CONFIRMED:
        if look.wanted == trial.tried:
            return trial
        trial = None
    if request is not None and request.timeout is not None:
        return (_arm if look.same else _run)(trial, look, request.timeout)
    if request is not None and trial is not None:
        trial = _confirm(trial, look)
    if trial is None:
        return None if look.same or look.required is None else _run(trial, look, look.required)
    return _go_on(trial, look)


def in_force(trial: Trial | None) -> bool:
    """Whether the files are; else the accepted copies."""
    return trial is None or trial.phase is not Phase.RETURNED


def final(trial: Trial | None) -> bool:
    """Whether what is in force may be accepted."""
    return trial is None or trial.phase is Phase.CONFIRMED


def unrecorded(before: Trial | None, after: Trial) -> Trial | None:
    """What is to be if the disk cannot hold `after`: a trial that could be forgotten must not begin."""
    if after.phase is Phase.RETURNED:
        return after
    if after.phase is Phase.RUNNING:
        return replace(after, phase=Phase.RETURNED)
    return before


def _in_time(trial: Trial | None, look: Look) -> Trial | None:
    """The trial, if its time is not over."""
    if trial is None or (trial.boot == look.boot and look.now < trial.until):
        return trial
    if trial.phase is Phase.RUNNING:
        tried = trial.tried if look.same else look.wanted
        return replace(trial, phase=Phase.RETURNED, tried=tried, names=trial.names | look.names)
    return None if trial.phase is Phase.ARMED and look.same else trial


def _confirm(trial: Trial, look: Look) -> Trial | None:
    """What ran is confirmed: not what was saved since, nor what has gone back already."""
    if trial.phase is Phase.ARMED and look.same:
        return None
    ran = trial.phase is Phase.RUNNING and look.wanted == trial.tried
    return replace(trial, phase=Phase.CONFIRMED) if ran else trial


def _go_on(trial: Trial, look: Look) -> Trial | None:
    """No word from anybody: what do the files say?"""
    if trial.phase is Phase.RETURNED and look.same and look.clean:
        return None
    if look.same and trial.phase is Phase.RUNNING:
        return _arm(trial, look, trial.timeout)
    if look.wanted == trial.tried or look.same:  # or broken, which says nothing new
        return trial
    return _run(trial, look, trial.timeout)


def _arm(trial: Trial | None, look: Look, timeout: float) -> Trial:
    names = trial.names if trial else frozenset()
    return Trial(Phase.ARMED, timeout, look.boot, look.now + ARMED_FOR, names=names)


def _run(trial: Trial | None, look: Look, timeout: float) -> Trial:
    names = (trial.names if trial else frozenset()) | look.names
    return Trial(Phase.RUNNING, timeout, look.boot, look.now + timeout, look.wanted, names)
