"""Kind `passage`: rules in a chain of iptables that let pass what ours permit, with `foreign`.

Marker: the rule's comment, `wgd:` and the interface; only rules that carry it are read.
Quirks: whoever owns the chain may empty it, as Docker does when it starts: then they come back.
    Words are those of iptables-save, in its order, since what is read is compared with what is wanted.
    Each rule is what its key says, so none is ever changed.
Deletes when: it carries our mark and nothing asks for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cache
from typing import ClassVar

from wgd import prefixes
from wgd.access.flows import flows, guard
from wgd.access.ground import Place
from wgd.access.meaning import Flow
from wgd.config.document import Config, Interface, Opens, PortRange
from wgd.firewalls.gathering import Ways, all_of
from wgd.firewalls.packets import ICMP
from wgd.model import Change, Op, Ref, Stage, State, Verb
from wgd.prefixes import Ranges
from wgd.protocols import Kind
from wgd.values import replace, value

MARKER = "wgd:"
PROGRAMS = {4: "iptables", 6: "ip6tables"}
CHAINS = {Opens.DOCKER_USER: "DOCKER-USER", Opens.IPTABLES_FORWARD: "FORWARD"}
"""In the table `filter`."""
FEW = 4
"""So many flows between two devices, and addresses on one side of one, have rules of their own. Of more, the
smallest network that holds them all: our own chain still looks at each packet."""


@value
class Passage:
    """A rule of ours in a chain of iptables: what `words` match is accepted."""

    version: int
    chain: str
    interface: str
    words: tuple[str, ...]

    def arguments(self, verb: str) -> tuple[str, ...]:
        """What iptables is told, with -I, -C or -D."""
        comment = ("-m", "comment", "--comment", f"{MARKER}{self.interface}")
        return ("-w", verb, self.chain, *self.words, *comment, "-j", "ACCEPT")

    def command(self, verb: str) -> str:
        """The same as a person types it."""
        return shlex.join((PROGRAMS[self.version], *self.arguments(verb)))


@value
class ForeignChain:
    """There is such a chain; never ours."""

    version: int
    chain: str


Spec = Passage | ForeignChain


@value(kw_only=True)
class PassageInsert(Op):
    """Make it the first rule of its chain, unless it is in there."""

    stage: ClassVar[Stage] = Stage.LINK
    passage: Passage

    def commands(self) -> Sequence[str]:
        return (self.passage.command("-I"),)


@value(kw_only=True)
class PassageDelete(Op):
    """Delete it; gone already is as good."""

    stage: ClassVar[Stage] = Stage.LINK
    passage: Passage

    def commands(self) -> Sequence[str]:
        return (self.passage.command("-D"),)


class PassageKind(Kind[Spec]):
    name = "passage"
    privileged = True
    reads = frozenset({"link", "passage", "route"})

    def key(self, spec: Spec) -> Hashable:
        if isinstance(spec, ForeignChain):
            return spec.version, spec.chain
        return spec.version, spec.chain, spec.interface, spec.words

    def desired(self, config: Config, seen: State) -> Iterable[Spec]:
        found: dict[Passage, None] = {}
        for interface, chain in _asking(config):
            there = [version for version in PROGRAMS if (version, chain) in seen.of("passage")]
            for version, words in _needed(interface, config, seen) if there else ():
                if version in there:
                    found[Passage(version, chain, interface.name, words)] = None
        return found

    def owns(self, have: Spec, seen: State) -> bool:
        return isinstance(have, Passage)

    def differences(self, want: Spec, have: Spec) -> tuple[tuple[str, str, str], ...]:
        return ()

    def interface(self, spec: Spec) -> str | None:
        return spec.interface if isinstance(spec, Passage) else None

    def label(self, spec: Spec) -> str:
        if isinstance(spec, ForeignChain):
            return f"chain {spec.chain} of {PROGRAMS[spec.version]}"
        return f"{PROGRAMS[spec.version]} rule in {spec.chain}: {shlex.join(spec.words)}"

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        """Ours stand before another firewall opens."""
        for change in changes:
            if change.verb is Verb.DELETE:
                yield PassageDelete(refs=(change.ref,), passage=change.before, deletes=True)
            else:
                needs = (Ref("nftables", guard(change.after.interface)),)
                yield PassageInsert(refs=(change.ref,), needs=needs, passage=change.after)


def unopened(config: Config, seen: State) -> Iterator[str]:
    """What `foreign` asks for and nothing here has."""
    for interface, chain in _asking(config):
        if not any((version, chain) in seen.of("passage") for version in PROGRAMS):
            yield (
                f'foreign = "{interface.foreign}" of {interface.name} opens nothing: iptables shows no chain '
                f"{chain} here, or is not installed"
            )


def option(commands: Iterable[str]) -> str | None:
    """What to write in `[interface]` so that wgd does what these commands would; None: nothing does."""
    typed = [command.split()[:3] for command in commands]
    for word, chain in CHAINS.items():
        if typed and all(one in ([program, "-I", chain] for program in PROGRAMS.values()) for one in typed):
            return f'foreign = "{word}"'
    return None


def _asking(config: Config) -> Iterator[tuple[Interface, str]]:
    for interface in config.enabled():
        if interface.foreign is not None:
            yield interface, CHAINS[interface.foreign]


def _needed(interface: Interface, config: Config, seen: State) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The IP version and the words of each rule that its flows need."""
    devices = cache(Ways(config, seen).of)
    paths: dict[tuple[str, str, tuple[PortRange, ...], int], list[Flow]] = {}
    for flow in flows(config, seen):
        if flow.interface == interface.name:
            for incoming in devices(flow.source, flow.version):
                for outgoing in devices(flow.target, flow.version):
                    paths.setdefault((incoming, outgoing, flow.ports, flow.version), []).append(flow)
    for (incoming, outgoing, ports, version), found in paths.items():
        sides = [(flow.source, flow.target) for flow in found]
        if len(found) > FEW:
            sides = [(all_of(found, "source"), all_of(found, "target"))]
        for one, other in sides:
            for source in _addresses(one, version):
                for target in _addresses(other, version):
                    forth = _Way(version, incoming, outgoing, source, target)
                    yield from ((version, words) for words in forth.rules(ports))


