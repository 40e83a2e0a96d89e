"""What the rules of all interfaces mean, in addresses and devices: the one reading of `[[forward]]`.

nftables makes rules of it and sysctl the forwarding they need, so the two cannot disagree. Pure.

`wgd.access.meaning` says what one rule means; here all of them are read, one config after the other.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from wgd import prefixes
from wgd.access import ground
from wgd.access.ground import Edits, Ground, Surveyor
from wgd.access.meaning import Ear, Flow, Nowhere, Said
from wgd.access.per_rule import Heard, PerRule
from wgd.config.document import Config, Forward, Forwarding, Input, Interface, Masquerade
from wgd.listing import touched
from wgd.model import State
from wgd.prefixes import IPAddress, Prefix
from wgd.values import value

Moved = tuple[tuple[Flow, ...], tuple[Flow, ...]]
"""Flows that go, and flows that come."""
Ingress = Mapping[int, tuple[str, ...]]
"""IP version → devices."""

FENCE = "fence"
"""The chain that keeps what only wgd opened from leading anywhere else."""


def door(interface: str) -> str:
    """The chain that decides what comes in to this machine through the interface; it must stand as early."""
    return f"input-{interface}"


def guard(interface: str) -> str:
    """The chain that decides what passes through the interface; it must stand before packets can flow."""
    return f"forward-{interface}"


@value
class Disguise:
    """What came in from `interface` and leaves by `out` towards `networks` (empty: anywhere) gets `address`
    (None: that device's)."""

    interface: str
    version: int
    out: str
    networks: tuple[Prefix, ...]
    words: str
    address: IPAddress | None = None


class _Rest(NamedTuple):
    """What rules say besides flows, and those of the flows that are not bound to a device on each side."""

    nowhere: tuple[Nowhere, ...] = ()
    bound: Set[tuple[int, str]] = frozenset()
    loose: tuple[Flow, ...] = ()


class _Read(NamedTuple):
    """What all rules say, and when that is so: from `since` until the next peer expires. `permitted` and
    `entering` by interface, in file order."""

    config: Config
    routes: Mapping[Hashable, Any]
    since: float
    until: float
    permitted: Mapping[str, tuple[Flow, ...]]
    entering: Mapping[str, tuple[Flow, ...]]
    rest: _Rest

    @property
    def flows(self) -> tuple[Flow, ...]:
        return tuple(chain.from_iterable(self.permitted.values()))

    @property
    def entries(self) -> tuple[Flow, ...]:
        return tuple(chain.from_iterable(self.entering.values()))


class Reader:
    """Reads one config after the other, and of each only what is new. It says what anybody would who reads
    everything."""

    def __init__(self) -> None:
        self._surveyor = Surveyor()
        self._forwards, self._inputs = PerRule[Forward, Said](), PerRule[Input, Said]()
        self._last = _Read(Config(), {}, 0.0, 0.0, {}, {}, _Rest())
        self._said: list[Said] = []
        self._ingress: tuple[_Read, Ingress] = (self._last, {})
        self._disguises: tuple[Config, tuple[Disguise, ...]] = (Config(), ())

    def read(self, config: Config, seen: State) -> _Read:
        last, routes = self._last, seen.of("route")
        if config is last.config and routes is last.routes and last.since <= seen.now < last.until:
            return last
        said, entering, until = self._hear(config, routes.values(), seen.now)
        rest = self._rest([*chain(*said.values(), *entering.values())])
        permitted, entries = (
            {name: _flows_of(some) for name, some in one.items()} for one in (said, entering)
        )
        self._last = _Read(config, routes, seen.now, until, permitted, entries, rest)
        return self._last

    def _hear(
        self, config: Config, routes: Iterable[Any], now: float
    ) -> tuple[dict[str, list[Said]], dict[str, list[Said]], float]:
        """What each `[[forward]]` says, and each `[[input]]`, by interface, and until when."""
        self._forwards.begin()
        self._inputs.begin()
        said, entering = dict[str, list[Said]](), dict[str, list[Said]]()
        ruled = [i for i in config.enabled() if i.forwarding is Forwarding.RULES or i.inputs]
        grounds = self._surveyor.survey(config, routes, now) if ruled else {}
        for interface in ruled:
            name, forwards, inputs = interface.name, list[Said](), list[Said]()
            for here in ground.grounds_of(interface, grounds):
                ear = Ear(name, here)
                if interface.forwarding is Forwarding.RULES:
                    forwards += self._forwards.of(name, interface.forwards, here, ear.hear)
                inputs += self._inputs.of(name, interface.inputs, here, ear.enter)
            said[name], entering[name] = forwards, inputs
        expiries = self._surveyor.expiries() if ruled else ()
        return said, entering, min((time for time in expiries if time > now), default=math.inf)

    def _rest(self, said: list[Said]) -> _Rest:
        """As the last time, unless what is said anew has a part in it."""
        start, end, *_ = touched(self._said, said)
        some = (self._said[start:end], said[start:end])
        self._said = said
        if _bound_by(some[0]) == _bound_by(some[1]) and not any(
            one.nowhere or one.loose for one in chain(*some)
        ):
            return self._last.rest
        lost = tuple(dict.fromkeys(chain.from_iterable(map(_NOWHERE, said))))
        return _Rest(lost, _bound_by(said), tuple(chain.from_iterable(map(_LOOSE, said))))

    def edited(self, before: Config, now: Config, edits: Edits, seen: State) -> Mapping[str, Moved] | None:
        """Which flows would be permitted no longer, and which instead, by interface, after an edit of a few
        peers and rules of the config that was read last; nothing of it is kept. None: something else would be
        different, too, or it is not known that cheaply."""
        last, peers = self._last, [peer for few in edits.values() for some in few for peer in some]
        if last.config is not before or last.routes is not seen.of("route"):
            return None
        if not last.since <= seen.now < last.until or any(p.expires or not p.enabled for p in peers):
            return None
        if any(interface.masquerades for interface in now.enabled()):
            return None
        old, new = self._surveyor.edited(edits if last.permitted else {})
        found = dict[str, Moved]()
        for name in last.permitted:
            grounds = ground.grounds_of(now.interfaces[name], new)
            were = ground.grounds_of(before.interfaces[name], old)
            if [here.version for here in grounds] != [here.version for here in were]:
                return None
            heard = self._edited(now.interfaces[name], edits, grounds)
            if heard is None:
                return None
            gone, come = ([said for one in heard for said in part(one)] for part in (_GONE, _COME))
            found[name] = _flows_of(gone), _flows_of(come)
        return found

    def _edited(
        self, interface: Interface, edits: Edits, grounds: Iterable[Ground]
    ) -> list[Heard[Said]] | None:
        """What its rules say after the edits; None if they say something of others than flows that pass."""
        name, heard = interface.name, list[Heard[Said]]()
        names = {peer.name for some in edits.get(name, ()) for peer in some}
        for here in grounds:
            ear, moved = Ear(name, here), ground.moved(edits, here.version)
            if interface.forwarding is Forwarding.RULES:
                heard.append(self._forwards.edited(name, interface.forwards, here, ear.hear, names, moved))
            inward = self._inputs.edited(name, interface.inputs, here, ear.enter, names, moved)
            if inward.gone != inward.come:
                return None
        return heard if all(map(_flows_alone, heard)) else None

    def prepare(self) -> None:
        self._forwards.prepare()
        self._inputs.prepare()

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
_GONE, _COME = attrgetter("gone"), attrgetter("come")
_BOUND, _LOOSE = attrgetter("bound"), attrgetter("loose")
_READER = Reader()


def _flows_of(said: Iterable[Said]) -> tuple[Flow, ...]:
    return tuple(chain.from_iterable(map(_FLOWS, said)))


def _bound_by(said: Iterable[Said]) -> frozenset[tuple[int, str]]:
    return frozenset[tuple[int, str]]().union(*map(_BOUND, said))


def _flows_alone(heard: Heard[Said]) -> bool:
    """Whether nothing else differs: of devices, what comes or goes is bound to is also had by who stays."""
    bound = _bound_by(heard.gone) ^ _bound_by(heard.come)
    return bound <= _bound_by(heard.sure) and not any(one.loose for one in chain(heard.gone, heard.come))


def prepare() -> None:
    """Make now, while nobody waits, what the first edit would need."""
    _READER.prepare()


def edited(before: Config, now: Config, edits: Edits, seen: State) -> Mapping[str, Moved] | None:
    """What an edit of a few peers and rules takes from the flows and adds to them; see `Reader.edited`."""
    return _READER.edited(before, now, edits, seen)


def flows(config: Config, seen: State) -> tuple[Flow, ...]:
    """All flows that the enabled interfaces permit, in file order."""
    return _READER.read(config, seen).flows


def permitted(config: Config, seen: State, interface: str) -> tuple[Flow, ...]:
    """Those that one interface permits."""
    return _READER.read(config, seen).permitted.get(interface, ())


def leads_out(config: Config, seen: State, interface: str) -> bool:
    """Whether one interface permits anything from or to another device."""
    read = _READER.read(config, seen)
    if not read.rest.loose and all(device == interface for _, device in read.rest.bound):
        return False
    permitted = read.permitted.get(interface, ())
    return any({flow.source.device, flow.target.device} != {interface} for flow in permitted)


def entries(config: Config, seen: State) -> tuple[Flow, ...]:
    """All flows to this machine itself that come in through interfaces with such rules, in file order."""
    return _READER.read(config, seen).entries


def entering(config: Config, seen: State, interface: str) -> tuple[Flow, ...]:
    """Those that come in through one interface."""
    return _READER.read(config, seen).entering.get(interface, ())


def nowhere(config: Config, seen: State) -> tuple[Nowhere, ...]:
    """What rules name by its addresses and no way leads to, each once, in file order."""
    return _READER.read(config, seen).rest.nowhere


def disguises(config: Config) -> tuple[Disguise, ...]:
    """All masquerading of the enabled interfaces."""
    return _READER.disguises(config)


def ingress(config: Config, seen: State) -> Ingress:
    """IP version → devices whose packets must be forwarded for the flows and their replies, sorted."""
    return _READER.ingress(config, seen)


def _disguises(interface: str, rule: Masquerade, here: Ground) -> Iterator[Disguise]:
    if rule.snat and rule.snat.version != here.version:
        return
    words = f"to {rule.target} as {rule.snat or rule.out}"
    if rule.target.any:
        yield Disguise(interface, here.version, rule.out, (), words, rule.snat)
        return
    wanted = prefixes.ranges(rule.target.networks, here.version)
    if rule.target.internet:
        wanted = prefixes.union(wanted, here.public)
    if wanted:
        networks = prefixes.networks(wanted, here.version)
        yield Disguise(interface, here.version, rule.out, networks, words, rule.snat)


def _ingress(read: _Read, disguised: Sequence[Disguise]) -> Ingress:
    needed: dict[int, set[str]] = {4: set(), 6: set()}
    routes = ground.by_length(read.routes.values()) if read.rest.loose else ()
    managed = {*read.config.managed()}

    @cache
    def routed(networks: tuple[Prefix, ...], version: int) -> set[str]:
        wanted = prefixes.ranges_or_all(networks, version)
        return set(ground.leads(wanted, version, routes)) - managed

    for version, device in read.rest.bound:
        needed[version].add(device)
    for flow in read.rest.loose:
        for place in (flow.source, flow.target):
            if place.device is None:
                named = _named(flow, disguised) if place is flow.target else set()
                needed[flow.version] |= named or routed(place.networks, flow.version)
    return {version: tuple(sorted(devices)) for version, devices in needed.items()}


def _named(flow: Flow, disguised: Iterable[Disguise]) -> set[str]:
    """The devices that masquerading names for what the flow leads to."""
    mine = [d for d in disguised if (d.interface, d.version) == (flow.interface, flow.version)]
    return {d.out for d in mine if _meet(d.networks, flow.target.networks, flow.version)}


def _meet(one: tuple[Prefix, ...], other: tuple[Prefix, ...], version: int) -> bool:
    if not one or not other:
        return True
    return bool(prefixes.intersection(prefixes.ranges(one, version), prefixes.ranges(other, version)))
