"""Framing and attributes: what is packed is parsed again, and nonsense is an error, not a loop."""

from __future__ import annotations

import errno
import sys

import pytest

from wgd.errors import KernelError
from wgd.kernel.netlink import (
    HEADER,
    U32,
    Message,
    absent_is_done,
    attribute,
    attributes,
    elements,
    messages,
    nest,
    parse_refusal,
    refusals,
    text,
)

ATTRIBUTES = (
    ("none", b"", {}),
    ("one that needs no padding", attribute(1, b"abcd"), {1: b"abcd"}),
    ("one that is padded", attribute(1, b"a"), {1: b"a"}),
    ("an empty one", attribute(7, b""), {7: b""}),
    ("several", attribute(1, b"a") + attribute(2, b"bc"), {1: b"a", 2: b"bc"}),
    ("the nested flag is no part of the type", nest(3, attribute(1, b"a")), {3: attribute(1, b"a")}),
    ("less than a header at the end", attribute(1, b"abcd") + b"\0\0", {1: b"abcd"}),
)


@pytest.mark.parametrize(("packed", "parsed"), [a[1:] for a in ATTRIBUTES], ids=[a[0] for a in ATTRIBUTES])
def test_attributes(packed: bytes, parsed: dict[int, bytes]) -> None:
    assert attributes(packed) == parsed
    assert attributes(b"head" + packed, 4) == parsed


def test_elements_keep_their_order_and_their_number() -> None:
    assert elements(nest(0, b"") + attribute(0, b"a") + attribute(9, b"b")) == [b"", b"a", b"b"]


@pytest.mark.parametrize("broken", [b"\0\0\1\0", b"\3\0\1\0", b"\xff\0\1\0abcd"], ids=["0", "3", "255"])
def test_an_attribute_of_impossible_length_is_an_error(broken: bytes) -> None:
    with pytest.raises(KernelError, match="longer than its message"):
        attributes(broken)


def test_messages_are_told_apart_by_their_padded_length() -> None:
    packed = b"".join(
        HEADER.pack(HEADER.size + len(body), 20 + number, 0, number, 0) + body + bytes(-len(body) & 3)
        for number, body in enumerate((b"", b"a", b"abcde"))
    )
    assert list(messages(packed)) == [
        Message(20, 0, 0, b""),
        Message(21, 0, 1, b"a"),
        Message(22, 0, 2, b"abcde"),
    ]


def test_a_message_longer_than_what_came_is_an_error() -> None:
    with pytest.raises(KernelError, match="longer than what was received"):
        list(messages(HEADER.pack(100, 20, 0, 1, 0)))


def error(number: int) -> bytes:
    return (-number).to_bytes(4, sys.byteorder, signed=True)


WORDS = attribute(1, b"Device does not exist\0")
REQUEST = HEADER.pack(HEADER.size + 6, 16, 1, 7, 0)
REFUSALS = (
    ("acknowledged", Message(2, 0x100, 7, error(0) + REQUEST), None),
    ("the end of a dump", Message(3, 0, 7, error(0)), None),
    ("an empty end", Message(3, 0, 7, b""), None),
    ("without words", Message(2, 0x100, 7, error(errno.EPERM) + REQUEST), "Operation not permitted"),
    ("with words", Message(2, 0x300, 7, error(errno.ENODEV) + REQUEST + WORDS), "Device does not exist"),
    (
        "with the whole request before the words",
        Message(2, 0x200, 7, error(errno.ENODEV) + REQUEST + b"abcdef\0\0" + WORDS),
        "Device does not exist",
    ),
    ("a dump that failed", Message(3, 0x200, 7, error(errno.EINVAL) + WORDS), "Device does not exist"),
)


@pytest.mark.parametrize(("message", "words"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_refusal(message: Message, words: str | None) -> None:
    found = parse_refusal(message)
    assert (found.text if found else None) == words


def test_an_odd_length_of_the_quoted_request_is_padded() -> None:
    assert U32.unpack_from(REQUEST)[0] % 4 == 2


def test_text_ends_at_its_zero() -> None:
    assert text(b"wg0\0") == "wg0"


def test_a_system_call_that_fails_becomes_a_kernel_error() -> None:
    with pytest.raises(KernelError) as caught, refusals("open a door"):
        raise PermissionError(errno.EPERM, "Operation not permitted")
    assert caught.value.denied
    assert str(caught.value) == "open a door: EPERM: Operation not permitted"


def test_what_is_gone_counts_as_deleted() -> None:
    with absent_is_done(errno.ENODEV):
        raise KernelError("delete it", errno.ENODEV)
    with pytest.raises(KernelError), absent_is_done(errno.ENODEV):
        raise KernelError("delete it", errno.EPERM)
