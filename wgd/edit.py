"""The plan of an edit from what it changed alone: a few peers of thousands, at the cost of those few. Pure.

Every change in it is one that the whole plan would have, and the pass that follows looks at everything. What
is not plainly that simple is left to that pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from wgd import prefixes
from wgd.config.document import Config, Forward, Interface
from wgd.elements import Refill, change, edited_elements
from wgd.kinds import KINDS
from wgd.kinds.nftables import NftablesKind
from wgd.kinds.peer import PeerKind
from wgd.kinds.route import RouteKind
from wgd.listing import touched
from wgd.model import Change, Later, Op, Plan, State
from wgd.plan import make_plan
from wgd.prefixes import Prefix
from wgd.protocols import Kind
from wgd.values import names, replace, value


@value
class _Edited:
    """An interface before and after the edit, each with what the edit touched and nothing else."""

    before: Interface
    now: Interface


def edit_plan(before: Config, now: Config, seen: State) -> Plan | None:
    """What the edit of the files from `before` to `now` asks for, when `before` was in sync with `seen`.

    None: it touches more than peers, rules and routes, or nothing, or somebody is in the way. Of rules it
    has elements of sets, and only if that is all that they come to."""
    edited = _edited(before, now)
    if not edited or not all(_simple(one) and _standing(one.now, seen) for one in edited):
        return None
    old = replace(now, interfaces={one.before.name: one.before for one in edited})
    new = replace(now, interfaces={one.now.name: one.now for one in edited})
    kinds: tuple[Kind[Any], ...] = (PeerKind(), RouteKind())
    plan = make_plan(new, _around(old, new, kinds, replace(seen, silence={})), kinds)
    elements, ops = _elements(before, now, edited, seen)
    plan = replace(plan, changes=Later(_told, (*elements, *plan.changes)), ops=(*ops, *plan.ops))
    return plan if plan.changes and not plan.conflicts else None


_RULES = next(kind for kind in KINDS if isinstance(kind, NftablesKind))
"""The one that knows already what the rules said before the edit."""


def _elements(
    before: Config, now: Config, edited: Iterable[_Edited], seen: State
) -> tuple[Sequence[Change | Refill], list[Op]]:
    """Of sets; nothing if rules are to change."""
    edits = {one.now.name: (one.before.peers, one.now.peers) for one in edited}
    found = edited_elements(_RULES, before, now, edits, seen)
    if found is not None:
        return found
    changes = _RULES.changed_elements(now, seen) or []
    return changes, [*_RULES.ops(changes, seen)]


def _told(one: Change | Refill) -> Change:
    return one if isinstance(one, Change) else change(_RULES, *one)


def _around(old: Config, new: Config, kinds: Iterable[Kind[Any]], seen: State) -> State:
    """What was seen of the objects that either wants. Nobody's silence: it is the whole pass that forgets."""
    objects = dict(seen.objects)
    for kind in kinds:
        keys = {kind.key(spec): None for config in (old, new) for spec in kind.desired(config, seen)}
        have = seen.of(kind.name)
        objects[kind.name] = {key: have[key] for key in keys if key in have}
    return replace(seen, objects=objects)


def _edited(before: Config, now: Config) -> list[_Edited] | None:
    """The interfaces that the edit touched; None if it touched more than peers and rules. What the accepted
    copies explain concerns other interfaces."""
    if before.held or now.held:
        return None
    if before.interfaces.keys() != now.interfaces.keys():
        return None
    found = []
    for name, interface in now.interfaces.items():
        was = before.interfaces[name]
        if was is interface:
            continue
        if _REST(was) != _REST(interface):
            return None
        peers, rules = touched(was.peers, interface.peers), touched(was.forwards, interface.forwards)
        found.append(
            _Edited(
                replace(was, peers=tuple(peers.gone), forwards=tuple(rules.gone)),
                replace(interface, peers=tuple(peers.come), forwards=tuple(rules.come)),
            )
        )
    return found


_REST = attrgetter(*(name for name in names(Interface) if name not in ("peers", "forwards")))


def _simple(edited: _Edited) -> bool:
    """No prefix goes from one peer to another, no peer is called, and no rule goes that would have covered
    what comes: until the whole pass, what a peer had permits nothing to another."""
    before, now = edited.before.peers, edited.now.peers
    if not edited.now.enabled or any(peer.endpoint is not None for peer in (*before, *now)):
        return False
    owner = {prefix: peer.public_key for peer in before for prefix in peer.allowed_ips}
    come = [p for peer in now for p in peer.allowed_ips if owner.get(p) != peer.public_key]
    stay = frozenset(edited.now.forwards)
    gone = [rule for rule in edited.before.forwards if rule not in stay]
    return owner.keys().isdisjoint(come) and not _cover(gone, come)


def _cover(rules: Collection[Forward], come: Collection[Prefix]) -> bool:
    """Whether one of the rules may say something of these prefixes."""
    sides = [side for rule in rules for side in rule.sides]
    if come and any(side.peers or side.any or side.internet for side in sides):
        return True
    named = [network for side in sides for network in side.networks]
    return any(
        prefixes.intersection(prefixes.ranges(come, version), prefixes.ranges(named, version))
        for version in (4, 6)
    )


def _standing(interface: Interface, seen: State) -> bool:
    """Whether the interface is there and up, so that its peers and routes are all there is to do."""
    link = seen.of("link").get(interface.name)
    return link is not None and link.up and interface.name in seen.of("device")
