"""The kernel's entries of connections, as messages."""

from __future__ import annotations

import pytest

from wgd.access.revoking import Connection
from wgd.kernel.conntrack import answered_one, connection
from wgd.kernel.netlink import attribute, attributes, nest

ONE, OTHER, OURS = (bytes((10, 0, 0, number)) for number in (1, 2, 3))


def way(kind: int, source: bytes, target: bytes, *protocol: bytes) -> bytes:
    numbers = (1, 2) if len(source) == 4 else (3, 4)
    addresses = nest(1, attribute(numbers[0], source), attribute(numbers[1], target))
    return nest(kind, addresses, nest(2, *protocol))


def tcp(source: int, target: int) -> tuple[bytes, ...]:
    return attribute(1, b"\6"), attribute(2, source.to_bytes(2)), attribute(3, target.to_bytes(2))


def entry(*ways: bytes, family: int = 2) -> bytes:
    return bytes((family, 0, 0, 0)) + b"".join(ways) + attribute(12, b"\0\0\0\7")


MASQUERADED = entry(way(1, ONE, OTHER, *tcp(40000, 80)), way(2, OTHER, OURS, *tcp(80, 40001)))
REDIRECTED = entry(way(1, ONE, OURS, *tcp(40000, 8080)), way(2, OTHER, ONE, *tcp(80, 40000)))
PING = entry(way(1, ONE, OTHER, attribute(1, b"\1")), way(2, OTHER, ONE, attribute(1, b"\1")))
SIX = entry(way(1, ONE * 4, OTHER * 4, *tcp(1, 2)), way(2, OTHER * 4, ONE * 4, *tcp(2, 1)), family=10)
ENTRIES = (
    ("masqueraded", MASQUERADED, Connection(4, 0x0A000001, 0x0A000002, 6, 80, bare=False)),
    ("redirected: to where it leads", REDIRECTED, Connection(4, 0x0A000001, 0x0A000002, 6, 80)),
    ("without ports", PING, Connection(4, 0x0A000001, 0x0A000002, 1, 0)),
    ("IPv6", SIX, Connection(6, int.from_bytes(ONE * 4), int.from_bytes(OTHER * 4), 6, 2)),
    ("another family", bytes((7, 0, 0, 0)), None),
)


@pytest.mark.parametrize(("message", "about"), [e[1:] for e in ENTRIES], ids=[e[0] for e in ENTRIES])
def test_an_entry_is_who_opened_it_and_where_it_leads(message: bytes, about: Connection | None) -> None:
    found = connection(message)
    assert (found and found._replace(entry=b"")) == about


def test_a_deletion_names_just_this_entry() -> None:
    """By its identifier too: another connection may have taken the same addresses and ports since."""
    found = connection(MASQUERADED)
    assert found is not None and found.entry[0] == 2
    has, had = attributes(found.entry, 4), attributes(MASQUERADED, 4)
    assert has == {1: had[1], 12: had[12]}


SEEN, UNSEEN = attribute(3, (0x18A).to_bytes(4)), attribute(3, (0x188).to_bytes(4))


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (PING + SEEN, (0x0A000001, 0x0A000002)),
        (PING + UNSEEN, None),
        (PING, None),
        (MASQUERADED + SEEN, None),
        (SIX + SEEN, (int.from_bytes(ONE * 4), int.from_bytes(OTHER * 4))),
    ],
    ids=["answered", "not yet", "who knows", "translated", "IPv6"],
)
def test_an_answer_to_whom_it_was_asked_by(message: bytes, wanted: tuple[int, int] | None) -> None:
    assert answered_one(message) == wanted
