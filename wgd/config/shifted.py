"""What was wrong with some files, after an edit that concerns only what is wrong with the edited parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wgd.config.draft import Draft
from wgd.config.layout import ARRAYS, Shift
from wgd.errors import Problem
from wgd.values import replace


def shifted(problems: Iterable[Problem], drafts: Iterable[Draft]) -> list[Problem] | None:
    """The problems, with the lines that they have in these drafts of edited files.

    None if one stands in an edited part, if a message speaks of a place in an edited file, or if a key may
    have another number.
    """
    shifts = {draft.file: draft.shift or Shift(0) for draft in drafts}
    moved = []
    for problem in problems:
        if any(f"{file}:" in text for file in shifts for text in (problem.message, problem.hint)):
            return None
        one = _moved(problem, shifts)
        if one is None:
            return None
        moved.append(one)
    return moved


def _moved(problem: Problem, shifts: Mapping[str, Shift]) -> Problem | None:
    shift = shifts.get(problem.file)
    if shift is None or problem.line < shift.first:
        return problem
    if problem.line < shift.end or problem.key.startswith(ARRAYS):
        return None
    return replace(problem, line=problem.line + shift.by) if shift.by else problem
