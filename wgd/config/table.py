"""Reads one TOML table key by key and collects what is wrong with it, never stopping at the first.

Each key is asked for once, with a reader from `scalars` or `addresses`; `close` reports the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from wgd.config.source import Fitting, Unfit, Where
from wgd.config.vocabulary import KEYS, Section, unknown
from wgd.config.wording import found, quoted
from wgd.errors import Problem

T = TypeVar("T")
Reader = Callable[[object], T]


class Table:
    """A table being read. `sound` turns False with its first error."""

    def __init__(self, where: Where, content: dict[str, object], problems: list[Problem]) -> None:
        self.where, self.sound = where, True
        self._content, self._problems = content, problems

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def error(self, where: Where, message: str, hint: str = "") -> None:
        """Notes an error in this table."""
        self.sound = False
        self._problems.append(where.error(message, hint))

    def optional(self, key: str, read: Reader[T]) -> T | None:
        """The key's value; None when it is absent or wrong."""
        if key not in self._content:
            return None
        try:
            return read(self._content[key])
        except Unfit as unfit:
            self.error(self.where / key, unfit.message, unfit.hint)
            return None

    def given(self, readers: Mapping[str, Reader[Any]]) -> dict[str, Any]:
        """Of these keys those that are there, with values that fit."""
        found = {key: self.optional(key, readers[key]) for key in self._content if key in readers}
        return {key: value for key, value in found.items() if value is not None}

    def required(self, key: str, read: Reader[T], hint: str) -> T | None:
        """The key's value; its absence is an error."""
        if key not in self._content:
            self.error(self.where, f"{key} is missing", hint)
            return None
        return self.optional(key, read)

    def array(self, key: str, read: Reader[T], example: str) -> tuple[T, ...]:
        """The fitting elements of an array; none when the key is absent."""
        if key not in self._content:
            return ()
        value = self._content[key]
        if not isinstance(value, list):
            bracketed = f"write {key} = [{quoted(value)}]" if isinstance(value, str) else f"like {example}"
            self.error(self.where / key, f"found {found(value)}, expected an array", bracketed)
            return ()
        try:
            return tuple([read(element) for element in value])
        except Unfit:
            return self._fitting(key, value, read)

    def _fitting(self, key: str, elements: list[object], read: Reader[T]) -> Fitting[T]:
        """Where some are unfit."""
        fits = {}
        for index, element in enumerate(elements):
            try:
                fits[index] = read(element)
            except Unfit as unfit:
                self.error(self.where / key / index, unfit.message, unfit.hint)
        return Fitting(fits)

    def filled(self, key: str, read: Reader[T], example: str, hint: str) -> tuple[T, ...]:
        """The elements of an array that must be there and hold at least one."""
        if key not in self._content:
            self.error(self.where, f"{key} is missing", f"{hint}, like {example}")
        elif self._content[key] == []:
            self.error(self.where / key, "found an empty array, expected at least one element", hint)
        return self.array(key, read, example)

    def close(self, section: Section) -> None:
        """Reports every key that the section does not have."""
        for key in self._content:
            if key not in KEYS[section]:
                self.error(self.where / key, *unknown(section, key))
