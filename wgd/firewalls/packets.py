"""Packets as a value: many that differ in addresses and ports only, and how a match splits them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from wgd import prefixes
from wgd.prefixes import Ranges
from wgd.values import replace, value

PORTS: Ranges = ((0, 65535),)
NEW, ESTABLISHED = "new", "established"
ORIGINAL, REPLY = "original", "reply"
ICMP = {4: "icmp", 6: "ipv6-icmp"}
"""What the protocol is called, by IP version."""


@value
class Packets:
    """Packets of one connection each, as another firewall meets them after wgd permitted them.

    `outgoing` is "" for this host itself. `state` and `direction` are conntrack's words. Nobody redirected
    the connection (DNAT) on its way here. A new ICMP one is an echo request.
    """

    version: int
    incoming: str
    outgoing: str
    source: Ranges
    target: Ranges
    protocol: str
    source_ports: Ranges = PORTS
    ports: Ranges = PORTS
    state: str = NEW
    direction: str = ORIGINAL

    @property
    def replies(self) -> Packets:
        """What comes back of a forwarded connection once it was let through."""
        return replace(
            self,
            incoming=self.outgoing,
            outgoing=self.incoming,
            source=self.target,
            target=self.source,
            source_ports=self.ports,
            ports=self.source_ports,
            state=ESTABLISHED,
            direction=REPLY,
        )

    def word(self, trait: str) -> str:
        """What all these packets have in common, by the name that `Among` uses."""
        if trait == "version":
            return str(self.version)
        if trait == "kind of target":
            return "unicast" if self.outgoing else "local"
        if trait == "redirected":
            return "no"
        if trait == "icmp":
            return "echo-reply" if self.direction == REPLY else "echo-request"
        return str(getattr(self, trait))


@value
class Among:
    """Matches packets whose trait is one of these words; with a `*` it is any that begins like that."""

    trait: str
    words: frozenset[str]
    negated: bool = False

    def holds(self, packets: Packets) -> bool:
        """Of all of them, or of none."""
        word = packets.word(self.trait)
        found = word in self.words or any("*" in one and fnmatchcase(word, one) for one in self.words)
        return found is not self.negated


@value
class Within:
    """Matches packets whose `source`, `target`, `ports` or `source_ports` lie in these ranges."""

    trait: str
    ranges: Ranges
    negated: bool = False

    def split(self, packets: Packets) -> tuple[Packets | None, Packets | None]:
        """Those that match and those that do not; None for none at all."""
        have: Ranges = getattr(packets, self.trait)
        inside, outside = prefixes.intersection(have, self.ranges), prefixes.difference(have, self.ranges)
        if self.negated:
            inside, outside = outside, inside
        return self._narrowed(packets, have, inside), self._narrowed(packets, have, outside)

    def _narrowed(self, packets: Packets, have: Ranges, left: Ranges) -> Packets | None:
        if not left:
            return None
        changed: dict[str, Any] = {self.trait: left}
        return packets if left == have else replace(packets, **changed)


@value
class Undecided:
    """A condition that nothing here can decide."""

    words: str


Match = Among | Within | Undecided


@value
class Parts:
    """What a list of matches makes of packets: `inside` meets all of them (None: nothing does), for certain
    unless some were `undecided`; `outside` fails one."""

    inside: Packets | None
    outside: tuple[Packets, ...]
    undecided: tuple[Undecided, ...] = ()


def divide(packets: Packets, matches: tuple[Match, ...]) -> Parts:
    """One match after the other."""
    inside: Packets | None = packets
    outside: list[Packets] = []
    for match in _decidable_first(matches):
        if inside is None or isinstance(match, Undecided):
            break
        if isinstance(match, Among):
            if not match.holds(inside):
                outside.append(inside)
                inside = None
        else:
            inside, rest = match.split(inside)
            outside += [rest] if rest else []
    undecided = tuple(match for match in matches if isinstance(match, Undecided)) if inside else ()
    return Parts(inside, tuple(outside), undecided)


def _decidable_first(matches: tuple[Match, ...]) -> Iterator[Match]:
    """What fails for certain spares the question."""
    yield from sorted(matches, key=lambda match: isinstance(match, Undecided))
