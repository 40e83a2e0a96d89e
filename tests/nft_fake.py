"""A small reader of nft's language, for `FakeKernel`: what `wgd.kinds.nftables` writes, and no more.

A transaction takes effect whole or not at all. Of the words it knows it must never accept what nft refuses.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from wgd.errors import KernelError
from wgd.kinds.nftables import TABLE, Chain, Rule, Spec
from wgd.nftset import INTERVALS, NamedSet, SetEdit, width

_ADD_CHAIN = re.compile(r"add chain inet wgd (\S+) \{ (type .+;) \}")
_ADD_RULE = re.compile(r"add rule inet wgd (\S+) (.+)")
_ADD_SET = re.compile(
    r"add set inet wgd (\S+) \{ type (ipv[46]_addr(?: \. ipv[46]_addr)?);( flags interval;)? \}"
)
_OTHER = re.compile(r"(flush|delete) (chain|set|map) inet wgd (\S+)")
_COMMENT = re.compile(r' comment "([^"]*)"$')
_LOOKUP = re.compile(r" @(\S+)")
_DIGEST = re.compile(r"#([0-9a-f]{12})$")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9/\\_.-]*")
_VERDICTS = re.compile(
    r".*\b(accept|drop|masquerade|snat ip6? to [0-9a-f.:]+|maxseg size set rt mtu"
    r"|mark set meta mark \| 0x[0-9a-f]+|log prefix \"[a-zA-Z0-9_.: -]+\")"
)
_LONGEST_COMMENT = 128


@dataclass
class _Content:
    """One chain (`hook` as declared, rule texts) or, with `other`, something that is none: of a set its type
    and its elements."""

    hook: str
    rules: list[str]
    other: str = ""
    type: str = ""
    elements: frozenset[bytes] = frozenset()


class NftFake:
    """The table `inet wgd`; None: there is none."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, str], _Content] | None = None
        """By what it is, `chain` or `set`, and its name."""

    def run(self, lines: tuple[str, ...]) -> None:
        """All lines, or KernelError and none of them."""
        before = self._copy()
        try:
            for line in lines:
                self._line(line)
        except KernelError:
            self._table = before
            raise

    def change_elements(self, edits: Iterable[SetEdit]) -> None:
        """All of them, or KernelError and none."""
        before = self._copy()
        try:
            for edit in edits:
                self._change_elements(edit)
        except KernelError:
            self._table = before
            raise

    def everything(self) -> tuple[Spec, ...]:
        return tuple(_spec(name, content) for (_, name), content in (self._table or {}).items())

    def rules(self, chain: str) -> tuple[str, ...]:
        """As they were written."""
        return tuple((self._table or {})["chain", chain].rules)

    def elements(self, name: str) -> frozenset[bytes]:
        """Of a set."""
        return (self._table or {})["set", name].elements

    def as_text(self) -> str:
        if self._table is None:
            return ""
        lines = [f"table {TABLE} {{"]
        for (word, name), content in sorted(self._table.items()):
            lines.append(f"  {word} {name} {{ {content.hook}{content.type}")
            lines += [f"    {rule}" for rule in content.rules]
            lines += [f"    {element.hex()}" for element in sorted(content.elements)]
            lines.append("  }")
        return "\n".join([*lines, "}"])

    def flush_ruleset(self) -> None:
        """As Debian's nftables.service does when it starts and stops."""
        self._table = None

    def insert(self, chain: str, rule: str) -> None:
        """A second administrator writes into our table, with or without our chain."""
        if self._table is None:
            self._table = {}
        self._table.setdefault(("chain", chain), _Content("", [])).rules.insert(0, rule)

    def add_set(self, name: str) -> None:
        """Something in our table that is no chain."""
        if self._table is None:
            self._table = {}
        self._table["set", name] = _Content("", [], other="set", type="ipv4_addr")

    def _copy(self) -> dict[tuple[str, str], _Content] | None:
        if self._table is None:
            return None
        return {key: replace(c, rules=list(c.rules)) for key, c in self._table.items()}

    def _line(self, line: str) -> None:
        if line == f"add table {TABLE}":
            self._table = self._table or {}
        elif line == f"delete table {TABLE}":
            self._existing(line)
            self._table = None
        elif match := _ADD_CHAIN.fullmatch(line):
            self._add_chain(line, *match.groups())
        elif match := _ADD_SET.fullmatch(line):
            self._add_set(line, match[1], match[2] + (INTERVALS if match[3] else ""))
        elif match := _ADD_RULE.fullmatch(line):
            for name in _LOOKUP.findall(match[2]):
                self._existing(line, ("set", name))
            self._existing(line, ("chain", match[1])).rules.append(_checked(line, match[2]))
        elif match := _OTHER.fullmatch(line):
            self._flush_or_delete(line, *match.groups())
        else:
            raise KernelError(line, errno.EINVAL, "syntax error")

    def _existing(self, line: str, key: tuple[str, str] | None = None) -> _Content:
        if self._table is None or (key is not None and key not in self._table):
            raise KernelError(line, errno.ENOENT, "No such file or directory")
        return _Content("", []) if key is None else self._table[key]

    def _add_chain(self, line: str, name: str, hook: str) -> None:
        have = self._add(line, "chain", name, _Content(hook, []))
        if have.hook != hook:
            raise KernelError(line, errno.EEXIST, "File exists")

    def _add_set(self, line: str, name: str, type_: str) -> None:
        have = self._add(line, "set", name, _Content("", [], other="set", type=type_))
        if have.type != type_:
            raise KernelError(line, errno.EEXIST, "File exists")

    def _add(self, line: str, word: str, name: str, new: _Content) -> _Content:
        self._existing(line)
        assert self._table is not None
        if not _NAME.fullmatch(name):
            raise KernelError(line, errno.EINVAL, "syntax error")
        return self._table.setdefault((word, name), new)

    def _flush_or_delete(self, line: str, verb: str, what: str, name: str) -> None:
        content = self._existing(line, (what, name))
        assert self._table is not None
        if verb == "flush":
            content.rules.clear()
            content.elements = frozenset()
        elif content.rules or (what == "set" and self._looked_into(name)):
            raise KernelError(line, errno.EBUSY, "Device or resource busy")
        else:
            del self._table[what, name]

    def _looked_into(self, name: str) -> bool:
        rules = (rule for content in (self._table or {}).values() for rule in content.rules)
        return any(name in _LOOKUP.findall(rule) for rule in rules)

    def _change_elements(self, edit: SetEdit) -> None:
        doing = f"change set {edit.name}"
        have = self._existing(doing, ("set", edit.name))
        if have.type != edit.type or not {*edit.remove} <= have.elements:
            raise KernelError(doing, errno.ENOENT, "No such file or directory")
        have.elements = have.elements - {*edit.remove} | {*edit.add}
        if have.type.endswith(INTERVALS) and _overlapping(have.elements, width(have.type)):
            raise KernelError(doing, errno.EEXIST, "File exists")


def _overlapping(intervals: Iterable[bytes], size: int) -> bool:
    ordered = sorted((one[:size], one[size:]) for one in intervals)
    return any(last >= first for (_, last), (first, _) in pairwise(ordered))


def _spec(name: str, content: _Content) -> Spec:
    if content.other == "set":
        return NamedSet(name, content.type, content.elements)
    return Chain(name, content.hook, tuple(Rule(_digest(text)) for text in content.rules), content.other)


def _checked(line: str, text: str) -> str:
    """The rule, if nft would take it: the comment fits, quotes are paired, sets have elements."""
    comment = _COMMENT.search(text)
    body = text[: comment.start()] if comment else text
    fits = comment is None or len(comment[1].encode()) <= _LONGEST_COMMENT
    whole = (
        body.count('"') % 2 == 0 and body.count("{") == body.count("}") and not re.search(r"\{\s*\}", body)
    )
    if not (fits and whole and _VERDICTS.fullmatch(body) and "\n" not in text):
        raise KernelError(line, errno.EINVAL, "syntax error")
    return text


def _digest(text: str) -> str:
    comment = _COMMENT.search(text)
    found = _DIGEST.search(comment[1]) if comment else None
    return found[1] if found else ""
