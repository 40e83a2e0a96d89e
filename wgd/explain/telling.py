"""The steps as a value for programs, and as a text that a person enjoys reading. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wgd.explain.journey import broken
from wgd.explain.probing import PROBE
from wgd.explain.sight import Asked
from wgd.explain.steps import Mark, Mend, Step
from wgd.output.terminal import BOLD, GREEN, RED, YELLOW, Page, plain

SIGNS = {Mark.RIGHT: ("✓", GREEN), Mark.WRONG: ("✗", RED), Mark.UNKNOWN: ("?", YELLOW)}
NAMED = 11
"""Cells for the name of a step."""


def value(asked: Asked, way: Sequence[Step]) -> dict[str, Any]:
    """`address`, `from` (null: this machine), `port` (null: any), `right` (no step is wrong) and `steps`."""
    return {
        "address": str(asked.address),
        "from": str(asked.source) if asked.source else None,
        "port": str(asked.port) if asked.port else None,
        "right": broken(way) is None,
        "steps": [_step_value(step) for step in way],
    }


def _step_value(step: Step) -> dict[str, Any]:
    """`step`, `mark` ("right", "wrong", "unknown"), `fact`, `diagnosis` ("" for none) and `mend` (or null):
    `words`, `lines` to type, `file` (TOML goes there; "": a shell), `host` (the peer whose; "": this one)."""
    mend = step.mend
    return {
        "step": step.name,
        "mark": str(step.mark),
        "fact": step.fact,
        "diagnosis": step.diagnosis,
        "mend": None
        if mend is None
        else {"words": mend.words, "lines": list(mend.lines), "file": mend.file, "host": mend.host},
    }


def render(asked: Asked, way: Sequence[Step], page: Page) -> str:
    """A line a step, and below them what to do about the first that is wrong and about what a probe found; if
    nothing is, about those of which nothing can be known."""
    wrong = broken(way)
    lines = [page.paint(plain(_title(asked)), BOLD)]
    for step in way:
        lines.append(_line(step, page))
    told = [step for step in way if step is wrong or (step.name == PROBE and step.mark is Mark.WRONG)]
    told = told or [step for step in way if step.mark is Mark.UNKNOWN]
    for step in told:
        if step.mend is not None:
            lines += ["", *_mend(step, step.mend, page)]
    return "\n".join(lines)


def _title(asked: Asked) -> str:
    source = asked.source if asked.source else "this machine"
    return f"{asked.address}{f' {asked.port}' if asked.port else ''}, from {source}"


def _line(step: Step, page: Page) -> str:
    sign, code = SIGNS[step.mark]
    text = page.wrap(plain(f"{sign} {step.name:<{NAMED}} {step.fact}"), "  ", " " * (NAMED + 5))
    codes = (BOLD, code) if step.mark is Mark.WRONG else (code,)
    return text.replace(sign, page.paint(sign, *codes), 1)


def _mend(step: Step, mend: Mend, page: Page) -> Iterator[str]:
    where = f"on {mend.host}, " if mend.host else ""
    place = f" (in {mend.file})" if mend.file else ""
    yield page.wrap(
        plain(f"{step.name}: {where}{mend.words}{place}{':' if mend.lines else ''}"), "  ", "    "
    )
    yield from (f"      {plain(line)}" for line in mend.lines)
