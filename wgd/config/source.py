"""A file of the configuration, or one table of it, and where its keys stand.

A `Where` points at a key and turns into a `Problem`; lines are looked up only when one is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from wgd.config.locate import KeyPath, locate
from wgd.config.wording import dotted
from wgd.errors import Problem, Severity
from wgd.values import value

T = TypeVar("T")


class Unfit(Exception):
    """A value that does not fit its key: what was found and expected, and what to type instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Where:
    """A key in a file; `path` leads to it from the source's `head`."""

    __slots__ = ()

    @property
    def source(self) -> Source:
        raise NotImplementedError

    @property
    def path(self) -> KeyPath:
        raise NotImplementedError

    @property
    def file(self) -> str:
        return self.source.file

    @property
    def key(self) -> str:
        """The key from the top of the file, dotted."""
        return dotted((*self.source.head, *self.path))

    def __truediv__(self, key: str | int) -> Where:
        return _Below(self.source, (*self.path, key))

    def __str__(self) -> str:
        line = self.source.line(self.path)
        return f"{self.file}:{line}" if line else self.file

    def error(self, message: str, hint: str = "", also: tuple[str, ...] = ()) -> Problem:
        """An error here; `also` are other files that take part in it."""
        others = tuple(file for file in dict.fromkeys(also) if file != self.file)
        return Problem(self.file, self.source.line(self.path), self.key, message, hint, also=others)

    def warning(self, message: str, hint: str = "") -> Problem:
        """Something here that is legal and probably not meant."""
        line = self.source.line(self.path)
        return Problem(self.file, line, self.key, message, hint, Severity.WARNING)


class Source(Where):
    """A file by its name (relative to the config directory) and text, or a piece of it (`wgd.config.parts`).

    Of a piece, `section` and `which` (a peer's name, the number in an array of tables) say which table it is,
    and `first` is the line of the file that it begins on. Number and line move when an edit of the file puts
    something in front. As a place it is its own beginning: thousands of tables need no other object for that.
    """

    __slots__ = ("_lines", "_text", "file", "first", "section", "which")

    file: str
    path: KeyPath = ()

    def __init__(
        self, file: str, text: str, section: str = "", which: str | int | None = None, first: int = 1
    ) -> None:
        self.file, self._text, self.section, self.which, self.first = file, text, section, which, first
        self._lines: dict[KeyPath, int] | None = None

    @property
    def source(self) -> Source:
        return self

    @property
    def head(self) -> KeyPath:
        """The key path of the piece's table, () for a whole file."""
        if not self.section:
            return ()
        return (self.section,) if self.which is None else (self.section, self.which)

    def line(self, path: KeyPath) -> int:
        """The line of a key below `head`, or of the innermost table around it that stands here; 0 if none."""
        if self._lines is None:
            self._lines = locate(f"[{self._text}" if self.section else self._text)  # it has lost a bracket
        # By itself, a table of an array of tables is the only one.
        path = (*(0 if isinstance(part, int) else part for part in self.head), *path)
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines[path] + self.first - 1 if path else 0


@value
class _Below(Where):
    source: Source
    path: KeyPath


class Placed(NamedTuple, Generic[T]):
    """A value and where it was written."""

    value: T
    where: Where


class Fitting(tuple[T, ...]):
    """The elements of an array that fit, if some do not: by their `indexes` among all."""

    indexes: tuple[int, ...]

    def __new__(cls, fits: Mapping[int, T]) -> Fitting[T]:
        made = super().__new__(cls, fits.values())
        made.indexes = tuple(fits)
        return made


def placed(values: tuple[T, ...], table: Where, key: str) -> Iterator[Placed[T]]:
    """What fits of the array at the key of a table, each where it stands."""
    indexes = values.indexes if isinstance(values, Fitting) else range(len(values))
    return (Placed(one, table / key / index) for one, index in zip(values, indexes, strict=True))
