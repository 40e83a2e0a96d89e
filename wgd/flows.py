"""What the rules of all interfaces mean, in addresses and devices: the one reading of `[[forward]]`.

nftables makes rules of it and sysctl the forwarding they need, so the two cannot disagree. Pure.

Each side of a rule is bound to where it lives, see `wgd.ground`: an address alone would let a neighbour on
eth0 spoof a camera, and a packet for a camera whose peer is gone out by the default route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from wgd import ground, prefixes
from wgd.config.document import Config, Forward, Forwarding, Interface, IPNetwork, Masquerade, PortRange, Side
from wgd.ground import Ground, Place, Ways
from wgd.model import State
from wgd.prefixes import Ranges

FENCE = "fence"
"""The chain that keeps what only wgd opened from leading anywhere else."""


def guard(interface: str) -> str:
    """The chain that decides what passes through the interface; it must stand before packets can flow."""
    return f"forward-{interface}"


@dataclass(frozen=True, slots=True)
class Flow:
    """New connections from `source` to `target` that a rule of `interface` permits, of one IP version."""

    interface: str
    version: int
    source: Place
    target: Place
    ports: tuple[PortRange, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Disguise:
    """What came in from `interface` and leaves by `out` towards `networks` (empty: anywhere) gets that
    device's address."""

    interface: str
    version: int
    out: str
    networks: tuple[IPNetwork, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Addresses in a rule of `interface` that live nowhere: the rule permits nothing to or from them."""

    interface: str
    network: IPNetwork
    words: str

    def __str__(self) -> str:
        return (
            f"the rule {self.words} of {self.interface} permits nothing for {self.network}: no peer has it, "
            "and no route but the default one leads there (`in` or `out` in the rule would name a device)"
        )


class _Side(NamedTuple):
    """One side of a rule; `device`: what it is bound to outside (None: not said); `named`: what masquerading
    says of that."""

    words: Side
    device: str | None
    named: Ways


def flows(config: Config, seen: State) -> tuple[Flow, ...]:
    """All flows that the enabled interfaces permit, in file order."""
    return tuple(
        flow for interface, here in _ruled(config, seen) for flow in _flows(interface, here, seen.now)
    )


def nowhere(config: Config, seen: State) -> tuple[Nowhere, ...]:
    """What rules name by its addresses and no way leads to, each once, in file order."""
    found = (
        Nowhere(interface.name, network, _words(rule))
        for interface, here in _ruled(config, seen)
        for rule in interface.forwards
        for side in _sides(rule, interface.name, here)
        for network in side.words.networks
        if network.version == here.version and side.device is None
        if not ground.live(prefixes.ranges((network,), here.version), interface.name, here, side.named)
    )
    return tuple(dict.fromkeys(found))


def _ruled(config: Config, seen: State) -> Iterator[tuple[Interface, Ground]]:
    """The interfaces that have rules, with the ground for each of their IP versions."""
    ruled = [interface for interface in config.enabled() if interface.forwarding is Forwarding.RULES]
    grounds = ground.survey(config, seen.of("route").values()) if ruled else {}
    return ((interface, grounds[version]) for interface in ruled for version in ground.versions(interface))


def _flows(interface: Interface, here: Ground, now: float) -> Iterator[Flow]:
    for rule in interface.forwards:
        sources, targets = (
            _places(side, interface.name, here, now) for side in _sides(rule, interface.name, here)
        )
        for source in sources:
            for target in targets:
                if interface.name in (source.device, target.device):
                    yield Flow(interface.name, here.version, source, target, rule.ports, _words(rule))


def _words(rule: Forward) -> str:
    return f"{rule.source} → {rule.target}"


def _sides(rule: Forward, interface: str, here: Ground) -> tuple[_Side, _Side]:
    return _Side(rule.source, rule.incoming, {}), _Side(rule.target, rule.outgoing, here.named[interface])


def _places(side: _Side, interface: str, here: Ground, now: float) -> tuple[Place, ...]:
    words, device, named = side
    if words.any:
        return (Place(device),) if device else (*map(Place, here.managed(interface)), Place(None))
    if device:
        named = {device: prefixes.everything(here.version)}
    return ground.live(_addresses(words, interface, here, now), interface, here, named)


def _addresses(side: Side, interface: str, here: Ground, now: float) -> Ranges:
    parts = [prefixes.ranges(side.networks, here.version)]
    parts += [here.peer(interface, name, now) for name in side.peers]
    if side.internet:
        parts.append(here.public)
    return prefixes.union(*parts)


def disguises(config: Config) -> tuple[Disguise, ...]:
    """All masquerading of the enabled interfaces."""
    grounds = ground.survey(config)
    return tuple(
        disguise
        for interface in config.enabled()
        for rule in interface.masquerades
        for version in ground.versions(interface)
        for disguise in _disguises(interface.name, rule, grounds[version])
    )


def _disguises(interface: str, rule: Masquerade, here: Ground) -> Iterator[Disguise]:
    words = f"to {rule.target} as {rule.out}"
    if rule.target.any:
        yield Disguise(interface, here.version, rule.out, (), words)
        return
    wanted = prefixes.ranges(rule.target.networks, here.version)
    if rule.target.internet:
        wanted = prefixes.union(wanted, here.public)
    if wanted:
        networks = prefixes.networks(wanted, here.version)
        yield Disguise(interface, here.version, rule.out, networks, words)


def ingress(config: Config, seen: State) -> dict[int, tuple[str, ...]]:
    """IP version → devices whose packets must be forwarded for the flows and their replies, sorted."""
    needed: dict[int, set[str]] = {4: set(), 6: set()}
    disguised = disguises(config)
    routes = ground.by_length(seen.of("route").values())

    @cache
    def routed(networks: tuple[IPNetwork, ...], version: int) -> set[str]:
        wanted = prefixes.ranges(networks, version) if networks else prefixes.everything(version)
        return set(ground.leads(wanted, version, routes)) - set(config.managed())

    for flow in flows(config, seen):
        for place in (flow.source, flow.target):
            if place.device is not None:
                needed[flow.version].add(place.device)
                continue
            named = _named(flow, disguised) if place is flow.target else set()
            needed[flow.version] |= named or routed(place.networks, flow.version)
    return {version: tuple(sorted(devices)) for version, devices in needed.items()}


def _named(flow: Flow, disguised: Iterable[Disguise]) -> set[str]:
    """The devices that masquerading names for what the flow leads to."""
    mine = [d for d in disguised if (d.interface, d.version) == (flow.interface, flow.version)]
    return {d.out for d in mine if _meet(d.networks, flow.target.networks, flow.version)}


def _meet(one: tuple[IPNetwork, ...], other: tuple[IPNetwork, ...], version: int) -> bool:
    if not one or not other:
        return True
    return bool(prefixes.intersection(prefixes.ranges(one, version), prefixes.ranges(other, version)))
