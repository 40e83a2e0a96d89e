"""Flows in nft's language: rules, and sets of addresses where many flows differ in nothing but who. Pure.

Flows that agree in IP version, devices, ports and one side share a rule, and their other sides are the
elements of its set. Between single addresses both sides are: pairs. So neither a packet's way nor an edit
grows with the number of peers. What is only a few stays rules with words of their own, as a person would
write them.

A set's name is told by the rest of its rule, so that it stays while its elements come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from wgd import prefixes
from wgd.access.ground import Place
from wgd.access.meaning import HERE, Flow
from wgd.config.document import PortRange
from wgd.nftset import INTERVALS, PAIR
from wgd.prefixes import Prefix
from wgd.values import replace

LONGEST = 64
"""The side that a rule's text holds has no more addresses than this, if the other has fewer."""
SORTS = ("from", "to", "pairs")
"""How a set's name begins, and what its elements are: sources, targets, or one of each."""
_FAMILIES = {4: "ip", 6: "ip6"}
HOLE = " @ "
"""Where the name of its set belongs in a rule."""


class Text(NamedTuple):
    """A rule: its text without a comment, and the words that tell a person where it comes from."""

    text: str
    words: str


class Shape(NamedTuple):
    """What parts have in common that share a rule: a set of that `type` and sort, whose name belongs into the
    hole of `rule`. `shares` tells it from others. `ports`: what of the rule matches ports."""

    shares: str
    rule: str
    type: str
    sort: str
    ports: str


class Part(NamedTuple):
    """What a flow permits, as elements of a set."""

    shape: Shape
    elements: tuple[bytes, ...]
    flow: Flow


def interface_of(name: str) -> str | None:
    """The interface whose rules look into a set of this name; None: it is no name of ours."""
    sort, _, rest = name.partition("-")
    return (rest.rpartition("-")[0] or None) if sort in SORTS else None


def parts(flow: Flow, managed: tuple[str, ...]) -> tuple[Part, ...]:
    """The flow as elements of sets; nothing of one that names no addresses."""
    sources, targets = _by_size(flow.source), _by_size(flow.target)
    if len(sources) == len(targets) == 1:
        return _parts(flow, managed)
    narrowed = (replace(flow, source=source, target=target) for source in sources for target in targets)
    return tuple(part for one in narrowed for part in _parts(one, managed))


def _by_size(place: Place) -> tuple[Place, ...]:
    """Single addresses and ranges, which sets keep apart."""
    if len(place.networks) == 1:
        return (place,)
    single = tuple(net for net in place.networks if net.single)
    if not single or len(single) == len(place.networks):
        return (place,)
    ranges = tuple(net for net in place.networks if not net.single)
    return replace(place, networks=single), replace(place, networks=ranges)


def _parts(flow: Flow, managed: tuple[str, ...]) -> tuple[Part, ...]:
    """Of a flow that has single addresses or ranges on each side, not both."""
    sources, targets = flow.source.networks, flow.target.networks
    sort = _sort(sources, targets)
    if not sort:
        return ()
    side = targets if sort == "to" else sources
    intervals = not side[0].single
    if sort == "pairs":
        elements = tuple([one.packed + other.packed for one in sources for other in targets])
    elif intervals:
        elements = tuple([net.packed + net.packed_last for net in side])
    else:
        elements = tuple([net.packed for net in side])
    devices = flow.source.device, flow.target.device
    named = sources if sort == "to" else (), targets if sort == "from" else ()
    shapes = _shapes(flow.version, devices, *named, flow.ports, managed, sort, intervals)
    return tuple([Part(shape, elements, flow) for shape in shapes])


@lru_cache(maxsize=256)
def _shapes(
    number: int,
    devices: tuple[str | None, str | None],
    sources: tuple[Prefix, ...],
    targets: tuple[Prefix, ...],
    ports: tuple[PortRange, ...],
    managed: tuple[str, ...],
    sort: str,
    intervals: bool,
) -> tuple[Shape, ...]:
    """Ten thousand flows that share a set have one shape: then it is one object, and made once. `sources` and
    `targets`: those that the rule names itself."""
    type_ = f"ipv{number}_addr"
    type_ = type_ + PAIR + type_ if sort == "pairs" else type_ + INTERVALS if intervals else type_
    texts = {
        text: _rule_text(number, devices, sources, targets, text, managed, sort)
        for text in port_texts(ports, number)
    }
    return tuple(Shape(f"{type_}: {rule}", rule, type_, sort, text) for text, rule in texts.items())


def _sort(sources: Sequence[Prefix], targets: Sequence[Prefix]) -> str:
    """Which side is in a set ("": none). It depends on this flow alone: an edit of one changes no other's."""
    if not sources or not targets:
        return "from" if sources else "to" if targets else ""
    return _sort_of(len(sources), sources[0].single, len(targets), targets[0].single)


@lru_cache(maxsize=256)
def _sort_of(sources: int, single_sources: bool, targets: int, single_targets: bool) -> str:
    """Of so many addresses or ranges on each side."""
    few = min(sources, targets) == 1 or sources * targets <= LONGEST
    if single_sources and single_targets and few:
        return "pairs"
    if single_targets and not single_sources:
        return "from" if sources > max(LONGEST, targets) else "to"
    return "to" if targets > max(LONGEST, sources) else "from"


def rule_text(flow: Flow, ports: str, managed: Sequence[str]) -> str:
    """A rule without a set."""
    devices = flow.source.device, flow.target.device
    return _rule_text(flow.version, devices, flow.source.networks, flow.target.networks, ports, managed)


def _rule_text(
    number: int,
    devices: tuple[str | None, str | None],
    sources: Sequence[Prefix],
    targets: Sequence[Prefix],
    ports: str,
    managed: Sequence[str],
    sort: str = "",
) -> str:
    """With a hole for the set of that sort, or without."""
    ip, hole = family(number), HOLE.rstrip()
    source, target = match("saddr", number, sources), match("daddr", number, targets)
    if sort == "from":
        source = f"{ip} saddr{hole}"
    elif sort == "pairs":
        target = f"{ip} saddr . {ip} daddr{hole}"
    elif sort == "to":
        target = f"{ip} daddr{hole}"
    incoming, outgoing = map(partial(_device, managed), ("iifname", "oifname"), devices)
    words = (version(number), incoming, source, outgoing, target, ports, "accept")
    return " ".join(filter(None, words))


def family(number: int) -> str:
    """nft's word for an IP version."""
    return _FAMILIES[number]


def version(number: int) -> str:
    """Matches packets of an IP version."""
    return f"meta nfproto ipv{number}"


def _device(managed: Sequence[str], word: str, device: str | None) -> str:
    if device == HERE.device:
        return ""
    return unmanaged(word, managed) if device is None else f'{word} "{device}"'


def unmanaged(word: str, managed: Sequence[str]) -> str:
    """Matches devices that wgd does not manage; with none managed there is nothing to say."""
    names = [f'"{name}"' for name in managed]
    return f"{word} != {_one_of(names)}" if names else ""


def match(word: str, number: int, networks: Sequence[Prefix]) -> str:
    """Matches packets whose address, `saddr` or `daddr`, is one of these; none: all of that IP version."""
    return f"{family(number)} {word} {_one_of(map(str, networks))}" if networks else ""


def _one_of(elements: Iterable[str]) -> str:
    listed = list(elements)
    return listed[0] if len(listed) == 1 else "{ " + ", ".join(listed) + " }"


def port_texts(ports: tuple[PortRange, ...], number: int) -> Sequence[str]:
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
