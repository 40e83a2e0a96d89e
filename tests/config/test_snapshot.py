"""Which names differ: as two plain mappings, compared, would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wgd.config.snapshot import Snapshot, differing

CONTENTS = tuple(bytes([letter]) * 2 for letter in b"abc")
names = st.sampled_from(("wg0.toml", "wg0.d/a.toml", "wg0.d/b.toml", "wg1.toml"))
edits = st.dictionaries(names, st.sampled_from((*CONTENTS, None)))


@given(st.lists(edits), st.integers(0, 3))
def test_what_is_known_of_an_edit_is_what_a_comparison_says(
    steps: list[dict[str, bytes | None]], ago: int
) -> None:
    history = [Snapshot[bytes]({})]
    for edit in steps:
        before = history[-1]
        now = before.but(edit)
        wanted = {**before, **{name: content for name, content in edit.items() if content is not None}}
        for name, content in edit.items():
            if content is None:
                wanted.pop(name, None)
        assert list(now.items()) == sorted(wanted.items())
        assert now is before or now != before
        history.append(now)
    one, other = history[-1 - min(ago, len(steps))], history[-1]
    assert differing(one, other) == differing({**one}, {**other})


def test_equal_contents_that_are_other_objects_differ() -> None:
    one, other = b"ab", bytes([97, 98])
    assert differing({"wg0.toml": one}, {"wg0.toml": other}) == {"wg0.toml"}


def test_the_contents_before_are_not_kept() -> None:
    """Else every edit would keep the files of all before it."""
    before = Snapshot({"wg0.toml": b"a"})
    now = before.but({"wg0.toml": b"b"})
    copy = {**before}
    del before
    assert differing(copy, now) == {"wg0.toml"}
    assert now.since(copy) is None
