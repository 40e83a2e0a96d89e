"""Lines of shell → what they permit, masquerade or switch on: the shapes that everybody copies, no others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgd.config.source import Unfit
from wgd.importer import iptables, nft
from wgd.importer.acts import Act, Do, network
from wgd.importer.found import Line

_TOKEN = re.compile(
    r"""\s*(?:(?P<separator>\|\||&&|;)|(?P<word>(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\;&|<>])+|>)|(?P<odd>\S))"""
)
_PART = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>[^"]*)"|\\(?P<escaped>.)|(?P<bare>[^'"\\]+)""")
_FORWARDING = re.compile(r"net[./]ipv(?P<version>[46])[./](?:ip_forward|conf[./][^./]+[./]forwarding)")
_HARMLESS = ("true", ":", "echo", "logger", "sleep")


def commands(text: str) -> tuple[tuple[str, ...], ...]:
    """The commands of a line of shell, as words. Raises Unfit for whatever needs a shell to understand."""
    found: list[list[str]] = [[]]
    at, text = 0, text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token["odd"] or re.search(r"[$`]", token["word"] or ""):
            raise Unfit("it takes a shell to know what this does")
        at = token.end()
        if token["separator"]:
            found.append([])
        else:
            found[-1].append(_unquoted(token["word"]))
    return tuple(tuple(command) for command in found if command)


def _unquoted(word: str) -> str:
    return "".join(
        next(part for part in match.groups() if part is not None) for match in _PART.finditer(word)
    )


def act(words: Sequence[str], line: Line) -> Act:
    """What one command does. Raises Unfit, with what to do about it instead."""
    program = words[0].rpartition("/")[2]
    if program == "sudo" and len(words) > 1:
        return act(words[1:], line)
    if re.fullmatch(r"ip6?tables(?:-nft|-legacy)?", program):
        return iptables.act(program, words[1:], line)
    match program:
        case "nft":
            return nft.act(words[1:], line)
        case "ufw":
            return _ufw(words[1:], line)
        case "sysctl":
            return _sysctl(words[1:], line)
        case "echo" if len(words) == 4 and words[2] == ">":
            return _switch(words[3].removeprefix("/proc/sys/").replace("/", "."), words[1], line)
    if program in _HARMLESS and ">" not in words:
        return Act(Do.NOTHING, line)
    raise Unfit("wgd runs no commands")


def _sysctl(words: Sequence[str], line: Line) -> Act:
    settings = [word for word in words if not word.startswith("-")]
    text = "".join(settings)
    if text.count("=") != 1:
        raise Unfit("wgd sets no switches but for forwarding")
    name, _, value = text.partition("=")
    return _switch(name, value, line)


def _switch(name: str, value: str, line: Line) -> Act:
    known = _FORWARDING.fullmatch(name.strip())
    if not known or value.strip() not in ("0", "1"):
        raise Unfit("wgd sets no switches but for forwarding: a file in /etc/sysctl.d is the place")
    return Act(Do.SWITCH, line, version=int(known["version"]), undo=value.strip() == "0")


def _ufw(words: Sequence[str], line: Line) -> Act:
    """`ufw route [delete] allow [in on X] [out on Y] [from C] [to C]`."""
    text = " ".join(words)
    shape = re.fullmatch(
        r"route (?P<undo>delete )?allow(?: in on (?P<incoming>\S+))?(?: out on (?P<outgoing>\S+))?"
        r"(?: from (?P<source>\S+))?(?: to (?P<target>\S+))?",
        text,
    )
    if not shape:
        raise Unfit("it is for your own firewall: wgd decides only what passes through")
    source, target = (network(shape[end]) if shape[end] else None for end in ("source", "target"))
    return Act(
        Do.FORWARD,
        line,
        incoming=shape["incoming"],
        outgoing=shape["outgoing"],
        source=source,
        target=target,
        undo=bool(shape["undo"]),
    )
