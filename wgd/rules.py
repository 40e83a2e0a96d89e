"""Flows in nft's language: rules, and sets of addresses where many flows differ in nothing but who. Pure.

Flows that agree in IP version, devices, ports and one side share a rule, and their other sides are the
elements of its set. Between single addresses both sides are: pairs. So neither a packet's way nor an edit
grows with the number of peers. What is only a few stays rules with words of their own, as a person would
write them.

A set's name is told by the rest of its rule, so that it stays while its elements come and go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from wgd import prefixes
from wgd.config.document import IPNetwork, PortRange
from wgd.flows import Flow
from wgd.ground import Place
from wgd.nftset import INTERVALS, PAIR, NamedSet

FEW = 8
"""Up to so many addresses that could share a set stand in rules of their own."""
LONGEST = 64
"""The side that a rule's text holds has no more addresses than this, if the other has fewer."""
SORTS = ("from", "to", "pairs")
"""How a set's name begins, and what its elements are: sources, targets, or one of each."""
_FAMILIES = {4: "ip", 6: "ip6"}
_HOLE = " @ "
"""Where the name of its set belongs in a rule."""


class Text(NamedTuple):
    """A rule: its text without a comment, and the words that tell a person where it comes from."""

    text: str
    words: str


class Part(NamedTuple):
    """What a flow permits, as elements of a set of that type, whose name belongs into the hole of `rule`.
    `shares` is the same for all that have these two in common. `flow` and `ports` say it without a set."""

    shares: str
    rule: str
    sort: str
    type: str
    elements: tuple[bytes, ...]
    flow: Flow
    ports: str


class Writer:
    """Writes the flows of one config after the other. What it knows of those that stayed only saves time."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Flow, tuple[str, ...], tuple[Part, ...]]] = {}
        self._now: dict[int, tuple[Flow, tuple[str, ...], tuple[Part, ...]]] = {}

    def begin(self) -> None:
        """Another config: what was not asked for under the last one is forgotten."""
        self._before, self._now = self._now, {}

    def accepts(
        self, interface: str, permitted: Sequence[Flow], managed: tuple[str, ...]
    ) -> tuple[list[Text], list[NamedSet]]:
        """The rules that let these flows pass, and the sets that they look into."""
        split = self._split(permitted, managed)
        shared: dict[str, list[Part]] = {}
        for part in chain.from_iterable(split):
            shared.setdefault(part.shares, []).append(part)
        many = {which: shared[which] for which in sorted(shared) if _is_many(shared[which])}
        rules: list[Text] = []
        for flow, mine in zip(permitted, split, strict=True):
            left = [part for part in mine if part.shares not in many]
            if left or not mine:
                rules += _plain(flow, left, len(mine), managed)
        sets = [_set(interface, alike) for alike in many.values()]
        for alike, one in zip(many.values(), sets, strict=True):
            rules.append(Text(alike[0].rule.replace(_HOLE, f" @{one.name} "), _words(alike[0])))
        return rules, sets

    def _split(self, permitted: Sequence[Flow], managed: tuple[str, ...]) -> list[tuple[Part, ...]]:
        found = []
        for flow in permitted:
            known = self._before.get(id(flow))
            if known is None or known[0] is not flow or known[1] != managed:
                known = (flow, managed, parts(flow, managed))
            self._now[id(flow)] = known
            found.append(known[2])
        return found


_ELEMENTS = attrgetter("elements")


def _is_many(alike: Sequence[Part]) -> bool:
    return len(alike) > FEW or sum(map(len, map(_ELEMENTS, alike))) > FEW


def _plain(flow: Flow, left: Sequence[Part], whole: int, managed: Sequence[str]) -> Iterator[Text]:
    """Rules without sets for what is in none."""
    if len(left) == whole:
        for ports in _ports(flow.ports, flow.version):
            yield Text(_rule(flow, ports, managed), flow.words)
    else:
        for part in left:
            yield Text(_rule(part.flow, part.ports, managed), flow.words)


def _set(interface: str, alike: Sequence[Part]) -> NamedSet:
    first = alike[0]
    name = f"{first.sort}-{interface}-{hashlib.sha256(first.shares.encode()).hexdigest()[:12]}"
    elements = frozenset(chain.from_iterable(map(_ELEMENTS, alike)))
    return NamedSet(name, first.type, _joined(elements) if first.type.endswith(INTERVALS) else elements)


def interface_of(name: str) -> str | None:
    """The interface whose rules look into a set of this name; None: it is no name of ours."""
    sort, _, rest = name.partition("-")
    return (rest.rpartition("-")[0] or None) if sort in SORTS else None


def _joined(intervals: Iterable[bytes]) -> frozenset[bytes]:
    """The same addresses in intervals that neither meet nor overlap, as a set wants them."""
    spans, width = [], 0
    for one in intervals:
        width = len(one) // 2
        spans.append((int.from_bytes(one[:width]), int.from_bytes(one[width:])))
    return frozenset(a.to_bytes(width) + b.to_bytes(width) for a, b in prefixes.merged(spans))


def _words(part: Part) -> str:
    source, _, target = part.flow.words.partition(" → ")
    return {"from": f"many → {target}", "to": f"{source} → many", "pairs": "many → many"}[part.sort]


def parts(flow: Flow, managed: Sequence[str]) -> tuple[Part, ...]:
    """The flow as elements of sets; nothing of one that names no addresses."""
    sources, targets = _by_size(flow.source), _by_size(flow.target)
    if len(sources) == len(targets) == 1:
        return _parts(flow, managed)
    narrowed = (replace(flow, source=source, target=target) for source in sources for target in targets)
    return tuple(part for one in narrowed for part in _parts(one, managed))


def _by_size(place: Place) -> tuple[Place, ...]:
    """Single addresses and ranges, which sets keep apart."""
    single = tuple(net for net in place.networks if _is_single(net))
    if not single or len(single) == len(place.networks):
        return (place,)
    ranges = tuple(net for net in place.networks if not _is_single(net))
    return replace(place, networks=single), replace(place, networks=ranges)


def _is_single(network: IPNetwork) -> bool:
    return network.prefixlen == network.max_prefixlen


def _parts(flow: Flow, managed: Sequence[str]) -> tuple[Part, ...]:
    """Of a flow that has single addresses or ranges on each side, not both."""
    sources, targets = flow.source.networks, flow.target.networks
    sort, type_ = _sort(sources, targets), f"ipv{flow.version}_addr"
    if not sort:
        return ()
    side = targets if sort == "to" else sources
    elements = tuple(map(_address, side))
    if sort == "pairs":
        elements = tuple(one + other for one in elements for other in map(_address, targets))
        type_ += PAIR + type_
    elif not _is_single(side[0]):
        elements = tuple(net.network_address.packed + net.broadcast_address.packed for net in side)
        type_ += INTERVALS
    return tuple(
        Part(f"{type_}: {rule}", rule, sort, type_, elements, flow, ports)
        for ports in _ports(flow.ports, flow.version)
        for rule in (_rule(flow, ports, managed, sort),)
    )


def _sort(sources: Sequence[IPNetwork], targets: Sequence[IPNetwork]) -> str:
    """Which side is in a set ("": none). It depends on this flow alone: an edit of one changes no other's."""
    if not sources or not targets:
        return "from" if sources else "to" if targets else ""
    single = _is_single(sources[0]), _is_single(targets[0])
    few = min(len(sources), len(targets)) == 1 or len(sources) * len(targets) <= LONGEST
    if all(single) and few:
        return "pairs"
    if single == (False, True):
        return "from" if len(sources) > max(LONGEST, len(targets)) else "to"
    return "to" if len(targets) > max(LONGEST, len(sources)) else "from"


