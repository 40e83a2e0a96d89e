"""Kind `nftables`: what is in table `inet wgd`: chains for what is forwarded, comes in, is masqueraded and
clamped, each of one interface, and the sets that rules look into.

Marker: the table; everything in it is ours, and each rule carries a digest of its text in its comment.
Quirks: listings do not return what was sent, so rules are compared by digest, never by text. `iifname`, since
    `iif` fails while the link is absent. Never `policy drop`: with br_netfilter it drops bridged frames too.
    An accept here ends only this chain: two interfaces both have to permit, and another table may drop.
    A set must be there before a rule that looks into it, and stays as long as one does.
Deletes when: it is in our table and nothing asks for it; the last one takes the table along.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from wgd.access import rules
from wgd.access.chains import REPLIES, clamping, coming_in, fence, marking, masquerade, passing
from wgd.access.flows import FENCE, disguises, door, entering, guard, leads_out, permitted
from wgd.access.meaning import Flow
from wgd.access.writer import Writer
from wgd.config.document import Config, Forwarding
from wgd.kinds.policy import GATE, gate
from wgd.kinds.sysctl import fenced, gated
from wgd.model import Change, Later, Op, Ref, Stage, State, Verb
from wgd.nftset import NamedSet, SetEdit, declared
from wgd.protocols import Kind
from wgd.values import value

TABLE = "inet wgd"
FORWARD = "type filter hook forward priority filter; policy accept;"
INPUT = "type filter hook input priority filter; policy accept;"
DISGUISING = "masquerade-"
"""How the chain begins that masquerades what comes from an interface."""
GATED = "type filter hook prerouting priority mangle; policy accept;"
CLAMP = "type filter hook forward priority mangle; policy accept;"
POSTROUTING = "type nat hook postrouting priority srcnat; policy accept;"


@value
class Rule:
    """A rule: `digest` of its text, and, where it is wanted and not observed, the text in nft's language."""

    digest: str
    text: str = ""


@value
class Chain:
    """A chain of our table. `hook` is its declaration in nft's language ("" for a regular chain); `other`: it
    is no chain but a map or the like, by nft's word for it, which nobody but a stranger put there."""

    name: str
    hook: str
    rules: tuple[Rule, ...] = ()
    other: str = ""


class Dropped(NamedTuple):
    """How many packets rules of a chain have dropped since they were written."""

    chain: str
    packets: int


@value(kw_only=True)
class NftTransaction(Op):
    """Lines in nft's language that take effect together or not at all."""

    stage: ClassVar[Stage] = Stage.RULES
    lines: tuple[str, ...]

    def commands(self) -> Sequence[str]:
        return tuple(f"nft '{line}'" for line in self.lines)


@value(kw_only=True)
class NftElements(Op):
    """Elements come into sets and go from them, together or not at all. In no language: before libnftables
    changes one element, it reads the whole set."""

    stage: ClassVar[Stage] = Stage.RULES
    edits: tuple[SetEdit, ...]

    def commands(self) -> Sequence[str]:
        return Later(_command, [portion for edit in self.edits for portion in edit.portions()])


def _command(portion: SetEdit) -> str:
    return f"nft '{portion.line(TABLE)}'"


Spec = Chain | NamedSet


