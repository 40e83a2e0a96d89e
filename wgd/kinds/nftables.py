"""Kind `nftables`: the chains of table `inet wgd`, one for forwarding and one for masquerading per interface.

Marker: the table; every chain in it is ours, and each rule carries a digest of its text in its comment.
Quirks: listings do not return what was sent, so rules are compared by digest, never by text. `iifname`, since
    `iif` fails while the link is absent. Never `policy drop`: with br_netfilter it drops bridged frames too.
    An accept here ends only this chain: two interfaces both have to permit, and another table may drop.
Deletes when: the chain is in our table and nothing asks for it; the last chain takes the table along.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from wgd.config.document import Config, Forwarding, Interface, IPNetwork, PortRange
from wgd.flows import FENCE, Disguise, Flow, disguises, flows, guard
from wgd.ground import Place
from wgd.kinds.sysctl import fenced
from wgd.model import Change, Op, Stage, State, Verb
from wgd.protocols import Kind

TABLE = "inet wgd"
FORWARD = "type filter hook forward priority filter; policy accept;"
POSTROUTING = "type nat hook postrouting priority srcnat; policy accept;"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `digest` of its text, and, where it is wanted and not observed, the text in nft's language."""

    digest: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of our table. `hook` is its declaration in nft's language ("" for a regular chain); `other`: it
    is no chain but a set, map or the like, by nft's word for it, which nobody but a stranger put there."""

    name: str
    hook: str
    rules: tuple[Rule, ...] = ()
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NftTransaction(Op):
    """Lines in nft's language that take effect together or not at all."""

    stage: ClassVar[Stage] = Stage.RULES
    lines: tuple[str, ...]

    def commands(self) -> tuple[str, ...]:
        return tuple(f"nft '{line}'" for line in self.lines)


class NftablesKind(Kind[Chain]):
    name = "nftables"
    reads = frozenset({"link", "nftables", "route", "sysctl"})

    def key(self, spec: Chain) -> Hashable:
        return spec.name

    def desired(self, config: Config, seen: State) -> Iterable[Chain]:
        permitted, disguised = flows(config, seen), disguises(config)
        managed = config.managed()
        for interface in config.enabled():
            if interface.forwarding is Forwarding.RULES:
                yield _forward_chain(
                    interface, [f for f in permitted if f.interface == interface.name], managed
                )
            mine = [d for d in disguised if d.interface == interface.name]
            if mine:
                yield Chain(
                    f"masquerade-{interface.name}", POSTROUTING, tuple(_rule(*_masquerade(d)) for d in mine)
                )
        fence = tuple(_fence(config, seen))
        if fence:
            # Whoever makes this machine a router for others as well (Docker) needs its answers.
            yield Chain(FENCE, FORWARD, (REPLIES, *fence))

    def owns(self, have: Chain, seen: State) -> bool:
        return True

    def differences(self, want: Chain, have: Chain) -> tuple[tuple[str, str, str], ...]:
        found = []
        if want.hook != have.hook:
            found.append(("hook", have.hook or "none", want.hook))
        mine, theirs = ([rule.digest for rule in chain.rules] for chain in (want, have))
        if mine != theirs:
            missing, extra = len(set(mine) - set(theirs)), len(set(theirs) - set(mine))
            found.append(("rules", f"{len(theirs)} ({extra} unknown)", f"{len(mine)} ({missing} new)"))
        return tuple(found)

    def interface(self, spec: Chain) -> str | None:
        for prefix in ("forward-", "masquerade-"):
            if spec.name.startswith(prefix):
                return spec.name.removeprefix(prefix)
        return None

    def label(self, spec: Chain) -> str:
        return f"{spec.other or 'chain'} {TABLE} {spec.name}"

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        made = [change for change in changes if change.verb is not Verb.DELETE]
        gone = [change for change in changes if change.verb is Verb.DELETE]
        if made:
            lines = [f"add table {TABLE}", *(line for change in made for line in _replace(change))]
            yield NftTransaction(refs=tuple(change.ref for change in made), lines=tuple(lines))
        if gone:
            refs = tuple(change.ref for change in gone)
            yield NftTransaction(refs=refs, lines=_delete(gone, bool(made), seen), deletes=True)


def _replace(change: Change) -> Iterable[str]:
    want: Chain = change.after
    have: Chain | None = change.before
    name = f"{TABLE} {want.name}"
    if have is not None and have.hook != want.hook:
        yield f"flush chain {name}"
        yield f"delete chain {name}"
        have = None
    if have is None:
        yield f"add chain {name} {{ {want.hook} }}"
    else:
        yield f"flush chain {name}"
    for rule in want.rules:
        yield f"add rule {name} {rule.text}"


