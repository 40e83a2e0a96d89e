"""Which connections the rules no longer allow, or no longer leave as they are. Pure.

Each packet of a connection's own direction meets the rules, but its replies pass whatever these say: what a
camera streams as a reply would run on for ever. So the kernel's entries of such connections are deleted once
the rules stand: then the next packet is one of a new connection, which the rules judge.

What is masqueraded is decided with the first packet of a connection. One that was born while that rule was
missing would keep its bare address, to which nobody answers: once the rule stands, its entry goes as well.

An entry names no device, so that it is judged by its addresses and ports alone, and rather kept than deleted.
Connections of this machine itself are not forwarded and never concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import ClassVar, NamedTuple

from wgd import prefixes
from wgd.access import ground
from wgd.access.flows import disguises, flows, guard
from wgd.access.meaning import Flow
from wgd.config.document import Config, Forwarding
from wgd.kinds.nftables import DISGUISING, NftElements, NftTransaction
from wgd.model import Op, Ref, Stage, State
from wgd.prefixes import Prefix, Ranges
from wgd.values import value

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}


class Connection(NamedTuple):
    """As it is forwarded: who opened it, and where it leads behind any translation. `protocol` is the
    number of IP's; `port` the target's, 0 where there are none. `bare`: the target sees the source's own
    address. `entry` is what the kernel knows it by."""

    version: int
    source: int
    target: int
    protocol: int
    port: int
    bare: bool = True
    entry: bytes = b""


@value
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
    protocol = _PROTOCOLS.get(one.protocol, "")
    return inside and (not flow.ports or any(ports.has(protocol, one.port) for ports in flow.ports))


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


def _single(networks: Sequence[Prefix]) -> int | None:
    """The one address that these are, if they are one."""
    if len(networks) != 1 or not networks[0].single:
        return None
    return networks[0].first


class Masked(NamedTuple):
    """What masquerading concerns: from one of these addresses to one of those."""

    version: int
    sources: Ranges
    targets: Ranges

    def misses(self, one: Connection) -> bool:
        """Whether it should be disguised, and is not."""
        ends = ((self.sources, one.source), (self.targets, one.target))
        return (
            one.bare
            and one.version == self.version
            and all(prefixes.intersection(ranges, ((end, end),)) for ranges, end in ends)
        )


def masked(config: Config, seen: State) -> tuple[Masked, ...]:
    """What the config's masquerading concerns, where the routes lead as they do."""
    found, grounds = [], ground.Surveyor().survey(config)
    for one in disguises(config):
        here = grounds[one.version]
        wanted = prefixes.ranges_or_all(one.networks, one.version)
        ways = ground.leads(wanted, one.version, ground.by_length(seen.of("route").values()))
        sources = prefixes.union(here.own[one.interface], here.behind[one.interface])
        found.append(Masked(one.version, sources, ways.get(one.out, ())))
    return tuple(found)


@value(kw_only=True)
class Revoke(Op):
    """Delete the kernel's entries of connections, so that the rules judge their next packets as new ones;
    none: they could not be read."""

    stage: ClassVar[Stage] = Stage.RULES
    connections: tuple[Connection, ...]

    def commands(self) -> Sequence[str]:
        return tuple(map(_command, self.connections)) or ("conntrack --list",)


def _command(one: Connection) -> str:
    size = 4 if one.version == 4 else 16
    source, target = (ip_address(address.to_bytes(size)) for address in (one.source, one.target))
    port = f" --reply-port-src {one.port}" if one.port else ""
    of = f"--orig-src {source} --reply-src {target} --proto {one.protocol}{port}"
    return f"conntrack --delete --family ipv{one.version} {of}"


@value
class Judge:
    """Who ends after ops on these objects: what is not `allowed` (None: that has not changed), and what is
    bare though it should be `masked`."""

    refs: tuple[Ref, ...]
    allowed: Allowed | None
    masked: tuple[Masked, ...]

    def ends(self, connections: Iterable[Connection]) -> Revoke | None:
        """The op that ends those of them; None: nobody does."""
        ending = tuple(filter(self._ends, connections))
        return Revoke(refs=self.refs, connections=ending) if ending else None

    def _ends(self, one: Connection) -> bool:
        forbidden = self.allowed is not None and self.allowed.forbids(one)
        return forbidden or any(mask.misses(one) for mask in self.masked)


def judge(ops: Iterable[Op], config: Config, seen: State) -> Judge | None:
    """Who has to look at the connections after these ops; None: nobody, since they narrow no rules."""
    touched = {ref for op in ops for ref in _touched(op)}
    narrowed = {ref for ref in touched if not str(ref.key).startswith(DISGUISING)}
    if not touched:
        return None
    return Judge(
        tuple(sorted(touched, key=str)),
        allowed(config, seen) if narrowed else None,
        masked(config, seen) if narrowed != touched else (),
    )


def _touched(op: Op) -> Iterable[Ref]:
    """Rules that were replaced may have been narrowed."""
    if isinstance(op, NftElements):
        return op.refs if any(edit.remove for edit in op.edits) else ()
    if isinstance(op, NftTransaction) and not op.deletes:
        starts = (guard(""), DISGUISING)
        return [ref for ref in op.refs if isinstance(ref.key, str) and ref.key.startswith(starts)]
    return ()