class NftablesKind(Kind[Spec]):
    name = "nftables"
    privileged = True
    reads = frozenset({"link", "nftables", "route", "sysctl"})

    def key(self, spec: Spec) -> Hashable:
        """Chains have their names to themselves; a set may be called like one."""
        return spec.name if _word(spec) == "chain" else (_word(spec), spec.name)

    def __init__(self) -> None:
        self._writers: dict[tuple[str, bool], Writer] = {}
        self._former = self._writers

    def desired(self, config: Config, seen: State) -> Iterable[Spec]:
        self._former, self._writers = self._writers, {}
        disguised, managed = disguises(config), config.managed()
        for interface in config.enabled():
            name = interface.name
            if interface.forwarding is Forwarding.RULES:
                permits, sets = self._written(name, managed, permitted(config, seen, name), inward=False)
                yield from sets
                yield _chain(guard(name), FORWARD, passing(name, permits, interface.log_drops))
            if interface.inputs:
                permits, sets = self._written(name, managed, entering(config, seen, name), inward=True)
                yield from sets
                yield _chain(door(name), INPUT, coming_in(name, permits, interface.log_drops))
            if interface.fail_closed:
                yield _chain(gate(name), GATED, marking([(None, name)]))
            masked = [masquerade(d) for d in disguised if d.interface == name]
            if masked:
                yield _chain(f"{DISGUISING}{name}", POSTROUTING, masked)
            clamps = interface.clamp_mss
            if clamps or (clamps is None and leads_out(config, seen, name)):
                yield _chain(f"clamp-{name}", CLAMP, clamping(name))
        if opened := gated(config, seen):
            yield _chain(GATE, GATED, marking(opened))
        around = tuple(fence(*fenced(config, seen), managed))
        if around:
            # Whoever makes this machine a router for others as well (Docker) needs its answers.
            yield _chain(FENCE, FORWARD, (REPLIES, *around))

    def _written(
        self, name: str, managed: tuple[str, ...], flows: tuple[Flow, ...], inward: bool
    ) -> tuple[list[rules.Text], list[NamedSet]]:
        """The rules and sets of one chain, by the writer that knows what it wrote last."""
        writer = self._former.get((name, inward))
        if writer is None or writer.managed != managed:
            writer = Writer(name, managed)
        self._writers[name, inward] = writer
        return writer.accepts(flows)

    def writer(self, interface: str) -> Writer | None:
        """Who wrote last what passes through the interface."""
        return self._writers.get((interface, False))

    def changed_elements(self, config: Config, seen: State) -> list[Change] | None:
        """What differs, if nothing does but elements of sets; None: more does."""
        have, found = seen.of(self.name), []
        wanted = {self.key(spec): spec for spec in self.desired(config, seen)}
        if wanted.keys() != have.keys():
            return None
        for key, want in wanted.items():
            differing = self.differences(want, have[key])
            if not differing:
                continue
            if [field for field, _, _ in differing] != ["elements"]:
                return None
            ref, interface = self.ref(want), self.interface(want)
            found.append(Change(ref, have[key], want, interface, self.label, differing))
        return found

    def owns(self, have: Spec, seen: State) -> bool:
        return True

    def differences(self, want: Spec, have: Spec) -> tuple[tuple[str, str, str], ...]:
        if isinstance(want, Chain) and isinstance(have, Chain):
            mine, theirs = ([rule.digest for rule in chain.rules] for chain in (want, have))
            return (*_declaration("hook", want.hook, have.hook), *_members("rules", mine, theirs))
        if isinstance(want, NamedSet) and isinstance(have, NamedSet):
            found = _members("elements", want.elements, have.elements)
            return (*_declaration("type", want.type, have.type), *found)
        raise TypeError("chains and sets never have one key")

    def interface(self, spec: Spec) -> str | None:
        if isinstance(spec, NamedSet):
            return rules.interface_of(spec.name)
        for prefix in (guard(""), door(""), DISGUISING, "clamp-", gate("")):
            if spec.name.startswith(prefix):
                return spec.name.removeprefix(prefix)
        return None

    def label(self, spec: Spec) -> str:
        return f"{_word(spec)} {TABLE} {spec.name}"

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        made = [change for change in changes if change.verb is not Verb.DELETE]
        gone = [change for change in changes if change.verb is Verb.DELETE]
        chains = [change for change in made if isinstance(change.after, Chain)]
        sets = [change for change in made if isinstance(change.after, NamedSet)]
        new = [change for change in sets if not _is_declared(change)]
        if new:
            lines = [f"add table {TABLE}", *(line for change in new for line in _declare(change))]
            yield NftTransaction(refs=tuple(change.ref for change in new), lines=tuple(lines))
        edits = {change.ref: _edit(change) for change in sets}
        needs = frozenset(change.ref for change in new)
        yield from _elements({ref: _before(edit, bool(chains)) for ref, edit in edits.items()}, needs)
        if chains:
            lines = [f"add table {TABLE}", *(line for change in chains for line in _replace(change))]
            refs = tuple(change.ref for change in chains)
            yield NftTransaction(refs=refs, needs=_missing(chains, seen), lines=tuple(lines))
            yield from _elements({ref: _after(edit) for ref, edit in edits.items()}, needs)
        yield from _delete(gone, bool(made), seen)


def _word(spec: Spec) -> str:
    return "set" if isinstance(spec, NamedSet) else spec.other or "chain"


def _declaration(field: str, want: str, have: str) -> Iterator[tuple[str, str, str]]:
    if want != have:
        yield field, have or "none", want


