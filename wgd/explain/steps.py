"""What a step of the way says, and how diagnoses become steps. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from wgd.values import value

T = TypeVar("T")


class Mark(enum.StrEnum):
    """Whether a packet gets by here."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@value
class Mend:
    """What to do. `lines` are to be typed: TOML if `file` names where, else commands. `host` is the peer on
    whose machine; "" is this one."""

    words: str
    lines: tuple[str, ...] = ()
    file: str = ""
    host: str = ""


@value
class Finding:
    """Why a packet does not get by; or, not `certain`, why nobody here can know."""

    fact: str
    mend: Mend | None = None
    certain: bool = True


@value
class Step:
    """`name` of the step, `diagnosis` the name of what was found, "" for nothing."""

    name: str
    mark: Mark
    fact: str
    diagnosis: str = ""
    mend: Mend | None = None


Diagnosis = Callable[[T], Finding | None]


@value
class Stage(Generic[T]):
    """One step to be taken. The first of its `diagnoses` that finds something is what it says; if none does,
    `right` tells the fact by which all is well (None: there is no such step on this way). `reads`: kinds
    without which nothing can be said. A `vital` one that fails leaves nothing to say of the rest."""

    name: str
    right: Callable[[T], str | None]
    diagnoses: tuple[Diagnosis[T], ...] = ()
    reads: frozenset[str] = frozenset()
    vital: bool = False


UNSEEN = "only root (CAP_NET_ADMIN) can see this"


def taken(stages: Sequence[Stage[T]], about: T, unseen: frozenset[str]) -> Iterator[tuple[Step, bool]]:
    """The steps, each with whether it leaves nothing to say of those after it."""
    for stage in stages:
        step = _step(stage, about, unseen)
        if step is not None:
            yield step, stage.vital and step.mark is Mark.WRONG


def _step(stage: Stage[T], about: T, unseen: frozenset[str]) -> Step | None:
    fact = stage.right(about)
    if fact is None:
        return None
    if stage.reads & unseen:
        return Step(stage.name, Mark.UNKNOWN, UNSEEN)
    for diagnosis in stage.diagnoses:
        found = diagnosis(about)
        if found is not None:
            mark = Mark.WRONG if found.certain else Mark.UNKNOWN
            name = diagnosis.__name__.replace("_", "-")
            return Step(stage.name, mark, found.fact, name, found.mend)
    return Step(stage.name, Mark.RIGHT, fact)
