"""What each rule of an interface comes to, made again only of those that an edit or a route touched. Pure.

It is a memo of a pure function and nothing else: the answer is the same without what was made before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import chain, compress, count
from operator import attrgetter, is_not, not_
from typing import Any, Generic, NamedTuple, TypeVar

from wgd import prefixes
from wgd.access.cover import NOTHING, Cover, Span
from wgd.access.ground import Ground, public_addresses
from wgd.config.document import Forward, Input
from wgd.listing import remade, touched
from wgd.prefixes import Ranges

R = TypeVar("R", bound=Forward | Input)
T = TypeVar("T")


class _Read(NamedTuple):
    """What one rule reads of the ground: names of peers, addresses, and the internet."""

    peers: tuple[str, ...]
    spans: tuple[Span, ...]
    internet: bool


class _Index(NamedTuple):
    """What each rule reads, what addresses they all name, and how many of them name peers."""

    each: list[_Read]
    cover: Cover
    naming: int


class _Made:
    """What came of each rule, in their order, and what it was made of. The index is only for edits, and may
    be made once the network stands."""

    def __init__(
        self, rules: Sequence[Forward | Input], here: Ground, each: list[Any], index: _Index | None = None
    ) -> None:
        self.rules, self.here, self.each, self.known = rules, here, each, index

    @property
    def index(self) -> _Index:
        if self.known is None:
            self.known = _changed(_Index([], NOTHING, 0), 0, None, self.rules, self.here.version)
        return self.known


class Heard(NamedTuple, Generic[T]):
    """What an edit makes of an interface's rules: what was made of some is no longer so, and what is instead.
    `sure`: some that are as they were."""

    gone: list[T]
    come: list[T]
    sure: list[T]


class PerRule(Generic[R, T]):
    """For the interfaces of one config after the other."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, int], _Made] = {}
        self._now: dict[tuple[str, int], _Made] = {}

    def begin(self) -> None:
        """Another config: of interfaces that it does not ask for, nothing is kept."""
        self._before, self._now = self._now, {}

    def prepare(self) -> None:
        """Make now what the next edit would make first."""
        for made in self._now.values():
            _ = made.index

    def of(self, interface: str, rules: Sequence[R], here: Ground, make: Callable[[R], T]) -> Sequence[T]:
        """What `make` makes of each of the rules of an interface on this ground."""
        key = (interface, here.version)
        last = self._before.get(key)
        if last is None or _frame(last.here) != _frame(here):
            last = _Made((), here, [])
        made = _remade(last, rules, here, make)
        if last.here is not here:
            for at in _affected(interface, last, made):
                if (now := make(rules[at])) != made.each[at]:
                    made.each[at] = now
        self._now[key] = made
        return made.each

    def edited(
        self,
        interface: str,
        rules: Sequence[R],
        here: Ground,
        make: Callable[[R], T],
        names: Set[str],
        moved: Ranges,
    ) -> Heard[T]:
        """What would differ from the last answer, if these were the rules, and on this ground another were
        behind some `names` of peers of this interface and behind the addresses that `moved`. Nothing of it
        is kept."""
        last = self._now[interface, here.version]
        cover = last.index.cover
        start, end, left, _ = touched(last.rules, rules)
        old, new = last.rules[start:end], rules[start:end]
        in_place = len(old) == len(new)  # then most rules stay where they are
        others = [*compress(count(), map(is_not, old, new))] if in_place else range(len(old))
        spots = {start + number for number in others}
        place = {id(old[number]): start + number for number in others}
        leaving = Counter(span for rule in left for span in last.index.each[place[id(rule)]].spans)
        spans = {span for span in _meeting(cover, moved) if cover.count(span) > leaving[span]}
        hearing = _hearing(last, names, moved, spans)
        before: list[T] = [last.each[at] for at in spots]
        now: list[T] = []
        for rule in [new[number] for number in others] if in_place else new:
            at = place.get(id(rule), -1)
            now.append(make(rule) if at < 0 or at in hearing else last.each[at])
        further = len(rules) - len(last.rules)
        for at in hearing.difference(spots):
            before.append(last.each[at])
            now.append(make(rules[at if at < start else at + further]))
        ends = {0, len(last.rules) - 1}.difference(hearing, spots) if last.rules else ()
        return Heard(before, now, [last.each[at] for at in ends])


