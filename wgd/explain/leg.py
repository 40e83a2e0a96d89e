"""One end of the way: an address, whose it is by the files, and what the kernel makes of that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from wgd.config import keytext
from wgd.config.document import Config, Endpoint, Interface, host_and_port
from wgd.config.document import Peer as ConfiguredPeer
from wgd.config.wording import dotted
from wgd.explain.sight import LOCAL, IPAddress, Lookup, Sight, Way
from wgd.explain.steps import Mend
from wgd.kinds.device import Device
from wgd.kinds.link import Link
from wgd.kinds.peer import Peer
from wgd.prefixes import Prefix
from wgd.values import value


class Owner(NamedTuple):
    """The peer of the files whose allowed IPs win, and by which prefix."""

    interface: Interface
    peer: ConfiguredPeer
    prefix: Prefix


@value
class Leg:
    """`way`: where the kernel leads. By the files: `interface` and `owner` (None: nobody, or elsewhere). In
    the kernel: `device`, the WireGuard interface that is concerned ("": none), `have`, the owner's peer
    there, `winner`, the peer that gets its packets. `call`: the way to the peer's endpoint."""

    sight: Sight
    address: IPAddress
    way: Way
    interface: Interface | None
    owner: Owner | None
    device: str
    have: Peer | None
    winner: Peer | None
    call: Way | None

    @property
    def link(self) -> Link | None:
        found: Link | None = self.sight.state.of("link").get(self.device)
        return found

    @property
    def wireguard(self) -> Device | None:
        found: Device | None = self.sight.state.of("device").get(self.device)
        return found

    @property
    def peer(self) -> Peer | None:
        """The one in the kernel that it is all about."""
        return self.have or self.winner

    @property
    def name(self) -> str:
        """What a person calls the peer."""
        if self.owner is not None:
            return self.owner.peer.name
        return keytext.encoded(self.winner.public_key) if self.winner is not None else "nobody"

    @property
    def talks(self) -> bool:
        """There is a peer to talk to."""
        return self.peer is not None and self.way.kind != LOCAL

    @property
    def configured(self) -> Endpoint | None:
        """Where the files say that the peer is."""
        return self.owner.peer.endpoint if self.owner else None

    @property
    def place(self) -> str:
        """Where the peer is called."""
        if self.peer is None or self.peer.endpoint is None:
            return "nowhere"
        return host_and_port(*self.peer.endpoint)

    @property
    def age(self) -> float | None:
        """Seconds since the last handshake; None: there never was one."""
        if self.peer is None or not self.peer.last_handshake:
            return None
        return self.sight.state.now - self.peer.last_handshake

    def is_quiet(self, seconds: float) -> bool:
        """There was no handshake for so long."""
        return self.age is None or self.age > seconds

    @property
    def table(self) -> str:
        """The head of its table in a file."""
        return table_of(self.name)

    @property
    def file(self) -> str:
        """Where the interface is described."""
        return f"{self.interface.name}.toml" if self.interface is not None else ""

    @property
    def port(self) -> str:
        """The device by which packets from there come in, and those to there leave."""
        return self.device or self.way.device


def leg(sight: Sight, address: IPAddress) -> Leg:
    """All that is known of the address."""
    way = sight.route(Lookup(address))
    owner = _owner(sight.config, address, sight.state.now)
    interface = owner.interface if owner else _at_home(sight.config, address)
    link: Link | None = sight.state.of("link").get(way.device)
    by_kernel = way.device if link is not None and link.wireguard else ""
    device = interface.name if interface else by_kernel
    have: Peer | None = sight.state.of("peer").get((device, owner.peer.public_key)) if owner else None
    winner = _winner(sight.state.of("peer").values(), device, address)
    return Leg(
        sight, address, way, interface, owner, device, have, winner, _call(sight, device, have or winner)
    )


def _owner(config: Config, address: IPAddress, now: float) -> Owner | None:
    """The longest prefix wins; an active peer before one that is not."""
    found = [
        Owner(interface, peer, prefix)
        for interface in config.interfaces.values()
        for peer in interface.peers
        for prefix in peer.allowed_ips
        if address in prefix
    ]
    return max(
        found,
        key=lambda one: (one.prefix.length, one.interface.enabled, one.peer.active(now)),
        default=None,
    )


def _at_home(config: Config, address: IPAddress) -> Interface | None:
    """The interface in whose own networks the address lies."""
    for interface in config.interfaces.values():
        if any(address in own.network for own in interface.addresses):
            return interface
    return None


def _winner(peers: Iterable[Peer], device: str, address: IPAddress) -> Peer | None:
    """As WireGuard decides: the longest prefix of all peers of the device."""
    fitting = [
        (prefix.length, peer)
        for peer in peers
        if peer.interface == device
        for prefix in peer.allowed_ips
        if address in prefix
    ]
    return max(fitting, key=lambda one: one[0], default=(0, None))[1]


def _call(sight: Sight, device: str, peer: Peer | None) -> Way | None:
    if peer is None or peer.endpoint is None:
        return None
    address = address_of(peer.endpoint[0])
    settings: Device | None = sight.state.of("device").get(device)
    return sight.route(Lookup(address, settings.fwmark if settings else 0)) if address else None


def address_of(text: str) -> IPAddress | None:
    """An endpoint's address; None for one with a scope, which nothing here can follow."""
    return None if "%" in text else ip_address(text)


def table_of(peer: str) -> str:
    """As TOML wants it: a dot in a bare name would nest."""
    return f"[{dotted(('peers', peer))}]"


def word(interface: Interface, address: IPAddress) -> str:
    """What a rule would call the address: a peer's or a network's name, else the address itself."""
    own = any(address in one.network for one in interface.addresses)
    for peer in interface.peers:
        if own and any(address in prefix for prefix in peer.allowed_ips):
            return peer.name
    named = (name for name, ranges in interface.networks.items() if any(address in one for one in ranges))
    return next(named, str(address))


def restored(sight: Sight) -> Mend:
    """The files say how it should be."""
    if sight.mended:
        return Mend("the files want it so, and the daemon puts it back; see what keeps it", ("wgd status",))
    return Mend("the files want it so", ("wgd apply",))


def quoted(words: Iterable[object]) -> str:
    """A list as TOML writes it."""
    return "[" + ", ".join(_quotes(words)) + "]"


def _quotes(words: Iterable[object]) -> Iterator[str]:
    return (f'"{word}"' for word in words)
