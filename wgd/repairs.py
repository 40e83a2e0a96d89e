"""Repairs: what a pass put right that was right before, so that somebody else must have changed it. Pure.

An edit of the files is no repair: before it, what is wanted now was not there. Hints say who it may have
been; they are for people to read, and nothing is ever decided by them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

from wgd.kinds import KINDS
from wgd.model import Change, Ref, Report, Verb
from wgd.output.findings import called
from wgd.output.terminal import plain, several
from wgd.values import value

_KINDS = {kind.name: kind for kind in KINDS}
_DONE = {Verb.CREATE: "restored", Verb.UPDATE: "put right", Verb.DELETE: "removed"}
_BY = {Verb.CREATE: "removed", Verb.UPDATE: "changed", Verb.DELETE: "added"}
REPAIR = ("time", "object", "label", "interface", "what", "who")
"""What the status value says of each."""
SUSPECTS = 3
"""Who is named, if several may have done it."""


class Hint(NamedTuple):
    """`who` changed something of one of these kinds, on this device (None: on any)."""

    kinds: frozenset[str]
    device: str | None
    who: str


@value
class Repair:
    """An object that was put right, or should have been; `along`: how many others had gone with it."""

    change: Change
    who: str = ""
    done: bool = True
    along: int = 0

    @property
    def ref(self) -> Ref:
        return self.change.ref

    @property
    def name(self) -> str:
        """What a person calls the object."""
        return plain(called(self.change.ref.kind, self.change.label))

    @property
    def by(self) -> str:
        """`removed by ip[812]`, or nothing where nobody knows."""
        return f"{_BY[self.change.verb]} by {self.who}" if self.who else ""

    def __str__(self) -> str:
        end = f", {self._end()}" + (f" ({self.by})" if self.by else "")
        if self.change.verb is Verb.CREATE:
            return f"{self.name} was missing{end}"
        if self.change.verb is Verb.DELETE:
            return f"{self.name} did not belong there{end}"
        differing = "; ".join(f"{field}: {have}, not {want}" for field, have, want in self.change.fields)
        return f"{self.name} differed ({plain(differing)}){end}"

    def _end(self) -> str:
        done = _DONE[self.change.verb] if self.done else "which could not be mended"
        return f"{done} with {several(self.along, 'object')} that hung on it" if self.along else done

    def value(self, now: float) -> dict[str, Any]:
        """For the status value: `time` in seconds since the epoch, `object` (its kind), `label`, `interface`,
        `what` and `who` (null: unknown)."""
        change = self.change
        told = (now, change.ref.kind, change.label, change.interface, str(self), self.who or None)
        return dict(zip(REPAIR, told, strict=True))


def repairs(
    done: Report,
    before: Report | None,
    hints: Iterable[Hint] = (),
    known: dict[Ref, Change] | None = None,
) -> tuple[Repair, ...]:
    """What the pass `done` put right, given the pass `before` it. `known`: what is fought over, so that
    another try is another repair although nothing stood before it. What hung on something else that was
    repaired is told with that."""
    if before is None:
        return ()
    failed = {ref for outcome in done.outcomes if not outcome.ok for ref in outcome.op.refs}
    worked = before.worked
    earlier = {change.ref: change for change in before.plan.changes if change.ref in worked} | (known or {})
    found = [c for c in done.plan.changes if _stood(c, before) or _same(c, earlier.get(c.ref))]
    taking = {change.ref for change in found if _takes_along(change)}
    roots = [change for change in found if not _hangs_on(change, taking)]
    hung = [change.interface for change in found if _hangs_on(change, taking)]
    told = tuple(hints)
    return tuple(
        Repair(
            change,
            _who(change, told),
            change.ref not in failed,
            hung.count(change.interface) if change.ref in taking and change.ref.kind == "link" else 0,
        )
        for change in roots
    )


def _stood(change: Change, before: Report) -> bool:
    """Whether the last pass left the object as it is wanted now."""
    have = before.seen.of(change.ref.kind).get(change.ref.key)
    if change.after is None:
        return have is None
    return have is not None and not _KINDS[change.ref.kind].differences(change.after, have)


def _same(change: Change, earlier: Change | None) -> bool:
    """Whether the same was wanted, and done, before: it was undone while that pass still ran."""
    if earlier is None or change.after is None or earlier.after is None:
        return earlier is not None and change.after is None and earlier.after is None
    return not _KINDS[change.ref.kind].differences(change.after, earlier.after)


def _takes_along(change: Change) -> bool:
    """Whether what hangs on the object went with it: it is gone, or is a link that was down."""
    return change.verb is Verb.CREATE or any(field == "state" for field, _, _ in change.fields)


def _hangs_on(change: Change, gone: Container[Ref]) -> bool:
    if change.verb is not Verb.CREATE:
        return False
    return any(need in gone for need in _KINDS[change.ref.kind].needs(change.after))


def _who(change: Change, hints: Iterable[Hint]) -> str:
    suspects = dict.fromkeys(
        plain(hint.who)
        for hint in hints
        if change.ref.kind in hint.kinds and (hint.device is None or change.interface in (None, hint.device))
    )
    return " or ".join(list(suspects)[:SUSPECTS])
