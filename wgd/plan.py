"""The one difference between wanted and observed. `status` shows it, `plan` prints it, `apply` runs it. Pure.

It must never guess: an object without our marker is a conflict when its place is wanted, foreign when it
stands on our ground, and otherwise none of our business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from operator import attrgetter
from typing import Any

from wgd.config.document import Config
from wgd.kinds import KINDS
from wgd.listing import NOTHING, Listing, listed, listing, touched
from wgd.model import Change, Conflict, Foreign, Op, Plan, Ref, State
from wgd.protocols import Kind
from wgd.values import field, replace, value


@value(frozen=False)
class _Findings:
    changes: list[Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)

    def add(self, other: _Findings) -> None:
        self.changes += other.changes
        self.conflicts += other.conflicts
        self.foreign += other.foreign


@value
class _Compared:
    """What came of comparing the objects of one kind, and all that it was made of."""

    config: Config
    read: tuple[Mapping[Hashable, Any], ...]
    since: float
    wanted: Listing
    have: Listing
    unwanted: set[Hashable]
    found: _Findings

    def to_compare(self, wanted: Listing, have: Listing, key: Callable[[Any], Hashable]) -> set[Hashable]:
        """The keys of all that was not compared already, or was and differed."""
        one, other = touched(self.wanted.specs, wanted.specs), touched(self.have.specs, have.specs)
        changed = chain(one.gone, one.come, other.gone, other.come)
        refs = chain(map(_REF, self.found.changes), map(_REF, self.found.conflicts))
        return self.unwanted.union(map(key, changed), (ref.key for ref in refs))


class Memo:
    """What was `seen` last, and what the plan of that found, kind by kind, so that the same objects need not
    be compared again.

    It says nothing that a comparison would not: with it or without it, the plan is the same."""

    def __init__(self) -> None:
        self.seen: State | None = None
        self._last: dict[str, _Compared] = {}
        self._expiring: tuple[Config, tuple[float, ...]] = (Config(), ())

    def again(self, kind: Kind[Any], config: Config, seen: State) -> _Findings | None:
        """What was found, if nothing that it depends on is another object now."""
        last = self._last.get(kind.name)
        if last is None or last.config is not config or not kind.reads:
            return None
        if not all(one is other for one, other in zip(last.read, _read(kind, seen), strict=True)):
            return None
        return last.found if last.since <= seen.now < self._until(config, last.since) else None

    def before(self, kind: Kind[Any]) -> _Compared | None:
        """The comparison before this one."""
        return self._last.get(kind.name)

    def keep(self, kind: Kind[Any], compared: _Compared) -> None:
        """For the next time."""
        self._last[kind.name] = compared

    def _until(self, config: Config, since: float) -> float:
        """When the next peer expires after `since`."""
        if self._expiring[0] is not config:
            self._expiring = (config, tuple(_expiries(config)))
        return min((time for time in self._expiring[1] if time > since), default=math.inf)


_EXPIRES, _REF = attrgetter("expires"), attrgetter("ref")


def _expiries(config: Config) -> Iterator[float]:
    for interface in config.enabled():
        for expires in filter(None, map(_EXPIRES, interface.peers)):
            yield expires.timestamp()


def _read(kind: Kind[Any], seen: State) -> tuple[Mapping[Hashable, Any], ...]:
    return tuple(seen.of(name) for name in sorted(kind.reads))


def make_plan(
    config: Config,
    seen: State,
    kinds: Sequence[Kind[Any]] = KINDS,
    withheld: Set[Ref] = frozenset(),
    memo: Memo | None = None,
) -> Plan:
    """What differs between the config and what was seen, and the ops that would close the difference.

    Objects of `withheld`, and what cannot be done without them, are left as they are for now. `memo` saves
    comparing again what one plan after another would compare."""
    memo = memo or Memo()
    left = _left_over(config, seen, kinds)
    if left:
        config = replace(config, held=config.held.union(str(link.interface) for link in left))
    found = _find(config, seen, kinds, memo)
    taken = frozenset(str(conflict.ref.key) for conflict in found.conflicts if conflict.ref.kind == "link")
    changes, blocked = found.changes, tuple[Ref, ...]()
    if taken:
        changes = _find(_holding(config, taken), seen, kinds, memo).changes
        possible = {change.ref for change in changes}
        blocked = tuple(change.ref for change in found.changes if change.ref not in possible)
    ops, waiting = _do(changes, withheld, seen, kinds)
    return Plan(
        changes=tuple(change for change in changes if change.ref not in waiting) if waiting else (*changes,),
        ops=tuple(sorted(ops, key=_order)),
        conflicts=tuple(found.conflicts),
        foreign=(*left, *found.foreign),
        blocked=blocked,
        withheld=tuple(change for change in changes if change.ref in waiting) if waiting else (),
    )


def _do(
    changes: list[Change], withheld: Set[Ref], seen: State, kinds: Sequence[Kind[Any]]
) -> tuple[list[Op], frozenset[Ref]]:
    """The ops for the changes, in no order; and what has to wait, since it or what it needs is withheld."""
    waiting = frozenset(c.ref for c in changes if c.ref in withheld) if withheld else frozenset[Ref]()
    now = [change for change in changes if change.ref not in waiting] if waiting else changes
    of: dict[str, list[Change]] = {}
    for change in now:
        of.setdefault(change.ref.kind, []).append(change)
    ops = [op for kind in kinds for op in _ops(kind, of.get(kind.name, []), now, seen)]
    return ops, _postpone(ops, waiting) if waiting else waiting


def _postpone(ops: list[Op], waiting: frozenset[Ref]) -> frozenset[Ref]:
    """Takes out the ops that need what waits; what they would have changed waits with it."""
    while late := [op for op in ops if waiting.intersection((*op.needs, *op.refs))]:
        waiting = waiting.union(*(op.refs for op in late))
        ops[:] = [op for op in ops if op not in late]
    return waiting


def _holding(config: Config, names: frozenset[str]) -> Config:
    """Nothing is touched of an interface whose link is not ours, nor anything opened for its rules."""
    possible = {name: interface for name, interface in config.interfaces.items() if name not in names}
    return replace(config, interfaces=possible, held=config.held | names)


def _left_over(config: Config, seen: State, kinds: Sequence[Kind[Any]]) -> tuple[Foreign, ...]:
    """Links of ours that nothing explains: files and copies were lost, and deleting must not guess."""
    if config.explained is None:
        return ()
    known = {*config.interfaces, *config.held, *config.explained}
    return tuple(
        Foreign(kind.ref(have), name, f"{name}, which no file names any more; `wgd down {name}` removes it")
        for kind in kinds
        if kind.name == "link"
        for have in seen.of("link").values()
        if (name := kind.interface(have)) not in known and kind.owns(have, seen)
    )


def _find(config: Config, seen: State, kinds: Sequence[Kind[Any]], memo: Memo) -> _Findings:
    found = _Findings()
    ahead = seen
    for kind in kinds:
        here = memo.again(kind, config, seen) if ahead is seen else None
        if here is None:
            here = _compare(kind, config, seen, ahead, memo)
        found.add(here)
        ahead = _ahead(ahead, kind, here)
    return found


def _ahead(seen: State, kind: Kind[Any], found: _Findings) -> State:
    """What will be seen once this kind's updates are made: an adopted link makes ours what stands on it, and
    the plan must say at once what becomes of that."""
    updated = {c.ref.key: c.after for c in found.changes if c.before is not None and c.after is not None}
    if not updated:
        return seen
    return replace(seen, objects={**seen.objects, kind.name: {**seen.of(kind.name), **updated}})


def _compare(kind: Kind[Any], config: Config, seen: State, ahead: State, memo: Memo) -> _Findings:
    if kind.reads:
        seen, ahead = (_restricted(state, kind.reads) for state in (seen, ahead))
    last = memo.before(kind)
    wanted = listing(kind.desired(config, seen), kind.key, last.wanted if last else NOTHING)
    have = listed(seen.of(kind.name))
    keys = last.to_compare(wanted, have, kind.key) if last else None
    found, unwanted, called = _Findings(), set[Hashable](), kind.label
    # What was listed all at once has its keys in order, too.
    some = wanted.items() if keys is None else [(kind.key(want), want) for want in wanted.among(keys)]
    for key, want in some:
        spec = have.get(key)
        if spec is None:
            ref = Ref(kind.name, key)
            found.changes.append(Change(ref, None, want, kind.interface(want), called))
        elif differing := kind.differences(want, spec):
            _differs(kind, want, spec, differing, config, seen, found)
    for spec in have.among(keys):
        if (key := kind.key(spec)) not in wanted:
            _unwanted(kind, spec, config, ahead, found)
            unwanted.add(key)
    memo.keep(kind, _Compared(config, _read(kind, seen), seen.now, wanted, have, unwanted, found))
    return found


def _restricted(seen: State, kinds: Set[str]) -> State:
    """Only what a kind says that it reads, so that it cannot depend on more."""
    return replace(seen, objects={name: seen.of(name) for name in kinds}, silence={}, resolved={})


def _differs(
    kind: Kind[Any],
    want: Any,
    have: Any,
    differing: tuple[tuple[str, str, str], ...],
    config: Config,
    seen: State,
    found: _Findings,
) -> None:
    ref, interface = kind.ref(want), kind.interface(want)
    if why := kind.conflict(want, have, config, seen):
        found.conflicts.append(Conflict(ref, interface, kind.label(want), *why))
    else:
        found.changes.append(Change(ref, have, want, interface, kind.label, differing))


def _unwanted(kind: Kind[Any], have: Any, config: Config, seen: State, found: _Findings) -> None:
    interface = kind.interface(have)
    if interface in config.held or (interface is None and config.held):
        return  # a file that cannot be read deletes nothing, and may need what belongs to the host
    if kind.owns(have, seen):
        found.changes.append(Change(kind.ref(have), have, None, interface, kind.label))
    elif kind.foreign(have, config, seen):
        found.foreign.append(Foreign(kind.ref(have), interface, kind.label(have)))


def _ops(kind: Kind[Any], mine: list[Change], all_of: Iterable[Change], seen: State) -> Iterator[Op]:
    """The kind's ops, less deletions that happen by themselves because what the object needs goes."""
    if any(change.after is None for change in mine):
        going = {change.ref for change in all_of if change.after is None}
        going |= {Ref("device", ref.key) for ref in going if ref.kind == "link"}
        mine = [
            change
            for change in mine
            if not (change.after is None and going.intersection(kind.needs(change.before)))
        ]
    if mine:
        yield from kind.ops(mine, seen)


def _order(op: Op) -> tuple[bool, int]:
    """Make before break: creation up the stages, then deletion down them."""
    return (op.deletes, -op.stage if op.deletes else op.stage)
