"""A command of nft → what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgd.config.source import Unfit
from wgd.importer.acts import Act, Do, network, ports
from wgd.importer.found import Line

_FAMILIES = {"ip": 4, "ip6": 6, "inet": None}
_MATCHES = (
    (r"(?:meta )?iif(?:name)? (?P<incoming>[^\s{}!=]+)", "incoming"),
    (r"(?:meta )?oif(?:name)? (?P<outgoing>[^\s{}!=]+)", "outgoing"),
    (r"(?:ip|ip6) saddr (?P<source>[0-9A-Fa-f.:/]+)", "source"),
    (r"(?:ip|ip6) daddr (?P<target>[0-9A-Fa-f.:/]+)", "target"),
    (r"(?P<ports>(?:tcp|udp) dport (?:\{[^}]*\}|[0-9-]+))", "ports"),
    (r"(?:meta l4proto|ip protocol|ip6 nexthdr) (?P<protocol>[a-z0-9-]+)", "protocol"),
    (r"ct state (?P<state>\{[^}]*\}|[a-z,]+)", "state"),
    (r"(?P<counter>counter(?: packets \d+ bytes \d+)?)", "counter"),
    (r"comment (?P<comment>.*)", "comment"),
    (r"(?P<verdict>accept|masquerade|drop|reject)\b", "verdict"),
)
_RULE = re.compile(
    r"(?:add|insert) rule (?:(?P<family>ip|ip6|inet) )?(?P<table>\S+) (?P<chain>\S+) (?P<what>.*)"
)
_SCAFFOLD = re.compile(
    r"(?:(?:add|create) (?:table|chain)|(?P<undo>(?:delete|flush|destroy) (?:table|chain|rule))) .*"
)


def act(words: Sequence[str], line: Line) -> Act:
    """What it does. Raises Unfit."""
    text = re.sub(r"\s+", " ", " ".join(word for word in words if not word.startswith("-"))).strip(" ;")
    if scaffold := _SCAFFOLD.fullmatch(text):
        return Act(Do.SCAFFOLD, line, undo=bool(scaffold["undo"]))
    rule = _RULE.fullmatch(text)
    if "-f" in words or not rule:
        raise Unfit("wgd has a table of its own, and reads no other")
    said = _matches(rule["what"].replace('"', ""))
    version = _FAMILIES[rule["family"] or "ip"]
    protocol, _, listed = said.get("ports", said.get("protocol", "")).partition(" dport ")
    return Act(
        _do(rule["chain"], said),
        line,
        version,
        said.get("incoming"),
        said.get("outgoing"),
        network(said["source"]) if "source" in said else None,
        network(said["target"]) if "target" in said else None,
        ports(protocol or None, listed or None),
    )


def _do(chain: str, said: dict[str, str]) -> Do:
    verdict = said.get("verdict", "")
    if verdict == "masquerade":
        return Do.MASQUERADE
    if verdict in ("drop", "reject"):
        raise Unfit("rules of wgd only permit: what no [[forward]] names does not pass anyway")
    if verdict != "accept" or "forward" not in chain.casefold():
        raise Unfit("it is for your own firewall: wgd decides only what passes through")
    states = set(re.split(r"[\s,]+", said.get("state", "new").strip("{} ")))
    return Do.REPLIES if states <= {"established", "related"} else Do.FORWARD


def _matches(text: str) -> dict[str, str]:
    """The parts of a rule. Raises Unfit for what is not known here."""
    said: dict[str, str] = {}
    while text:
        for pattern, name in _MATCHES:
            if found := re.match(pattern + r"(?: |$)", text):
                said[name] = found[name]
                text = text[found.end() :]
                break
        else:
            raise Unfit("wgd has no rule like this")
    return said
