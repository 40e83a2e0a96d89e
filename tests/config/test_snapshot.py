"""Which names differ: as two plain mappings, compared, would say."""

from __future__ import annotations

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.config.snapshot import Snapshot, differing

CONTENTS = tuple(bytes([letter]) * 2 for letter in b"abc")
names = st.sampled_from(("wg0.toml", "wg0.d/a.toml", "wg0.d/b.toml", "wg1.toml"))
edits = st.dictionaries(names, st.sampled_from((*CONTENTS, None)))


@given(st.lists(edits), st.data())
def test_it_is_a_mapping_and_so_are_those_before(
    steps: list[dict[str, bytes | None]], data: st.DataObject
) -> None:
    """Whichever was edited, and whoever is asked first. What is known of an edit, a comparison says."""
    history = [(Snapshot[bytes]({}), dict[str, bytes]())]
    for edit in steps:
        one, had = history[data.draw(st.sampled_from((-1, -1, 0)))]
        wanted = {**had, **{name: content for name, content in edit.items() if content is not None}}
        for name, content in edit.items():
            if content is None:
                wanted.pop(name, None)
        now = one.but(edit)
        assert (now is one) is (wanted == had)
        history.append((now, wanted))
    for one, wanted in data.draw(st.permutations(history)):
        asked = data.draw(names)
        assert one.get(asked) == wanted.get(asked) and (asked in one) is (asked in wanted)
        assert len(one) == len(wanted)
        other, expected = data.draw(st.sampled_from(history))
        assert (one == other) is (wanted == expected) and (other == expected)
        assert differing(one, other) == differing(wanted, expected)
        assert list(one.items()) == sorted(wanted.items()) and one == wanted and wanted == one
        assert [*one] == [*one.keys()] and [*one.values()] == [one[name] for name in one]


def test_equal_contents_that_are_other_objects_differ() -> None:
    one, other = b"ab", bytes([97, 98])
    assert differing({"wg0.toml": one}, {"wg0.toml": other}) == {"wg0.toml"}


def test_the_contents_before_are_not_kept() -> None:
    """Else every edit would keep the files of all before it."""
    before = Snapshot({"wg0.toml": b"a"})
    gone = weakref.ref(before)
    now = before.but({"wg0.toml": b"b"})
    del before
    assert gone() is None and now == {"wg0.toml": b"b"}


def test_an_old_one_that_was_read_does_not_keep_all_since() -> None:
    """As the accepted copies are read while a trial runs; each save would stay, whole."""
    old = latest = Snapshot({"wg0.toml": b"a", "wg1.toml": b"a"})
    since = []
    for number in range(4):
        latest = latest.but({"wg0.toml": bytes(number)})
        since.append(weakref.ref(latest))
        assert differing(old, latest) == {"wg0.toml"}
    assert [one() for one in since[:-1]] == [None] * 3 and old["wg0.toml"] == b"a"


def test_the_last_file_goes() -> None:
    before = Snapshot({"wg0.toml": b"a"})
    now = before.but({"wg0.toml": None})
    assert not now and differing(before, now) == {"wg0.toml"} == differing(now, before)
    assert {**before} == {"wg0.toml": b"a"}


def test_there_is_no_other_name() -> None:
    with pytest.raises(KeyError):
        Snapshot({"wg0.toml": b"a"})["wg1.toml"]
