"""Where addresses live: behind an interface of ours, or by which device elsewhere. Pure.

What some peer's allowed IPs or an interface's own networks cover lives behind that interface. Elsewhere the
device is what a rule or a masquerade names; for private addresses that nobody named, where routes of their
own lead, and never the default route, behind which nobody knows who answers to them; public ones are reached
by any device that wgd does not manage.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from wgd import prefixes
from wgd.config.document import Config, Interface, IPNetwork, Peer
from wgd.prefixes import Ranges

if TYPE_CHECKING:  # the kinds import flows, and flows this module
    from wgd.kinds.route import Route

Ways = Mapping[str, Ranges]
"""Device → addresses that are reached by it."""

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
"""What is not public in IPv4: this-host, private, shared, link-local, multicast."""

PUBLIC_IPV6: tuple[IPNetwork, ...] = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("2000::/3"),
)
"""What is public in IPv6: global unicast, and IPv4 through NAT64."""


@cache
def public_addresses(version: int) -> Ranges:
    """Addresses that mean the same everywhere."""
    if version == 6:
        return prefixes.ranges(PUBLIC_IPV6, 6)
    return prefixes.difference(prefixes.everything(4), prefixes.ranges(PRIVATE_IPV4, 4))


@cache
def private_addresses(version: int) -> Ranges:
    """All the others."""
    return prefixes.difference(prefixes.everything(version), public_addresses(version))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one side of a flow is: `device` (None: any that wgd does not manage), and which addresses there
    (empty: all of them)."""

    device: str | None
    networks: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the addresses of one IP version live, worked out once for all rules.

    By interface, in file order: `own` networks, what is `behind` it, and what its masquerading `named`.
    `public`: what the internet is. `peers` by interface and name. `routes` lead private addresses elsewhere.
    """

    version: int
    own: Ways
    behind: Ways
    named: Mapping[str, Ways]
    public: Ranges
    peers: Mapping[tuple[str, str], Peer]
    routes: tuple[Route, ...]

    def managed(self, first: str) -> list[str]:
        """The interfaces in file order, but for the one that comes first."""
        return sorted(self.behind, key=lambda name: name != first)

    def peer(self, interface: str, name: str, now: float) -> Ranges:
        """What a peer's name means: those of its allowed IPs that lie inside the interface's own networks."""
        peer = self.peers.get((interface, name))
        if peer is None or not peer.active(now):
            return ()
        return prefixes.intersection(prefixes.ranges(peer.allowed_ips, self.version), self.own[interface])


def survey(config: Config, routes: Iterable[Route] = ()) -> dict[int, Ground]:
    """The ground by IP version. Without routes nothing private lives outside, unless a device was named."""
    peers = {(i.name, peer.name): peer for i in config.enabled() for peer in i.peers}
    managed = frozenset(config.managed())
    return {
        version: _ground(config, version, peers, _private_ways(routes, version, managed))
        for version in (4, 6)
    }


def _ground(
    config: Config, version: int, peers: Mapping[tuple[str, str], Peer], routes: tuple[Route, ...]
) -> Ground:
    own = {i.name: prefixes.ranges((a.network for a in i.addresses), version) for i in config.enabled()}
    behind = {i.name: coverage(i, version) for i in config.enabled()}
    named = {i.name: _named(i, version) for i in config.enabled()}
    public = prefixes.difference(public_addresses(version), prefixes.union(*own.values(), *behind.values()))
    return Ground(version, own, behind, named, public, peers, routes)


def versions(interface: Interface) -> tuple[int, ...]:
    """The IP versions that can come out of the interface: those of its addresses and allowed IPs."""
    found = {address.version for address in interface.addresses}
    found |= {prefix.version for peer in interface.peers for prefix in peer.allowed_ips}
    return tuple(sorted(found))


def coverage(interface: Interface, version: int) -> Ranges:
    """What the peers bring. A disabled or expired peer still counts: its addresses are not somewhere else
    now, and a packet for it must not leave in plaintext."""
    return prefixes.ranges((p for peer in interface.peers for p in peer.allowed_ips), version)


def _named(interface: Interface, version: int) -> Ways:
    """What masquerading names as reached by a device; `any` and `internet` name nothing in particular."""
    found: dict[str, Ranges] = {}
    for rule in interface.masquerades:
        networks = prefixes.ranges(rule.target.networks, version)
        found[rule.out] = prefixes.union(found.get(rule.out, ()), networks)
    return found


def live(wanted: Ranges, interface: str, here: Ground, named: Ways) -> tuple[Place, ...]:
    """Where the addresses are, as `interface` sees it. A private one that no way leads to has no place."""
    found: dict[str, Ranges] = dict.fromkeys(here.managed(interface), ())
    left = wanted
    for ways in (here.behind, here.own, named):  # what is behind one may lie in another's own network
        left = _take(left, ways, found)
    elsewhere = prefixes.intersection(left, private_addresses(here.version))
    for device, reached in leads(elsewhere, here.version, here.routes).items():
        found[device] = prefixes.union(found.get(device, ()), reached)
    beyond = prefixes.intersection(left, public_addresses(here.version))
    return tuple(
        Place(device, prefixes.networks(addresses, here.version))
        for device, addresses in (*found.items(), (None, beyond))
        if addresses
    )


def _take(left: Ranges, ways: Ways, found: dict[str, Ranges]) -> Ranges:
    """Adds to `found` what of the addresses is reached so; returns the rest."""
    for device, addresses in ways.items():
        here = prefixes.intersection(left, addresses)
        found[device] = prefixes.union(found.get(device, ()), here)
        left = prefixes.difference(left, here)
    return left


def _private_ways(routes: Iterable[Route], version: int, managed: frozenset[str]) -> tuple[Route, ...]:
    """The routes that bind private addresses to devices that wgd does not manage, the longest prefix first.
    One that reaches public addresses as well is a default route, whatever its length (0.0.0.0/1)."""
    return by_length(
        route
        for route in routes
        if route.destination.version == version
        and route.device not in managed
        and not prefixes.intersection(
            prefixes.ranges((route.destination,), version), public_addresses(version)
        )
    )


def by_length(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The longest prefix first, as `leads` wants them."""
    return tuple(sorted(routes, key=lambda route: -route.destination.prefixlen))


def leads(wanted: Ranges, version: int, routes: Sequence[Route]) -> Ways:
    """By device, sorted: which of the addresses are reached by it. The longest prefix wins, and `routes`
    begin with it; the metric does not count, since the one with the worse takes over by itself."""
    found: dict[str, Ranges] = {}
    fitting = (route for route in routes if route.destination.version == version)
    for _, same in groupby(fitting, key=lambda route: route.destination.prefixlen):
        reached: dict[str | None, list[IPNetwork]] = {}
        for route in same:
            if prefixes.intersection(wanted, prefixes.ranges((route.destination,), version)):
                reached.setdefault(route.device, []).append(route.destination)
        for device, destinations in reached.items():
            if device is not None:
                here = prefixes.intersection(wanted, prefixes.ranges(destinations, version))
                found[device] = prefixes.union(found.get(device, ()), here)
        taken = prefixes.ranges((network for networks in reached.values() for network in networks), version)
        wanted = prefixes.difference(wanted, taken)
    return dict(sorted(found.items()))
