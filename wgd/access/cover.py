"""What many prefixes cover together, kept up as a few of them come and go. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter

from wgd.prefixes import Ranges, difference, merged
from wgd.values import field, replace, value
from wgd.versions import Version

Span = tuple[int, int]

_MANY = 100
"""Changes from which on sorting everything is faster than finding each one's place."""
_FIRST, _LAST = itemgetter(0), itemgetter(1)


@value
class Cover:
    """`spans`: the first and the last address of each, sorted; they may overlap and repeat. `ranges`: their
    union. `longest`: so far behind its first address is the last one of any, or less."""

    spans: Version[Span]
    ranges: Ranges
    longest: int = field(default=0, compare=False)

    def changed(self, gone: Collection[Span], come: Collection[Span]) -> Cover:
        """Without some of its spans, and with others."""
        if not gone and not come:
            return self
        longest = max((self.longest, *(last - first for first, last in come)))
        if len(gone) + len(come) > _MANY:
            spans = Version(_sorted_without(self.spans, gone, come))
            return Cover(spans, merged(spans), longest)
        had = {span: self.count(span) for span in (*gone, *come)}
        now = Cover(self.spans.but(_swaps(self.spans, gone, come)), self.ranges, longest)
        changed = [span for span, count in had.items() if (now.count(span) > 0) is not (count > 0)]
        ranges = self.ranges
        for window in merged(changed):
            ranges = _mended(ranges, now.meeting(window), window)
        return replace(now, ranges=ranges)

    def count(self, span: Span) -> int:
        """How often exactly this one is there."""
        return bisect_right(self.spans, span) - bisect_left(self.spans, span)

    def meeting(self, window: Span) -> list[Span]:
        """Those that have an address in the window."""
        first, last = window
        start = bisect_left(self.spans, first - self.longest, key=_FIRST)
        end = bisect_right(self.spans, last, key=_FIRST)
        return [span for span in self.spans[start:end] if span[1] >= first]


NOTHING = Cover(Version(), ())


def _swaps(
    spans: Sequence[Span], gone: Iterable[Span], come: Iterable[Span]
) -> Iterable[tuple[int, int, list[Span]]]:
    """Where in the order those that go stand, and between which those come that do."""
    swaps = dict[int, tuple[int, list[Span]]]()
    for span, count in Counter(gone).items():
        at = bisect_left(spans, span)
        swaps[at] = at + count, []
    for span in sorted(come):
        at = bisect_left(spans, span)
        swaps.setdefault(at, (at, []))[1].append(span)
    return ((at, *swaps[at]) for at in sorted(swaps))


def _sorted_without(spans: Iterable[Span], gone: Collection[Span], come: Collection[Span]) -> list[Span]:
    left = Counter(spans)
    left.subtract(gone)
    return sorted((*left.elements(), *come))


def _mended(ranges: Ranges, meeting: Iterable[Span], window: Span) -> Ranges:
    """The union with its part in the window made anew, of the spans that meet it."""
    first, last = window
    inside = ((max(begin, first), min(end, last)) for begin, end in meeting)
    before, after = bisect_left(ranges, first - 1, key=_LAST), bisect_right(ranges, last + 1, key=_FIRST)
    around = difference(ranges[before:after], (window,))
    return ranges[:before] + merged((*around, *inside)) + ranges[after:]
