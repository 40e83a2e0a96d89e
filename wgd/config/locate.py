"""On which line each key of a TOML text stands; tomllib does not tell.

It reads only text that tomllib has accepted, so it never complains, and never says what a value is.
"""

from __future__ import annotations

import re
import tomllib

KeyPath = tuple[str | int, ...]
"""Keys and array indexes from the top: ("peers", "spoke-1", "allowed_ips", 0)."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLANK_OR_COMMA = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_PARTS = re.compile(_PART)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_HEADER_END = re.compile(r"[ \t]*\]{1,2}")
_SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")'
    r"|'''.*?'''(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}#\n]+",
    re.DOTALL,
)


def locate(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table, key and array element of a valid TOML text."""
    return _Walk(text).lines


class _Walk:
    """One pass over the text, without recursion, however deep it nests."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._line, self._counted = 1, 0
        self._last: dict[KeyPath, int] = {}
        """Array of tables → index of its last element, which later headers refer to."""
        self._statements()

    def _statements(self) -> None:
        table: KeyPath = ()
        text, at = self._text, _end(_BLANK, self._text, 0)
        while at < len(text):
            if text[at] == "[":
                table, at = self._header(at)
            else:
                at = self._pair(at, table)
            at = _end(_BLANK, text, at)

    def _header(self, at: int) -> tuple[KeyPath, int]:
        line = self._line_of(at)
        is_array = self._text.startswith("[[", at)
        found = _KEY.match(self._text, _end(_BLANK, self._text, at + 1 + is_array))
        assert found is not None
        *outer, name = _parts(found[0])
        path: KeyPath = ()
        for part in outer:
            path = self._latest((*path, part))
            self.lines.setdefault(path, line)
        path = (*path, name)
        if is_array:
            self.lines.setdefault(path, line)
            self._last[path] = self._last.get(path, -1) + 1
            path = (*path, self._last[path])
        self.lines[path] = line
        return path, _end(_HEADER_END, self._text, found.end())

    def _latest(self, path: KeyPath) -> KeyPath:
        return (*path, self._last[path]) if path in self._last else path

    def _pair(self, at: int, table: KeyPath) -> int:
        path, at = self._key(at, table)
        return self._value(at, path)

    def _key(self, at: int, table: KeyPath) -> tuple[KeyPath, int]:
        """Notes the key at `at`; returns its path and where its value begins."""
        line = self._line_of(at)
        found = _KEY.match(self._text, at)
        assert found is not None
        path = table
        for part in _parts(found[0]):
            path = (*path, part)
            self.lines.setdefault(path, line)
        return path, _end(_EQUALS, self._text, found.end())

    def _value(self, at: int, path: KeyPath) -> int:
        """Notes the elements of the value at `at`; returns where it ends."""
        text = self._text
        open_values: list[tuple[KeyPath, int]] = []  # path, and the next index (-1: inline table)
        while True:
            if text[at] in "[{":
                open_values.append((path, 0 if text[at] == "[" else -1))
                at += 1
            else:
                at = _end(_SCALAR, text, at)
            while open_values:
                at = _end(_BLANK_OR_COMMA, text, at)
                if text[at] not in "]}":
                    break
                open_values.pop()
                at += 1
            if not open_values:
                return at
            outer, index = open_values[-1]
            if index < 0:
                path, at = self._key(at, outer)
            else:
                path = (*outer, index)
                self.lines[path] = self._line_of(at)
                open_values[-1] = (outer, index + 1)

    def _line_of(self, at: int) -> int:
        """Positions come in rising order, so each newline is counted once."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _parts(key: str) -> list[str]:
    if "." not in key and '"' not in key and "'" not in key:
        return [key]
    return [_unquoted(part) for part in _PARTS.findall(key)]


def _unquoted(part: str) -> str:
    if "\\" in part and part[0] == '"':
        return next(iter(tomllib.loads(f"{part} = 0")))
    return part[1:-1] if part[0] in "\"'" else part
