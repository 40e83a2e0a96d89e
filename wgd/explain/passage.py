"""The way of others' packets through this machine, as a value: both legs, and what the rules say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from wgd.access.chains import MARK
from wgd.access.flows import Disguise, disguises, entries, flows
from wgd.access.ground import Place
from wgd.access.meaning import Flow
from wgd.config.document import Forwarding, Interface, PortRange
from wgd.explain.leg import Leg, leg
from wgd.explain.sight import LOCAL, Asked, IPAddress, Lookup, Sight, Way
from wgd.kinds.nftables import NftablesKind


@dataclass(frozen=True)
class Passage:
    """`forwarded`: where the kernel leads such a packet that came in from the source."""

    sight: Sight
    asked: Asked
    incoming: Leg
    outgoing: Leg
    forwarded: Way

    @property
    def here(self) -> bool:
        """This machine itself is where they go."""
        return self.outgoing.way.kind == LOCAL

    @property
    def ruled(self) -> list[Interface]:
        """The interfaces whose rules the packets meet."""
        names = (self.incoming.port, self.outgoing.port)
        of = [interface for interface in self.sight.config.enabled() if interface.name in names]
        if self.here:
            return [
                interface for interface in of if interface.name == self.incoming.port and interface.inputs
            ]
        return [interface for interface in of if interface.forwarding is Forwarding.RULES]

    @cached_property
    def permitted(self) -> tuple[Flow, ...]:
        """What rules permit from there to here, on whatever port."""
        if self.here:
            found = entries(self.sight.config, self.sight.state)
            return tuple(flow for flow in found if self._is_at(flow.source, self.incoming))
        return tuple(self._flows(self.incoming, self.outgoing))

    @cached_property
    def reversed(self) -> tuple[Flow, ...]:
        """What rules permit the other way round."""
        return tuple(self._flows(self.outgoing, self.incoming))

    def _flows(self, source: Leg, target: Leg) -> Iterable[Flow]:
        for flow in flows(self.sight.config, self.sight.state):
            if self._is_at(flow.source, source) and self._is_at(flow.target, target):
                yield flow

    def _is_at(self, place: Place, leg: Leg) -> bool:
        managed = self.sight.config.managed()
        by = place.device == leg.port or (place.device is None and leg.port not in managed)
        return by and (not place.networks or any(leg.address in network for network in place.networks))

    def fits(self, flow: Flow) -> bool:
        """Whether the port that was asked about is one of the flow's."""
        return self.asked.port is None or not flow.ports or any(map(self._covers, flow.ports))

    def _covers(self, ports: PortRange) -> bool:
        port = self.asked.port
        return port is not None and ports.has(port.protocol, port.first)

    @cached_property
    def disguises(self) -> tuple[Disguise, ...]:
        """What masquerades packets from there to the address, by whatever device."""
        at = self.outgoing.address
        return tuple(
            disguise
            for disguise in disguises(self.sight.config)
            if disguise.interface == self.incoming.port and disguise.version == at.version
            if not disguise.networks or any(at in network for network in disguise.networks)
        )

    def stands(self, chain: str) -> bool:
        """Whether a chain that the files want is in the kernel as they want it."""
        kind, state = NftablesKind(), self.sight.state
        wanted = {kind.key(one): one for one in kind.desired(self.sight.config, state)}
        have = state.of("nftables")
        return chain not in wanted or (chain in have and not kind.differences(wanted[chain], have[chain]))


def passage(sight: Sight, asked: Asked, source: IPAddress) -> Passage:
    """All that is known of the way."""
    incoming, outgoing = leg(sight, source), leg(sight, asked.address)
    mark = MARK if sight.state.of("policy") else 0  # as our chains mark what comes in (`fail_closed`)
    forwarded = sight.route(Lookup(asked.address, mark, incoming.port, source))
    return Passage(sight, asked, incoming, outgoing, forwarded)
