"""What the rules of all interfaces mean, in addresses and devices: the one reading of `[[forward]]`.

nftables makes rules of it and sysctl the forwarding they need, so the two cannot disagree. Pure.

Each side of a rule is bound to where it lives. Addresses that some peer's allowed IPs cover live behind that
peer's interface and are matched together with its name; everything else is matched with "not a managed
interface" or the device that the rule names. An address alone would let a neighbour on eth0 spoof a camera.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from wgd import prefixes
from wgd.config.document import (
    Config,
    Forwarding,
    Interface,
    IPNetwork,
    Masquerade,
    Peer,
    PortRange,
    Side,
)
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


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where the addresses of one IP version live, worked out once for all rules.

    By interface, in file order: `own` networks, and what is `behind` it. `peers` by interface and name.
    """

    version: int
    own: Mapping[str, Ranges]
    behind: Mapping[str, Ranges]
    public: Ranges
    peers: Mapping[tuple[str, str], Peer]


def _grounds(config: Config) -> dict[int, _Ground]:
    peers = {(i.name, peer.name): peer for i in config.enabled() for peer in i.peers}
    return {version: _ground(config, version, peers) for version in (4, 6)}


def _ground(config: Config, version: int, peers: Mapping[tuple[str, str], Peer]) -> _Ground:
    own = {i.name: prefixes.ranges((a.network for a in i.addresses), version) for i in config.enabled()}
    behind = {i.name: coverage(i, version) for i in config.enabled()}
    public = prefixes.ranges(PUBLIC_IPV6, 6)
    if version == 4:
        public = prefixes.difference(prefixes.everything(4), prefixes.ranges(PRIVATE_IPV4, 4))
    public = prefixes.difference(public, prefixes.union(*own.values(), *behind.values()))
    return _Ground(version, own, behind, public, peers)


def flows(config: Config, now: float) -> tuple[Flow, ...]:
    """All flows that the enabled interfaces permit, in file order."""
    grounds = _grounds(config)
    return tuple(
        flow
        for interface in config.enabled()
        if interface.forwarding is Forwarding.RULES
        for version in versions(interface)
        for flow in _flows(interface, grounds[version], now)
    )


def disguises(config: Config) -> tuple[Disguise, ...]:
    """All masquerading of the enabled interfaces."""
    grounds = _grounds(config)
    return tuple(
        disguise
        for interface in config.enabled()
        for rule in interface.masquerades
        for version in versions(interface)
        for disguise in _disguises(interface.name, rule, grounds[version])
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


def _flows(interface: Interface, ground: _Ground, now: float) -> Iterator[Flow]:
    for rule in interface.forwards:
        sources = _places(rule.source, interface.name, ground, now, rule.incoming)
        targets = _places(rule.target, interface.name, ground, now, rule.outgoing)
        words = f"{rule.source} → {rule.target}"
        for source in sources:
            for target in targets:
                if interface.name in (source.device, target.device):
                    yield Flow(interface.name, ground.version, source, target, rule.ports, words)


def _places(side: Side, interface: str, ground: _Ground, now: float, device: str | None) -> tuple[Place, ...]:
    managed = sorted(ground.behind, key=lambda name: name != interface)
    if side.any:
        return (Place(device),) if device else (*map(Place, managed), Place(None))
    wanted = _addresses(side, interface, ground, now)
    places = []
    for name in managed:
        here = prefixes.intersection(wanted, ground.behind[name])
        wanted = prefixes.difference(wanted, here)
        if here:
            places.append(Place(name, prefixes.networks(here, ground.version)))
    if wanted:
        places.append(Place(device, prefixes.networks(wanted, ground.version)))
    return tuple(places)


def _addresses(side: Side, interface: str, ground: _Ground, now: float) -> Ranges:
    parts = [prefixes.ranges(side.networks, ground.version)]
    parts += [_own_addresses(interface, name, ground, now) for name in side.peers]
    if side.internet:
        parts.append(ground.public)
    return prefixes.union(*parts)


def _own_addresses(interface: str, name: str, ground: _Ground, now: float) -> Ranges:
    """A peer's name means those of its allowed IPs that lie inside the interface's own networks."""
    peer = ground.peers.get((interface, name))
    if peer is None or not peer.active(now):
        return ()
    return prefixes.intersection(prefixes.ranges(peer.allowed_ips, ground.version), ground.own[interface])


def _disguises(interface: str, rule: Masquerade, ground: _Ground) -> Iterator[Disguise]:
    words = f"to {rule.target} as {rule.out}"
    if rule.target.any:
        yield Disguise(interface, ground.version, rule.out, (), words)
        return
    wanted = prefixes.ranges(rule.target.networks, ground.version)
    if rule.target.internet:
        wanted = prefixes.union(wanted, ground.public)
    if wanted:
        networks = prefixes.networks(wanted, ground.version)
        yield Disguise(interface, ground.version, rule.out, networks, words)


def ingress(config: Config, seen: State) -> dict[int, tuple[str, ...]]:
    """IP version → devices whose packets must be forwarded for the flows and their replies, sorted."""
    needed: dict[int, set[str]] = {4: set(), 6: set()}
    disguised = disguises(config)
    routes = sorted(seen.of("route").values(), key=lambda route: -route.destination.prefixlen)

    @cache
    def routed(networks: tuple[IPNetwork, ...], version: int) -> set[str]:
        return _routed(networks, version, routes) - set(config.managed())

    for flow in flows(config, seen.now):
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


def _routed(networks: tuple[IPNetwork, ...], version: int, routes: Sequence[Route]) -> set[str]:
    """The devices by which packets to the networks (none given: to anywhere) leave. The longest prefix wins;
    `routes` begin with it."""
    left = prefixes.ranges(networks, version) if networks else prefixes.everything(version)
    found: set[str] = set()
    fitting = (route for route in routes if route.destination.version == version)
    for _, same in groupby(fitting, key=lambda route: route.destination.prefixlen):
        here = [r for r in same if prefixes.intersection(left, prefixes.ranges((r.destination,), version))]
        found |= {route.device for route in here if route.device is not None}
        left = prefixes.difference(left, prefixes.ranges((r.destination for r in here), version))
    return found
