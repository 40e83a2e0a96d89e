"""Listings in JSON as chains, and who else drops."""

from __future__ import annotations

from typing import Any

import pytest

from wgd.kernel.nftables import forward_chains, last_verdict, parse_table
from wgd.kinds.nftables import FORWARD, POSTROUTING, Chain, Rule

Listed = tuple[str, dict[str, Any]]
META: Listed = ("metainfo", {"version": "1.0.6", "json_schema_version": 1})
TABLE: Listed = ("table", {"family": "inet", "name": "wgd", "handle": 1})


def chain(name: str, *, table: str = "inet wgd", **hook: Any) -> Listed:
    family, table = table.split()
    return "chain", {"family": family, "table": table, "name": name, "handle": 1, **hook}


def rule(of: str, *words: str, comment: str | None = None) -> Listed:
    expr = [{word: {} if word == "match" else None} for word in words]
    told = {} if comment is None else {"comment": comment}
    return "rule", {"family": "inet", "table": "wgd", "chain": of, "handle": 2, "expr": expr, **told}


FILTER = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
HOOKS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("forward", FILTER, FORWARD),
    ("masquerade", {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}, POSTROUTING),
    ("regular", {}, ""),
    (
        "another policy",
        {**FILTER, "policy": "drop"},
        "type filter hook forward priority filter; policy drop;",
    ),
    ("another priority", {**FILTER, "prio": -5}, "type filter hook forward priority -5; policy accept;"),
    (
        "a policy that is left out accepts",
        {"type": "filter", "hook": "input", "prio": 0},
        "type filter hook input priority filter; policy accept;",
    ),
)


@pytest.mark.parametrize(("hook", "text"), [h[1:] for h in HOOKS], ids=[h[0] for h in HOOKS])
def test_a_chain_is_declared_in_the_words_of_its_kind(hook: dict[str, Any], text: str) -> None:
    assert parse_table([META, TABLE, chain("c", **hook)]) == [Chain("c", text)]


COMMENTS = (
    ("ours", "replies #0123456789ab", "0123456789ab"),
    ("with another # in the words", "camera #2 #0123456789ab", "0123456789ab"),
    ("a stranger's", "let me in", ""),
    ("none", None, ""),
)


@pytest.mark.parametrize(("comment", "digest"), [c[1:] for c in COMMENTS], ids=[c[0] for c in COMMENTS])
def test_a_rule_is_the_digest_in_its_comment(comment: str | None, digest: str) -> None:
    listed = [TABLE, chain("c", **FILTER), rule("c", "accept", comment=comment)]
    assert parse_table(listed) == [Chain("c", FORWARD, (Rule(digest),))]


def test_rules_keep_their_order_and_their_chain() -> None:
    listed = [
        TABLE,
        chain("a", **FILTER),
        chain("b"),
        rule("a", "drop", comment="#1"),
        rule("b", "drop", comment="#2"),
        rule("a", "drop", comment="#3"),
    ]
    assert parse_table(listed) == [Chain("a", FORWARD, (Rule("1"), Rule("3"))), Chain("b", "", (Rule("2"),))]


@pytest.mark.parametrize("flags", [["dormant"], "dormant", "garbage"])
def test_the_rules_of_a_dormant_table_do_not_count(flags: object) -> None:
    """1.0.6 prints any flag as random bytes; no flag is ever ours."""
    asleep: Listed = ("table", {**TABLE[1], "flags": flags})
    assert parse_table([asleep, chain("c", **FILTER), rule("c", "drop", comment="#1")]) == [
        Chain("c", FORWARD)
    ]


@pytest.mark.parametrize("sort", ["set", "map", "flowtable", "counter", "quota", "ct helper"])
def test_what_is_no_chain_is_told_by_its_word(sort: str) -> None:
    other: Listed = (sort, {"family": "inet", "table": "wgd", "name": "theirs", "handle": 3})
    assert parse_table([TABLE, other]) == [Chain("theirs", "", other=sort)]


DOCKER = chain("FORWARD", table="ip filter", **{**FILTER, "policy": "drop"})
FIREWALLD = chain("filter_FORWARD", table="inet firewalld", **FILTER)
CHAINS: tuple[tuple[str, Listed, list[tuple[tuple[str, str, str], str]]], ...] = (
    ("Docker and ufw", DOCKER, [(("ip", "filter", "FORWARD"), "drop")]),
    ("firewalld", FIREWALLD, [(("inet", "firewalld", "filter_FORWARD"), "accept")]),
    ("ours", chain("forward-wg0", **FILTER), []),
    ("another hook", chain("INPUT", table="ip filter", **{**FILTER, "hook": "input"}), []),
    ("a bridge's", chain("FORWARD", table="bridge filter", **FILTER), []),
    ("a regular chain", chain("DOCKER", table="ip filter"), []),
)


@pytest.mark.parametrize(("listed", "found"), [c[1:] for c in CHAINS], ids=[c[0] for c in CHAINS])
def test_forward_chains_of_others(listed: Listed, found: list[tuple[tuple[str, str, str], str]]) -> None:
    assert list(forward_chains([META, listed])) == found


VERDICTS: tuple[tuple[str, list[Listed], str], ...] = (
    ("no rules", [FIREWALLD], ""),
    ("a reject at the end", [FIREWALLD, rule("f", "match", "accept"), rule("f", "reject")], "reject"),
    ("counted and logged", [rule("f", "counter", "log", "drop")], "drop"),
    ("a drop on a condition", [rule("f", "match", "drop")], ""),
    ("an accept after it", [rule("f", "drop"), rule("f", "accept")], ""),
    ("an xtables target", [rule("f", "xt")], ""),
)


@pytest.mark.parametrize(("listed", "verdict"), [v[1:] for v in VERDICTS], ids=[v[0] for v in VERDICTS])
def test_the_last_rule_may_drop_everything(listed: list[Listed], verdict: str) -> None:
    assert last_verdict(listed) == verdict
