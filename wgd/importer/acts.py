"""What a command of a hook does, whichever program does it."""

from __future__ import annotations

import enum
import re

from wgd.config import scalars
from wgd.config.source import Unfit
from wgd.importer import readers
from wgd.importer.found import Line
from wgd.prefixes import Prefix
from wgd.values import field, value

ALL_PORTS = "1-65535"


class Do(enum.Enum):
    """Sorts of acts."""

    FORWARD = enum.auto()
    MASQUERADE = enum.auto()
    SWITCH = enum.auto()
    """Let the machine forward at all."""
    REPLIES = enum.auto()
    """Let through what belongs to connections that are permitted."""
    SCAFFOLD = enum.auto()
    """Make, or take away, tables and chains for rules to stand in."""
    NOTHING = enum.auto()


@value
class Act:
    """One act; two are equal if they do the same, wherever they stand. `version` None: both.

    `ports` as `[[forward]]` has them, empty: all. `undo`: it takes away what the same without it does."""

    do: Do
    line: Line = field(compare=False)
    version: int | None = None
    incoming: str | None = None
    outgoing: str | None = None
    source: Prefix | None = None
    target: Prefix | None = None
    ports: tuple[str, ...] = ()
    undo: bool = False


def network(word: str) -> Prefix | None:
    """An address range in a rule; all addresses are None, as if none were said."""
    if re.fullmatch(r"[0:.]+/0|any(?:where)?", word):
        return None
    return readers.allowed_ip(word)


def ports(protocol: str | None, listed: str | None) -> tuple[str, ...]:
    """The `ports` of a `[[forward]]`: `listed` like `80,443,5000:5010`, None: all of the protocol."""
    if protocol in (None, "all"):
        return ()
    if protocol in ("icmp", "icmpv6", "ipv6-icmp"):
        return ("icmp",)
    if protocol not in ("tcp", "udp"):
        raise Unfit(f"rules of wgd know the protocols tcp, udp and icmp, not {protocol}")
    spans = re.split(r"[\s,]+", (listed or ALL_PORTS).strip("{} ")) if listed else [ALL_PORTS]
    return tuple(str(scalars.port_range(f"{protocol}/{span.replace(':', '-')}")) for span in spans)
