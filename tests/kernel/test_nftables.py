"""Who else drops what is forwarded, as listings in JSON tell it."""

from __future__ import annotations

from typing import Any

import pytest

from wgd.kernel.nftables import forward_chains, last_verdict

Listed = tuple[str, dict[str, Any]]
META: Listed = ("metainfo", {"version": "1.0.6", "json_schema_version": 1})


def chain(name: str, *, table: str = "inet wgd", **hook: Any) -> Listed:
    family, table = table.split()
    return "chain", {"family": family, "table": table, "name": name, "handle": 1, **hook}


def rule(of: str, *words: str) -> Listed:
    expr = [{word: {} if word == "match" else None} for word in words]
    return "rule", {"family": "inet", "table": "wgd", "chain": of, "handle": 2, "expr": expr}


FILTER = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
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
