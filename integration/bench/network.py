"""The hub that is measured, as a value and as every tool's text. Pure.

The hub's own address is a /32, so that each peer needs a route; and each has a place in the rules. There, a
peer stands by its address and not by its name: a name means what lies in the interface's own networks.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

OWN = "172.27.0.1/32"
PORT = 51820
BEHIND = "10.11.12.0/24"
"""What lies behind the gateway, and what each peer may reach."""
GATEWAY = "gateway"
_FIRST, _NEXT = int(IPv4Address("10.64.0.0")), int(IPv4Address("10.128.0.0"))


@dataclass(frozen=True, slots=True)
class Member:
    """One peer. `key` as `wg` prints it; `keepalive` in seconds, 0: never."""

    name: str
    key: str
    address: str
    keepalive: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """One peer before and after; None: it is not there."""

    before: Member | None
    after: Member | None


class Crowd:
    """Who is wanted at the moment, on one host; it makes up edits, each with addresses never used before."""

    def __init__(self, peers: int) -> None:
        self.gateway = Member(GATEWAY, new_key(), BEHIND.split("/")[0])
        self.members = {
            member.name: member
            for member in (
                Member(f"p{number:05}", new_key(), str(IPv4Address(_FIRST + number)))
                for number in range(1, peers + 1)
            )
        }
        self._turn = self._used = 0

    def apply(self, edits: Iterable[Edit]) -> None:
        for edit in edits:
            if edit.after:
                self.members[edit.after.name] = edit.after
            elif edit.before:
                del self.members[edit.before.name]

    def readdress(self, count: int = 1) -> list[Edit]:
        """So many peers, one after another, get other addresses."""
        return [Edit(one, replace(one, address=self._address())) for one in self._pick(count)]

    def hasten(self) -> list[Edit]:
        return [Edit(one, replace(one, keepalive=one.keepalive + 25)) for one in self._pick(1)]

    def join(self) -> list[Edit]:
        address = self._address()
        return [Edit(None, Member(f"n{self._used:05}", new_key(), address))]

    def leave(self) -> list[Edit]:
        return [Edit(one, None) for one in self._pick(1)]

    def _pick(self, count: int) -> list[Member]:
        """Spread over the file: a tool that reads from the beginning must not be lucky."""
        members = list(self.members.values())
        step = max(1, len(members) * 7 // 17)
        while len(members) % step == 0 and step > 1:
            step -= 1
        chosen = {(self._turn + at * step) % len(members): None for at in range(count)}
        spare = (at for at in range(len(members)) if at not in chosen)
        while len(chosen) < count:
            chosen[next(spare)] = None
        self._turn += count * step
        return [members[at] for at in chosen]

    def _address(self) -> str:
        self._used += 1
        return str(IPv4Address(_NEXT + self._used))


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


# wgd


def interface_toml() -> str:
    return f'[interface]\nrole = "hub"\naddresses = ["{OWN}"]\nlisten_port = {PORT}\n'


def gateway_toml(gateway: Member) -> str:
    return f'\n[peers.{GATEWAY}]\npublic_key = "{gateway.key}"\nallowed_ips = ["{BEHIND}"]\n'


def member_toml(member: Member) -> str:
    """A peer and its rule: the text of a drop-in, or a part of the one file."""
    keepalive = f"persistent_keepalive = {member.keepalive}\n" if member.keepalive else ""
    return (
        f'\n[peers.{member.name}]\npublic_key = "{member.key}"\nallowed_ips = ["{member.address}/32"]\n'
        f'{keepalive}\n[[forward]]\nfrom = ["{member.address}/32"]\nto = ["{BEHIND}"]\n'
    )


def one_file(crowd: Crowd) -> str:
    parts = (interface_toml(), gateway_toml(crowd.gateway), *map(member_toml, crowd.members.values()))
    return "".join(parts)


# By hand


def conf(crowd: Crowd, private_key: str) -> str:
    """What `wg setconf` and `wg syncconf` read."""
    peers = (peer_conf(member) for member in crowd.members.values())
    own = f"[Interface]\nPrivateKey = {private_key}\nListenPort = {PORT}\n\n"
    return "".join((own, _gateway(crowd), *peers))


def quick_conf(crowd: Crowd, private_key: str, rules: str) -> str:
    """What `wg-quick` reads."""
    return conf(crowd, private_key).replace(
        "\n\n", f"\nAddress = {OWN}\nPostUp = nft -f {rules}\nPostDown = nft delete table inet by-hand\n\n", 1
    )


def _gateway(crowd: Crowd) -> str:
    return f"[Peer]\nPublicKey = {crowd.gateway.key}\nAllowedIPs = {BEHIND}\n\n"


def peer_conf(member: Member) -> str:
    keepalive = f"PersistentKeepalive = {member.keepalive}\n" if member.keepalive else ""
    return f"[Peer]\nPublicKey = {member.key}\nAllowedIPs = {member.address}/32\n{keepalive}\n"


def prefixes(crowd: Crowd) -> Iterator[str]:
    """What needs a route."""
    yield BEHIND
    yield from (f"{member.address}/32" for member in crowd.members.values())


def routes(crowd: Crowd) -> str:
    """For `ip -batch`: all of them."""
    return "".join(f"route add {prefix} dev wg0\n" for prefix in prefixes(crowd))


def routes_changed(edits: Iterable[Edit]) -> str:
    """For `ip -batch`: those alone that the edits change."""
    return "".join(
        f"route {verb} {one.address}/32 dev wg0\n"
        for edit in edits
        for verb, one, other in (("del", edit.before, edit.after), ("add", edit.after, edit.before))
        if one and (other is None or one.address != other.address)
    )


def rules(crowd: Crowd) -> str:
    """For `nft -f`: the whole table, with the same access as wgd's."""
    addresses = ", ".join(member.address for member in crowd.members.values())
    return f"""\
table inet by-hand
delete table inet by-hand
table inet by-hand {{
    set members {{ type ipv4_addr; elements = {{ {addresses} }} }}
    chain through {{
        type filter hook forward priority filter
        iifname != "wg0" oifname != "wg0" accept
        ct direction reply ct state established,related accept
        iifname "wg0" oifname "wg0" ip saddr @members ip daddr {BEHIND} accept
        counter drop
    }}
}}
"""


def rules_changed(edits: Iterable[Edit]) -> str:
    """For `nft -f`: the elements alone that the edits change."""
    come, gone = changed_addresses(edits)
    return "".join(
        f"{verb} element inet by-hand members {{ {', '.join(sorted(addresses))} }}\n"
        for verb, addresses in (("delete", gone), ("add", come))
        if addresses
    )


def changed_addresses(edits: Iterable[Edit]) -> tuple[frozenset[str], frozenset[str]]:
    """Addresses that come and that go."""
    kept = list(edits)
    before = {edit.before.address for edit in kept if edit.before}
    after = {edit.after.address for edit in kept if edit.after}
    return frozenset(after - before), frozenset(before - after)
