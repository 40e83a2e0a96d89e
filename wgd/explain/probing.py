"""Diagnoses of what came back when something was really sent. Pure."""

from __future__ import annotations

from errno import ECONNREFUSED, errorcode

from wgd.config.document import PortRange, host_and_port
from wgd.explain.answering import what_to_compare
from wgd.explain.calling import LIVE
from wgd.explain.leg import Leg
from wgd.explain.sight import IPAddress
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.peer import Peer
from wgd.output.terminal import size
from wgd.values import value

PROBE = "probe"
NO_WAY, CIRCLES, FORBIDDEN = "knows no way", "went in circles", "not allowed"
"""What errors of ICMP mean."""


@value
class Heard:
    """What came back: nothing, an answer `by` somebody, an ICMP `error` (one of the above) by somebody, or an
    `errno` of our own kernel."""

    by: IPAddress | None = None
    error: str = ""
    errno: int = 0

    @property
    def answered(self) -> bool:
        return self.by is not None and not self.error


@value
class Attempt:
    """What was sent to the leg's address: something small (`first`), and an echo as long as the tunnel is
    wide (`full`; None: not tried, after the first was lost). `knocked`: what the endpoint's port said to a
    stray datagram (None: not tried). `before`: the peer as it was then; the leg has it as it is now."""

    leg: Leg
    port: PortRange | None
    first: Heard
    full: Heard | None = None
    length: int = 0
    knocked: Heard | None = None
    before: Peer | None = None

    @property
    def received(self) -> int:
        """Bytes since before."""
        now = self.leg.peer.received if self.leg.peer else 0
        return now - (self.before.received if self.before else 0)

    @property
    def sent(self) -> int:
        now = self.leg.peer.sent if self.leg.peer else 0
        return now - (self.before.sent if self.before else 0)

    @property
    def counted(self) -> str:
        """What WireGuard counted meanwhile."""
        if self.leg.peer is None:
            return ""
        return f"; {size(self.sent)} went to {self.leg.name}, {size(self.received)} came from there"


def _right(attempt: Attempt) -> str:
    if attempt.first.errno == ECONNREFUSED:
        return f"{attempt.leg.address} answers that nobody listens on {attempt.port}{attempt.counted}"
    full = f", a packet of {attempt.length} bytes, too" if attempt.full else ""
    return f"{attempt.leg.address} answers{full}{attempt.counted}"


def this_machine_sends_nothing(attempt: Attempt) -> Finding | None:
    """The kernel says why, without anything being sent."""
    number = attempt.first.errno
    if not number or attempt.first.answered:
        return None
    return Finding(f"this machine sends nothing there: {errorcode.get(number, number)}")


def nobody_listens_there(attempt: Attempt) -> Finding | None:
    """The machine at the endpoint is up and takes no packets on that port."""
    leg = attempt.leg
    if attempt.first.answered or attempt.knocked is None or attempt.knocked.errno != ECONNREFUSED:
        return None
    return Finding(
        f"at {leg.place} nobody listens: the port is another one, or {leg.name} is down",
        Mend(
            "see there which it is",
            (f"wg show {leg.device} listen-port",),
            host=leg.name,
        ),
    )


def peer_knows_no_way(attempt: Attempt) -> Finding | None:
    """A WireGuard interface says so of an address that none of its peers has."""
    leg, heard = attempt.leg, attempt.first
    if heard.error != NO_WAY:
        return None
    return Finding(
        f"{heard.by} answers that it knows no way to {leg.address}{attempt.counted}",
        Mend(
            f"it must list {leg.address} under the peer behind which that is, as we do under {leg.name}",
            (f'allowed_ips = […, "{leg.owner.prefix if leg.owner else leg.address}"]',),
            f"{leg.device}.toml",
            leg.name,
        ),
    )


def somebody_forbids_it(attempt: Attempt) -> Finding | None:
    heard = attempt.first
    if heard.error != FORBIDDEN:
        return None
    return Finding(f"{heard.by} answers that this is not allowed{attempt.counted}", _there(attempt.leg))


def packets_go_in_circles(attempt: Attempt) -> Finding | None:
    if attempt.first.error != CIRCLES:
        return None
    return Finding(f"{attempt.first.by} answers that the packet went in circles", _there(attempt.leg))


def calls_stay_unanswered(attempt: Attempt) -> Finding | None:
    leg = attempt.leg
    spoke = attempt.first.answered or attempt.received or not leg.is_quiet(LIVE)
    if spoke or not leg.device or not attempt.sent:
        return None
    return Finding(
        f"{leg.name} does not answer: {size(attempt.sent)} sent to {leg.place}, nothing came",
        what_to_compare(leg),
    )


def address_stays_silent(attempt: Attempt) -> Finding | None:
    """The peer is there; what is behind it, or its own rules, are not seen from here."""
    if attempt.first.answered:
        return None
    behind = f", though there is a session with {attempt.leg.name}" if attempt.leg.device else ""
    return Finding(
        f"{attempt.leg.address} does not answer{behind}{attempt.counted}",
        _there(attempt.leg) if attempt.leg.device else None,
    )


def large_packets_are_lost(attempt: Attempt) -> Finding | None:
    """Somewhere on the way fits less than this machine knows."""
    leg = attempt.leg
    if attempt.full is None or attempt.full.answered:
        return None
    return Finding(
        f"small packets are answered, and one of {attempt.length} bytes is lost: somewhere less fits",
        Mend("on both sides, under [interface]; go up from there", ("mtu = 1280",), leg.file),
    )


def peer_moved_meanwhile(attempt: Attempt) -> Finding | None:
    """One key on two machines: each handshake takes the place of the other's."""
    before, now = attempt.before, attempt.leg.peer
    if before is None or now is None or before.endpoint in (None, now.endpoint):
        return None
    return Finding(
        f"{attempt.leg.name} was at {host_and_port(*before.endpoint)} and is at {attempt.leg.place} now: "
        "it moved, or two machines have its key",
        Mend(
            "each machine needs a key of its own",
            (f"wgd genkey {attempt.leg.device}",),
            host=attempt.leg.name,
        ),
        certain=False,
    )


def _there(leg: Leg) -> Mend:
    source = leg.way.source or "ADDRESS"
    return Mend("see there", (f"wgd explain {leg.address} --from {source}",), host=leg.name)


PROBED: tuple[Stage[Attempt], ...] = (
    Stage(
        PROBE,
        _right,
        (
            this_machine_sends_nothing,
            nobody_listens_there,
            peer_knows_no_way,
            packets_go_in_circles,
            somebody_forbids_it,
            calls_stay_unanswered,
            address_stays_silent,
            large_packets_are_lost,
            peer_moved_meanwhile,
        ),
    ),
)
