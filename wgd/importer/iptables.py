"""A command of iptables or ip6tables → what it does."""

from __future__ import annotations

from collections.abc import Sequence

from wgd.config.source import Unfit
from wgd.importer.acts import Act, Do, network, ports
from wgd.importer.found import Line

_VERBS = {"-A": False, "--append": False, "-I": False, "--insert": False, "-D": True, "--delete": True}
_OPTIONS = {
    "-t": "table",
    "--table": "table",
    "-i": "in",
    "--in-interface": "in",
    "-o": "out",
    "--out-interface": "out",
    "-s": "from",
    "--source": "from",
    "--src": "from",
    "-d": "to",
    "--destination": "to",
    "--dst": "to",
    "-p": "protocol",
    "--protocol": "protocol",
    "--dport": "ports",
    "--dports": "ports",
    "--destination-port": "ports",
    "--destination-ports": "ports",
    "--ctstate": "state",
    "--state": "state",
    "--comment": "",
    "-j": "target",
    "--jump": "target",
}
_MATCHES = ("conntrack", "state", "comment", "tcp", "udp", "multiport")
_FORWARD = ("FORWARD", "DOCKER-USER")
_NOT_OURS = {
    "INPUT": "it is for your own firewall: wgd decides only what passes through",
    "OUTPUT": "it is for your own firewall: wgd decides only what passes through",
    "DROP": "rules of wgd only permit: what no [[forward]] names does not pass anyway",
    "REJECT": "rules of wgd only permit: what no [[forward]] names does not pass anyway",
    "SNAT": 'say it as [[masquerade]] with snat = "ADDRESS"',
    "DNAT": "wgd does not redirect ports",
    "TCPMSS": "wgd does it by itself where rules lead to other devices; elsewhere with clamp_mss = true",
}


def act(program: str, words: Sequence[str], line: Line) -> Act:
    """What it does. Raises Unfit."""
    if list(words[:1]) in (["-P"], ["--policy"]) and list(words[1:]) == ["FORWARD", "ACCEPT"]:
        return Act(Do.FORWARD, line, version=_version(program))
    chain, undo, said = _parsed(words)
    target = said.get("target", "")
    ours = (chain in _FORWARD and target == "ACCEPT" and said.get("table", "filter") == "filter") or (
        chain == "POSTROUTING" and target == "MASQUERADE" and said.get("table") == "nat"
    )
    if not ours:
        raise Unfit(_NOT_OURS.get(target) or _NOT_OURS.get(chain) or "wgd has no rule like this")
    do = Do.MASQUERADE if target == "MASQUERADE" else Do.FORWARD
    states = set(said.get("state", "NEW").upper().split(","))
    if do is Do.FORWARD and states <= {"RELATED", "ESTABLISHED"}:
        do = Do.REPLIES
    return Act(
        do,
        line,
        _version(program),
        said.get("in"),
        said.get("out"),
        network(said["from"]) if "from" in said else None,
        network(said["to"]) if "to" in said else None,
        ports(said.get("protocol"), said.get("ports")),
        undo,
    )


def _version(program: str) -> int:
    return 6 if program.startswith("ip6") else 4


def _parsed(words: Sequence[str]) -> tuple[str, bool, dict[str, str]]:
    """The chain, whether the rule is deleted, and its options. Raises Unfit for what is not known here."""
    chain, undo, said = "", False, {}
    left = list(words)
    while left:
        word = left.pop(0)
        value = left[0] if left else ""
        if word in _VERBS and value:
            chain, undo = left.pop(0), _VERBS[word]
            _skip_number(left)
        elif word in ("-w", "--wait"):
            _skip_number(left)
        elif word in ("-m", "--match") and value in _MATCHES:
            left.pop(0)
        elif word in _OPTIONS and value and value != "!":
            said[_OPTIONS[word]] = left.pop(0)
        else:
            raise Unfit("wgd has no rule like this" if word == "!" else f"wgd has no rule with {word}")
    return chain, undo, said


def _skip_number(left: list[str]) -> None:
    if left and left[0].isdecimal():
        left.pop(0)
