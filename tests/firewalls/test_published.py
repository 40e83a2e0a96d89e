"""Ports that Docker publishes, and the first rule, which closes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import HUB, NOW, config, side
from tests.firewalls.rulesets import recorded
from tests.firewalls.test_obstacles import seen
from wgd.config.document import Forward, PortRange
from wgd.firewalls.published import closed
from wgd.firewalls.walk import Published, Ruleset
from wgd.model import Change, Plan, Ref

DOCKER = recorded("docker-28.save")
CHAIN = Change(Ref("nftables", "forward-wg0"), None, "made", "wg0", lambda _: "chain")
LINK = Change(Ref("link", "wg0"), None, "made", "wg0", lambda _: "wg0")
FIRST = Plan((CHAIN,))
TO_BOX = Forward(side("spoke-1", peers=("spoke-1",)), side("box", box=("172.17.0.2/32",)))


def test_a_port_for_this_host_alone_is_not_published() -> None:
    assert DOCKER.published == (Published(8080, "172.17.0.2", "tcp", 80),)


def test_the_first_rule_closes_what_it_does_not_name() -> None:
    assert list(closed(config(HUB), seen(), FIRST, DOCKER)) == [
        "the first rule of wg0 closes ports that Docker publishes (tcp/8080) to who comes in by wg0: they "
        "arrive redirected to the container, so a rule that is to permit tcp/8080 has to say "
        'to = ["172.17.0.2"] and ports = ["tcp/80"]'
    ]


PORTS = {
    "any": ((), 0),
    "that of the container": ((PortRange("tcp", 80, 80),), 0),
    "that of the host": ((PortRange("tcp", 8080, 8080),), 1),
    "another protocol": ((PortRange("udp", 80, 80),), 1),
}


@pytest.mark.parametrize(("ports", "told"), PORTS.values(), ids=PORTS)
def test_a_rule_permits_it_by_the_containers_own_port(ports: tuple[PortRange, ...], told: int) -> None:
    wanted = config(replace(HUB, forwards=(replace(TO_BOX, ports=ports),)))
    assert len([*closed(wanted, seen(), FIRST, DOCKER)]) == told


SILENT = {
    "nothing is published": (FIRST, Ruleset()),
    "the interface was restricted before": (Plan(), DOCKER),
    "the interface is new itself": (Plan((CHAIN, LINK)), DOCKER),
    "the chain goes": (Plan((replace(CHAIN, before="made", after=None),)), DOCKER),
}


@pytest.mark.parametrize(("plan", "ruleset"), SILENT.values(), ids=SILENT)
def test_nothing_is_said(plan: Plan, ruleset: Ruleset) -> None:
    assert [*closed(config(HUB), replace(seen(), now=NOW), plan, ruleset)] == []
