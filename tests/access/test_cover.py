"""The union of spans, kept up as some come and go."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wgd.access.cover import NOTHING, Cover
from wgd.prefixes import merged
from wgd.versions import Version

spans = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans), st.lists(st.tuples(st.lists(spans, max_size=3), st.integers(0, 3))))
def test_it_is_what_it_would_be_anew(
    first: list[tuple[int, int]], steps: list[tuple[list[tuple[int, int]], int]]
) -> None:
    """Spans that meet, overlap, are in one another, and are there twice."""
    kept = NOTHING.changed((), first)
    for come, number in steps:
        gone = kept.spans[::3][:number]
        left = Counter(kept.spans)
        left.subtract(gone)
        kept = kept.changed(gone, come)
        wanted = sorted((*left.elements(), *come))
        assert kept == Cover(Version(wanted), merged(wanted))


def test_many_at_once() -> None:
    some = [(number, number + number % 3) for number in range(0, 6000, 2)]
    kept = NOTHING.changed((), some)
    assert kept == Cover(Version(sorted(some)), merged(some))
    assert kept.changed(some[:2000], ()) == Cover(Version(sorted(some[2000:])), merged(some[2000:]))
