"""Who else looks after an interface: words for people, no more. Pure.

Two programs that both know how an interface should be end in a fight, at the latest after the next boot.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wgd.model import Conflict
from wgd.values import replace


class Rival(NamedTuple):
    """`who` looks after the interface, as `sign` shows; `remedy` makes it stop without touching a session."""

    interface: str
    who: str
    sign: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.interface} is looked after by {self.who}, too ({self.sign}): {self.remedy}"


def named(conflicts: Iterable[Conflict], rivals: Iterable[Rival]) -> tuple[Conflict, ...]:
    """The conflicts over links, with who may have made the link in their hints."""
    known = tuple(rivals)
    return tuple(
        replace(conflict, hint="; ".join((conflict.hint, *words)))
        if (words := _words(conflict, known))
        else conflict
        for conflict in conflicts
    )


def _words(conflict: Conflict, rivals: tuple[Rival, ...]) -> tuple[str, ...]:
    if conflict.ref.kind != "link":
        return ()
    return tuple(str(rival) for rival in rivals if rival.interface == conflict.interface)


def warnings(conflicts: Iterable[Conflict], rivals: Iterable[Rival]) -> tuple[str, ...]:
    """The rivals of interfaces that are in no such conflict: those are named there."""
    told = {conflict.interface for conflict in conflicts if conflict.ref.kind == "link"}
    return tuple(str(rival) for rival in rivals if rival.interface not in told)
