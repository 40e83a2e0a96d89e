"""Where the tables of a file stand, if it can be cut into them (`wgd.config.parts`)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from wgd.config.source import Source
from wgd.values import value

ARRAYS = ("forward", "input", "masquerade")


@value
class Shift:
    """Lines from `first` on were written anew; those from `end` on stand `by` lines further on."""

    first: float
    end: float = math.inf
    by: int = 0


@value
class Layout:
    """The preamble, the pieces after it, each with its source, and the initials of their `sections`."""

    preamble: str
    pieces: list[str]
    sections: bytes
    sources: list[Source]

    def line(self, at: int) -> float:
        """The first line of a piece; infinite behind the last."""
        return self.sources[at].first if at < len(self.sources) else math.inf

    def count(self, section: str, start: int, end: int) -> int:
        """How many of the pieces from `start` to `end` belong to the section."""
        return self.sections.count(initial(section), start, end)

    def place(self, start: int, end: int) -> int:
        """Tell the sources from `start` to `end` where they stand, from what goes before them; returns the
        line behind."""
        if start:
            line = self.sources[start - 1].first + lines(self.pieces[start - 1])
        else:
            line = 1 + self.preamble.count("\n")
        counts = {section: self.count(section, 0, start) for section in ARRAYS}
        for source, piece in zip(self.sources[start:end], self.pieces[start:end], strict=True):
            if source.section in counts:
                source.which = counts[source.section]
                counts[source.section] += 1
            source.first = line
            line += lines(piece)
        return line

    def move(self, start: int, by: int, counts: Mapping[str, int]) -> None:
        """Tell the sources from `start` on that they stand `by` lines further on, and behind more tables."""
        moved = {section: count for section, count in counts.items() if count}
        for source in self.sources[start:] if by or moved else ():
            source.first += by
            if source.section in moved and isinstance(source.which, int):
                source.which += moved[source.section]


def initial(section: str) -> bytes:
    """What stands for a section in `Layout.sections`."""
    return b"h" if section == "input" else section[:1].encode()  # an "i" is the interface


def lines(piece: str) -> int:
    """How many lines it takes."""
    return piece.count("\n") + 1
