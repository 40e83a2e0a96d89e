"""What is remembered of the last answer about other firewalls."""

from __future__ import annotations

from dataclasses import replace

from tests.configs import HUB, config
from tests.firewalls.rulesets import saved
from tests.firewalls.test_obstacles import seen
from wgd.firewalls.walk import Ruleset
from wgd.model import Plan
from wgd.sources.firewalls import Firewalls


def test_nothing_is_asked_again_while_nothing_changed() -> None:
    drops, now, wanted = saved(":FORWARD DROP"), seen(), config(HUB)
    rulesets = [drops, drops, drops, saved(""), drops]
    firewalls = Firewalls(lambda: rulesets.pop(0))
    first = firewalls.obstacles(wanted, now)
    assert first and firewalls.obstacles(wanted, replace(now, now=now.now + 3)) is first
    again = firewalls.obstacles(config(HUB), now)
    assert again == first and again is not first
    assert firewalls.obstacles(wanted, now) == ()
    assert firewalls.obstacles(wanted, now) == first


def test_rules_that_cannot_be_read_are_told_of_where_there_is_an_interface() -> None:
    firewalls = Firewalls(lambda: Ruleset(unreadable=("iptables-legacy",)))
    assert firewalls.warnings(config(), seen(), Plan()) == ()
    assert firewalls.warnings(config(HUB), seen(), Plan()) == (
        "iptables-legacy may drop what wgd permits: wgd cannot read its rules",
    )
