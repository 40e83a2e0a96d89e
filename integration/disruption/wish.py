"""What one host's wg0 should be, as a value that every tool under test understands, and whether it is so.

An operation counts as done when `wg`, `ip` and `nft` show it: nobody wins by not doing it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from integration.host import Host

SPARE_ROUTES = tuple(f"10.77.{number}.0/24" for number in range(32))
"""Prefixes that come and go; nobody lives there."""
SPARE_RULES = tuple(f"10.78.{number}.0/24" for number in range(4))
"""Targets of rules that come and go."""
SECOND_ADDRESS = "172.28.0.1/24"
MTU = 1420


@dataclass(frozen=True, slots=True)
class PeerWish:
    """One peer; keys as `wg` prints them, `keepalive` in seconds (0: off)."""

    name: str
    public_key: str
    allowed_ips: frozenset[str]
    endpoint: str = ""
    keepalive: int = 0
    preshared_key: str = ""

    @property
    def shown(self) -> tuple[str, str, frozenset[str], int]:
        return self.public_key, self.preshared_key, self.allowed_ips, self.keepalive


@dataclass(frozen=True, slots=True)
class Wish:
    """wg0 of one host. `forwards`: (from, to). `masqueraded`: where to, leaving by `lan`."""

    active: str
    addresses: frozenset[str]
    peers: tuple[PeerWish, ...]
    forwards: tuple[tuple[str, str], ...]
    lan: str
    masqueraded: tuple[str, ...] = ()
    listen_port: int = 0
    mtu: int = MTU

    def peer(self, name: str) -> PeerWish:
        return next(peer for peer in self.peers if peer.name == name)

    def with_peer(self, peer: PeerWish) -> Wish:
        """With this peer in the place of the one of its name, or as the last."""
        if peer.name not in (known.name for known in self.peers):
            return replace(self, peers=(*self.peers, peer))
        return replace(self, peers=tuple(peer if old.name == peer.name else old for old in self.peers))

    def without_peer(self, name: str) -> Wish:
        return replace(self, peers=tuple(peer for peer in self.peers if peer.name != name))

    @property
    def routes(self) -> frozenset[str]:
        """What leads into wg0 besides the connected network."""
        return frozenset(
            prefix for peer in self.peers for prefix in peer.allowed_ips if not prefix.startswith("172.27.")
        )


def shown(host: Host, wish: Wish) -> bool:
    """Whether the commands of a person show that it is so."""
    return _wg(host, wish) and shown_by_ip(host, wish) and _nft(host, wish)


def _wg(host: Host, wish: Wish) -> bool:
    lines = host.run("wg", "show", "wg0", "dump", check=False).splitlines()[1:]
    return {_peer(line) for line in lines} == {peer.shown for peer in wish.peers}


def _peer(line: str) -> tuple[str, str, frozenset[str], int]:
    key, preshared, _, allowed, *_, keepalive = line.split("\t")
    return (
        key,
        preshared.replace("(none)", ""),
        frozenset(allowed.replace("(none)", "").split(",")) - {""},
        0 if keepalive == "off" else int(keepalive),
    )


def shown_by_ip(host: Host, wish: Wish) -> bool:
    """Its addresses, MTU and routes alone."""
    links = json.loads(host.run("ip", "-j", "address", "show", "dev", "wg0", check=False) or "[]")
    if not links:
        return False
    found = {f"{one['local']}/{one['prefixlen']}" for one in links[0]["addr_info"] if one["family"] == "inet"}
    return found == wish.addresses and links[0]["mtu"] == wish.mtu and _routes(host) == wish.routes


def _routes(host: Host) -> frozenset[str]:
    routes = json.loads(host.run("ip", "-j", "route", "show", "dev", "wg0", check=False) or "[]")
    return frozenset(route["dst"] for route in routes if not route["dst"].startswith("172."))


def _nft(host: Host, wish: Wish) -> bool:
    ruleset = host.run("nft", "list", "ruleset")
    wanted = {to for _, to in wish.forwards} | set(wish.masqueraded)
    return (
        "drop" in ruleset
        and ("masquerade" in ruleset) == bool(wish.masqueraded)
        and all(prefix.removesuffix("/32") in ruleset for prefix in wanted)
        and not any(prefix in ruleset for prefix in SPARE_RULES if prefix not in wanted)
    )
