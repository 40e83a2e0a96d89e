"""The configuration as frozen values: everything checked, every name kept, every address canonical.

`wgd.config` makes these from TOML; the kinds read them. No text that still needs parsing passes here.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_address

from wgd.model import Secret
from wgd.prefixes import IPAddress, Prefix
from wgd.values import field, value

IPInterface = IPv4Interface | IPv6Interface

ANY = "any"
INTERNET = "internet"


class Role(enum.StrEnum):
    """A hub waits for its peers; a spoke knows where to find them."""

    HUB = "hub"
    SPOKE = "spoke"


class Forwarding(enum.StrEnum):
    """Whether wgd decides what is forwarded through an interface."""

    RULES = "rules"
    UNMANAGED = "unmanaged"


@value
class Endpoint:
    """Where to start looking for a peer. `host` is an address (without brackets) or a DNS name."""

    host: str
    port: int

    @property
    def address(self) -> IPAddress | None:
        """The host as an address; None when it is a DNS name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)


def host_and_port(host: str, port: int) -> str:
    """As a person writes them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@value
class PortRange:
    """`tcp/80`, `udp/5000-5010`, or `icmp` (then first = last = 0; both ICMP versions)."""

    protocol: str
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        if self.protocol == "icmp":
            return "icmp"
        return f"{self.protocol}/{self.numbers()}"

    def numbers(self, between: str = "-") -> str:
        """The port, or the first and the last with that between them."""
        return str(self.first) if self.first == self.last else f"{self.first}{between}{self.last}"

    def has(self, protocol: str, port: int) -> bool:
        """Whether the port of that protocol is one of these; ICMP has none."""
        return self.protocol == protocol and (protocol == "icmp" or self.first <= port <= self.last)


@value
class Peer:
    """One `[peers.NAME]`. `public_key` is 32 bytes; `persistent_keepalive` in seconds, 0 is off.

    `routes`: whether its allowed IPs become routes. `expires` is timezone-aware. `endpoint` is None
    on a hub unless the hub dials the peer on purpose (endpoint and keepalive together).
    """

    name: str
    public_key: bytes
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None = None
    persistent_keepalive: int = 0
    preshared_key: Secret | None = None
    routes: bool = True
    enabled: bool = True
    expires: datetime.datetime | None = None

    def active(self, now: float) -> bool:
        """Enabled and not expired at `now`, in seconds since the epoch."""
        return self.enabled and (self.expires is None or self.expires.timestamp() > now)


@value
class Side:
    """One side of a rule: its words, in order.

    Each word is a peer name, a network name, `any`, `internet`, or a prefix; `networks` holds those and what
    the network names stand for, `peers` the peer names.
    """

    words: tuple[Prefix | str, ...]
    networks: tuple[Prefix, ...] = ()
    peers: tuple[str, ...] = ()
    any: bool = False
    internet: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.words))


@value
class Forward:
    """One `[[forward]]`: `source` may open flows to `target`, on `ports` (empty: everything).

    `incoming`/`outgoing` (the keys `in`, `out`) bind the side that is not behind the WireGuard
    interface to a device name.
    """

    source: Side
    target: Side
    ports: tuple[PortRange, ...] = ()
    incoming: str | None = None
    outgoing: str | None = None

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.source, self.target)

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


@value
class Input:
    """One `[[input]]`: `source`, behind the interface, may open flows to this machine itself, on `ports`
    (empty: everything)."""

    source: Side
    ports: tuple[PortRange, ...] = ()

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.source,)

    def __str__(self) -> str:
        return f"{self.source} → this machine"


@value
class Masquerade:
    """One `[[masquerade]]`: what came in from the interface and leaves by device `out` towards `target`.
    `snat`: the address it gets; None: that of the device."""

    out: str
    target: Side
    snat: IPAddress | None = None


STRIP_AFTER = 540
"""Seconds: by then WireGuard has erased the keys of a session that nobody renewed."""


class Opens(enum.StrEnum):
    """Which chain of iptables wgd opens for what its own rules permit."""

    DOCKER_USER = "docker-user"
    IPTABLES_FORWARD = "iptables-forward"


@value
class Interface:
    """One `/etc/wgd/NAME.toml` with its drop-ins.

    `private_key` is clamped. `listen_port` None: whatever the kernel chose stays. `mtu` None: the
    kernel's default; 0: "auto". `networks` holds those of `wgd.toml` too. Peers are in file order.
    `strip_after`: seconds of silence after which a hub forgets where a peer was; 0: never. `clamp_mss` None:
    where the rules lead to other devices. `fail_closed`: nothing is forwarded while our rules are missing.
    `log_drops`: the kernel tells of some of what the rules drop. `foreign`: where wgd opens iptables.
    """

    name: str
    private_key: Secret
    addresses: tuple[IPInterface, ...]
    role: Role = Role.SPOKE
    listen_port: int | None = None
    mtu: int | None = None
    fwmark: int = 0
    adopt: bool = False
    enabled: bool = True
    forwarding: Forwarding = Forwarding.UNMANAGED
    networks: Mapping[str, tuple[Prefix, ...]] = field(default_factory=dict)
    peers: Sequence[Peer] = ()
    forwards: Sequence[Forward] = ()
    masquerades: Sequence[Masquerade] = ()
    inputs: Sequence[Input] = ()
    strip_after: int = STRIP_AFTER
    clamp_mss: bool | None = None
    fail_closed: bool = False
    log_drops: bool = False
    foreign: Opens | None = None

    @property
    def own_networks(self) -> tuple[Prefix, ...]:
        """Those that its addresses are in."""
        return tuple([Prefix.of(address.network) for address in self.addresses])

    def peer(self, name: str) -> Peer | None:
        """The peer of that name."""
        return next((peer for peer in self.peers if peer.name == name), None)


MTU_AUTO = 0


@value
class Config:
    """All interfaces by name. `held` interfaces are claimed by a file that cannot be used and has no
    accepted copy: nothing of theirs may be touched.

    `explained`: interfaces that the accepted copies name, so that it is meant if they are to go. One of ours
    that neither they nor the files name is left alone. None: whatever is not wanted goes."""

    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    explained: frozenset[str] | None = None

    def enabled(self) -> tuple[Interface, ...]:
        """The interfaces that should exist."""
        return tuple(interface for interface in self.interfaces.values() if interface.enabled)

    def managed(self) -> tuple[str, ...]:
        """Names of all interfaces wgd speaks for, sorted."""
        return tuple(sorted({i.name for i in self.enabled()} | self.held))
