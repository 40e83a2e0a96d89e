"""Bytes of a wg-quick or a networkd file → its lines, whatever the bytes."""

from __future__ import annotations

import codecs
import re

from wgd.importer.found import Line
from wgd.values import replace

_HEADER = re.compile(r"\s*\[\s*([^\]]*?)\s*\]\s*$")
_BLANKS = re.compile(r"\s+")


def quick_lines(file: str, content: bytes) -> tuple[Line, ...]:
    """As wg-quick and `wg` read them: a # begins a comment anywhere, case and blanks do not count."""
    return _lines(file, _text(content).split("\n"), inline_comments=True)


def unit_lines(file: str, content: bytes) -> tuple[Line, ...]:
    """As systemd reads them: comments are whole lines, with # or ;, and a backslash continues a line."""
    joined: list[str] = []
    for text in _text(content).split("\n"):
        if joined and joined[-1].endswith("\\"):
            joined[-1] = joined[-1][:-1] + " " + text
            joined.append("")  # line numbers stay
        else:
            joined.append(text)
    return _lines(file, joined, inline_comments=False)


def _text(content: bytes) -> str:
    """UTF-8, or what else it must be; line ends as Unix has them."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", "replace")
    else:
        bare = content.removeprefix(codecs.BOM_UTF8)
        try:
            text = bare.decode()
        except UnicodeDecodeError:
            text = bare.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _lines(file: str, texts: list[str], inline_comments: bool) -> tuple[Line, ...]:
    found, section = [], ""
    for number, text in enumerate(texts, 1):
        line = _line(Line(file, number, text, section), inline_comments)
        section = line.section
        found.append(line)
    return tuple(found)


def _line(line: Line, inline_comments: bool) -> Line:
    said, comment = line.text, ""
    if inline_comments:
        said, _, comment = line.text.partition("#")
    elif said.lstrip().startswith(("#", ";")):
        said, comment = "", said.lstrip()[1:]
    line = replace(line, comment=comment.strip(" \t#"))
    if header := _HEADER.match(said):
        return replace(line, section=header[1].casefold())
    key, equals, value = said.partition("=")
    if not equals:
        return line
    return replace(line, key=_BLANKS.sub("", key).casefold(), value=value.strip())
