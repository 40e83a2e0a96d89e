"""A listing of nftables in JSON as chains to walk through. Pure.

iptables-nft shows its extensions in such a listing by name only; what they say comes from `xtables`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wgd import prefixes
from wgd.firewalls.packets import PORTS, Among, Match, Undecided, Within
from wgd.firewalls.walk import Chain, Does, Key, Rule
from wgd.firewalls.words import words
from wgd.prefixes import Ranges
from wgd.values import value

Listed = Mapping[str, Any]
"""One object of a listing, or one expression in it."""
Sets = Mapping[Key, list[Any]]
"""The elements of named sets and maps, by family, table and name."""

# What changes, counts or tells of a packet and lets it go on.
IDLE = frozenset(
    (
        "counter",
        "log",
        "mangle",
        "notrack",
        "flow",
        "ct helper",
        "ct timeout",
        "ct expectation",
        "last",
        "set",
    )
)
# The same among the targets of iptables.
IDLE_TARGETS = frozenset(
    (
        "LOG",
        "NFLOG",
        "MARK",
        "CONNMARK",
        "TCPMSS",
        "TRACE",
        "AUDIT",
        "CT",
        "NOTRACK",
        "DSCP",
        "TOS",
        "CLASSIFY",
    )
)
VERDICTS = {
    "accept": Does.ACCEPT,
    "drop": Does.DROP,
    "reject": Does.DROP,
    "return": Does.RETURN,
    "jump": Does.JUMP,
    "goto": Does.GOTO,
    "queue": Does.UNKNOWN,
    "synproxy": Does.UNKNOWN,
    "tproxy": Does.UNKNOWN,
    "xt": Does.UNKNOWN,
}
TRAITS = {"iifname": "incoming", "iif": "incoming", "oifname": "outgoing", "oif": "outgoing"}
ADDRESSES = {"saddr": "source", "daddr": "target"}
PORT_FIELDS = {"dport": "ports", "sport": "source_ports"}
NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp"}
VERSIONS = {"ipv4": "4", "ip": "4", "ipv6": "6", "ip6": "6"}


class _Unreadable(Exception):
    """This expression says something that packets here know nothing of."""


def chains(listed: Iterable[tuple[str, Listed]]) -> dict[Key, Chain]:
    """All chains of a listing, given as (sort, object), with their rules."""
    everything = list(listed)
    sets: Sets = {_key(one): one.get("elem", []) for sort, one in everything if sort in ("set", "map")}
    rules: dict[Key, list[Rule]] = {}
    for sort, one in everything:
        if sort == "rule":
            rules.setdefault((one["family"], one["table"], one["chain"]), []).extend(_rules(one, sets))
    found = {_key(one): one for sort, one in everything if sort == "chain"}
    return {key: _chain(key, one, tuple(rules.get(key, ()))) for key, one in found.items()}


def _key(one: Listed) -> Key:
    """Of a set or a chain."""
    return one["family"], one["table"], one["name"]


def _chain(where: Key, one: Listed, rules: tuple[Rule, ...]) -> Chain:
    if one.get("type") not in ("filter", "route"):  # what translates addresses does not drop
        return Chain(*where, rules)
    policy = Does.DROP if one.get("policy") == "drop" else Does.ACCEPT
    return Chain(*where, rules, one["hook"], one["prio"], policy)


def _rules(one: Listed, sets: Sets) -> Iterator[Rule]:
    """A rule; or several, one for each element of a verdict map in it, of which one at most matches."""
    reading = _Reading((one["family"], one["table"]), sets)
    said = one.get("expr", [])
    text = words(said)
    matches: list[Match] = []
    for statement in said:
        ((word, value),) = statement.items()
        if word == "vmap":
            yield from (
                Rule((*matches, *more), does, chain, text) for more, does, chain in reading.verdicts(value)
            )
            return
        if word in VERDICTS and not (word == "xt" and value["type"] == "match"):
            yield Rule(tuple(matches), *_verdict(word, value), text)
            return
        if word not in IDLE:
            matches += reading.matches(word, value)
    yield Rule(tuple(matches), Does.NOTHING, "", text)


def _verdict(word: str, value: Any) -> tuple[Does, str]:
    if word in ("jump", "goto"):
        return VERDICTS[word], value["target"]
    if word == "xt":
        return target(value["name"])
    return VERDICTS[word], ""


def target(name: str) -> tuple[Does, str]:
    """What a target of iptables does, that is no chain of the same name."""
    if name in IDLE_TARGETS:
        return Does.NOTHING, ""
    return {"REJECT": Does.DROP, "DROP": Does.DROP, "ACCEPT": Does.ACCEPT}.get(name, Does.UNKNOWN), ""


@value
class _Reading:
    """Reads the matches of one table, whose named sets they may ask."""

    table: tuple[str, str]
    sets: Sets

    def matches(self, word: str, value: Any) -> tuple[Match, ...]:
        """What a statement asks for; `Undecided` for all that is not understood."""
        if word == "match":
            try:
                return tuple(self._match(value["left"], value["op"], value["right"]))
            except (_Unreadable, KeyError, TypeError, ValueError):
                pass
        return (Undecided(words([{word: value}])),)

    def verdicts(self, value: Listed) -> Iterator[tuple[tuple[Match, ...], Does, str]]:
        """Each element of a verdict map: what it asks for, and what follows."""
        for key, verdict in self._elements(value["data"]):
            ((word, more),) = verdict.items()
            does, chain = _verdict(word, more)
            try:
                yield tuple(self._match(value["key"], "==", key)), does, chain
            except (_Unreadable, KeyError, TypeError, ValueError):
                yield (Undecided(words([{"vmap": value}])),), does, chain

    def _match(self, left: Any, op: str, right: Any) -> Iterator[Match]:
        ((sort, what),) = left.items()
        if sort == "concat":
            if op != "==" or set(right) != {"concat"}:
                raise _Unreadable  # a set of several: only verdict maps are taken apart
            for part, asked in zip(what, right["concat"], strict=True):
                yield from self._match(part, op, asked)
            return
        negated = {"==": False, "in": False, "!=": True}.get(op)
        if sort == "payload":
            yield from self._payload(what["protocol"], what["field"], op, right)
        elif negated is None or not isinstance(what, dict):
            raise _Unreadable
        else:
            yield self._among(sort, what, right, negated)

    def _among(self, sort: str, what: Listed, right: Any, negated: bool) -> Among:
        asked = self._texts(right)
        key = what.get("key")
        if sort == "meta" and key in TRAITS:
            return Among(TRAITS[key], asked, negated)
        if sort == "meta" and key == "l4proto":
            return Among("protocol", protocols(asked), negated)
        if sort == "meta" and key in ("nfproto", "protocol"):
            return Among("version", frozenset(VERSIONS[one] for one in asked), negated)
        if sort == "ct" and key in ("state", "direction"):
            return Among(key, asked, negated)
        if sort == "ct" and key == "status" and asked <= {"dnat", "snat"}:
            return Among("redirected", asked, negated)
        if sort == "fib" and what.get("result") == "type" and what.get("flags") in ("daddr", ["daddr"]):
            return Among("kind of target", asked, negated)
        raise _Unreadable

    def _payload(self, protocol: str, field: str, op: str, right: Any) -> Iterator[Match]:
        if protocol in ("ip", "ip6"):
            version = 4 if protocol == "ip" else 6
            yield Among("version", frozenset((str(version),)))
            if field in ADDRESSES:
                yield Within(ADDRESSES[field], self._ranges(right, op, version), op == "!=")
            elif field in ("protocol", "nexthdr") and op in ("==", "!="):
                yield Among("protocol", protocols(self._texts(right)), op == "!=")
            else:
                raise _Unreadable
        elif protocol in ("tcp", "udp", "th") and field in PORT_FIELDS:
            yield Among("protocol", frozenset(("tcp", "udp") if protocol == "th" else (protocol,)))
            yield Within(PORT_FIELDS[field], self._ranges(right, op, None), op == "!=")
        elif protocol in ("icmp", "icmpv6") and field == "type" and op in ("==", "!="):
            yield Among("protocol", protocols((protocol,)))
            yield Among("icmp", self._texts(right), op == "!=")
        else:
            raise _Unreadable

    def _elements(self, right: Any) -> list[Any]:
        """The single values of whatever stands to the right of a match."""
        if isinstance(right, str) and right.startswith("@"):
            return self._elements(self.sets[(*self.table, right[1:])])
        if isinstance(right, dict) and "set" in right:
            return self._elements(right["set"])
        listed = right if isinstance(right, list) else [right]
        return [one["elem"]["val"] if isinstance(one, dict) and "elem" in one else one for one in listed]

    def _texts(self, right: Any) -> frozenset[str]:
        found = self._elements(right)
        if not all(isinstance(one, str | int) for one in found):
            raise _Unreadable
        return frozenset(map(str, found))

    def _ranges(self, right: Any, op: str, version: int | None) -> Ranges:
        """Of addresses of an IP version, or of ports (None); comparisons go from one end to the number."""
        spans = [_span(one, version) for one in self._elements(right)]
        if op in ("==", "in", "!="):
            return prefixes.merged(spans)
        ((first, last),) = spans
        low, high = PORTS[0] if version is None else prefixes.everything(version)[0]
        compared = {"<": (low, first - 1), "<=": (low, last), ">": (last + 1, high), ">=": (first, high)}
        return (compared[op],)


def _span(value: Any, version: int | None) -> tuple[int, int]:
    if isinstance(value, dict):
        ((sort, what),) = value.items()
        if sort == "prefix":
            network = ipaddress.ip_network(f"{what['addr']}/{what['len']}")
            if network.version != version:
                raise _Unreadable
            return int(network.network_address), int(network.broadcast_address)
        if sort == "range":
            return _number(what[0], version), _number(what[1], version)
        raise _Unreadable
    return _number(value, version), _number(value, version)


def _number(value: Any, version: int | None) -> int:
    if version is None:
        return int(value)
    address = ipaddress.ip_address(value)
    if address.version != version:
        raise _Unreadable
    return int(address)


def protocols(names: Iterable[str]) -> frozenset[str]:
    """Protocols by the name that nftables lists them under, whether given so or by number."""
    return frozenset(NUMBERS.get(name, name) for name in names)
