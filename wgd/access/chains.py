"""What stands in our chains around the rules of flows, in nft's language. Pure.

A chain that judges begins with what is none of its business and ends with what drops the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wgd.access import rules
from wgd.access.flows import Disguise
from wgd.access.rules import Text

REPLIES = Text("ct direction reply ct state established,related accept", "replies")
MARK = 0x1000000
"""The bit in a packet's mark that says that our rules were there when it came in."""
OFTEN = "5/second burst 10 packets"
"""Of so many of those that are dropped the kernel's log tells: whoever knocks must not fill the disk."""
_ERRORS = Text(
    "ct state related meta l4proto { icmp, ipv6-icmp } accept", "ICMP errors of allowed connections"
)
_SYN = "tcp flags & (syn | rst) == syn"


def passing(name: str, permits: Iterable[Text], log: bool = False) -> Iterator[Text]:
    """What may pass through the interface, and nothing else; `log`: which is told, now and then."""
    yield Text(f'iifname != "{name}" oifname != "{name}" accept', f"not through {name}")
    yield from _judged(permits, f"wgd {name} forward: " if log else "")


def coming_in(name: str, permits: Iterable[Text], log: bool = False) -> Iterator[Text]:
    """What may come in to this machine by the interface, and nothing else; `log` as above."""
    yield Text(f'iifname != "{name}" accept', f"not through {name}")
    yield from _judged(permits, f"wgd {name} input: " if log else "")


def _judged(permits: Iterable[Text], prefix: str) -> Iterator[Text]:
    yield REPLIES
    yield _ERRORS
    yield from permits
    if prefix:
        yield Text(f'limit rate {OFTEN} counter log prefix "{prefix}"', "tells of what is dropped")
    yield Text("counter drop", "everything else")


def masquerade(disguise: Disguise) -> Text:
    """What came in from the interface gets another address."""
    words = [f'{rules.version(disguise.version)} iifname "{disguise.interface}" oifname "{disguise.out}"']
    if disguise.networks:
        words.append(rules.match("daddr", disguise.version, disguise.networks))
    family = rules.family(disguise.version)
    words.append(f"snat {family} to {disguise.address}" if disguise.address else "masquerade")
    return Text(" ".join(words), disguise.words)


def clamping(name: str) -> tuple[Text, ...]:
    """Each end of a TCP connection through the interface hears of no larger segments than both ways take."""
    return tuple(
        Text(f'{way} "{name}" {_SYN} tcp option maxseg size set rt mtu', words)
        for way, words in (("iifname", f"TCP from {name}"), ("oifname", f"TCP to {name}"))
    )


def marking(devices: Iterable[tuple[int | None, str]]) -> Iterator[Text]:
    """What comes in by the devices, each of an IP version (None: both), meets our rules: they are there."""
    for version, device in devices:
        words = (rules.version(version) if version else "", f'iifname "{device}"')
        matches = " ".join(filter(None, words))
        yield Text(f"{matches} meta mark set meta mark | {MARK:#x}", f"{device} meets the rules")


def fence(places: Iterable[tuple[int, str]], all_ipv6: bool, managed: Sequence[str]) -> Iterator[Text]:
    """What wgd opened, wgd fences: a device that forwards only because of us leads into the tunnel only.
    `places`: such devices by IP version; `all_ipv6`: IPv6 forwards everywhere only because of us."""
    leaving = rules.unmanaged("oifname", managed)
    for version, device in places:
        words = (rules.version(version), f'iifname "{device}"', leaving, "counter drop")
        yield Text(" ".join(filter(None, words)), f"{device} forwards for wgd only")
    if all_ipv6:
        words = (rules.version(6), rules.unmanaged("iifname", managed), leaving, "counter drop")
        yield Text(" ".join(filter(None, words)), "IPv6 forwarding is on for wgd only")
