"""What many prefixes cover together, kept up as a few of them come and go. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import NamedTuple

from wgd.prefixes import Ranges, merged

Span = tuple[int, int]

_MANY = 500
"""Changes from which on sorting everything is faster than finding each one's place."""
_FIRST, _LAST = itemgetter(0), itemgetter(1)


class Cover(NamedTuple):
    """`spans`: the first and the last address of each, sorted; they may overlap and repeat. `ranges`: their
    union."""

    spans: list[Span]
    ranges: Ranges

    def changed(self, gone: Collection[Span], come: Collection[Span]) -> Cover:
        """Without some of its spans, and with others."""
        if not gone and not come:
            return self
        spans = [*self.spans]
        if len(gone) + len(come) > _MANY:
            spans = _sorted_without(spans, gone, come)
            return Cover(spans, merged(spans))
        for span in gone:
            del spans[bisect_left(spans, span)]
        for span in come:
            insort(spans, span)
        ranges = self.ranges
        changed = [span for span in (*gone, *come) if _has(spans, span) is not _has(self.spans, span)]
        for window in _windows(ranges, changed):
            ranges = _mended(ranges, spans, window)
        return Cover(spans, ranges)


NOTHING = Cover([], ())


def _has(spans: Sequence[Span], span: Span) -> bool:
    at = bisect_left(spans, span)
    return at < len(spans) and spans[at] == span


def _sorted_without(spans: list[Span], gone: Collection[Span], come: Collection[Span]) -> list[Span]:
    left = Counter(spans)
    left.subtract(gone)
    return sorted((*left.elements(), *come))


def _windows(ranges: Ranges, changed: Sequence[Span]) -> Ranges:
    """Where the union may be another now: the changed spans, with the ranges that they meet."""
    met = [
        ranges[at]
        for first, last in changed
        for at in range(bisect_left(ranges, first - 1, key=_LAST), bisect_right(ranges, last + 1, key=_FIRST))
    ]
    return merged((*changed, *met))


def _mended(ranges: Ranges, spans: list[Span], window: Span) -> Ranges:
    """The union with its part in the window made anew. No span reaches out of it."""
    first, last = window
    inside = spans[bisect_left(spans, first, key=_FIRST) : bisect_right(spans, last, key=_FIRST)]
    before, after = bisect_left(ranges, first, key=_FIRST), bisect_right(ranges, last, key=_FIRST)
    return ranges[:before] + merged(inside) + ranges[after:]
