"""`draft`, again and again: of a file that was read before, only the tables that changed are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wgd.config import parts, sections, toml
from wgd.config.draft import Draft, ForwardDraft, InputDraft, MasqueradeDraft, PeerDraft
from wgd.config.layout import ARRAYS, Layout, Shift, head, initial
from wgd.config.schema import draft
from wgd.config.source import Source, Where
from wgd.config.table import Table
from wgd.errors import Problem
from wgd.listing import touched

_Drafted = PeerDraft | ForwardDraft | InputDraft | MasqueradeDraft
_READ = {"peers": "peers", "forward": "forwards", "input": "inputs", "masquerade": "masquerades"}
"""The sections that are read again table by table → where their drafts are."""


class Drafts:
    """`draft`, remembering what each file held: an edit costs what it changes.

    While there is trouble, two contents of a file count in turn, the one saved and the one accepted.
    """

    def __init__(self) -> None:
        self._latest: dict[str, tuple[bytes | Problem, Draft]] = {}
        self._others: dict[str, tuple[bytes | Problem, Draft]] = {}

    def __call__(self, file: str, content: bytes | Problem) -> Draft:
        latest, other = self._latest.get(file), self._others.pop(file, None)
        if latest and latest[0] == content:
            if other:
                self._others[file] = other
            return latest[1]
        if other is None or other[0] != content:
            old = other or latest
            again = redraft(old[1], content) if old else None
            if again and old is latest:
                latest = None  # it is used up
            other = content, again or draft(file, content)
        self._latest[file] = other
        if latest:
            self._others[file] = latest
        return other[1]

    def latest(self, file: str) -> Draft:
        """What was read last of a file that was read."""
        return self._latest[file][1]

    def forget(self) -> None:
        """There is no trouble: what was read last is all that counts."""
        self._others.clear()


def redraft(before: Draft, content: bytes | Problem) -> Draft | None:
    """What `draft` says, if it differs from the draft before in peers and rules that nothing is wrong with.

    What is the same is the same object, moved to where it stands now: the draft before is then used up.
    """
    old = before.layout
    if old is None or before.problems:
        return None
    text, problems = toml.text(before.file, content)
    if text is None or problems:
        return None
    preamble, *pieces = parts.cut(text)
    start, end, *_ = touched([*old.pieces], pieces)
    middle = _Middle(before, old, start, len(old.pieces) + (end or 0))
    for piece in pieces[start:end]:
        if not middle.add(piece):
            return None
    if not middle.consistent() or not (preamble == old.preamble or parts.is_preamble(preamble)):
        return None
    return middle.draft(preamble, pieces)


class _Middle:
    """The pieces of a file between those at its beginning and at its end that are as they were."""

    def __init__(self, before: Draft, old: Layout, start: int, end: int) -> None:
        self._before, self._old, self._start, self._end = before, old, start, end
        self._gone: dict[str, list[tuple[Source, _Drafted | None]]] = {}
        drafts = {section: iter(self._drafts(section)) for section in _READ}
        for piece, source in zip(old.pieces[start:end], old.sources[start:end], strict=True):
            section = str(source.head[0])
            one = next(drafts[section]) if section in drafts else None
            self._gone.setdefault(piece, []).append((source, one))
        self._now: list[tuple[Source, _Drafted | None]] = []

    def _place(self, section: str) -> slice:
        before = self._old.count(section, 0, self._start)
        return slice(before, before + self._old.count(section, self._start, self._end))

    def _drafts(self, section: str) -> tuple[_Drafted, ...]:
        drafts: tuple[_Drafted, ...] = getattr(self._before, _READ[section])
        return drafts[self._place(section)]

    def add(self, piece: str) -> bool:
        """Takes the next piece, as it was before if it was there; False if it has to be read otherwise."""
        if known := self._gone.get(piece):
            self._now.append(known.pop(0))
            return True
        part = parts.read(piece)
        if part is None or any(isinstance(value, dict) for value in part.content.values()):
            return False
        source = Source(self._before.file, piece, head(part))
        problems: list[Problem] = []
        table = Table(Where(source), part.content, problems)
        match part.section:
            case "peers":
                one: _Drafted = sections.peer(table, part.name)
            case "forward":
                one = sections.forward(table)
            case "input":
                one = sections.inputs(table)
            case "masquerade":
                one = sections.masquerade(table)
            case _:
                return False
        self._now.append((source, one))
        return not problems

    def consistent(self) -> bool:
        """Whether nothing went but peers and rules, and no peer is there twice."""
        if any(one is None for gone in self._gone.values() for _, one in gone):
            return False
        names = [one.name for _, one in self._now if isinstance(one, PeerDraft)]
        new = {*names} - {one.name for one in self._drafts("peers") if isinstance(one, PeerDraft)}
        return len({*names}) == len(names) and not (
            new and any(peer.name in new for peer in self._before.peers)
        )

    def draft(self, preamble: str, pieces: Sequence[str]) -> Draft:
        """The file as it is now; only here the sources of what stays are moved."""
        old, start, end = self._old, self._start, self._end
        stop = start + len(self._now)
        now = Layout(
            preamble,
            [*old.pieces[:start], *pieces[start:stop], *old.pieces[end:]],
            old.sections[:start]
            + b"".join(initial(str(source.head[0])) for source, _ in self._now)
            + old.sections[end:],
            [*old.sources[:start], *(source for source, _ in self._now), *old.sources[end:]],
        )
        first, last = old.line(start), old.line(end)
        if preamble != old.preamble:
            start, first = 0, 0
        behind = now.place(start, stop)
        by = int(behind - last) if last < math.inf else 0
        now.move(stop, by, {one: now.count(one, 0, stop) - old.count(one, 0, self._end) for one in ARRAYS})
        return replace(self._before, layout=now, shift=Shift(first, last, by), **self._members())

    def _members(self) -> dict[str, Any]:
        members = {}
        for section, field in _READ.items():
            before, place = getattr(self._before, field), self._place(section)
            now = tuple([one for source, one in self._now if source.head[0] == section])
            members[field] = before[: place.start] + now + before[place.stop :]
        return members
