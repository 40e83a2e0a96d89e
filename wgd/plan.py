"""The one difference between wanted and observed. `status` shows it, `plan` prints it, `apply` runs it. Pure.

It must never guess: an object without our marker is a conflict when its place is wanted, foreign when it
stands on our ground, and otherwise none of our business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from wgd.config.document import Config
from wgd.kinds import KINDS
from wgd.model import Change, Conflict, Foreign, Op, Plan, Ref, State, Verb
from wgd.protocols import Kind


@dataclass(slots=True)
class _Findings:
    changes: list[Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)


def make_plan(
    config: Config, seen: State, kinds: Sequence[Kind[Any]] = KINDS, withheld: Set[Ref] = frozenset()
) -> Plan:
    """What differs between the config and what was seen, and the ops that would close the difference.

    Objects of `withheld`, and what cannot be done without them, are left as they are for now."""
    left = _left_over(config, seen, kinds)
    config = replace(config, held=config.held.union(str(link.interface) for link in left))
    found = _find(config, seen, kinds)
    taken = frozenset(str(conflict.ref.key) for conflict in found.conflicts if conflict.ref.kind == "link")
    changes = _find(_holding(config, taken), seen, kinds).changes if taken else found.changes
    possible = {change.ref for change in changes}
    now = [change for change in changes if change.ref not in withheld]
    ops = [op for kind in kinds for op in _ops(kind, now, seen)]
    waiting = _postpone(ops, frozenset(possible & withheld))
    return Plan(
        changes=tuple(change for change in changes if change.ref not in waiting),
        ops=tuple(sorted(ops, key=_order)),
        conflicts=tuple(found.conflicts),
        foreign=(*left, *found.foreign),
        blocked=tuple(change.ref for change in found.changes if change.ref not in possible),
        withheld=tuple(change for change in changes if change.ref in waiting),
    )


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


def _find(config: Config, seen: State, kinds: Sequence[Kind[Any]]) -> _Findings:
    found = _Findings()
    ahead = seen
    for kind in kinds:
        _compare(kind, config, seen, ahead, found)
        ahead = _ahead(ahead, kind, found)
    return found


def _ahead(seen: State, kind: Kind[Any], found: _Findings) -> State:
    """What will be seen once this kind's updates are made: an adopted link makes ours what stands on it, and
    the plan must say at once what becomes of that."""
    updated = {c.ref.key: c.after for c in found.changes if c.ref.kind == kind.name and c.verb is Verb.UPDATE}
    if not updated:
        return seen
    return replace(seen, objects={**seen.objects, kind.name: {**seen.of(kind.name), **updated}})


def _compare(kind: Kind[Any], config: Config, seen: State, ahead: State, found: _Findings) -> None:
    have = seen.of(kind.name)
    wanted = {kind.key(spec): spec for spec in kind.desired(config, seen)}
    for key, want in wanted.items():
        if key not in have:
            found.changes.append(Change(kind.ref(want), None, want, kind.interface(want), kind.label(want)))
        elif differing := kind.differences(want, have[key]):
            _differs(kind, want, have[key], differing, config, seen, found)
    for key, spec in have.items():
        if key not in wanted:
            _unwanted(kind, spec, config, ahead, found)


def _differs(
    kind: Kind[Any],
    want: Any,
    have: Any,
    differing: tuple[tuple[str, str, str], ...],
    config: Config,
    seen: State,
    found: _Findings,
) -> None:
    ref, interface, label = kind.ref(want), kind.interface(want), kind.label(want)
    if why := kind.conflict(want, have, config, seen):
        found.conflicts.append(Conflict(ref, interface, label, *why))
    else:
        found.changes.append(Change(ref, have, want, interface, label, differing))


def _unwanted(kind: Kind[Any], have: Any, config: Config, seen: State, found: _Findings) -> None:
    interface = kind.interface(have)
    if interface in config.held or (interface is None and config.held):
        return  # a file that cannot be read deletes nothing, and may need what belongs to the host
    if kind.owns(have, seen):
        found.changes.append(Change(kind.ref(have), have, None, interface, kind.label(have)))
    elif kind.foreign(have, config, seen):
        found.foreign.append(Foreign(kind.ref(have), interface, kind.label(have)))


def _ops(kind: Kind[Any], changes: Iterable[Change], seen: State) -> Iterator[Op]:
    """The kind's ops, less deletions that happen by themselves because what the object needs goes."""
    going = {change.ref for change in changes if change.verb is Verb.DELETE}
    going |= {Ref("device", ref.key) for ref in going if ref.kind == "link"}
    mine = [
        change
        for change in changes
        if change.ref.kind == kind.name
        and not (change.verb is Verb.DELETE and going.intersection(kind.needs(change.before)))
    ]
    if mine:
        yield from kind.ops(mine, seen)


def _order(op: Op) -> tuple[bool, int]:
    """Make before break: creation up the stages, then deletion down them."""
    return (op.deletes, -op.stage if op.deletes else op.stage)
