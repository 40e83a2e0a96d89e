"""What an edit of a few peers and rules comes to in elements of nftables' sets, at their cost alone. Pure.

Whatever it says, the whole plan would say of the same edit. What it cannot tell is left to that.
"""

from __future__ import annotations

from wgd.access.flows import edited, permitted
from wgd.access.ground import Edits
from wgd.config.document import Config
from wgd.kinds.nftables import NftablesKind, NftElements, counted
from wgd.model import Change, Op, State
from wgd.nftset import NamedSet, SetEdit


def edited_elements(
    kind: NftablesKind, before: Config, now: Config, edits: Edits, seen: State
) -> tuple[list[Change], list[Op]] | None:
    """The changes, and how to make them, if nothing in our table changes but elements of sets. `before`: what
    the kind was asked for last, and what was seen agrees with."""
    moved = edited(before, now, edits, seen)
    if moved is None:
        return None
    changes, sets = list[Change](), list[SetEdit]()
    for name, (gone, come) in moved.items():
        writer = kind.writer(name)
        found = writer.edited(permitted(before, seen, name), gone, come) if writer else None
        if found is None and (gone or come):
            return None
        for edit in found or ():
            change = _change(kind, edit, seen)
            if change is None:
                return None
            changes.append(change)
            sets.append(edit)
    if not changes:
        return [], []
    refs = tuple(change.ref for change in changes)
    return changes, [NftElements(refs=refs, edits=tuple(sets))]


def _change(kind: NftablesKind, edit: SetEdit, seen: State) -> Change | None:
    """None: the set is not as it should be."""
    have = seen.of(kind.name).get(("set", edit.name))
    if have is None or have.type != edit.type:
        return None
    if not have.elements.isdisjoint(edit.add) or not have.elements.issuperset(edit.remove):
        return None
    few = frozenset((*edit.add, *edit.remove))
    want = NamedSet(edit.name, edit.type, few ^ have.elements)  # this way round, the many are copied once
    words = counted(len(have.elements), len(want.elements), len(edit.add), len(edit.remove))
    return Change(kind.ref(want), have, want, kind.interface(want), kind.label, (("elements", *words),))
