"""What `[[input]]` lets in to the host itself, with real packets; what is forwarded does not concern it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.host import Host
from integration.lab import CAMERA, Lab
from integration.packets import SORTS, arriving, knock, pinging, settled
from integration.seed import seed_config

HUB, SPOKE_1, SPOKE_2, PUBLIC = "172.27.0.1", "172.27.0.2", "172.27.0.3", "198.51.100.15"
EVERYTHING = [*SORTS]
AFTER = "input priority 10"
"""Behind wgd's chain."""


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def lab(keys: dict[str, str]) -> Iterator[Lab]:
    with Lab() as lab:
        keys |= lab.make_keys()
        for host in lab:
            settled(host, seed_config(host.name, keys))
        for spoke in (lab.spoke_1, lab.spoke_2):
            assert spoke.ping(HUB), "a spoke speaks first"
        yield lab


def rule(source: str, ports: str = "") -> str:
    return f"\n[[input]]\nfrom = {source}\n" + (f"ports = {ports}\n" if ports else "")


def hub(lab: Lab, keys: dict[str, str], rules: str) -> None:
    settled(lab.hub_1, seed_config("hub-1", keys) + rules)


def coming_in(sender: Host, receiver: Host, address: str, source: str = "") -> list[str]:
    """Which of SORTS get past the rules."""
    matches = {name.replace("/", ""): f"ip daddr {address} {match}" for name, match in SORTS.items()}
    with arriving(receiver, AFTER, **matches) as counts:
        knock(sender, address, source)
        found = counts()
    return [name for name in SORTS if found[name.replace("/", "")]]


INPUTS = {
    "nobody says anything": ("", EVERYTHING, EVERYTHING),
    "a peer": (rule('["spoke-1"]'), EVERYTHING, []),
    "a peer, one port": (rule('["spoke-1"]', '["tcp/80"]'), ["tcp/80"], []),
    "anybody, some ports": (rule('["any"]', '["udp/1-80", "icmp"]'), ["udp/80", "icmp"], ["udp/80", "icmp"]),
    "a network and a peer": (
        rule('["172.27.0.2/31"]', '["icmp"]') + rule('["spoke-2"]', '["tcp/81"]'),
        ["icmp"],
        ["tcp/81", "icmp"],
    ),
    "somebody who is not there": (rule('["192.168.77.0/24"]'), [], []),
}


@pytest.mark.parametrize(("rules", "from_1", "from_2"), INPUTS.values(), ids=INPUTS)
def test_who_comes_in(
    lab: Lab, keys: dict[str, str], rules: str, from_1: list[str], from_2: list[str]
) -> None:
    hub(lab, keys, rules)
    assert coming_in(lab.spoke_1, lab.hub_1, HUB) == from_1
    assert coming_in(lab.spoke_2, lab.hub_1, HUB) == from_2
    assert coming_in(lab.spoke_1, lab.hub_1, PUBLIC) == EVERYTHING, "not through the tunnel"


def test_an_address_of_the_host_that_is_not_in_the_tunnel_is_no_way_round(
    lab: Lab, keys: dict[str, str]
) -> None:
    """spoke-1 sends a packet for the hub's own network by the tunnel, to another of its addresses."""
    hub(lab, keys, rule('["spoke-2"]'))
    lab.hub_1.ip("address add 10.11.12.250/32 dev lo")
    try:
        assert coming_in(lab.spoke_1, lab.hub_1, "10.11.12.250") == []
        hub(lab, keys, "")
        assert coming_in(lab.spoke_1, lab.hub_1, "10.11.12.250") == EVERYTHING, "but for the rule it would"
    finally:
        lab.hub_1.ip("address del 10.11.12.250/32 dev lo")


def test_another_device_is_not_asked(lab: Lab, keys: dict[str, str]) -> None:
    """A neighbour on eth0 neither gains nor loses by it, whatever address he takes."""
    neighbour = lab.hosts["internet"]
    for rules in (rule('["spoke-1"]', '["tcp/80"]'), ""):
        hub(lab, keys, rules)
        assert coming_in(neighbour, lab.hub_1, PUBLIC) == EVERYTHING


def test_what_the_host_asks_is_answered_and_what_is_forwarded_passes(lab: Lab, keys: dict[str, str]) -> None:
    hub(lab, keys, rule('["spoke-2"]', '["tcp/22"]'))
    assert lab.hub_1.ping(SPOKE_1)
    assert lab.spoke_1.ping(CAMERA)
    assert not lab.spoke_1.ping(HUB, seconds=0.5)


def test_an_edit_of_the_rules_interrupts_nobody_whom_they_go_on_permitting(
    lab: Lab, keys: dict[str, str]
) -> None:
    hub(lab, keys, rule('["spoke-1"]'))
    with pinging(lab.spoke_1, HUB):
        for more in (rule('["spoke-2"]', '["tcp/22"]'), rule('["any"]', '["icmp"]'), ""):
            hub(lab, keys, rule('["spoke-1"]') + more)


def test_whom_the_rules_no_longer_permit_is_out_at_once(lab: Lab, keys: dict[str, str]) -> None:
    hub(lab, keys, rule('["spoke-1"]'))
    with (
        arriving(lab.hub_1, AFTER, echo=f"ip daddr {HUB} icmp type echo-request") as counts,
        pinging(lab.spoke_1, HUB, answered=False),
    ):
        hub(lab, keys, rule('["spoke-2"]'))
        before = counts()["echo"]
        assert before > 0
        assert counts()["echo"] == before
