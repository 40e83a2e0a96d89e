"""Elements of nftables' sets as messages, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.kernel.netlink import NESTED, attribute, attributes, elements, nest
from wgd.kernel.nfcodec import HEADER
from wgd.kernel.nfsets import DELSETELEM, NEWSETELEM, about_set, decode_elements, encode_edits
from wgd.nftset import INTERVALS, SetEdit

ONE, OTHER, THIRD = (bytes((10, 0, 0, number)) for number in (1, 5, 9))
END = attribute(3, (1).to_bytes(4))
COMMENT = attribute(6, b"\0\2a\0")


def member(key: bytes, *more: bytes) -> bytes:
    """As the kernel tells of it: without the flag of a nested attribute."""
    return attribute(1, attribute(1, attribute(1, key)) + b"".join(more))


def told(*members: bytes) -> bytes:
    return about_set("some") + attribute(3, b"".join(members))


def test_what_goes_is_taken_before_something_comes() -> None:
    goes, comes = encode_edits([SetEdit("some", "ipv4_addr", (ONE,), (OTHER, THIRD))])
    assert (goes.kind, comes.kind) == (DELSETELEM, NEWSETELEM)
    assert decode_elements("ipv4_addr", [goes.body]) == {OTHER, THIRD}
    assert decode_elements("ipv4_addr", [comes.body]) == {ONE}


def test_what_does_not_change_is_no_message() -> None:
    assert encode_edits([SetEdit("some", "ipv4_addr")]) == []


def test_a_message_holds_no_more_than_a_nested_attribute_can() -> None:
    many = tuple(number.to_bytes(4) for number in range(20000))
    messages = encode_edits([SetEdit("some", "ipv4_addr", many)])
    sizes = [len(attributes(message.body, HEADER.size)[3]) for message in messages]
    assert len(sizes) > 1 and max(sizes) < 1 << 16
    assert decode_elements("ipv4_addr", [message.body for message in messages]) == {*many}


FOUND = (
    ("none", "ipv4_addr", [], set()),
    ("an empty list", "ipv4_addr", [told()], set()),
    ("alike", "ipv4_addr", [told(member(ONE), member(OTHER)), told(member(THIRD))], {ONE, OTHER, THIRD}),
    ("one with a comment", "ipv4_addr", [told(member(ONE, COMMENT), member(OTHER))], {ONE, OTHER}),
    ("all with a comment", "ipv4_addr", [told(member(ONE, COMMENT), member(OTHER, COMMENT))], {ONE, OTHER}),
    ("pairs", "ipv4_addr . ipv4_addr", [told(member(ONE + OTHER))], {ONE + OTHER}),
    ("an interval", "ipv4_addr intervals", [told(member(ONE), member(OTHER, END))],
        {ONE + bytes((10, 0, 0, 4))}),
    ("intervals that meet", "ipv4_addr intervals", [told(member(ONE), member(OTHER), member(THIRD, END))],
        {ONE + bytes((10, 0, 0, 4)), OTHER + bytes((10, 0, 0, 8))}),
    ("an end and a beginning at one place", "ipv4_addr intervals",
        [told(member(OTHER), member(OTHER, END), member(THIRD, END), member(ONE))],
        {ONE + bytes((10, 0, 0, 4)), OTHER + bytes((10, 0, 0, 8))}),
    ("without an end", "ipv4_addr intervals", [told(member(ONE))], {ONE + b"\xff" * 4}),
    ("the end that nft puts at the very beginning", "ipv4_addr intervals",
        [told(member(bytes(4), END), member(ONE), member(OTHER, END))], {ONE + bytes((10, 0, 0, 4))}),
)  # fmt: skip


@pytest.mark.parametrize(("type_", "bodies", "found"), [f[1:] for f in FOUND], ids=[f[0] for f in FOUND])
def test_elements_are_read(type_: str, bodies: list[bytes], found: set[bytes]) -> None:
    assert decode_elements(type_, bodies) == found


@given(st.sets(st.integers(0, 2**32 - 1), min_size=2).filter(lambda some: len(some) % 2 == 0))
def test_intervals_come_back_as_they_were(ends: set[int]) -> None:
    ordered = sorted(ends)
    spans = {a.to_bytes(4) + b.to_bytes(4) for a, b in zip(ordered[::2], ordered[1::2], strict=True)}
    messages = encode_edits([SetEdit("some", "ipv4_addr intervals", tuple(spans))])
    assert decode_elements("ipv4_addr intervals", [message.body for message in messages]) == spans


def test_what_is_sent_is_marked_as_nested() -> None:
    """Kernels from 5.2 on refuse anything else in strict messages."""
    (message,) = encode_edits(
        [SetEdit("some", "ipv6_addr" + INTERVALS, (bytes(15) + b"\1" + bytes(15) + b"\3",))]
    )
    begin, end = elements(attributes(message.body, HEADER.size)[3])
    key = nest(1, attribute(1, bytes(15) + b"\1"))
    assert begin == key and end == nest(1, attribute(1, bytes(15) + b"\4")) + END
    assert int.from_bytes(key[2:4], "little") & NESTED
