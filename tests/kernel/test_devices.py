"""What becomes of edits when one is refused."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.errors import KernelError, PartialFailure
from wgd.kernel.devices import deliver, refusal
from wgd.kinds.peer import PeerEdit, PeersSet
from wgd.model import Ref


class Device:
    """Takes edits in order, up to the first bad one, as the kernel does."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.sent: list[list[str]] = []
        self.has: set[str] = set()

    def take(self, edits: Sequence[PeerEdit]) -> None:
        self.sent.append([edit.name for edit in edits])
        for edit in edits:
            if edit.name in self.bad:
                raise KernelError("set peers of wg0", errno.EINVAL, "no")
            self.has.add(edit.name)


CASES: tuple[tuple[str, tuple[str, ...], list[str], set[str], str | None], ...] = (
    ("all good: one message", (), ["abcd"], {*"abcd"}, None),
    (
        "a bad one does not keep the others from being done",
        ("c",),
        ["abcd", "ab", "cd", "c", "d"],
        {*"abd"},
        "set peer c of wg0: EINVAL: no",
    ),
    (
        "all bad: the first is named",
        (*"abcd",),
        ["abcd", "ab", "a", "b", "cd", "c", "d"],
        set(),
        "set peer a of wg0: EINVAL: no (and 3 more)",
    ),
)


def op(names: str) -> PeersSet:
    edits = tuple(PeerEdit(name.encode() * 32, name=name) for name in names)
    return PeersSet(
        refs=tuple(Ref("peer", ("wg0", edit.public_key)) for edit in edits), interface="wg0", edits=edits
    )


@pytest.mark.parametrize(("bad", "sent", "has", "error"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_deliver(bad: tuple[str, ...], sent: list[str], has: set[str], error: str | None) -> None:
    device = Device(*bad)
    failures = deliver(op("abcd").edits, device.take)
    assert ["".join(names) for names in device.sent] == sent
    assert device.has == has
    assert (str(refusal(op("abcd"), failures)) if failures else None) == error


@given(st.sets(st.sampled_from("abcdefghij")))
def test_each_that_is_refused_is_named_and_all_others_are_done(bad: set[str]) -> None:
    names = "abcdefghij"
    device = Device(*bad)
    failures = deliver(op(names).edits, device.take)
    assert device.has == {*names} - bad
    if bad:
        refused = refusal(op(names), failures)
        assert isinstance(refused, PartialFailure)
        assert refused.failed == {
            at: f"set peer {name} of wg0: EINVAL: no" for at, name in enumerate(names) if name in bad
        }


def test_a_single_bad_edit_is_not_sent_twice() -> None:
    device = Device("a")
    assert len(deliver(op("a").edits, device.take)) == 1
    assert device.sent == [["a"]]


def test_what_is_wrong_with_all_is_not_tried_with_each() -> None:
    sent = []

    def gone(edits: Sequence[PeerEdit]) -> None:
        sent.append(edits)
        raise KernelError("set peers of wg0", errno.ENODEV)

    assert len(deliver(op("abc").edits, gone)) == 3
    assert len(sent) == 1


def test_a_peer_without_a_name_is_named_by_its_key() -> None:
    failures = [(PeerEdit(bytes(32)), KernelError("set peers of wg0", errno.EINVAL))]
    assert str(refusal(op(""), failures)).startswith("set peer AAAAAAAA")