_INTERNET = attrgetter("internet")
_PEERS, _SPANS = attrgetter("peers"), attrgetter("spans")


def _frame(here: Ground) -> tuple[object, ...]:
    """All of a ground that any rule may depend on, but peers and what they cover."""
    return here.own, here.named, here.routes, tuple(here.behind)


def _remade(last: _Made, rules: Sequence[R], here: Ground, make: Callable[[Any], object]) -> _Made:
    start, end, _, _ = touched(last.rules, rules)
    index = last.known and _changed(last.known, start, end, rules[start:end], here.version)
    return _Made(rules, here, remade(last.rules, last.each, rules, make), index)


def _changed(last: _Index, start: int, end: int | None, rules: Iterable[R], version: int) -> _Index:
    """With these rules in the place of some."""
    old, new = last.each[start:end], [_read(rule, version) for rule in rules]
    gone, come = (Counter(chain.from_iterable(map(_SPANS, some))) for some in (old, new))
    cover = last.cover.changed([*(gone - come).elements()], [*(come - gone).elements()])
    naming = last.naming + sum(bool(one.peers) for one in new) - sum(bool(one.peers) for one in old)
    return _Index(last.each[:start] + new + (last.each[end:] if end else []), cover, naming)


def _read(rule: Forward | Input, version: int) -> _Read:
    sides = rule.sides
    return _Read(
        tuple([name for side in sides for name in side.peers]),
        tuple([prefixes.span(net) for side in sides for net in side.networks if net.version == version]),
        any([side.internet for side in sides]),
    )


def _affected(interface: str, last: _Made, made: _Made) -> set[int]:
    """The rules that read something that is different now; but for new ones, which know it."""
    names, moved = _changed_names(interface, last.here, made.here), _moved(last.here, made.here)
    if not names and not moved:
        return set()
    spans = _meeting(made.index.cover, moved)
    return _hearing(made, names, moved, spans & _meeting(last.known.cover, moved) if last.known else spans)


def _hearing(made: _Made, names: Set[str], moved: Ranges, spans: Set[Span]) -> set[int]:
    """Where a rule names one of these peers, has one of these spans, or means the internet of which something
    moved."""
    index, found = made.index, set[int]()
    if names and index.naming:
        found |= _but_those(map(names.isdisjoint, map(_PEERS, index.each)))
    if spans:
        found |= _but_those(map(spans.isdisjoint, map(_SPANS, index.each)))
    if prefixes.intersection(moved, public_addresses(made.here.version)):
        found |= _but_those(map(not_, map(_INTERNET, index.each)))
    return found


def _meeting(cover: Cover, moved: Ranges) -> set[Span]:
    return {span for window in moved for span in cover.meeting(window)}


def _but_those(deaf: Iterable[bool]) -> set[int]:
    """Where it is not so."""
    return {*compress(count(), map(not_, deaf))}


def _changed_names(interface: str, one: Ground, other: Ground) -> set[str]:
    differs = touched(one.crowds[interface].peers, other.crowds[interface].peers)
    changed = {peer.name for peer in (*differs.gone, *differs.come)}
    return changed | {name for at, name in one.idle ^ other.idle if at == interface}


def _moved(one: Ground, other: Ground) -> Ranges:
    """The addresses that only one of them has behind some interface."""
    found: list[tuple[int, int]] = []
    for interface, before in one.behind.items():
        now = other.behind[interface]
        if before is not now:
            differs = touched(before, now)
            was, is_ = before[differs.start : differs.end], now[differs.start : differs.end]
            found += (*prefixes.difference(was, is_), *prefixes.difference(is_, was))
    return prefixes.merged(found)
