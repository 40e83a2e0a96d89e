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

Refill = tuple[SetEdit, NamedSet]
"""What comes into a set and goes from it, and the set as it is."""


def edited_elements(
    kind: NftablesKind, before: Config, now: Config, edits: Edits, seen: State
) -> tuple[list[Refill], list[Op]] | None:
    """What changes, and how to make it so, if nothing in our table changes but elements of sets. `before`:
    what the kind was asked for last, and what was seen agrees with."""
    flows = edited(before, now, edits, seen)
    if flows is None:
        return None
    sets = list[Refill]()
    for name, (gone, come) in flows.items():
        writer = kind.writer(name)
        found = writer.edited(permitted(before, seen, name), gone, come) if writer else None
        if found is None and (gone or come):
            return None
        for edit in found or ():
            have = seen.of(kind.name).get(("set", edit.name))
            if have is None or not _fits(edit, have):
                return None
            sets.append((edit, have))
    if not sets:
        return [], []
    refs = tuple(kind.ref(have) for _, have in sets)
    return sets, [NftElements(refs=refs, edits=tuple(edit for edit, _ in sets))]


def _fits(edit: SetEdit, have: NamedSet) -> bool:
    """Whether the set is as it was left."""
    elements = have.elements
    return have.type == edit.type and elements.isdisjoint(edit.add) and elements.issuperset(edit.remove)


def change(kind: NftablesKind, edit: SetEdit, have: NamedSet) -> Change:
    """The same as the plan tells it, of the whole set."""
    few = frozenset((*edit.add, *edit.remove))
    want = NamedSet(edit.name, edit.type, few ^ have.elements)  # this way round, the many are copied once
    words = counted(len(have.elements), len(want.elements), len(edit.add), len(edit.remove))
    return Change(kind.ref(want), have, want, kind.interface(want), kind.label, (("elements", *words),))