def _address(network: IPNetwork) -> bytes:
    return network.network_address.packed


def _rule(flow: Flow, ports: str, managed: Sequence[str], sort: str = "") -> str:
    """With a hole for the set of that sort, or without."""
    family, hole = _FAMILIES[flow.version], _HOLE.rstrip()
    source = target = ""
    if sort == "from":
        source = f"{family} saddr{hole}"
    elif sort != "pairs":
        source = match("saddr", flow.version, flow.source.networks)
    if sort == "pairs":
        target = f"{family} saddr . {family} daddr{hole}"
    elif sort == "to":
        target = f"{family} daddr{hole}"
    else:
        target = match("daddr", flow.version, flow.target.networks)
    incoming, outgoing = _device("iifname", flow.source, managed), _device("oifname", flow.target, managed)
    words = (version(flow.version), incoming, source, outgoing, target, ports, "accept")
    return " ".join(filter(None, words))


def version(number: int) -> str:
    """Matches packets of an IP version."""
    return f"meta nfproto ipv{number}"


def _device(word: str, place: Place, managed: Sequence[str]) -> str:
    return unmanaged(word, managed) if place.device is None else f'{word} "{place.device}"'


def unmanaged(word: str, managed: Sequence[str]) -> str:
    """Matches devices that wgd does not manage; with none managed there is nothing to say."""
    names = [f'"{name}"' for name in managed]
    return f"{word} != {_one_of(names)}" if names else ""


def match(word: str, number: int, networks: Sequence[IPNetwork]) -> str:
    """Matches packets whose address, `saddr` or `daddr`, is one of these; none: all of that IP version."""
    return f"{_FAMILIES[number]} {word} {_one_of(map(str, networks))}" if networks else ""


def _one_of(elements: Iterable[str]) -> str:
    listed = list(elements)
    return listed[0] if len(listed) == 1 else "{ " + ", ".join(listed) + " }"


def _ports(ports: tuple[PortRange, ...], number: int) -> Sequence[str]:
    """One match for each protocol; a single empty one for no restriction."""
    if not ports:
        return ("",)
    found = []
    for protocol in ("tcp", "udp"):
        spans = {(p.first, p.last) for p in ports if p.protocol == protocol}
        if spans:
            texts = (
                str(first) if first == last else f"{first}-{last}" for first, last in prefixes.merged(spans)
            )
            found.append(f"{protocol} dport {_one_of(texts)}")
    if any(p.protocol == "icmp" for p in ports):
        found.append("meta l4proto " + ("icmp" if number == 4 else "ipv6-icmp"))
    return found
