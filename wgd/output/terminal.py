"""How things look in a terminal: width of text, columns, colours, ages and sizes. Pure.

Text from outside is escaped here before it is shown: a peer's name must not steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
AGES = ((60, 1, "s"), (3600, 60, "min"), (2 * 86400, 3600, "h"), (float("inf"), 86400, "d"))
"""Ages below the first number of seconds are told in units of the second."""


def plain(text: str) -> str:
    """The text with everything that a terminal might obey shown as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def age(seconds: float) -> str:
    """`12 s`, `4 min`, `3 h`, `2 d`."""
    whole = max(0, int(seconds))
    unit, name = next((unit, name) for below, unit, name in AGES if whole < below)
    return f"{whole // unit} {name}"


def size(count: float) -> str:
    """`0 B`, `340 KiB`, `1.2 MiB`: at most four characters and a unit."""
    amount, unit = float(count), 0
    while round(amount) >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    digits = 1 if unit and amount < 9.95 else 0
    return f"{amount:.{digits}f} {UNITS[unit]}"


def several(count: int, one: str, many: str = "") -> str:
    """`1 peer`, `2,000 peers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    import unicodedata  # few texts need it

    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, most: int) -> str:
    """The text in at most so many cells; what is cut out of its middle is shown as `…`."""
    if width(text) <= most:
        return text
    tail = _head(text[::-1], (most - 1) // 3)[::-1]
    return _head(text, most - 1 - width(tail)) + "…" + tail


def _head(text: str, most: int) -> str:
    taken = 0
    for i, char in enumerate(text):
        taken += _cells(char)
        if taken > most:
            return text[:i]
    return text


class Page:
    """Where text goes: `width` in cells (None: no limit), and whether in colour. Colours are never the only
    way a thing is said."""

    def __init__(self, colour: bool = False, width: int | None = None) -> None:
        self._colour, self.width = colour, width

    def paint(self, text: str, *codes: str) -> str:
        """The text in these colours."""
        return f"\033[{';'.join(codes)}m{text}\033[0m" if self._colour and codes and text else text

    def wrap(self, text: str, indent: str = "  ", hang: str = "    ") -> str:
        """The text, broken between words where the page ends, later lines further in."""
        if self.width is None:
            return indent + text
        import textwrap  # nobody but a terminal needs it

        return textwrap.fill(
            text,
            max(self.width, 20),
            initial_indent=indent,
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
        )


class Column(NamedTuple):
    """A column of a table. In a narrow terminal a `luxury` goes first; then columns shrink, the
    last one first, as far as `least`; if that is not enough, the one with the highest `drop` goes (0: never).
    `right`: numbers stand at the right."""

    title: str
    least: int = 0
    drop: int = 0
    right: bool = False
    luxury: bool = False


class Cell(NamedTuple):
    """What stands in a column, with its colours."""

    text: str
    codes: tuple[str, ...] = ()


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], page: Page, indent: str = "  "
) -> Iterable[str]:
    """The lines of a table with a head, as wide as the page if that can be had.

    Columns without any content are left out."""
    widths = [max((width(row[i].text) for row in rows), default=0) for i in range(len(columns))]
    kept = [i for i, needed in enumerate(widths) if needed]
    widths = [max(needed, width(column.title)) for needed, column in zip(widths, columns, strict=True)]
    if page.width is not None:
        kept = _fit(columns, widths, kept, page.width - len(indent))
    head = [Cell(column.title, (DIM,)) for column in columns]
    for row in (head, *rows):
        cells = (_cell(row[i], columns[i], widths[i], page) for i in kept)
        yield (indent + "  ".join(cells)).rstrip()


def _fit(columns: Sequence[Column], widths: list[int], kept: list[int], most: int) -> list[int]:
    """Which columns stay; `widths` of those that have to shrink are changed."""
    least = [min(wide, column.least or wide) for wide, column in zip(widths, columns, strict=True)]
    if _excess(widths, kept, most) > 0:
        kept = [i for i in kept if not columns[i].luxury]
    while _excess(least, kept, most) > 0 and (droppable := [i for i in kept if columns[i].drop]):
        kept.remove(max(droppable, key=lambda i: columns[i].drop))
    for i in reversed(kept):
        widths[i] = max(least[i], widths[i] - max(0, _excess(widths, kept, most)))
    return kept


def _excess(widths: list[int], kept: list[int], most: int) -> int:
    return sum(widths[i] for i in kept) + 2 * (len(kept) - 1) - most


def _cell(cell: Cell, column: Column, cells: int, page: Page) -> str:
    text = clip(cell.text, cells)
    pad = " " * (cells - width(text))
    shown = page.paint(text, *cell.codes)
    return pad + shown if column.right else shown + pad
