"""What one rule says where addresses live as they do (`ground`): flows, and what lives nowhere. Pure.

Each side of a rule is bound to where it lives: an address alone would let a neighbour on eth0 spoof a camera,
and a packet for a camera whose peer is gone out by the default route.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from wgd import prefixes
from wgd.access import ground
from wgd.access.ground import Ground, Place, Ways
from wgd.config.document import Forward, Input, PortRange, Side
from wgd.prefixes import Prefix, Ranges
from wgd.values import replace, value

HERE = Place("")
"""This machine itself, as the target of a flow."""


@value
class Flow:
    """New connections from `source` to `target` that a rule of `interface` permits, of one IP version. `rule`
    is that rule, or what to call it."""

    interface: str
    version: int
    source: Place
    target: Place
    ports: tuple[PortRange, ...]
    rule: Forward | Input | str

    @property
    def words(self) -> str:
        """The rule as a person reads it."""
        return str(self.rule)


@value
class Nowhere:
    """Addresses in a rule of `interface` that live nowhere: the rule permits nothing to or from them."""

    interface: str
    network: Prefix
    words: str
    entering: bool = False

    def __str__(self) -> str:
        text = f"the rule {self.words} of {self.interface} permits nothing for {self.network}: no peer has it"
        if self.entering:
            return text
        return (
            f"{text}, and no route but the default one leads there (`in` or `out` in the rule would name a "
            "device)"
        )


class Said(NamedTuple):
    """What one rule says in one IP version."""

    flows: tuple[Flow, ...]
    nowhere: tuple[Nowhere, ...]
    bound: frozenset[tuple[int, str]]
    """The IP version, and devices that its flows are bound to."""
    loose: tuple[Flow, ...]
    """Those of its flows that are not bound to a device on each side."""


@lru_cache(maxsize=256)
def _bound(version: int, devices: tuple[str | None, ...]) -> frozenset[tuple[int, str]]:
    """Ten thousand rules are bound to the same devices: then it is one object."""
    return frozenset((version, device) for device in devices if device is not None)


class Ear:
    """Hears what rules of an interface say on one ground. Words that are said often are looked up once."""

    def __init__(self, interface: str, here: Ground) -> None:
        self._interface, self._here = interface, here
        self._live = lru_cache(maxsize=256)(self._find)

    def hear(self, rule: Forward) -> Said:
        interface, version = self._interface, self._here.version
        sources = self._places(rule.source, rule.incoming, is_target=False)
        targets = self._places(rule.target, rule.outgoing, is_target=True)
        found = [
            Flow(interface, version, source, target, rule.ports, rule)
            for source in sources
            for target in targets
            if interface in (source.device, target.device)
        ]
        lost: list[Prefix] = []
        if rule.incoming is None:
            lost += self._lost(rule.source, sources, is_target=False)
        if rule.outgoing is None:
            lost += self._lost(rule.target, targets, is_target=True)
        devices = [place.device for flow in found for place in (flow.source, flow.target)]
        loose: tuple[Flow, ...] = ()
        if None in devices:
            loose = tuple(f for f in found for place in (f.source, f.target) if place.device is None)
        bound = _bound(version, tuple(devices))
        nowhere = tuple([Nowhere(interface, network, str(rule)) for network in lost]) if lost else ()
        return Said(tuple(found), nowhere, bound, loose)

    def enter(self, rule: Input) -> Said:
        """Only what comes through the interface itself is asked."""
        here, interface, side = self._here, self._interface, rule.source
        found = tuple(
            Flow(interface, here.version, place, HERE, rule.ports, rule)
            for place in self._places(side, None, False)
            if place.device == interface
        )
        lost = tuple(
            Nowhere(interface, network, str(rule), entering=True)
            for network in side.networks
            if network.version == here.version
            if not any(place.device == interface for place in self._live((network,), False, None, False))
        )
        return Said(found, lost, frozenset(), ())

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

    def _lost(self, side: Side, places: Sequence[Place], is_target: bool) -> list[Prefix]:
        """The addresses of a side that live nowhere, as it is found at these places."""
        networks, version = side.networks, self._here.version
        if places and len(networks) == 1 and not (side.peers or side.internet or side.any):
            return []
        return [
            network
            for network in networks
            if network.version == version and not self._live((network,), False, None, is_target)
        ]

    def _find(
        self, networks: tuple[Prefix, ...], internet: bool, device: str | None, is_target: bool
    ) -> tuple[Place, ...]:
        if len(networks) == 1 and not internet and (home := ground.home(networks[0], self._here)):
            return (Place(home, networks),)
        places = self._at(self._addresses(networks, internet), device, is_target)
        # Mostly all that a rule names is in one place: then it is the same object.
        return tuple(replace(one, networks=networks) if one.networks == networks else one for one in places)

    def _addresses(self, networks: tuple[Prefix, ...], internet: bool) -> Ranges:
        found = prefixes.ranges(networks, self._here.version)
        return prefixes.union(found, self._here.public) if internet else found

    def _at(self, wanted: Ranges, device: str | None, is_target: bool) -> tuple[Place, ...]:
        """What masquerading names is reached so by targets."""
        named: Ways = self._here.named[self._interface] if is_target else {}
        if device:
            named = {device: prefixes.everything(self._here.version)}
        return ground.live(wanted, self._interface, self._here, named)
