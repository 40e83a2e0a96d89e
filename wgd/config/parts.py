"""A text cut into its top-level tables, so that an edit of one need not read the others. Pure.

A text is cut before every line that begins with a bracket. It is sound if each piece, read by itself, is
one table with one of the headers below, and no two pieces are the same table: then no string or array
reaches from one piece into the next, and no key of one concerns another, so that the whole text is valid
and holds these tables. A text that is written in any other way is no worse, it is only read as a whole.
"""

from __future__ import annotations

import re
import tomllib
from sys import intern
from typing import NamedTuple

from wgd.config.locate import KeyPath
from wgd.listing import extent

_COMMENT = r"(?:#[^\x00-\x08\n-\x1f\x7f]*)?"
_OPENING = re.compile(
    r"(?:peers\.(?:([A-Za-z0-9_-]+)|\"([^\"\\\x00-\x1f\x7f]*)\"|'([^'\x00-\x1f\x7f]*)')"
    rf"|(interface|networks)|\[(forward|input|masquerade)\])\][ \t]*{_COMMENT}(?:\n|\Z)"
)
"""A header, behind its first bracket. Of its groups one matches: a peer's name, or another section."""
_TABLE, _ARRAY = 4, 5
"""Their numbers for `[section]` and `[[section]]`."""
_PREAMBLE = re.compile(rf"(?:\n[ \t]*{_COMMENT})*")
_ELSEWHERE = re.compile(r"\r|\"\"\"|'''|\n[ \t]+\[")
"""What may hold or hide another header, or end a line in another way."""

_TEXT = r"\"[^\"\\\x00-\x1f\x7f]*\""
_TEXTS = rf"\[[ \t\n]*(?:{_TEXT}[ \t\n]*(?:,[ \t\n]*{_TEXT}[ \t\n]*)*,?[ \t\n]*)?\]"
_LINE = re.compile(
    rf"[ \t]*(?:([A-Za-z0-9_-]+)[ \t]*=[ \t]*"
    rf"(?:({_TEXT})|({_TEXTS})|(true|false)|(0|[1-9][0-9]{{0,17}}))[ \t]*)?{_COMMENT}(?:\n|\Z)"
)
"""Nothing but a comment, or a key with a value of the plainest kinds."""
_BEGIN = b"\n["
TABLES = ("interface", "networks")
"""The sections that are one table."""
_WORDS = re.compile(r"\"([^\"]*)\"")


class Part(NamedTuple):
    """One table: the top-level key it belongs to, its own name (of a peer alone), and what it holds."""

    section: str
    name: str
    content: dict[str, object]


def cut(text: str) -> list[str]:
    """What precedes the first header, each of its lines after a newline, then the pieces without their first
    bracket and last newline."""
    first, *others = text.split("\n[")  # and no copy of all of a large text
    pieces = ["", first[1:], *others] if first.startswith("[") else [text and f"\n{first}", *others]
    pieces[-1] = pieces[-1].removesuffix("\n")
    return pieces


def cut_again(count: int, was: bytes, now: bytes) -> tuple[list[str], int, int | None] | None:
    """The pieces of `now` that may differ from those, so many, of what `was` there, and from which on as far
    as which, as `wgd.listing.window` has it: only what lies around the difference is cut. None: it has to be
    cut as a whole, as where the first piece may differ."""
    least = min(len(was), len(now))
    same = extent(least, lambda start, end: now.startswith(was[start:end], start))
    alike = extent(
        least - same,
        lambda start, end: now.endswith(was[len(was) - end : len(was) - start], 0, len(now) - start),
    )
    begin = now.rfind(_BEGIN, 0, same)
    if begin < 0:
        return None
    stop = now.find(_BEGIN, len(now) - alike)
    behind = len(now) - stop if stop >= 0 else 0
    try:
        text = now[begin + len(_BEGIN) : len(now) - behind].decode()  # no character has bytes of a bracket
    except UnicodeDecodeError:
        return None
    middle = (text if behind else text.removesuffix("\n")).split("\n[")
    others = count - was.count(_BEGIN, begin, len(was) - behind)
    if begin < behind:  # what is shorter is counted
        first = now.count(_BEGIN, 0, begin) + now.startswith(b"[")
        left = others - first
    else:
        left = now.count(_BEGIN, stop) if behind else 0
        first = others - left
    return middle, first, -left or None


def is_preamble(piece: str) -> bool:
    """Whether it holds no key."""
    return _PREAMBLE.fullmatch(piece) is not None


def read(piece: str) -> Part | None:
    """The table that a piece is by itself; None if it is not plainly one."""
    opening = _OPENING.match(piece)
    if opening is None:
        return None
    number = opening.lastindex or 0
    word, table, array = opening[number], number == _TABLE, number == _ARRAY
    section, name = (intern(word), "") if table or array else ("peers", word)
    content = _plain(piece, opening.end())
    if content is None and not _ELSEWHERE.search(piece):
        path = (section,) if table else (section, 0) if array else (section, name)
        content = _toml(f"[{piece}\n", path)
    return None if content is None else Part(section, name, content)


def _plain(piece: str, at: int) -> dict[str, object] | None:
    """The table, if every line of it is of the plainest kind: there a parser's time is saved."""
    content: dict[str, object] = {}
    while at < len(piece):
        line = _LINE.match(piece, at)
        if line is None:
            return None
        at = line.end()
        key, text, texts, truth, number = line.groups()
        if key is None:
            continue
        if key in content:
            return None
        if text:
            content[key] = text[1:-1]
        elif texts:
            content[key] = _WORDS.findall(texts)
        else:
            content[key] = int(number) if number else truth == "true"
    return content


def _toml(text: str, path: KeyPath) -> dict[str, object] | None:
    """The table at the path, if it is all that the text holds."""
    try:
        found: object = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    for step in path:
        if isinstance(found, dict) and found.keys() == {step}:
            found = found[step]
        elif isinstance(found, list) and len(found) == 1:
            found = found[0]
        else:
            return None
    return found if isinstance(found, dict) else None
