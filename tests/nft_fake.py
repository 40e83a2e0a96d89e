"""A small reader of nft's language, for `FakeKernel`: what `wgd.kinds.nftables` writes, and no more.

A transaction takes effect whole or not at all. Of the words it knows it must never accept what nft refuses.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from wgd.errors import KernelError
from wgd.kinds.nftables import TABLE, Chain, Rule

_ADD_CHAIN = re.compile(r"add chain inet wgd (\S+) \{ (type .+;) \}")
_ADD_RULE = re.compile(r"add rule inet wgd (\S+) (.+)")
_OTHER = re.compile(r"(flush|delete) (chain|set|map) inet wgd (\S+)")
_COMMENT = re.compile(r' comment "([^"]*)"$')
_DIGEST = re.compile(r"#([0-9a-f]{12})$")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9/\\_.-]*")
_VERDICTS = ("accept", "drop", "masquerade")
_LONGEST_COMMENT = 128


@dataclass
class _Content:
    """One chain (`hook` as declared, rule texts) or, with `other`, a set or the like."""

    hook: str
    rules: list[str]
    other: str = ""


class NftFake:
    """The table `inet wgd`; None: there is none."""

    def __init__(self) -> None:
        self._table: dict[str, _Content] | None = None

    def run(self, lines: tuple[str, ...]) -> None:
        """All lines, or KernelError and none of them."""
        before = self._copy()
        try:
            for line in lines:
                self._line(line)
        except KernelError:
            self._table = before
            raise

    def chains(self) -> tuple[Chain, ...]:
        table = self._table or {}
        return tuple(
            Chain(name, content.hook, tuple(Rule(_digest(text)) for text in content.rules), content.other)
            for name, content in table.items()
        )

    def as_text(self) -> str:
        if self._table is None:
            return ""
        lines = [f"table {TABLE} {{"]
        for name, content in self._table.items():
            lines.append(f"  {content.other or 'chain'} {name} {{ {content.hook}")
            lines += [f"    {rule}" for rule in content.rules]
            lines.append("  }")
        return "\n".join([*lines, "}"])

    def flush_ruleset(self) -> None:
        """As Debian's nftables.service does when it starts and stops."""
        self._table = None

    def insert(self, chain: str, rule: str) -> None:
        """A second administrator writes into our table, with or without our chain."""
        if self._table is None:
            self._table = {}
        self._table.setdefault(chain, _Content("", [])).rules.insert(0, rule)

    def add_set(self, name: str) -> None:
        """Something in our table that is no chain."""
        if self._table is None:
            self._table = {}
        self._table[name] = _Content("", [], other="set")

    def _copy(self) -> dict[str, _Content] | None:
        if self._table is None:
            return None
        return {name: _Content(c.hook, list(c.rules), c.other) for name, c in self._table.items()}

    def _line(self, line: str) -> None:
        if line == f"add table {TABLE}":
            self._table = self._table or {}
        elif line == f"delete table {TABLE}":
            self._existing(line)
            self._table = None
        elif match := _ADD_CHAIN.fullmatch(line):
            self._add_chain(line, *match.groups())
        elif match := _ADD_RULE.fullmatch(line):
            self._existing(line, match[1]).rules.append(_checked(line, match[2]))
        elif match := _OTHER.fullmatch(line):
            self._flush_or_delete(line, *match.groups())
        else:
            raise KernelError(line, errno.EINVAL, "syntax error")

    def _existing(self, line: str, name: str | None = None) -> _Content:
        if self._table is None or (name is not None and name not in self._table):
            raise KernelError(line, errno.ENOENT, "No such file or directory")
        return _Content("", []) if name is None else self._table[name]

    def _add_chain(self, line: str, name: str, hook: str) -> None:
        self._existing(line)
        assert self._table is not None
        if not _NAME.fullmatch(name):
            raise KernelError(line, errno.EINVAL, "syntax error")
        have = self._table.setdefault(name, _Content(hook, []))
        if have.hook != hook or have.other:
            raise KernelError(line, errno.EEXIST, "File exists")

    def _flush_or_delete(self, line: str, verb: str, what: str, name: str) -> None:
        content = self._existing(line, name)
        if what != (content.other or "chain"):
            raise KernelError(line, errno.ENOENT, "No such file or directory")
        if verb == "flush":
            content.rules.clear()
        elif content.rules:
            raise KernelError(line, errno.EBUSY, "Device or resource busy")
        else:
            assert self._table is not None
            del self._table[name]


def _checked(line: str, text: str) -> str:
    """The rule, if nft would take it: the comment fits, quotes are paired, sets have elements."""
    comment = _COMMENT.search(text)
    body = text[: comment.start()] if comment else text
    fits = comment is None or len(comment[1].encode()) <= _LONGEST_COMMENT
    whole = (
        body.count('"') % 2 == 0 and body.count("{") == body.count("}") and not re.search(r"\{\s*\}", body)
    )
    if not (fits and whole and body.endswith(_VERDICTS) and "\n" not in text):
        raise KernelError(line, errno.EINVAL, "syntax error")
    return text


def _digest(text: str) -> str:
    comment = _COMMENT.search(text)
    found = _DIGEST.search(comment[1]) if comment else None
    return found[1] if found else ""
