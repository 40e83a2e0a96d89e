"""Routing rules as messages, and which of them are ours."""

from __future__ import annotations

import pytest

from wgd.kernel.netlink import attribute
from wgd.kernel.policy import pack, parse_rule
from wgd.kinds.policy import OPENED, OWN, Policy

OURS = Policy(4, "wg0", OWN)


@pytest.mark.parametrize("policy", [OURS, Policy(6, "wlp0s0f0", OPENED)])
def test_what_is_sent_is_what_is_read(policy: Policy) -> None:
    """The kernel leaves out a mark of 0."""
    told = pack(policy).replace(attribute(10, bytes(4)), b"")
    assert parse_rule(told, policy.version) == policy


OTHERS = {
    "another protocol": (attribute(21, bytes([119])), attribute(21, bytes([3]))),
    "none at all": (attribute(21, bytes([119])), b""),
    "another action": (bytes([6]) + bytes(4), bytes([1]) + bytes(4)),
    "any device": (attribute(3, b"wg0\0"), b""),
    "a mark": (attribute(10, bytes(4)), attribute(10, bytes([1, 0, 0, 0]))),
}


@pytest.mark.parametrize(("ours", "theirs"), OTHERS.values(), ids=OTHERS)
def test_a_rule_of_somebody_else_is_not_read(ours: bytes, theirs: bytes) -> None:
    told = pack(OURS)
    assert told.count(ours) == 1
    assert parse_rule(told.replace(ours, theirs), 4) is None
