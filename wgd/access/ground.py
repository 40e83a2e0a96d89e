"""Where addresses live: behind an interface of ours, or by which device elsewhere. Pure.

What some peer's allowed IPs or an interface's own networks cover lives behind that interface. Elsewhere the
device is what a rule or a masquerade names; for private addresses that nobody named, where routes of their
own lead, and never the default route, behind which nobody knows who answers to them; public ones are reached
by any device that wgd does not manage.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from wgd import prefixes
from wgd.access.crowd import NOBODY, Crowd, crowd, edited
from wgd.config.document import Config, Interface, Peer
from wgd.prefixes import Prefix, Ranges
from wgd.values import replace, value

if TYPE_CHECKING:  # the kinds import flows, and flows this module
    from wgd.kinds.route import Route

Ways = Mapping[str, Ranges]
"""Device → addresses that are reached by it."""
Edits = Mapping[str, tuple[Sequence[Peer], Sequence[Peer]]]
"""Interface → peers that go and peers that come."""

PRIVATE_IPV4: tuple[Prefix, ...] = tuple(
    Prefix.parse(text)
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

PUBLIC_IPV6: tuple[Prefix, ...] = (
    Prefix.parse("64:ff9b::/96"),
    Prefix.parse("2000::/3"),
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


@value
class Place:
    """Where one side of a flow is: `device` (None: any that wgd does not manage), and which addresses there
    (empty: all of them)."""

    device: str | None
    networks: tuple[Prefix, ...] = ()


@value
class Ground:
    """Where the addresses of one IP version live, worked out once for all rules.

    By interface, in file order: `own` networks, what is `behind` it, and what its masquerading `named`.
    `public`: what the internet is. `crowds`: the peers, and `idle` those not active now, by interface and
    name. `routes` lead private addresses elsewhere.
    """

    version: int
    own: Ways
    behind: Ways
    named: Mapping[str, Ways]
    public: Ranges
    crowds: Mapping[str, Crowd]
    idle: frozenset[tuple[str, str]]
    routes: tuple[Route, ...]

    def managed(self, first: str) -> list[str]:
        """The interfaces in file order, but for the one that comes first."""
        return sorted(self.behind, key=lambda name: name != first)

    def peer(self, interface: str, name: str) -> Ranges:
        """What a peer's name means: those of its allowed IPs that lie inside the interface's own networks."""
        peer = self.crowds[interface].named.get(name)
        if peer is None or (interface, name) in self.idle:
            return ()
        return prefixes.intersection(prefixes.ranges(peer.allowed_ips, self.version), self.own[interface])


class Surveyor:
    """Surveys one config after the other. Of the peers that stayed it looks at none again."""

    def __init__(self) -> None:
        self._crowds: dict[str, Crowd] = {}
        self._grounds: dict[int, Ground] = {}

    def survey(self, config: Config, routes: Iterable[Route] = (), now: float = 0.0) -> dict[int, Ground]:
        """The ground by IP version. Without routes nothing private lives outside unless a device is named."""
        enabled, managed = config.enabled(), frozenset(config.managed())
        known = self._crowds
        self._crowds = {i.name: crowd(i.peers, known.get(i.name, NOBODY)) for i in enabled}
        idle = frozenset(
            (interface, name)
            for interface, some in self._crowds.items()
            for name, peer in some.passing.items()
            if not peer.active(now)
        )
        private = [route for route in routes if route.device not in managed]
        self._grounds = {version: self._ground(enabled, version, idle, private) for version in (4, 6)}
        return self._grounds

    def edited(self, edits: Edits) -> tuple[Mapping[int, Ground], Mapping[int, Ground]]:
        """The last ground, and what it would be after edits of peers who are active, at the cost of these
        few: for rules to be read on, while its `crowds` are not yet whole."""
        crowds = {**self._crowds, **{i: edited(self._crowds[i], *few) for i, few in edits.items()}}
        return self._grounds, {version: _with(here, crowds) for version, here in self._grounds.items()}

    def expiries(self) -> Iterator[float]:
        """When peers of the last config expire, in seconds since the epoch."""
        for some in self._crowds.values():
            for expires in filter(None, (peer.expires for peer in some.passing.values())):
                yield expires.timestamp()

    def _ground(
        self,
        enabled: Sequence[Interface],
        version: int,
        idle: frozenset[tuple[str, str]],
        routes: Iterable[Route],
    ) -> Ground:
        own = {i.name: prefixes.ranges(i.own_networks, version) for i in enabled}
        behind = {i.name: self._crowds[i.name].covers[version].ranges for i in enabled}
        public = _public(version, own, behind)
        named = {i.name: _named(i, version) for i in enabled}
        return Ground(version, own, behind, named, public, self._crowds, idle, _private_ways(routes, version))


def _public(version: int, own: Ways, behind: Ways) -> Ranges:
    public = public_addresses(version)
    for taken in (*own.values(), *behind.values()):
        public = prefixes.difference(public, taken)
    return public


def _with(here: Ground, crowds: Mapping[str, Crowd]) -> Ground:
    behind = {name: crowds[name].covers[here.version].ranges for name in here.behind}
    return replace(here, behind=behind, public=_public(here.version, here.own, behind), crowds=crowds)


def moved(edits: Edits, version: int) -> Ranges:
    """The addresses that may live elsewhere after the edits, or no longer, or of late."""
    found = set[tuple[int, int]]()
    for few in edits.values():
        gone, come = (
            {prefixes.span(p) for one in some for p in one.allowed_ips if p.version == version}
            for some in few
        )
        found |= gone ^ come
    return prefixes.merged(found)


def grounds_of(interface: Interface, grounds: Mapping[int, Ground]) -> tuple[Ground, ...]:
    """Those of the IP versions that can come out of the interface: of its addresses and allowed IPs."""
    found = {address.version for address in interface.addresses}
    return tuple(here for here in grounds.values() if here.version in found or here.behind[interface.name])


def _named(interface: Interface, version: int) -> Ways:
    """What masquerading names as reached by a device; `any` and `internet` name nothing in particular."""
    found: dict[str, Ranges] = {}
    for rule in interface.masquerades:
        networks = prefixes.ranges(rule.target.networks, version)
        found[rule.out] = prefixes.union(found.get(rule.out, ()), networks)
    return found


def live(wanted: Ranges, interface: str, here: Ground, named: Ways) -> tuple[Place, ...]:
    """Where the addresses are, as `interface` sees it. A private one that no way leads to has no place."""
    found: dict[str | None, Ranges] = {}
    left = wanted
    for ways in (here.behind, here.own, named):  # what is behind one may lie in another's own network
        left = _take(left, ways, found)
    if left:
        elsewhere = prefixes.intersection(left, private_addresses(here.version))
        for device, reached in leads(elsewhere, here.version, here.routes).items():
            found[device] = prefixes.union(found.get(device, ()), reached)
        if beyond := prefixes.intersection(left, public_addresses(here.version)):
            found[None] = beyond
    order = dict.fromkeys((*here.managed(interface), *found)) if len(found) > 1 else found
    return tuple(
        Place(device, prefixes.networks(found[device], here.version)) for device in order if device in found
    )


def home(one: Prefix, here: Ground) -> str | None:
    """The interface behind which or in whose networks the whole prefix is; None: it is not that simple."""
    if one.version != here.version:
        return None
    first, last = prefixes.span(one)
    for ways in (here.behind, here.own):
        for interface, addresses in ways.items():
            at = bisect_left(addresses, first, key=_LAST)
            if at < len(addresses) and addresses[at][0] <= last:
                return interface if addresses[at][0] <= first and last <= addresses[at][1] else None
    return None


_LAST = itemgetter(1)


def _take(left: Ranges, ways: Ways, found: dict[str | None, Ranges]) -> Ranges:
    """Adds to `found` what of the addresses is reached so; returns the rest."""
    for device, addresses in ways.items():
        if not left:
            break
        if here := prefixes.intersection(left, addresses):
            found[device] = prefixes.union(found.get(device, ()), here)
            left = prefixes.difference(left, here)
    return left


def _private_ways(routes: Iterable[Route], version: int) -> tuple[Route, ...]:
    """Those of the routes that bind private addresses, the longest prefix first. One that reaches public
    addresses as well is a default route, whatever its length (0.0.0.0/1)."""
    return by_length(
        route
        for route in routes
        if route.destination.version == version
        and not prefixes.intersection(
            prefixes.ranges((route.destination,), version), public_addresses(version)
        )
    )


def by_length(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The longest prefix first, as `leads` wants them."""
    return tuple(sorted(routes, key=lambda route: -route.destination.length))


def leads(wanted: Ranges, version: int, routes: Sequence[Route]) -> Ways:
    """By device, sorted: which of the addresses are reached by it. The longest prefix wins, and `routes`
    begin with it; the metric does not count, since the one with the worse takes over by itself."""
    found: dict[str, Ranges] = {}
    fitting = (route for route in routes if route.destination.version == version)
    for _, same in groupby(fitting, key=lambda route: route.destination.length):
        reached: dict[str | None, list[Prefix]] = {}
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
