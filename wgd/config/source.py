"""One file of the configuration as read: its table, and where each key stands.

A `Where` points at a key and turns into a `Problem`; lines are looked up only when one is needed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from wgd.config.locate import KeyPath, locate
from wgd.config.wording import dotted
from wgd.errors import Problem, Severity

T = TypeVar("T")


class Unfit(Exception):
    """A value that does not fit its key: what was found and expected, and what to type instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Source:
    """A file's name (relative to the config directory), its text, and the table it holds."""

    def __init__(self, file: str, text: str, table: dict[str, object]) -> None:
        self.file, self.table = file, table
        self._text = text

    @functools.cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return locate(self._text)

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the innermost table around it that stands in the text; 0 if none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)


@dataclass(frozen=True, slots=True)
class Where:
    """A key in a file."""

    source: Source
    path: KeyPath = ()

    @property
    def file(self) -> str:
        return self.source.file

    def __truediv__(self, key: str | int) -> Where:
        return Where(self.source, (*self.path, key))

    def __str__(self) -> str:
        line = self.source.line(self.path)
        return f"{self.file}:{line}" if line else self.file

    def error(self, message: str, hint: str = "", also: tuple[str, ...] = ()) -> Problem:
        """An error here; `also` are other files that take part in it."""
        others = tuple(file for file in dict.fromkeys(also) if file != self.file)
        return Problem(self.file, self.source.line(self.path), dotted(self.path), message, hint, also=others)

    def warning(self, message: str, hint: str = "") -> Problem:
        """Something here that is legal and probably not meant."""
        line = self.source.line(self.path)
        return Problem(self.file, line, dotted(self.path), message, hint, Severity.WARNING)


class Placed(NamedTuple, Generic[T]):
    """A value and where it was written."""

    value: T
    where: Where
