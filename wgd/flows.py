"""What the rules of all interfaces mean, in addresses and devices: the one reading of `[[forward]]`.

nftables makes rules of it and sysctl the forwarding they need, so the two cannot disagree. Pure.

Each side of a rule is bound to where it lives. Addresses that some peer's allowed IPs cover live behind that
peer's interface and are matched together with its name; everything else is matched with "not a managed
interface" or the device that the rule names. An address alone would let a neighbour on eth0 spoof a camera.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wgd import prefixes
from wgd.config.document import Config, Forwarding, Interface, IPNetwork, Masquerade, PortRange, Side
from wgd.model import State
from wgd.prefixes import Ranges

if TYPE_CHECKING:  # the kinds import this module
    from wgd.kinds.route import Route

PRIVATE_IPV4: tuple[IPNetwork, ...] = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
"""What `internet` leaves out besides our own networks: this-host, private, shared, link-local, multicast."""

PUBLIC_IPV6: tuple[IPNetwork, ...] = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("2000::/3"),
)
"""What `internet` is in IPv6, less our own networks: global unicast, and IPv4 through NAT64."""

FENCE = "fence"
"""The chain that keeps what only wgd opened from leading anywhere else."""


def guard(interface: str) -> str:
    """The chain that decides what passes through the interface; it must stand before packets can flow."""
    return f"forward-{interface}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one side of a flow is: `device` (None: any that wgd does not manage), and which addresses there
    (empty: all of them)."""

    device: str | None
    networks: tuple[IPNetwork, ...] = ()


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


def flows(config: Config, now: float) -> tuple[Flow, ...]:
    """All flows that the enabled interfaces permit, in file order."""
    return tuple(
        flow
        for interface in config.enabled()
        if interface.forwarding is Forwarding.RULES
        for version in versions(interface)
        for flow in _flows(interface, version, config, now)
    )


def disguises(config: Config) -> tuple[Disguise, ...]:
    """All masquerading of the enabled interfaces."""
    return tuple(
        disguise
        for interface in config.enabled()
        for rule in interface.masquerades
        for version in versions(interface)
        for disguise in _disguises(interface, rule, version, config)
    )


def versions(interface: Interface) -> tuple[int, ...]:
    """The IP versions that can come out of the interface: those of its addresses and allowed IPs."""
    found = {address.version for address in interface.addresses}
    found |= {prefix.version for peer in interface.peers for prefix in peer.allowed_ips}
    return tuple(sorted(found))


def coverage(interface: Interface, version: int) -> Ranges:
    """What lives behind the interface. A disabled or expired peer still counts: its addresses are not
    somewhere else now, and a packet for it must not leave in plaintext."""
    return prefixes.ranges((p for peer in interface.peers for p in peer.allowed_ips), version)


def _flows(interface: Interface, version: int, config: Config, now: float) -> Iterator[Flow]:
    for rule in interface.forwards:
        sources = _places(rule.source, interface, version, config, now, rule.incoming)
        targets = _places(rule.target, interface, version, config, now, rule.outgoing)
        words = f"{rule.source} → {rule.target}"
        for source in sources:
            for target in targets:
                if interface.name in (source.device, target.device):
                    yield Flow(interface.name, version, source, target, rule.ports, words)


def _places(
    side: Side, interface: Interface, version: int, config: Config, now: float, device: str | None
) -> tuple[Place, ...]:
    if side.any:
        managed = [interface.name, *(i.name for i in config.enabled() if i is not interface)]
        return (Place(device),) if device else (*map(Place, managed), Place(None))
    wanted = _addresses(side, interface, version, config, now)
    places = []
    for other in sorted(config.enabled(), key=lambda other: other is not interface):
        here = prefixes.intersection(wanted, coverage(other, version))
        wanted = prefixes.difference(wanted, here)
        if here:
            places.append(Place(other.name, prefixes.networks(here, version)))
    if wanted:
        places.append(Place(device, prefixes.networks(wanted, version)))
    return tuple(places)


