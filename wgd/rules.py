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
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from wgd import prefixes
from wgd.config.document import IPNetwork, PortRange
from wgd.flows import Flow
from wgd.ground import Place
from wgd.kinds.nftset import INTERVALS, PAIR, NamedSet

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
    """What a flow permits, as elements of the set that belongs into the hole of `rule`. `flow` and `ports`
    say the same without a set."""

    rule: str
    sort: str
    type: str
    elements: tuple[bytes, ...]
    flow: Flow
    ports: str


@dataclass(slots=True)
class _Shared:
    """The parts that have one rule and one set in common."""

    parts: list[Part] = field(default_factory=list)
    size: int = 0


def accepts(
    interface: str, permitted: Sequence[Flow], managed: Sequence[str]
) -> tuple[list[Text], list[NamedSet]]:
    """The rules that let these flows pass, and the sets that they look into."""
    split = [parts(flow, managed) for flow in permitted]
    shared: dict[tuple[str, str], _Shared] = {}
    for part in chain.from_iterable(split):
        group = shared.setdefault((part.rule, part.type), _Shared())
        group.parts.append(part)
        group.size += len(part.elements)
    many = {which: group.parts for which, group in sorted(shared.items()) if group.size > FEW}
    rules: list[Text] = []
    sets: list[NamedSet] = []
    for flow, mine in zip(permitted, split, strict=True):
        left = [part for part in mine if (part.rule, part.type) not in many]
        rules += _plain(flow, left, len(mine), managed)
    for (rule, _), alike in many.items():
        sets.append(_set(interface, alike))
        rules.append(Text(rule.replace(_HOLE, f" @{sets[-1].name} "), _words(alike[0])))
    return rules, sets


def _plain(flow: Flow, left: Sequence[Part], all_: int, managed: Sequence[str]) -> Iterator[Text]:
    """Rules without sets for what is in none."""
    if len(left) == all_:
        for ports in _ports(flow.ports, flow.version):
            yield Text(_rule(flow, ports, managed), flow.words)
    else:
        for part in left:
            yield Text(_rule(part.flow, part.ports, managed), flow.words)


def _set(interface: str, alike: Sequence[Part]) -> NamedSet:
    first = alike[0]
    digest = hashlib.sha256(f"{first.type}: {first.rule}".encode()).hexdigest()[:12]
    name = f"{first.sort}-{interface}-{digest}"
    elements = frozenset(element for part in alike for element in part.elements)
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
    if not flow.source.networks and not flow.target.networks:
        return ()
    return tuple(
        part
        for source in _by_size(flow.source)
        for target in _by_size(flow.target)
        for part in _parts(replace(flow, source=source, target=target), managed)
    )


def _by_size(place: Place) -> tuple[Place, ...]:
    """Single addresses and ranges, which sets keep apart."""
    single = tuple(net for net in place.networks if _is_single(net))
    if not single or len(single) == len(place.networks):
        return (place,)
    ranges = tuple(net for net in place.networks if not _is_single(net))
    return replace(place, networks=single), replace(place, networks=ranges)


def _is_single(network: IPNetwork) -> bool:
    return network.prefixlen == network.max_prefixlen


def _parts(flow: Flow, managed: Sequence[str]) -> Iterator[Part]:
    """Of a flow that has single addresses or ranges on each side, not both."""
    sources, targets = flow.source.networks, flow.target.networks
    sort, type_ = _sort(sources, targets), f"ipv{flow.version}_addr"
    side = targets if sort == "to" else sources
    elements = tuple(map(_address, side))
    if sort == "pairs":
        elements = tuple(one + other for one in elements for other in map(_address, targets))
        type_ += PAIR + type_
    elif not _is_single(side[0]):
        elements = tuple(net.network_address.packed + net.broadcast_address.packed for net in side)
        type_ += INTERVALS
    for ports in _ports(flow.ports, flow.version):
        yield Part(_rule(flow, ports, managed, sort), sort, type_, elements, flow, ports)


def _sort(sources: Sequence[IPNetwork], targets: Sequence[IPNetwork]) -> str:
    """Which side is in a set. It depends on this flow alone: an edit of one changes no other's."""
    if not sources or not targets:
        return "from" if sources else "to"
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
    incoming, outgoing = _device("iifname", flow.source, managed), _device("oifname", flow.target, managed)
    source = match("saddr", flow.version, flow.source.networks)
    target = match("daddr", flow.version, flow.target.networks)
    if sort == "from":
        source = f"{family} saddr{hole}"
    elif sort == "to":
        target = f"{family} daddr{hole}"
    elif sort == "pairs":
        source, target = "", f"{family} saddr . {family} daddr{hole}"
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
