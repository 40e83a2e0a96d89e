"""nftables' messages as chains, rules and what strangers put beside them."""

from __future__ import annotations

import struct

import pytest

from wgd.kernel.netlink import attribute, nest
from wgd.kernel.nfcodec import asleep, parse_chains, parse_drops, parse_flowtables, parse_objects
from wgd.kernel.nfsets import parse_sets
from wgd.kinds.nftables import CLAMP, FORWARD, POSTROUTING, Chain, Dropped, Rule


def number(value: int) -> bytes:
    return struct.pack(">i", value)


def message(*attributes: bytes, table: str = "inet wgd") -> bytes:
    family, name = table.split()
    head = bytes((1 if family == "inet" else 2, 0, 0, 0))
    return head + attribute(1, name.encode() + b"\0") + b"".join(attributes)


def named(name: str, *attributes: bytes, table: str = "inet wgd", kind: int = 2) -> bytes:
    return message(attribute(kind, name.encode() + b"\0"), *attributes, table=table)


def base(sort: str, hook: int, priority: int, policy: int = 1) -> tuple[bytes, ...]:
    return (
        nest(4, attribute(1, number(hook)), attribute(2, number(priority))),
        attribute(5, number(policy)),
        attribute(7, sort.encode() + b"\0"),
    )


def chain(name: str, *attributes: bytes, table: str = "inet wgd") -> bytes:
    return named(name, *attributes, table=table, kind=3)


def rule(of: str, comment: str | None = None) -> bytes:
    """Its comment is userdata: type 0, length, text."""
    told = () if comment is None else (attribute(7, bytes((0, len(comment) + 1)) + comment.encode() + b"\0"),)
    return named(of, *told)


FILTER = base("filter", 2, 0)
HOOKS: tuple[tuple[str, tuple[bytes, ...], str], ...] = (
    ("forward", FILTER, FORWARD),
    ("masquerade", base("nat", 4, 100), POSTROUTING),
    ("clamp", base("filter", 2, -150), CLAMP),
    ("regular", (), ""),
    ("another policy", base("filter", 2, 0, 0), "type filter hook forward priority filter; policy drop;"),
    ("another priority", base("filter", 2, -5), "type filter hook forward priority -5; policy accept;"),
)


@pytest.mark.parametrize(("hook", "text"), [h[1:] for h in HOOKS], ids=[h[0] for h in HOOKS])
def test_a_chain_is_declared_in_the_words_of_its_kind(hook: tuple[bytes, ...], text: str) -> None:
    assert parse_chains([chain("c", *hook)], []) == [Chain("c", text)]


COMMENTS = (
    ("ours", "replies #0123456789ab", "0123456789ab"),
    ("with another # in the words", "camera #2 #0123456789ab", "0123456789ab"),
    ("a stranger's", "let me in", ""),
    ("none", None, ""),
)


@pytest.mark.parametrize(("comment", "digest"), [c[1:] for c in COMMENTS], ids=[c[0] for c in COMMENTS])
def test_a_rule_is_the_digest_in_its_comment(comment: str | None, digest: str) -> None:
    assert parse_chains([chain("c")], [rule("c", comment)]) == [Chain("c", "", (Rule(digest),))]


def test_a_comment_may_stand_behind_other_userdata() -> None:
    told = attribute(7, b"\x01\x04abcd" + b"\x00\x04a#1\x00")
    assert parse_chains([chain("c")], [named("c", told)]) == [Chain("c", "", (Rule("1"),))]


def test_rules_keep_their_order_and_their_chain() -> None:
    rules = [rule("a", "#1"), rule("b", "#2"), rule("a", "#3")]
    assert parse_chains([chain("a"), chain("b")], rules) == [
        Chain("a", "", (Rule("1"), Rule("3"))),
        Chain("b", "", (Rule("2"),)),
    ]


def expression(name: str, *data: bytes) -> bytes:
    return nest(1, attribute(1, name.encode() + b"\0"), nest(2, *data))


def counting(packets: int) -> bytes:
    return expression("counter", attribute(1, bytes(8)), attribute(2, packets.to_bytes(8)))


def test_what_is_dropped_is_what_rules_count_that_end_in_a_verdict() -> None:
    """Not what is told of in the log, nor what others count."""
    log, drop = expression("log"), expression("immediate")
    rules = [
        named("a", nest(4, expression("meta"), drop)),
        named("a", nest(4, expression("limit"), counting(3), log)),
        named("a", nest(4, counting(7), drop)),
        named("a", nest(4, expression("cmp"), counting(2**40), drop)),
        named("b", nest(4, counting(0), drop)),
        named("c", nest(4, counting(9), drop), table="inet other"),
        rule("a", "#1"),
    ]
    assert parse_drops(rules) == [Dropped("a", 2**40 + 7), Dropped("b", 0)]


@pytest.mark.parametrize("table", ["ip wgd", "inet other"])
def test_other_tables_are_none_of_our_business(table: str) -> None:
    assert parse_chains([chain("c", *FILTER, table=table)], []) == []


@pytest.mark.parametrize(("flags", "sleeps"), [(0, False), (1, True), (2, False), (3, True)])
def test_a_table_may_be_dormant(flags: int, sleeps: bool) -> None:
    """2 is `owner`."""
    assert asleep(message(attribute(2, number(flags)))) is sleeps


def test_sets_and_maps_are_told_apart_and_those_of_single_rules_left_out() -> None:
    plain, anonymous, a_map = (attribute(3, number(flags)) for flags in (0, 0x3, 0x8))
    sets = [named("a", plain), named("__set0", anonymous), named("b", a_map)]
    assert parse_sets(sets) == [Chain("a", "", other="set"), Chain("b", "", other="map")]


OBJECTS = ((1, "counter"), (2, "quota"), (3, "ct helper"), (4, "limit"))


@pytest.mark.parametrize(("sort", "word"), OBJECTS)
def test_objects_are_told_by_their_word(sort: int, word: str) -> None:
    assert parse_objects([named("x", attribute(3, number(sort)))]) == [Chain("x", "", other=word)]


def test_flowtables() -> None:
    assert parse_flowtables([named("fast")]) == [Chain("fast", "", other="flowtable")]