def _addresses(place: Place, version: int) -> list[str]:
    """As iptables-save writes them, "" for any."""
    spans = prefixes.ranges_or_all(place.networks, version)
    found = prefixes.networks(spans, version)
    if len(found) > FEW:
        found = prefixes.networks((_around(spans),), version)
    return ["" if network.length == 0 else str(network) for network in found]


def _around(found: Ranges) -> tuple[int, int]:
    """The smallest network with all of them in it."""
    first, last = min(low for low, _ in found), max(high for _, high in found)
    host = (1 << (first ^ last).bit_length()) - 1
    return first & ~host, first | host


@value
class _Way:
    """From device to device and from address to address, "" for any."""

    version: int
    incoming: str
    outgoing: str
    source: str
    target: str

    def back(self) -> _Way:
        return _Way(self.version, self.outgoing, self.incoming, self.target, self.source)

    def rules(self, ports: Sequence[PortRange]) -> Iterator[tuple[str, ...]]:
        """New connections to the ports (none: all), what comes back of them, and ICMP errors both ways, which
        whoever stands between may send."""
        back, icmp = self.back(), ICMP[self.version]
        for one in ports or (None,):
            yield (*self._matches(), *_protocol(one, icmp, "--dport"))
            yield (*back._matches(), *_protocol(one, icmp, "--sport"), *_state("ESTABLISHED"))
        for way in (self, back):
            yield (*replace(way, source="")._matches(), "-p", icmp, *_state("RELATED"))

    def _matches(self) -> tuple[str, ...]:
        sides = (("-s", self.source), ("-d", self.target), ("-i", self.incoming), ("-o", self.outgoing))
        return tuple(word for option, value in sides if value for word in (option, value))


def _state(word: str) -> tuple[str, ...]:
    return "-m", "conntrack", "--ctstate", word


def _protocol(ports: PortRange | None, icmp: str, side: str) -> tuple[str, ...]:
    if ports is None:
        return ()
    if ports.protocol == "icmp":
        return "-p", icmp
    return "-p", ports.protocol, "-m", ports.protocol, side, ports.numbers(":")
