"""What `iptables-save` prints, as rules to walk through. Pure."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator, Mapping, Sequence

from wgd import prefixes
from wgd.firewalls.listing import protocols, target
from wgd.firewalls.packets import ICMP, Among, Match, Undecided, Within
from wgd.firewalls.walk import Chain, Does, Key, Published, Rule
from wgd.prefixes import Prefix
from wgd.values import replace

Saved = Mapping[tuple[str, str], list[str]]
"""A table's and a chain's name → its rules as saved."""

LEGACY = "filter (iptables-legacy)"

# Extensions all of whose options are read below, or say nothing of the packet.
KNOWN = frozenset(("comment", "conntrack", "state", "addrtype", "tcp", "udp", "icmp", "icmp6", "multiport"))
DEVICES = {"-i": "incoming", "-o": "outgoing"}
ADDRESSES = {"-s": "source", "-d": "target"}
PORTS = {"--dport": "ports", "--dports": "ports", "--sport": "source_ports", "--sports": "source_ports"}
WORDS = {"--ctstate": "state", "--state": "state", "--ctdir": "direction", "--dst-type": "kind of target"}
ICMP_TYPES = {"8": "echo-request", "128": "echo-request", "0": "echo-reply", "129": "echo-reply"}


def saved(text: str) -> Saved:
    """The rules that iptables-save or ip6tables-save printed."""
    found: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A "):
            found.setdefault((table, line.split()[1]), []).append(line)
    return found


def completed(chains: Mapping[Key, Chain], texts: Mapping[str, str]) -> dict[Key, Chain]:
    """The chains of families `ip` and `ip6` with what iptables itself says of their rules; `texts`: what was
    saved, by family. It counts only for rules with extensions, since of what was made with nft it says less.

    A chain whose rules are not as many as those saved is left as it was: they could not be told apart."""
    parted = {family: saved(text) for family, text in texts.items()}
    return {key: _completed(chain, parted, chains) for key, chain in chains.items()}


def legacy_chains(text: str, family: str) -> dict[Key, Chain]:
    """The filtering chains of iptables-legacy, which listings of nftables do not have, as those of a table
    LEGACY."""
    part = text.partition("*filter")[2].partition("COMMIT")[0]
    declared = [line[1:].split()[:2] for line in part.splitlines() if line.startswith(":")]
    bare = {(family, LEGACY, name): _legacy_chain(family, name, policy) for name, policy in declared}
    rules = {(LEGACY, chain): lines for (table, chain), lines in saved(text).items() if table == "filter"}
    return {key: _with(chain, rules.get(key[1:], []), bare) for key, chain in bare.items()}


def _legacy_chain(family: str, name: str, policy: str) -> Chain:
    hook = {"FORWARD": "forward", "INPUT": "input"}.get(name, "")
    return Chain(family, LEGACY, name, (), hook, 0, Does.DROP if policy == "DROP" else Does.ACCEPT)


def _completed(chain: Chain, texts: Mapping[str, Saved], chains: Mapping[Key, Chain]) -> Chain:
    lines = texts.get(chain.family, {}).get((chain.table, chain.name), [])
    if not lines or len(lines) != len(chain.rules):
        return chain
    told = zip(lines, chain.rules, strict=True)
    return replace(chain, rules=tuple(_better(line, rule, chain, chains) for line, rule in told))


def _better(line: str, listed: Rule, chain: Chain, chains: Mapping[Key, Chain]) -> Rule:
    extended = any(isinstance(match, Undecided) and match.words.startswith("xt ") for match in listed.matches)
    return _rule(line, chain, chains) if extended else replace(listed, text=line)


def _with(chain: Chain, lines: Sequence[str], chains: Mapping[Key, Chain]) -> Chain:
    return replace(chain, rules=tuple(_rule(line, chain, chains) for line in lines))


def _rule(line: str, chain: Chain, chains: Mapping[Key, Chain]) -> Rule:
    version = 4 if chain.family == "ip" else 6
    matches: list[Match] = []
    does, to = Does.NOTHING, ""
    for option, value, negated in _options(shlex.split(line)[2:]):
        if option in ("-j", "-g"):
            if (chain.family, chain.table, value) in chains:
                does, to = (Does.JUMP if option == "-j" else Does.GOTO), value
            else:
                does, to = (Does.RETURN, "") if value == "RETURN" else target(value)
            break  # what follows belongs to the target
        matches += _matches(option, value, negated, version)
    return Rule(tuple(matches), does, to, line)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Each option with its value ("" if it has none), and whether `!` stands before it."""
    at, negated = 0, False
    while at < len(words):
        if words[at] == "!":
            negated, at = True, at + 1
            continue
        has_value = at + 1 < len(words) and not words[at + 1].startswith("-") and words[at + 1] != "!"
        yield words[at], words[at + 1] if has_value else "", negated
        negated, at = False, at + 1 + has_value


def _matches(option: str, value: str, negated: bool, version: int) -> Iterator[Match]:
    try:
        yield from _understood(option, value, negated, version)
    except (KeyError, ValueError):
        yield Undecided(f"{'! ' if negated else ''}{option} {value}".rstrip())


def _understood(option: str, value: str, negated: bool, version: int) -> Iterator[Match]:
    """Raises KeyError or ValueError for what is not."""
    if option == "--comment" or (option == "-m" and value in KNOWN):
        return
    if option in DEVICES:
        yield Among(DEVICES[option], frozenset((value.replace("+", "*"),)), negated)
    elif option in ADDRESSES:
        networks = [Prefix.of(ipaddress.ip_network(one, strict=False)) for one in value.split(",")]
        yield Within(ADDRESSES[option], prefixes.ranges(networks, version), negated)
    elif option == "-p":
        yield Among("protocol", protocols((value,)), negated)
    elif option in PORTS:
        spans = [one.partition(":") for one in value.split(",")]
        ranges = ((int(first or 0), int((last or 65535) if colon else first)) for first, colon, last in spans)
        yield Within(PORTS[option], prefixes.merged(ranges), negated)
    elif option in ("--icmp-type", "--icmpv6-type"):
        yield Among("protocol", frozenset((ICMP[version],)))
        yield Among("icmp", frozenset((ICMP_TYPES.get(value, value),)), negated)
    else:
        yield Among(WORDS[option], frozenset(value.lower().split(",")), negated)


def published(text: str) -> tuple[Published, ...]:
    """The ports that Docker redirects to containers."""
    return tuple(
        found
        for (table, chain), lines in saved(text).items()
        if table == "nat" and chain == "DOCKER"
        for line in lines
        for found in _published({option: value for option, value, _ in _options(shlex.split(line)[2:])})
    )


def _published(options: Mapping[str, str]) -> Iterator[Published]:
    address, colon, port = options.get("--to-destination", "").rpartition(":")
    outside = options.get("--dport", "")
    if options.get("-d", "").startswith(("127.", "::1")):  # for this host alone
        return
    if colon and port.isdigit() and outside.isdigit():
        yield Published(int(outside), address.strip("[]"), options.get("-p", ""), int(port))