def _addresses(side: Side, interface: Interface, version: int, config: Config, now: float) -> Ranges:
    parts = [prefixes.ranges(side.networks, version)]
    parts += [_own_addresses(interface, name, version, now) for name in side.peers]
    if side.internet:
        parts.append(_internet(config, version))
    return prefixes.union(*parts)


def _own_addresses(interface: Interface, name: str, version: int, now: float) -> Ranges:
    """A peer's name means those of its allowed IPs that lie inside the interface's own networks."""
    peer = interface.peer(name)
    if peer is None or not peer.active(now):
        return ()
    own = prefixes.ranges((address.network for address in interface.addresses), version)
    return prefixes.intersection(prefixes.ranges(peer.allowed_ips, version), own)


def _internet(config: Config, version: int) -> Ranges:
    public = prefixes.ranges(PUBLIC_IPV6, 6)
    if version == 4:
        public = prefixes.difference(prefixes.everything(4), prefixes.ranges(PRIVATE_IPV4, 4))
    managed = [coverage(interface, version) for interface in config.enabled()]
    managed += [prefixes.ranges((a.network for a in i.addresses), version) for i in config.enabled()]
    return prefixes.difference(public, prefixes.union(*managed))


def _disguises(interface: Interface, rule: Masquerade, version: int, config: Config) -> Iterator[Disguise]:
    words = f"to {rule.target} as {rule.out}"
    if rule.target.any:
        yield Disguise(interface.name, version, rule.out, (), words)
        return
    wanted = prefixes.ranges(rule.target.networks, version)
    if rule.target.internet:
        wanted = prefixes.union(wanted, _internet(config, version))
    if wanted:
        yield Disguise(interface.name, version, rule.out, prefixes.networks(wanted, version), words)


def ingress(config: Config, seen: State) -> dict[int, tuple[str, ...]]:
    """IP version → devices whose packets must be forwarded for the flows and their replies, sorted."""
    needed: dict[int, set[str]] = {4: set(), 6: set()}
    disguised = disguises(config)
    for flow in flows(config, seen.now):
        for place in (flow.source, flow.target):
            needed[flow.version] |= _devices(place, flow, disguised, config, seen)
    return {version: tuple(sorted(devices)) for version, devices in needed.items()}


def _devices(
    place: Place, flow: Flow, disguised: Iterable[Disguise], config: Config, seen: State
) -> set[str]:
    """The devices behind which a place is: as named, as masqueraded, or as the routing table says."""
    if place.device is not None:
        return {place.device}
    if place is flow.target:
        named = {
            d.out
            for d in disguised
            if (d.interface, d.version) == (flow.interface, flow.version) and _meet(d.networks, place, flow)
        }
        if named:
            return named
    routes: Iterable[Route] = seen.of("route").values()
    managed = set(config.managed())
    return {
        route.device
        for route in routes
        if route.device is not None
        and route.device not in managed
        and _leads_to(route, place.networks, flow.version, routes)
    }


def _meet(networks: tuple[IPNetwork, ...], place: Place, flow: Flow) -> bool:
    if not networks or not place.networks:
        return True
    one, other = (prefixes.ranges(part, flow.version) for part in (networks, place.networks))
    return bool(prefixes.intersection(one, other))


def _leads_to(route: Route, networks: tuple[IPNetwork, ...], version: int, routes: Iterable[Route]) -> bool:
    """Whether some packet towards the networks takes this route, more specific ones first."""
    if route.destination.version != version:
        return False
    wanted = prefixes.ranges(networks, version) if networks else prefixes.everything(version)
    mine = prefixes.intersection(wanted, prefixes.ranges((route.destination,), version))
    longer = (
        other.destination
        for other in routes
        if other.destination.version == version and other.destination.prefixlen > route.destination.prefixlen
    )
    return bool(prefixes.difference(mine, prefixes.ranges(longer, version)))
