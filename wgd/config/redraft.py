"""`draft`, again and again: of a file that was read before, only the tables that changed are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import compress
from operator import attrgetter, ne
from typing import Any

from wgd.config import parts, toml
from wgd.config.draft import Draft, ForwardDraft, InputDraft, MasqueradeDraft, PeerDraft
from wgd.config.layout import ARRAYS, Layout, Shift, initial, lines
from wgd.config.piecewise import key, read
from wgd.config.schema import draft
from wgd.config.source import Source
from wgd.errors import Problem
from wgd.listing import window
from wgd.values import replace

_Drafted = PeerDraft | ForwardDraft | InputDraft | MasqueradeDraft
_NAME = attrgetter("name")
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
            again = redraft(old[1], old[0], content) if old else None
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


def redraft(before: Draft, was: bytes | Problem, content: bytes | Problem) -> Draft | None:
    """What `draft` says, if it differs from the draft before, made of what `was` there, in peers and rules
    that nothing is wrong with.

    What is the same is the same object, moved to where it stands now: the draft before is then used up.
    """
    old = before.layout
    if old is None or before.problems:
        return None
    again = None
    if isinstance(was, bytes) and isinstance(content, bytes):
        again = parts.cut_again(len(old.pieces), was, content)
    if again:
        preamble, (pieces, start, end) = old.preamble, again
    else:
        text, problems = toml.text(before.file, content)
        if text is None or problems:
            return None
        preamble, *whole = parts.cut(text)
        start, end = window(old.pieces, whole)
        pieces = whole[start:end]
    if not (preamble == old.preamble or parts.is_preamble(preamble)):
        return None
    places = range(start, len(old.pieces) + (end or 0))
    if preamble == old.preamble and len(pieces) == len(places):
        differing = [*map(ne, old.pieces[start:end], pieces)]
        some = _Some(before, old, [*compress(places, differing)])
        if not some.read([*compress(pieces, differing)]):
            return None
        if some.fits():
            return some.in_place()
    some = _Some(before, old, places)
    return some.between(places, preamble) if some.read(pieces) else None


class _Some:
    """Some of the pieces of a file, and what is there instead of them."""

    def __init__(self, before: Draft, old: Layout, places: Sequence[int]) -> None:
        self._before, self._old, self._places = before, old, places
        self._were = [*self._drafted()]
        self._gone: dict[str, list[tuple[Source, _Drafted | None]]] = {}
        for place, (source, _, one) in zip(places, self._were, strict=True):
            self._gone.setdefault(old.pieces[place], []).append((source, one))
        self._now: list[tuple[Source, _Drafted | None]] = []
        self._new: Sequence[str] = ()

    def _drafted(self) -> Iterator[tuple[Source, int, _Drafted | None]]:
        """The source of each, the how manieth of its section it is, and what was read of it."""
        behind = dict.fromkeys(_READ, (0, 0))
        for place in self._places:
            source = self._old.sources[place]
            section = source.section
            if section in _READ:
                counted, number = behind[section]
                number += self._old.count(section, counted, place)
                behind[section] = place, number
                yield source, number, getattr(self._before, _READ[section])[number]
            else:
                yield source, 0, None

    def read(self, pieces: Sequence[str]) -> bool:
        """Whether these can be there instead, each read by itself: as it was before, if it was there."""
        self._new = pieces
        return all(map(self._add, pieces)) and self._consistent()

    def _add(self, piece: str) -> bool:
        if known := self._gone.get(piece):
            self._now.append(known.pop(0))
            return True
        part = parts.read(piece)
        if part is None or part.section not in _READ:
            return False
        source = Source(self._before.file, piece, part.section, key(part, 0))
        problems: list[Problem] = []
        one = read(source, part, problems)
        if not isinstance(one, _Drafted):
            return False
        self._now.append((source, one))
        return not problems

    def _consistent(self) -> bool:
        """Whether nothing went but peers and rules, and no peer is there twice."""
        if any(one is None for gone in self._gone.values() for _, one in gone):
            return False
        names = [one.name for _, one in self._now if isinstance(one, PeerDraft)]
        new = {*names} - {one.name for _, _, one in self._were if isinstance(one, PeerDraft)}
        return len({*names}) == len(names) and (not new or new.isdisjoint(map(_NAME, self._before.peers)))

    def fits(self) -> bool:
        """Whether each can take the place of the one that was there, and nothing else moves."""
        return all(
            was.section == source.section and lines(self._old.pieces[place]) == lines(piece)
            for place, (was, _, _), (source, _), piece in zip(
                self._places, self._were, self._now, self._new, strict=True
            )
        )

    def in_place(self) -> Draft:
        """The file as it is now, if it `fits`."""
        old = self._old
        swaps: dict[str, list[tuple[int, int, Sequence[Any]]]] = {}
        stood = [(source.which, source.first) for source, _, _ in self._were]
        for at, (source, one) in enumerate(self._now):
            place, section, number = self._places[at], source.section, self._were[at][1]
            swaps.setdefault(_READ[section], []).append((number, number + 1, [one]))
            if section in ARRAYS:  # a peer is found by its name
                source.which = stood[at][0]
            source.first = stood[at][1]
            old.pieces[place], old.sources[place] = self._new[at], source
        first, last = (self._places[0], self._places[-1] + 1) if self._places else (0, 0)
        found = {field: getattr(self._before, field).but(some) for field, some in swaps.items()}
        return replace(self._before, shift=Shift(old.line(first), old.line(last)), **found)

    def between(self, places: range, preamble: str) -> Draft:
        """The file as it is now, if they are all the pieces of a stretch, with this preamble; only here the
        sources of what stays are moved."""
        old, start, end = self._old, places.start, places.stop
        stop = start + len(self._now)
        first, last = old.line(start), old.line(end)
        members, counts = self._members(places), {one: old.count(one, 0, end) for one in ARRAYS}
        sections = b"".join(initial(source.section) for source, _ in self._now)
        old.pieces[start:end], old.sources[start:end] = self._new, [source for source, _ in self._now]
        now = Layout(preamble, old.pieces, old.sections[:start] + sections + old.sections[end:], old.sources)
        if preamble != old.preamble:
            start, first = 0, 0
        behind = now.place(start, stop)
        by = int(behind - last) if last < math.inf else 0
        now.move(stop, by, {one: now.count(one, 0, stop) - counts[one] for one in ARRAYS})
        return replace(self._before, layout=now, shift=Shift(first, last, by), **members)

    def _members(self, places: range) -> dict[str, Any]:
        members = {}
        for section, field in _READ.items():
            first = self._old.count(section, 0, places.start)
            last = first + self._old.count(section, places.start, places.stop)
            now = [one for source, one in self._now if source.section == section]
            members[field] = getattr(self._before, field).but([(first, last, now)])
        return members