def counted(have: int, want: int, missing: int, extra: int) -> tuple[str, str]:
    """Of so many members of something, in words."""
    return f"{have} ({extra} unknown)", f"{want} ({missing} new)"


def _members(
    field: str, want: Sequence[str] | frozenset[bytes], have: Sequence[str] | frozenset[bytes]
) -> Iterator[tuple[str, str, str]]:
    if want != have:
        mine, theirs = frozenset(want), frozenset(have)  # which sets are already
        missing, extra = len(mine - theirs), len(theirs - mine)
        yield field, *counted(len(have), len(want), missing, extra)


def _is_declared(change: Change) -> bool:
    return change.before is not None and change.before.type == change.after.type


def _declare(change: Change) -> Iterable[str]:
    if change.before is not None:
        yield f"delete set {TABLE} {change.before.name}"
    yield f"add set {TABLE} {change.after.name} {{ {declared(change.after.type)} }}"


def _edit(change: Change) -> SetEdit:
    want: NamedSet = change.after
    have: frozenset[bytes] = change.before.elements if _is_declared(change) else frozenset()
    come, go = want.elements - have, have - want.elements
    return SetEdit(want.name, want.type, tuple(sorted(come)), tuple(sorted(go)))


def _before(edit: SetEdit, chains: bool) -> SetEdit:
    """What of it is done before chains change, if they do. Whoever goes from a set into a rule must never be
    missing, so what goes goes after; an interval shrinks in one step."""
    if not chains:
        return edit
    return SetEdit(edit.name, edit.type, () if edit.must_be_whole() else edit.add)


def _after(edit: SetEdit) -> SetEdit:
    return SetEdit(edit.name, edit.type, edit.add if edit.must_be_whole() else (), edit.remove)


def _elements(edits: dict[Ref, SetEdit], new: frozenset[Ref]) -> Iterable[Op]:
    some = {ref: edit for ref, edit in edits.items() if edit.add or edit.remove}
    if some:
        needs = tuple(ref for ref in some if ref in new)
        yield NftElements(refs=tuple(some), needs=needs, edits=tuple(some.values()))


def _missing(chains: Sequence[Change], seen: State) -> tuple[Ref, ...]:
    """The sets that the chains' rules look into and that are still to be made."""
    named = {name for c in chains for rule in c.after.rules for name in re.findall(r" @(\S+)", rule.text)}
    keys = [("set", name) for name in sorted(named)]
    return tuple(Ref("nftables", key) for key in keys if key not in seen.of("nftables"))


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


def _delete(gone: Sequence[Change], others: bool, seen: State) -> Iterable[Op]:
    """What rules may look into goes last, and stays while one of the chains could not be changed."""
    gates = any(str(change.ref.key).startswith(GATE) for change in gone)
    # Without a mark nothing would pass while their rules stand.
    closed = tuple(Ref("policy", key) for key in sorted(seen.of("policy"), key=str)) if gates else ()
    if gone and not others and len(gone) == len(seen.of("nftables")):
        refs = tuple(change.ref for change in gone)
        yield NftTransaction(refs=refs, needs=closed, lines=(f"delete table {TABLE}",), deletes=True)
        return
    chains = [change for change in gone if _word(change.before) == "chain"]
    rest = [change for change in gone if _word(change.before) != "chain"]
    lines = [f"{verb} chain {TABLE} {c.before.name}" for verb in ("flush", "delete") for c in chains]
    if chains:
        refs = tuple(change.ref for change in chains)
        yield NftTransaction(refs=refs, needs=closed, lines=tuple(lines), deletes=True)
    if rest:
        names = sorted(key for key in seen.of("nftables") if isinstance(key, str))
        needs = tuple(Ref("nftables", name) for name in names)
        lines = [f"delete {_word(change.before)} {TABLE} {change.before.name}" for change in rest]
        refs = tuple(change.ref for change in rest)
        yield NftTransaction(refs=refs, needs=needs, lines=tuple(lines), deletes=True)


def _chain(name: str, hook: str, texts: Iterable[rules.Text]) -> Chain:
    return Chain(name, hook, tuple(_rule(*text) for text in texts))


def _rule(text: str, words: str) -> Rule:
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    shown = words.replace('"', "'").encode()[:100].decode(errors="ignore")  # a comment holds 128 bytes
    return Rule(digest, f'{text} comment "{shown} #{digest}"')