def _delete(gone: Sequence[Change], others: bool, seen: State) -> tuple[str, ...]:
    if not others and len(gone) == len(seen.of("nftables")):
        return (f"delete table {TABLE}",)
    flushes = [f"flush chain {TABLE} {change.before.name}" for change in gone if not change.before.other]
    deletes = [f"delete {change.before.other or 'chain'} {TABLE} {change.before.name}" for change in gone]
    return (*flushes, *deletes)


def _rule(text: str, words: str) -> Rule:
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    shown = words.replace('"', "'").encode()[:100].decode(errors="ignore")  # a comment holds 128 bytes
    return Rule(digest, f'{text} comment "{shown} #{digest}"')


REPLIES = _rule("ct direction reply ct state established,related accept", "replies")


def _forward_chain(interface: Interface, permitted: Sequence[Flow], managed: Sequence[str]) -> Chain:
    name = interface.name
    rules = [
        _rule(f'iifname != "{name}" oifname != "{name}" accept', f"not through {name}"),
        REPLIES,
        _rule(
            "ct state related meta l4proto { icmp, ipv6-icmp } accept", "ICMP errors of allowed connections"
        ),
    ]
    rules += [_rule(text, flow.words) for flow in permitted for text in _accepts(flow, managed)]
    rules.append(_rule("counter drop", "everything else"))
    return Chain(guard(name), FORWARD, tuple(rules))


def _accepts(flow: Flow, managed: Sequence[str]) -> Iterable[str]:
    source = _match("iifname", "saddr", flow.source, flow.version, managed)
    target = _match("oifname", "daddr", flow.target, flow.version, managed)
    for ports in _ports(flow.ports, flow.version):
        yield " ".join(word for word in (_version(flow.version), source, target, ports, "accept") if word)


def _version(version: int) -> str:
    return f"meta nfproto ipv{version}"


def _match(device_word: str, address_word: str, place: Place, version: int, managed: Sequence[str]) -> str:
    if place.device is not None:
        words = f'{device_word} "{place.device}"'
    else:
        words = _unmanaged(device_word, managed)
    if place.networks:
        words += f" {_family(version)} {address_word} {_addresses(place.networks)}"
    return words


def _family(version: int) -> str:
    return "ip" if version == 4 else "ip6"


def _addresses(networks: Iterable[IPNetwork]) -> str:
    return _set(str(network) for network in networks)


def _names(devices: Iterable[str]) -> str:
    return _set(f'"{name}"' for name in devices)


def _set(elements: Iterable[str]) -> str:
    listed = list(elements)
    return listed[0] if len(listed) == 1 else "{ " + ", ".join(listed) + " }"


def _ports(ports: tuple[PortRange, ...], version: int) -> Iterable[str]:
    """One match for each protocol; a single empty one for no restriction."""
    if not ports:
        return ("",)
    found = []
    for protocol in ("tcp", "udp"):
        spans = sorted({(p.first, p.last) for p in ports if p.protocol == protocol})
        if spans:
            texts = (str(first) if first == last else f"{first}-{last}" for first, last in _merged(spans))
            found.append(f"{protocol} dport {_set(texts)}")
    if any(p.protocol == "icmp" for p in ports):
        found.append("meta l4proto " + ("icmp" if version == 4 else "ipv6-icmp"))
    return found


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _masquerade(disguise: Disguise) -> tuple[str, str]:
    words = [f'{_version(disguise.version)} iifname "{disguise.interface}" oifname "{disguise.out}"']
    if disguise.networks:
        words.append(f"{_family(disguise.version)} daddr {_addresses(disguise.networks)}")
    return " ".join((*words, "masquerade")), disguise.words


def _fence(config: Config, seen: State) -> Iterable[Rule]:
    """What wgd opened, wgd fences: a device that forwards only because of us leads into the tunnel only."""
    places, all_ipv6 = fenced(config, seen)
    managed = config.managed()
    leaving = _unmanaged("oifname", managed)
    for version, device in places:
        words = (_version(version), f'iifname "{device}"', leaving, "counter drop")
        yield _rule(" ".join(filter(None, words)), f"{device} forwards for wgd only")
    if all_ipv6:
        words = (_version(6), _unmanaged("iifname", managed), leaving, "counter drop")
        yield _rule(" ".join(filter(None, words)), "IPv6 forwarding is on for wgd only")


def _unmanaged(device_word: str, managed: Sequence[str]) -> str:
    """Matches devices that wgd does not manage; with none managed there is nothing to say."""
    return f"{device_word} != {_names(managed)}" if managed else ""
