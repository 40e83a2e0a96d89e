"""What of all that wgd permits another firewall drops, and what would open it. Pure.

Asked is once for what differs in nothing but addresses on one side, so that it costs by rule and not by peer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice

from wgd import prefixes
from wgd.access import ground
from wgd.access.flows import entering, flows
from wgd.access.ground import Place
from wgd.access.meaning import Flow
from wgd.config.document import Config, Interface, PortRange
from wgd.firewalls import advice
from wgd.firewalls.advice import Opening
from wgd.firewalls.gathering import Ways, gathered
from wgd.firewalls.packets import ICMP, Packets
from wgd.firewalls.walk import Chain, Does, Ending, Ruleset, endings
from wgd.model import State
from wgd.prefixes import Prefix, Ranges, ranges_or_all
from wgd.values import replace, value

MANY = 200
"""So many questions are asked; pairs of addresses could be thousands, and those after them fare alike."""


@value
class Obstacle:
    """Another firewall drops what wgd permits; or (not `certain`) it cannot be told whether it does.

    `what`: the rules of wgd, or the port. `incoming`, `outgoing`: devices ("": this host). `chain`: its
    family, table and name; `by`: its rule, or its policy. `owner`: whose tool. `commands` would open it; none
    for what is not certain.
    """

    interface: str
    what: tuple[str, ...]
    incoming: str
    outgoing: str
    certain: bool
    owner: str
    chain: str
    by: str
    commands: tuple[str, ...]

    def __str__(self) -> str:
        path = f"from {self.incoming} to {self.outgoing or 'this host'}"
        return f"{self.owner} {self.verb} {', '.join(self.what)} {path}: {self.by} in chain {self.chain}"

    @property
    def verb(self) -> str:
        """What it does."""
        return "drops" if self.certain else "may drop"


@value
class Question:
    """Packets that have to pass the chains at `hook`; `ports` as the rule says (None: anything)."""

    interface: str
    what: tuple[str, ...]
    hook: str
    packets: Packets
    ports: PortRange | None


def obstacles(config: Config, seen: State, ruleset: Ruleset) -> tuple[Obstacle, ...]:
    """All there are. Nothing is looked at if no other firewall has a chain where packets pass."""
    hooks = {chain.hook for chain in ruleset.chains.values()}
    questions = _forwarded(config, seen) if hooks & {"prerouting", "forward"} else []
    if hooks & {"prerouting", "input"}:
        questions += [*_calls(config, seen), *_entering(config, seen)]
    return _merged(found for question in questions for found in _answers(ruleset, question))


def _answers(ruleset: Ruleset, question: Question) -> Iterator[Obstacle]:
    """One for each base chain that drops some of it, there or back. Before the routing only what is certain
    counts: nearly everybody looks there whether an address can have come by that way (rp_filter)."""
    packets = question.packets
    for base in _bases(ruleset, question):
        forth = _worst(endings(ruleset, base, packets))
        back = _worst(endings(ruleset, base, packets.replies)) if question.hook == "forward" else None
        worst = _worst(ending for ending in (forth, back) if ending)
        if worst is None or (base.hook == "prerouting" and worst.does is not Does.DROP):
            continue
        certain = worst.does is Does.DROP
        opening = Opening(packets, question.ports, forth is not None, back is not None)
        yield Obstacle(
            question.interface,
            question.what,
            worst.packets.incoming,
            worst.packets.outgoing,
            certain,
            advice.owner(ruleset, worst),
            str(worst.chain),
            worst.by,
            advice.commands(ruleset, worst, opening) if certain else (),
        )


def _bases(ruleset: Ruleset, question: Question) -> tuple[Chain, ...]:
    """The base chains that its packets meet, in order."""
    version = question.packets.version
    return ruleset.bases("prerouting", version) + ruleset.bases(question.hook, version)


def _worst(found: Iterable[Ending]) -> Ending | None:
    """A drop if there is one, else what is unknown; None: all of it is accepted."""
    bad = [ending for ending in found if ending.does is not Does.ACCEPT]
    return next((ending for ending in bad if ending.does is Does.DROP), bad[0] if bad else None)


def in_the_way(ruleset: Ruleset, flow: Flow, incoming: str, outgoing: str) -> Iterator[tuple[Obstacle, bool]]:
    """What drops something of one flow between two devices (outgoing "": to this host); and whether all of
    one protocol is dropped, so that nothing of it gets by."""
    for question in _asked(flow, incoming, outgoing):
        ways = (question.packets, question.packets.replies) if outgoing else (question.packets,)
        chains = _bases(ruleset, question)
        whole = any(
            all(ending.does is Does.DROP for ending in endings(ruleset, base, packets))
            for base in chains
            for packets in ways
        )
        yield from ((obstacle, whole) for obstacle in _answers(ruleset, question))


def _merged(found: Iterable[Obstacle]) -> tuple[Obstacle, ...]:
    """What differs in words and commands only is told once; and nothing that the commands told open, too."""
    merged: dict[Obstacle, list[Obstacle]] = {}
    for one in found:
        merged.setdefault(replace(one, what=(), commands=()), []).append(one)
    told: list[Obstacle] = []
    for key, same in merged.items():
        new = [command for one in same for command in one.commands if not _known(command, told)]
        if not all(map(_reloads, new)) or not key.certain:
            what = dict.fromkeys(words for one in same for words in one.what)
            told.append(replace(key, what=tuple(what), commands=_in_order(new)))
    return tuple(told)


def _known(command: str, told: Sequence[Obstacle]) -> bool:
    """A reload makes others take effect, and is no news itself."""
    return any(command in obstacle.commands for obstacle in told) and not _reloads(command)


def _reloads(command: str) -> bool:
    return command.endswith("--reload")


def _in_order(commands: Iterable[str]) -> tuple[str, ...]:
    """Each once, and a reload last."""
    return tuple(sorted(dict.fromkeys(commands), key=_reloads))


def _forwarded(config: Config, seen: State) -> list[Question]:
    """What the rules permit."""
    ways = Ways(config, seen)
    questions: list[Question] = []
    for flow in gathered(flows(config, seen)):
        for incoming in ways.of(flow.source, flow.version):
            for outgoing in ways.of(flow.target, flow.version):
                if len(questions) < MANY:
                    questions += _asked(flow, incoming, outgoing)
    return questions


def _asked(flow: Flow, incoming: str, outgoing: str) -> Iterator[Question]:
    """About each of its protocols and ports; `outgoing` "": to this host."""
    hook = "forward" if outgoing else "input"
    source, target = (ranges_or_all(place.networks, flow.version) for place in (flow.source, flow.target))
    packets = Packets(flow.version, incoming, outgoing, source, target, "tcp")
    words = (flow.words,)
    for ports in flow.ports:
        if ports.protocol == "icmp":
            some = replace(packets, protocol=ICMP[flow.version])
        else:
            some = replace(packets, protocol=ports.protocol, ports=((ports.first, ports.last),))
        yield Question(flow.interface, words, hook, some, ports)
    if not flow.ports:
        for protocol in ("tcp", "udp", ICMP[flow.version]):
            yield Question(flow.interface, words, hook, replace(packets, protocol=protocol), None)


def _calls(config: Config, seen: State) -> list[Question]:
    """UDP to the port of an interface where somebody has to call us, a peer without an endpoint, by whatever
    device leads into public."""
    ways = Ways(config, seen)
    addresses: Mapping[str, list[Prefix]] = _addresses(seen)
    return [
        _call(interface, version, device, here)
        for interface in config.enabled()
        if interface.listen_port and _is_called(interface)
        for version in (4, 6)
        for device in ways.of(Place(None, _public(version)), version)
        for here in [prefixes.ranges(addresses.get(device, ()), version)]
        if here
    ]


def _entering(config: Config, seen: State) -> Iterator[Question]:
    """What the rules permit to come in to this host from behind an interface."""
    permitted = (flow for interface in config.enabled() for flow in entering(config, seen, interface.name))
    asked = (one for flow in gathered(permitted) for one in _asked(flow, flow.interface, ""))
    return islice(asked, MANY)


def _is_called(interface: Interface) -> bool:
    return any(peer.enabled and peer.endpoint is None for peer in interface.peers)


def _call(interface: Interface, version: int, device: str, here: Ranges) -> Question:
    port = interface.listen_port or 0
    everywhere = prefixes.everything(version)
    packets = Packets(version, device, "", everywhere, here, "udp", ports=((port, port),))
    return Question(interface.name, (f"udp/{port}",), "input", packets, PortRange("udp", port, port))


@cache
def _public(version: int) -> tuple[Prefix, ...]:
    return prefixes.networks(ground.public_addresses(version), version)


def _addresses(seen: State) -> dict[str, list[Prefix]]:
    """By device, but for those that only neighbours reach."""
    found: dict[str, list[Prefix]] = {}
    for one in seen.of("address").values():
        if not one.address.ip.is_link_local:
            found.setdefault(one.interface, []).append(Prefix.alone(one.address.ip))
    return found
