"""What the rules of all interfaces mean, in addresses and devices: the one reading of `[[forward]]`.

nftables makes rules of it and sysctl the forwarding they need, so the two cannot disagree. Pure.

Each side of a rule is bound to where it lives, see `wgd.ground`: an address alone would let a neighbour on
eth0 spoof a camera, and a packet for a camera whose peer is gone out by the default route.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from wgd import ground, prefixes
from wgd.config.document import Config, Forward, Forwarding, IPNetwork, Masquerade, PortRange, Side
from wgd.ground import Ground, Place, Surveyor, Ways
from wgd.model import State
from wgd.per_rule import PerRule
from wgd.prefixes import Ranges

Ingress = Mapping[int, tuple[str, ...]]
"""IP version → devices."""

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


class _Said(NamedTuple):
    """What one rule says in one IP version."""

    flows: tuple[Flow, ...]
    nowhere: tuple[Nowhere, ...]
    bound: frozenset[tuple[int, str]]
    """The IP version, and devices that its flows are bound to."""
    loose: tuple[Flow, ...]
    """Those of its flows that are not bound to a device on each side."""


class _Read(NamedTuple):
    """What all rules say, and when that is so: from `since` until the next peer expires."""

    config: Config
    routes: Mapping[Hashable, Any]
    since: float
    until: float
    flows: tuple[Flow, ...]
    nowhere: tuple[Nowhere, ...]
    bound: Set[tuple[int, str]]
    loose: tuple[Flow, ...]


class Reader:
    """Reads one config after the other, and of each only what is new. It says what anybody would who reads
    everything."""

    def __init__(self) -> None:
        self._surveyor, self._rules = Surveyor(), PerRule[_Said]()
        self._last = _Read(Config(), {}, 0.0, 0.0, (), (), frozenset(), ())
        self._ingress: tuple[_Read, Ingress] = (self._last, {})
        self._disguises: tuple[Config, tuple[Disguise, ...]] = (Config(), ())

    def read(self, config: Config, seen: State) -> _Read:
        last, routes = self._last, seen.of("route")
        if config is last.config and routes is last.routes and last.since <= seen.now < last.until:
            return last
        said = list(chain.from_iterable(self._said(config, routes.values(), seen.now)))
        permitted, lost, loose = (
            tuple(chain.from_iterable(map(part, said))) for part in (_FLOWS, _NOWHERE, _LOOSE)
        )
        bound = frozenset[tuple[int, str]]().union(*map(_BOUND, said))
        until = min((time for time in ground.expiries(config) if time > seen.now), default=math.inf)
        nowhere = tuple(dict.fromkeys(lost))
        self._last = _Read(config, routes, seen.now, until, permitted, nowhere, bound, loose)
        return self._last

    def _said(self, config: Config, routes: Iterable[Any], now: float) -> Iterator[list[_Said]]:
        self._rules.begin()
        ruled = [interface for interface in config.enabled() if interface.forwarding is Forwarding.RULES]
        grounds = self._surveyor.survey(config, routes, now) if ruled else {}
        for interface in ruled:
            for here in ground.grounds_of(interface, grounds):
                yield self._rules.of(interface, here, _Ear(interface.name, here).hear)

    def ingress(self, config: Config, seen: State) -> Ingress:
        read = self.read(config, seen)
        if self._ingress[0] is not read:
            self._ingress = (read, _ingress(read, self.disguises(config)))
        return self._ingress[1]

    def disguises(self, config: Config) -> tuple[Disguise, ...]:
        if self._disguises[0] is not config:
            masked = [interface for interface in config.enabled() if interface.masquerades]
            grounds = Surveyor().survey(config) if masked else {}
            found = tuple(
                disguise
                for interface in masked
                for rule in interface.masquerades
                for here in ground.grounds_of(interface, grounds)
                for disguise in _disguises(interface.name, rule, here)
            )
            self._disguises = (config, found)
        return self._disguises[1]


_FLOWS, _NOWHERE = attrgetter("flows"), attrgetter("nowhere")
_BOUND, _LOOSE = attrgetter("bound"), attrgetter("loose")
_READER = Reader()


def flows(config: Config, seen: State) -> tuple[Flow, ...]:
    """All flows that the enabled interfaces permit, in file order."""
    return _READER.read(config, seen).flows


def nowhere(config: Config, seen: State) -> tuple[Nowhere, ...]:
    """What rules name by its addresses and no way leads to, each once, in file order."""
    return _READER.read(config, seen).nowhere


def disguises(config: Config) -> tuple[Disguise, ...]:
    """All masquerading of the enabled interfaces."""
    return _READER.disguises(config)


def ingress(config: Config, seen: State) -> Ingress:
    """IP version → devices whose packets must be forwarded for the flows and their replies, sorted."""
    return _READER.ingress(config, seen)


class _Ear:
    """Hears what rules of an interface say on one ground. Words that are said often are looked up once."""

    def __init__(self, interface: str, here: Ground) -> None:
        self._interface, self._here = interface, here
        self._live = cache(self._find)

    def hear(self, rule: Forward) -> _Said:
        here, interface, words = self._here, self._interface, f"{rule.source} → {rule.target}"
        sides = ((rule.source, rule.incoming, False), (rule.target, rule.outgoing, True))
        sources, targets = (self._places(*side) for side in sides)
        found = tuple(
            Flow(interface, here.version, source, target, rule.ports, words)
            for source in sources
            for target in targets
            if interface in (source.device, target.device)
        )
        lost = tuple(
            Nowhere(interface, network, words)
            for side, device, is_target in sides
            for network in side.networks
            if network.version == here.version and device is None
            if not self._live((network,), False, None, is_target)
        )
        ends = [(flow, place.device) for flow in found for place in (flow.source, flow.target)]
        bound = frozenset((here.version, device) for _, device in ends if device is not None)
        return _Said(found, lost, bound, tuple(flow for flow, device in ends if device is None))

    def _places(self, side: Side, device: str | None, is_target: bool) -> tuple[Place, ...]:
        """Where a side of a rule is; `device`: what it is bound to outside (None: not said)."""
        if side.any:
            managed = self._here.managed(self._interface)
            return (Place(device),) if device else (*map(Place, managed), Place(None))
        if not side.peers:
            return self._live(side.networks, side.internet, device, is_target)
        own = prefixes.union(*(self._here.peer(self._interface, name) for name in side.peers))
        if side.networks or side.internet:
            others = self._addresses(side.networks, side.internet)
            return self._at(prefixes.union(own, others), device, is_target)
        # A peer's own addresses are behind the interface, since all that it brings is.
        return (Place(self._interface, prefixes.networks(own, self._here.version)),) if own else ()

    def _find(
        self, networks: tuple[IPNetwork, ...], internet: bool, device: str | None, is_target: bool
    ) -> tuple[Place, ...]:
        return self._at(self._addresses(networks, internet), device, is_target)

    def _addresses(self, networks: tuple[IPNetwork, ...], internet: bool) -> Ranges:
        found = prefixes.ranges(networks, self._here.version)
        return prefixes.union(found, self._here.public) if internet else found

    def _at(self, wanted: Ranges, device: str | None, is_target: bool) -> tuple[Place, ...]:
        """What masquerading names is reached so by targets."""
        named: Ways = self._here.named[self._interface] if is_target else {}
        if device:
            named = {device: prefixes.everything(self._here.version)}
        return ground.live(wanted, self._interface, self._here, named)


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


def _ingress(read: _Read, disguised: Sequence[Disguise]) -> Ingress:
    needed: dict[int, set[str]] = {4: set(), 6: set()}
    routes = ground.by_length(read.routes.values()) if read.loose else ()
    managed = {*read.config.managed()}

    @cache
    def routed(networks: tuple[IPNetwork, ...], version: int) -> set[str]:
        wanted = prefixes.ranges(networks, version) if networks else prefixes.everything(version)
        return set(ground.leads(wanted, version, routes)) - managed

    for version, device in read.bound:
        needed[version].add(device)
    for flow in read.loose:
        for place in (flow.source, flow.target):
            if place.device is None:
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
