"""What everything else speaks in."""

from __future__ import annotations

import pytest

from wgd.model import Later


def test_later_is_made_when_it_is_asked_for() -> None:
    asked = list[int]()

    def make(number: int) -> int:
        asked.append(number)
        return 10 // number

    later = Later(make, (1, 2, 0, 5))
    assert len(later) == 4 and later[1] == 5 and [*later[:2]] == [10, 5]
    assert asked == [2, 1, 2]
    with pytest.raises(ZeroDivisionError):
        _ = [*later]


def test_what_cannot_be_made_is_no_end() -> None:
    """As `collections.abc.Sequence` takes an IndexError to be."""
    later = Later([0, 1].__getitem__, (0, 2, 1))
    with pytest.raises(IndexError):
        _ = [*later]
