"""The rules and sets of one interface, kept up as a few of its flows come and go. Pure.

They are what they would be if written anew: what is kept of flows that stay only saves time.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from wgd import prefixes
from wgd.access.meaning import Flow
from wgd.access.rules import HOLE, Part, Shape, Text, parts, port_texts, rule_text
from wgd.config.document import Forward
from wgd.listing import touched
from wgd.nftset import INTERVALS, NamedSet, SetEdit
from wgd.values import field, value

T = TypeVar("T")

FEW = 8
"""Up to so many addresses that could share a set stand in rules of their own."""


class Shared:
    """The parts of flows that have a rule and a set in common, as they come and go."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.size = shape, 0
        self._elements: Counter[bytes] = Counter()
        self._words: Counter[str] = Counter()
        self._set: NamedSet | None = None

    def change(self, some: Sequence[Part], by: int) -> None:
        """Some parts more (1), or less (-1)."""
        elements = [*chain.from_iterable(map(_ELEMENTS, some))]
        self.size += by * len(elements)
        self._set = None
        _count_all(self._words, [*map(_words, some)], by)
        _count_all(self._elements, elements, by)

    def set_of(self, interface: str) -> NamedSet:
        """The set that their rule looks into."""
        if self._set is None:
            shape, elements = self.shape, frozenset(self._elements)
            name = f"{shape.sort}-{interface}-{hashlib.sha256(shape.shares.encode()).hexdigest()[:12]}"
            whole = _joined(elements) if shape.type.endswith(INTERVALS) else elements
            self._set = NamedSet(name, shape.type, whole)
        return self._set

    def edited(self, interface: str, by: Mapping[bytes, int]) -> SetEdit:
        """What becomes of the set if so many more (fewer) parts had these elements."""
        add = sorted(one for one, number in by.items() if number > 0 and one not in self._elements)
        remove = sorted(one for one, number in by.items() if number < 0 and self._elements[one] + number == 0)
        one = self.set_of(interface)
        return SetEdit(one.name, one.type, tuple(add), tuple(remove))

    def rule_of(self, interface: str) -> Text:
        """Their rule."""
        name = self.set_of(interface).name
        return Text(self.shape.rule.replace(HOLE, f" @{name} "), min(self._words))


@value(frozen=False)
class _Change:
    """What flows that come and go make of the parts of this shape."""

    shape: Shape
    size: int = 0
    elements: dict[bytes, int] = field(default_factory=dict)

    def count(self, part: Part, by: int) -> None:
        self.size += by * len(part.elements)
        for element in part.elements:
            _count(self.elements, element, by)


_ELEMENTS = attrgetter("elements")


def _count_all(counter: Counter[T], ones: Sequence[T], by: int) -> None:
    """`_count` of each; it is the interpreter's own C that goes through ten thousand."""
    if by > 0:
        counter.update(ones)
    else:
        for one in ones:
            _count(counter, one, by)


def _count(counter: dict[T, int], one: T, by: int) -> None:
    if now := counter.get(one, 0) + by:
        counter[one] = now
    else:
        del counter[one]


