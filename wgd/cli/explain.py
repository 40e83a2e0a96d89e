"""`wgd explain`: where a packet goes on this machine, and the first thing that stops it. Reads only.

Without root it tells what anybody may see, and says what that leaves out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from ipaddress import ip_address

from wgd.cli.machine import directories, privileged
from wgd.cli.output import Exit, aside, page, show, show_json
from wgd.config import scalars
from wgd.config.document import Config, Interface, Peer, PortRange
from wgd.config.source import Unfit
from wgd.errors import ConfigError, KernelError, UsageError
from wgd.explain import journey, telling
from wgd.explain.leg import Leg, address_of, leg
from wgd.explain.probing import PROBED, Attempt, Heard
from wgd.explain.sight import Asked, IPAddress, Sight
from wgd.explain.steps import Step, taken
from wgd.firewalls.walk import Ruleset
from wgd.kernel import conntrack, lookup, probe
from wgd.kernel.linux import LinuxKernel
from wgd.kinds import KINDS
from wgd.listing import listing
from wgd.model import State
from wgd.prefixes import within
from wgd.sources import dns, files, lock
from wgd.sources.files import Directories, Loaded

PATIENCE = 6.0
"""Seconds to wait for an answer: WireGuard repeats a call after 5."""
FIRST = 8
"""So many of a prefix's addresses are tried for one that nobody else has."""
DNS_PATIENCE = 5.0
"""Seconds to wait for names of endpoints."""


def explain(options: argparse.Namespace) -> int:
    """Show the steps; 1 if one is wrong."""
    sight = look(directories(options))
    asked = _asked(options, sight.config)
    way = _probed(options, sight, asked) if options.probe else journey.steps(sight, asked)
    if options.json:
        show_json(telling.value(asked, way))
    else:
        show(telling.render(asked, way, page()))
    return Exit.IN_SYNC if journey.broken(way) is None else Exit.DRIFT


def _probed(options: argparse.Namespace, sight: Sight, asked: Asked) -> tuple[Step, ...]:
    """The steps as they are after something was sent, and what came back."""
    if asked.source is not None:
        raise UsageError("--probe sends from this machine itself: leave --from away")
    before = leg(sight, asked.address)
    try:
        first = _sent(asked)
    except PermissionError:
        raise UsageError("--probe needs root (CAP_NET_RAW)") from None
    length = before.link.mtu or 0 if before.link else 0
    echoed = first.answered and (asked.port is None or asked.port.protocol == "icmp")
    full = probe.echo(asked.address, PATIENCE, length) if echoed and length else None
    knocked = None if first.answered else _knock(before)
    sight = look(directories(options))
    after = leg(sight, asked.address)
    attempt = Attempt(after, asked.port, first, full, length, knocked, before.peer)
    way = [step for step in journey.steps(sight, asked) if step.name != "beyond" or not first.answered]
    return (*way, *(step for step, _ in taken(PROBED, attempt, sight.unseen)))


def _sent(asked: Asked) -> Heard:
    port = asked.port
    if port is None or port.protocol == "icmp":
        return probe.echo(asked.address, PATIENCE)
    if port.protocol == "tcp":
        return probe.connect(asked.address, port.first, PATIENCE)
    return probe.knock(asked.address, port.first, 0, PATIENCE)


def _knock(at: Leg) -> Heard | None:
    """At the peer's endpoint, past the tunnel."""
    address = address_of(at.peer.endpoint[0]) if at.peer and at.peer.endpoint else None
    if at.peer is None or at.peer.endpoint is None or address is None:
        return None
    mark = at.wireguard.fwmark if at.wireguard else 0
    return probe.knock(address, at.peer.endpoint[1], mark, 1.0)


def look(places: Directories) -> Sight:
    """Everything that can be seen. Raises KernelError."""
    loaded = _load(places)
    kernel = LinuxKernel(places.run)
    unseen = frozenset() if privileged() else frozenset(kind.name for kind in KINDS if kind.privileged)
    objects = {
        kind.name: listing(kernel.dump(kind.name), kind.key) for kind in KINDS if kind.name not in unseen
    }
    resolved = dns.resolve(dns.endpoints(loaded.config), DNS_PATIENCE)
    state = State(objects, kernel.backend() if privileged() else "kernel", resolved, time.time())
    return Sight(
        loaded.config,
        state,
        lookup.ask,
        lookup.filters(),
        kernel.others.read() if privileged() else Ruleset(),
        unseen,
        _saved(places, loaded),
        lock.holder() is not None,
        loaded.frozen,
        _answered() if privileged() else frozenset(),
    )


def _answered() -> frozenset[tuple[int, int]]:
    """Nothing, where the kernel follows no connections."""
    try:
        return conntrack.answered()
    except KernelError:
        return frozenset()


def _load(places: Directories) -> Loaded:
    """What the files say; nothing, with a word about it, where they cannot be read."""
    try:
        loaded = files.load(places, time.time())
    except ConfigError as error:
        loaded = Loaded(problems=error.problems)
    if not loaded.config.interfaces:
        nothing = f"no file in {places.config} names an interface"
        why = next(map(str, loaded.problems), nothing)
        aside(f"! what the files want is not known: {why}")
    return loaded


def _saved(places: Directories, loaded: Loaded) -> float:
    """When the last of the files was saved."""
    found = (places.config / name for name in loaded.files)
    return max((path.stat().st_mtime for path in found if path.exists()), default=0.0)


def _asked(options: argparse.Namespace, config: Config) -> Asked:
    address = _address(options.address)
    source = _source(options.source, address, config) if options.source else None
    if source is not None and source.version != address.version:
        raise UsageError(f"{source} and {address} are not of one IP version")
    return Asked(address, source, _port(options.port) if options.port else None)


def _address(word: str) -> IPAddress:
    try:
        return ip_address(word)
    except ValueError:
        raise UsageError(f"{word} is no address; one looks like 10.11.12.7") from None


def _source(word: str, address: IPAddress, config: Config) -> IPAddress:
    """An address, or that of a peer."""
    named = [(one, peer) for one in config.interfaces.values() for peer in one.peers if peer.name == word]
    if not named:
        try:
            return ip_address(word)
        except ValueError:
            known = ", ".join(peer.name for one in config.interfaces.values() for peer in one.peers[:9])
            raise UsageError(f"--from {word}: no peer of that name, and no address; peers: {known}") from None
    for one, peer in named:
        found = next(_speaking(one, peer, address), None)
        if found is not None:
            return found
    raise UsageError(f"--from {word}: it has no IPv{address.version} address to send from; say one")


def _speaking(interface: Interface, peer: Peer, address: IPAddress) -> Iterator[IPAddress]:
    """What the peer may send from: its own addresses before those of a range behind it."""
    taken = {own.ip for own in interface.addresses} | {address}
    inside = interface.own_networks
    for near in (True, False):
        for prefix in peer.allowed_ips:
            if prefix.version == address.version and within(prefix, inside) is near:
                first = prefix.address
                hosts = range(1 if prefix.size > 2 else 0, min(FIRST, prefix.size))
                yield from (first + host for host in hosts if first + host not in taken)


def _port(word: str) -> PortRange:
    try:
        return scalars.port_range(word)
    except Unfit as error:
        raise UsageError(f"--port {word}: {error.message}") from None
