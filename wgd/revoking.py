"""Which connections the rules no longer allow, once they have become narrower. Pure.

Each packet of a connection's own direction meets the rules, but its replies pass whatever these say: what a
camera streams as a reply would run on for ever. So the kernel's entries of such connections are deleted once
the rules stand: then the next packet is one of a new connection, which the rules judge.

An entry names no device, so that it is judged by its addresses and ports alone, and rather kept than deleted.
Connections of this machine itself are not forwarded and never concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from wgd import ground, prefixes
from wgd.config.document import Config, Forwarding, IPNetwork
from wgd.flows import flows, guard
from wgd.kinds.nftables import NftElements, NftTransaction
from wgd.meaning import Flow
from wgd.model import Op, Outcome, Ref, Stage, State
from wgd.prefixes import Ranges

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}


class Connection(NamedTuple):
    """As it is forwarded: who opened it, and where it leads behind any translation. `protocol` is the
    number of IP's; `port` the target's, 0 where there are none."""

    version: int
    source: int
    target: int
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the rules say about forwarded connections: by interface and IP version whom they concern (`own`),
    and what they permit, by a single source, a single target, or neither."""

    local: frozenset[tuple[int, int]]
    own: Mapping[tuple[str, int], Ranges]
    by_source: Mapping[tuple[str, int, int], tuple[Flow, ...]]
    by_target: Mapping[tuple[str, int, int], tuple[Flow, ...]]
    wide: Mapping[tuple[str, int], tuple[Flow, ...]]

    def forbids(self, one: Connection) -> bool:
        """Whether it is forwarded by an interface whose rules do not permit it."""
        if {(one.version, one.source), (one.version, one.target)} & self.local:
            return False
        ends = ((one.source, one.source), (one.target, one.target))
        return any(
            version == one.version
            and any(prefixes.intersection(own, (end,)) for end in ends)
            and not self._permits(interface, one)
            for (interface, version), own in self.own.items()
        )

    def _permits(self, interface: str, one: Connection) -> bool:
        candidates = (
            *self.by_source.get((interface, one.version, one.source), ()),
            *self.by_target.get((interface, one.version, one.target), ()),
            *self.wide.get((interface, one.version), ()),
        )
        return any(_fits(flow, one) for flow in candidates)


def _fits(flow: Flow, one: Connection) -> bool:
    sides = ((flow.source.networks, one.source), (flow.target.networks, one.target))
    inside = all(
        not networks or any(first <= address <= last for first, last in map(prefixes.span, networks))
        for networks, address in sides
    )
    protocol = _PROTOCOLS.get(one.protocol)
    return inside and (
        not flow.ports
        or any(
            port.protocol == protocol and (protocol == "icmp" or port.first <= one.port <= port.last)
            for port in flow.ports
        )
    )


def allowed(config: Config, seen: State) -> Allowed:
    """What the config's rules allow, where the routes lead as they do."""
    ruled = [i for i in config.enabled() if i.forwarding is Forwarding.RULES]
    own = {}
    for version, here in ground.Surveyor().survey(config).items():
        for interface in ruled:
            name = interface.name
            own[name, version] = prefixes.union(here.own[name], here.behind[name])
    by_source: dict[tuple[str, int, int], list[Flow]] = {}
    by_target: dict[tuple[str, int, int], list[Flow]] = {}
    wide: dict[tuple[str, int], list[Flow]] = {}
    for flow in flows(config, seen):
        source, target = (_single(place.networks) for place in (flow.source, flow.target))
        if source is not None:
            by_source.setdefault((flow.interface, flow.version, source), []).append(flow)
        elif target is not None:
            by_target.setdefault((flow.interface, flow.version, target), []).append(flow)
        else:
            wide.setdefault((flow.interface, flow.version), []).append(flow)
    local = {(one.address.version, int(one.address.ip)) for one in seen.of("address").values()}
    return Allowed(
        frozenset(local),
        own,
        {key: tuple(found) for key, found in by_source.items()},
        {key: tuple(found) for key, found in by_target.items()},
        {key: tuple(found) for key, found in wide.items()},
    )


def _single(networks: Sequence[IPNetwork]) -> int | None:
    """The one address that these are, if they are one."""
    if len(networks) != 1 or networks[0].prefixlen != networks[0].max_prefixlen:
        return None
    return int(networks[0].network_address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke(Op):
    """Delete the entries of forwarded connections that are not allowed."""

    stage: ClassVar[Stage] = Stage.RULES
    allowed: Allowed

    def commands(self) -> tuple[str, ...]:
        return ("conntrack --delete  # of connections that the rules no longer allow",)


def revocation(outcomes: Iterable[Outcome], config: Config, seen: State) -> Revoke | None:
    """What is to be done after these, if rules were replaced or something was taken out of a set."""
    refs = {ref for outcome in outcomes if outcome.ok for ref in _narrowed(outcome.op)}
    return Revoke(refs=tuple(sorted(refs, key=str)), allowed=allowed(config, seen)) if refs else None


def _narrowed(op: Op) -> Iterable[Ref]:
    """Rules that were replaced may have been narrowed."""
    if isinstance(op, NftElements):
        return op.refs if any(edit.remove for edit in op.edits) else ()
    if isinstance(op, NftTransaction) and not op.deletes:
        start = guard("")
        return [ref for ref in op.refs if isinstance(ref.key, str) and ref.key.startswith(start)]
    return ()