class Writer:
    """Writes the rules and sets of one interface, time and again."""

    def __init__(self, interface: str, managed: tuple[str, ...]) -> None:
        self.managed = managed
        self._interface = interface
        self._flows: tuple[Flow, ...] = ()
        self._given: tuple[Flow, ...] = ()
        self._split: list[tuple[Part, ...]] = []
        self._uses: Counter[int] = Counter()
        self._shared: dict[Shape, Shared] = {}

    def accepts(self, permitted: tuple[Flow, ...]) -> tuple[list[Text], list[NamedSet]]:
        """The rules that let these flows pass, and the sets that they look into."""
        self._update(permitted)
        self._given = permitted
        many = [group for _, group in sorted(self._shared.items()) if group.size > FEW]
        rules = [*self._plain()]
        rules += [group.rule_of(self._interface) for group in many]
        return rules, [group.set_of(self._interface) for group in many]

    def edited(
        self, given: tuple[Flow, ...], gone: Iterable[Flow], come: Iterable[Flow]
    ) -> list[SetEdit] | None:
        """What becomes of the sets if of the flows `given` last some go and others come; nothing of it is
        kept. None: rules would be others, too, or it is not known that cheaply."""
        if given is not self._given:
            return None
        known, by = dict[int, Flow](), dict[int, int]()
        for number, some in ((-1, gone), (1, come)):
            for flow in some:
                known[id(flow)] = flow
                _count(by, id(flow), number)
        changes = dict[Shape, _Change]()
        for one, number in by.items():
            uses = self._uses.get(one, 0)
            if uses + number < 0:
                return None  # it only equals the one that is counted
            if (uses > 0) is not (uses + number > 0):
                mine = parts(known[one], self.managed)
                if not mine:
                    return None
                for part in mine:
                    change = changes.setdefault(part.shape, _Change(part.shape))
                    change.count(part, 1 if number > 0 else -1)
        edits = [self._edited(change) for change in changes.values()]
        return None if None in edits else [edit for edit in edits if edit and (edit.add or edit.remove)]

    def _edited(self, change: _Change) -> SetEdit | None:
        """Elements alone; None if there is no set, before or after, or if its elements are intervals."""
        shape = change.shape
        group = self._shared.get(shape)
        if group is None or min(group.size, group.size + change.size) <= FEW:
            return None
        if shape.type.endswith(INTERVALS):
            return None
        return group.edited(self._interface, change.elements)

    def _update(self, permitted: tuple[Flow, ...]) -> None:
        start, end, _, _ = touched(self._flows, permitted)
        old, new, before = self._flows[start:end], permitted[start:end], self._split[start:end]
        known = dict(zip(map(id, old), before, strict=True))
        for flow in new:
            if id(flow) not in known:
                known[id(flow)] = parts(flow, self.managed)
        come, go = self._use(Counter(map(id, new)), Counter(map(id, old)))
        self._change(map(known.__getitem__, come), 1)
        self._change(map(known.__getitem__, go), -1)
        # What only equals a flow of before stays that flow, which is the one that is counted.
        after = (self._flows[end:], self._split[end:]) if end else ((), [])
        self._flows = self._flows[:start] + new + after[0]
        self._split = self._split[:start] + [known[id(flow)] for flow in new] + after[1]

    def _use(self, new: Counter[int], old: Counter[int]) -> tuple[list[int], list[int]]:
        """Which flows are there now that were not, and which no longer, if some stretch of them has the `new`
        instead of the `old`, each so often."""
        uses = self._uses
        come = [one for one in new if one not in uses]
        uses.update(new)
        for one, number in old.items():
            _count(uses, one, -number)
        return come, [one for one in old if one not in uses]

    def _change(self, some: Iterable[tuple[Part, ...]], by: int) -> None:
        """The parts of flows come (1), or go (-1)."""
        alike: dict[Shape, list[Part]] = {}
        for part in chain.from_iterable(some):
            alike.setdefault(part.shape, []).append(part)
        for shape, of in alike.items():
            group = self._shared.setdefault(shape, Shared(shape))
            group.change(of, by)
            if not group.size:
                del self._shared[shape]

    def _plain(self) -> Iterator[Text]:
        """Rules without sets, for what is in none."""
        few = {shape for shape, group in self._shared.items() if group.size <= FEW}
        if not few and all(self._split):
            return
        for flow, mine in zip(self._flows, self._split, strict=True):
            left = [part for part in mine if part.shape in few]
            if len(left) == len(mine):
                for ports in port_texts(flow.ports, flow.version):
                    yield Text(rule_text(flow, ports, self.managed), flow.words)
            else:
                for part in left:
                    yield Text(rule_text(part.flow, part.shape.ports, self.managed), flow.words)


def _joined(intervals: Iterable[bytes]) -> frozenset[bytes]:
    """The same addresses in intervals that neither meet nor overlap, as a set wants them."""
    spans, width = [], 0
    for one in intervals:
        width = len(one) // 2
        spans.append((int.from_bytes(one[:width]), int.from_bytes(one[width:])))
    return frozenset(a.to_bytes(width) + b.to_bytes(width) for a, b in prefixes.merged(spans))


def _words(part: Part) -> str:
    sort = part.shape.sort
    if sort == "pairs":
        return "many → many"
    rule = part.flow.rule
    if sort == "from" and isinstance(rule, Forward):
        return f"many → {rule.target}"  # the words of ten thousand sources are not looked at
    source, _, target = part.flow.words.partition(" → ")
    return f"many → {target}" if sort == "from" else f"{source} → many"
