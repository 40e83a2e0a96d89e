"""What becomes of edits when one is refused."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from wgd.errors import KernelError
from wgd.kernel.devices import deliver, refusal
from wgd.kinds.peer import PeerEdit


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


CASES = (
    ("all good: one message", (), [["a", "b", "c"]], {"a", "b", "c"}, None),
    (
        "a bad one does not keep the others from being done",
        ("b",),
        [["a", "b", "c"], ["a"], ["b"], ["c"]],
        {"a", "c"},
        "set peer b of wg0: EINVAL: no",
    ),
    (
        "all bad: the first is named",
        ("a", "b", "c"),
        [["a", "b", "c"], ["a"], ["b"], ["c"]],
        set(),
        "set peer a of wg0: EINVAL: no (and 2 more)",
    ),
)


@pytest.mark.parametrize(("bad", "sent", "has", "error"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_deliver(bad: tuple[str, ...], sent: list[list[str]], has: set[str], error: str | None) -> None:
    device = Device(*bad)
    failures = deliver([PeerEdit(name.encode() * 32, name=name) for name in "abc"], device.take)
    assert device.sent == sent
    assert device.has == has
    assert (str(refusal("wg0", failures)) if failures else None) == error


def test_a_single_bad_edit_is_not_sent_twice() -> None:
    device = Device("a")
    assert len(deliver([PeerEdit(bytes(32), name="a")], device.take)) == 1
    assert device.sent == [["a"]]


def test_a_peer_without_a_name_is_named_by_its_key() -> None:
    failures = [(PeerEdit(bytes(32)), KernelError("set peers of wg0", errno.EINVAL))]
    assert str(refusal("wg0", failures)).startswith("set peer AAAAAAAA")
