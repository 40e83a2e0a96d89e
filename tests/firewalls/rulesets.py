"""Rulesets to walk through: small ones as iptables-save would print them, and recorded ones of real tools.

`docker-20.save` and `ufw.save` are what iptables-save printed beside them; `firewalld.json` and
`firewalld-2.json` what nft listed, of its releases 1 and 2; `docker-28.save` is written after what that
release makes. Each has one port or rule more than a fresh one.
"""

from __future__ import annotations

import json
from pathlib import Path

from wgd import prefixes
from wgd.firewalls import listing, xtables
from wgd.firewalls.packets import PORTS, Packets
from wgd.firewalls.walk import Chain, Key, Ruleset
from wgd.prefixes import Prefix, Ranges

RECORDED = Path(__file__).parent / "recorded"


def spans(*texts: str) -> Ranges:
    """The addresses of these prefixes."""
    networks = [Prefix.parse(text) for text in texts]
    return prefixes.ranges(networks, networks[0].version)


def packets(
    incoming: str = "wg0",
    outgoing: str = "eth0",
    source: str = "172.27.0.2",
    target: str = "10.11.12.0/24",
    protocol: str = "tcp",
    port: int | None = 80,
) -> Packets:
    """New connections; by default spoke-1's to the cameras' web pages."""
    version = Prefix.parse(source).version
    ports = PORTS if port is None else ((port, port),)
    return Packets(version, incoming, outgoing, spans(source), spans(target), protocol, PORTS, ports)


def saved(text: str) -> Ruleset:
    """A table `filter` of iptables; where a base chain's policy is not said, it accepts."""
    missing = [name for name in ("INPUT", "FORWARD") if f":{name} " not in text]
    lines = [*(f":{name} ACCEPT" for name in missing), text]
    legacy = xtables.legacy_chains("*filter\n" + "\n".join(lines) + "\nCOMMIT\n", "ip")
    return Ruleset(_renamed(legacy))


def recorded(name: str) -> Ruleset:
    """One of RECORDED."""
    text = (RECORDED / name).read_text()
    if name.endswith(".json"):
        listed = [pair for one in json.loads(text)["nftables"] for pair in one.items()]
        return Ruleset(listing.chains(listed))
    return Ruleset(_renamed(xtables.legacy_chains(text, "ip")), xtables.published(text))


def _renamed(legacy: dict[Key, Chain]) -> dict[Key, Chain]:
    """As if iptables-nft had made them: where the two differ is nothing but the table's name."""
    return {
        (family, "filter", name): Chain(family, "filter", name, c.rules, c.hook, c.priority, c.policy)
        for (family, _, name), c in legacy.items()
    }
