"""What a chain of `NftFake` does to the first packet of a connection, in the words that wgd writes."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from tests.nft_fake import NftFake
from wgd.nftset import INTERVALS, width

_MATCH = re.compile(
    r"(?P<what>meta nfproto|meta l4proto|[io]ifname|ip6? saddr \. ip6? daddr|ip6? [sd]addr|(?:tcp|udp) dport)"
    r" (?P<unless>!= )?(?P<value>\{[^}]*\}|\S+) "
)


class Packet(NamedTuple):
    """`protocol` is tcp, udp, icmp or ipv6-icmp; `port` is the one it goes to."""

    incoming: str
    outgoing: str
    source: str
    target: str
    protocol: str = "tcp"
    port: int = 80

    @property
    def version(self) -> int:
        return ip_address(self.source).version


def verdict(table: NftFake, chain: str, packet: Packet) -> str:
    """`accept` or `drop`; a chain without a last word accepts."""
    for rule in table.rules(chain):
        text = rule.partition(" comment ")[0]
        if not text.startswith("ct ") and _matches(table, text, packet):
            return text.split()[-1]
    return "accept"


def _matches(table: NftFake, text: str, packet: Packet) -> bool:
    at = 0
    while match := _MATCH.match(text, at):
        at = match.end()
        if _holds(table, match["what"], match["value"], packet) is bool(match["unless"]):
            return False
    assert text[at:] in ("accept", "drop", "counter drop"), text
    return True


def _holds(table: NftFake, what: str, value: str, packet: Packet) -> bool:
    values = [one.strip('" ') for one in value.strip("{}").split(",")]
    if what == "meta nfproto":
        return values == [f"ipv{packet.version}"]
    if what == "meta l4proto":
        return packet.protocol in values
    if what in ("iifname", "oifname"):
        return (packet.incoming if what == "iifname" else packet.outgoing) in values
    if what.endswith("dport"):
        return packet.protocol == what.split()[0] and any(_within(packet.port, one) for one in values)
    if what.startswith("ip6") is not (packet.version == 6):
        return False
    addresses = {"saddr": packet.source, "daddr": packet.target}
    named = [ip_address(addresses[word]) for word in what.split() if word in addresses]
    if value.startswith("@"):
        return _looked_up(table, value[1:], b"".join(address.packed for address in named))
    return any(named[0] in ip_network(one) for one in values)


def _within(port: int, span: str) -> bool:
    first, _, last = span.partition("-")
    return int(first) <= port <= int(last or first)


def _looked_up(table: NftFake, name: str, key: bytes) -> bool:
    (found,) = (one for one in table.everything() if one.name == name)
    if not found.type.endswith(INTERVALS):
        return key in found.elements
    size = width(found.type)
    return any(one[:size] <= key <= one[size:] for one in found.elements)
