"""Cost against the number of peers, both logarithmic, as SVG. Pure.

One panel for each question; a line for each who was measured, its name at its end. The colours and the grey
read on white and on black.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integration.bench import words
from integration.bench.samples import Samples

PANELS = (
    (
        "One peer gets another address",
        words.EDIT,
        (words.DROP_INS, words.ONE_FILE, words.SCRIPT, words.HAND, words.PYROUTE2, words.NETWORKD),
    ),
    ("All read and compared", words.NOTHING, (words.DROP_INS, words.READERS, words.PYROUTE2)),
    (
        "Everything from nothing",
        words.COLD,
        (words.DROP_INS, words.SCRIPT, words.QUICK, words.NETWORKD, words.PYROUTE2),
    ),
)
_COLOURS = {
    words.DROP_INS: "#0a9b6c",
    words.ONE_FILE: "#3f8fe0",
    words.SCRIPT: "#e0662c",
    words.READERS: "#e0662c",
    words.HAND: "#a56bd6",
    words.QUICK: "#d64b7a",
    words.NETWORKD: "#a8862a",
    words.PYROUTE2: "#808890",
}
_GREY = "#808890"
_WIDTH, _HEIGHT, _LEFT, _TOP, _FOOT = 340, 300, 52, 40, 44
_PLOT = 200
"""Pixels of a panel's width that are plot; the rest is for the axis and the names."""
_APART = 13
"""Pixels between two names."""

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Decades from `low` to `high`, laid over so many pixels from `start` on; negative: upwards."""

    low: float
    high: float
    start: float
    length: float

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * self.length, 1)

    def decades(self) -> Iterator[float]:
        for power in range(math.ceil(self.low), math.floor(self.high) + 1):
            yield 10.0**power


def svg(samples: Samples, title: str) -> str:
    """The picture; panels of which nothing was measured are left out."""
    drawn: list[str] = []
    for heading, what, whom in PANELS:
        lines = {who: points for who in whom if (points := _points(samples, what, who))}
        if lines:
            drawn.append(_panel(len(drawn) * _WIDTH, heading, lines))
    width, height = max(1, len(drawn)) * _WIDTH, _HEIGHT + 22
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="sans-serif" font-size="11">\n<title>{_escaped(title)}</title>\n'
        f"{''.join(drawn)}{_text(8, height - 8, title, _GREY)}</svg>\n"
    )


def _points(samples: Samples, what: str, who: str) -> Points:
    return [(peers, ms) for peers, ms in samples.series(what, who) if ms > 0]


def _panel(left: int, heading: str, lines: dict[str, Points]) -> str:
    across, up = _scales(left, [point for points in lines.values() for point in points])
    parts = [_text(left + _LEFT, 20, heading, _GREY, bold=True), *_grid(across, up)]
    for who, points in lines.items():
        places = " ".join(f"{across.at(peers)},{up.at(ms)}" for peers, ms in points)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{_COLOURS[who]}" stroke-width="2"/>\n')
        parts += [
            f'<circle cx="{across.at(peers)}" cy="{up.at(ms)}" r="2.5" fill="{_COLOURS[who]}"/>\n'
            for peers, ms in points
        ]
    beside = left + _LEFT + _PLOT + 6
    ends = {who: up.at(points[-1][1]) for who, points in lines.items()}
    parts += [_text(beside, y + 4, who, _COLOURS[who]) for who, y in spaced(ends).items()]
    return "".join(parts)


def _scales(left: int, points: Points) -> tuple[Scale, Scale]:
    sizes, times = [math.log10(peers) for peers, _ in points], [math.log10(ms) for _, ms in points]
    low, high = math.floor(min(times)), max(math.ceil(max(times)), math.floor(min(times)) + 1)
    wide = (min(sizes), max(max(sizes), min(sizes) + 0.1))
    return (
        Scale(*wide, left + _LEFT, _PLOT),
        Scale(low, high, _HEIGHT - _FOOT, -(_HEIGHT - _FOOT - _TOP)),
    )


def _grid(across: Scale, up: Scale) -> Iterator[str]:
    right, top, foot = across.start + across.length, up.start + up.length, up.start
    for peers in (*across.decades(), 10**across.high):
        x = across.at(peers)
        yield _line(x, top, x, foot)
        yield _text(x, foot + 15, _count(peers), _GREY, anchor="middle")
    for ms in up.decades():
        yield _line(across.start, up.at(ms), right, up.at(ms))
        yield _text(across.start - 5, up.at(ms) + 4, _time(ms), _GREY, anchor="end")
    yield _text((across.start + right) / 2, foot + 30, "peers", _GREY, anchor="middle")


def _count(peers: float) -> str:
    return f"{peers / 1000:.0f}k" if peers >= 1000 else f"{peers:.0f}"


def _time(ms: float) -> str:
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def spaced(wanted: dict[str, float]) -> dict[str, float]:
    """Heights as near to the wanted ones as names fit that must not cover each other."""
    placed: dict[str, float] = {}
    free = -math.inf
    for who, y in sorted(wanted.items(), key=lambda item: item[1]):
        placed[who] = max(y, free)
        free = placed[who] + _APART
    below = max(0.0, max(placed.values(), default=0.0) - (_HEIGHT - _FOOT))
    return {who: y - below for who, y in placed.items()}


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{_GREY}" stroke-opacity="0.3"/>\n'


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}"{weight}>{_escaped(text)}</text>\n'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
