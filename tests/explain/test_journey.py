"""A healthy network is explained without a fault; and each of the seven pieces is missed by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.configs import address, key, network, networks, side
from tests.explain.support import CAMERA, Machine, machine, text, wrong
from wgd.config.document import Forward
from wgd.explain.steps import Mark
from wgd.prefixes import ordered

HEALTHY = [
    ("hub-1", "172.27.0.1", ""),
    ("hub-1", "172.27.0.2", ""),
    ("hub-1", "172.27.0.3", ""),
    ("hub-1", CAMERA, ""),
    ("hub-1", CAMERA, "172.27.0.2"),
    ("hub-1", "172.27.0.1", "172.27.0.2"),
    ("hub-1", "172.27.0.1", "172.27.0.3"),
    ("hub-1", "203.0.113.10", ""),
    ("spoke-1", "172.27.0.1", ""),
    ("spoke-1", "172.27.0.3", ""),
    ("spoke-1", CAMERA, ""),
    ("spoke-1", "198.51.100.15", ""),
    ("spoke-1", "192.168.1.1", ""),
    ("spoke-1", "172.27.0.2", "172.27.0.1"),
    ("spoke-2", "172.27.0.1", ""),
    ("spoke-2", "172.27.0.2", ""),
    ("spoke-2", CAMERA, ""),
    ("spoke-2", "172.27.0.3", "172.27.0.1"),
    ("spoke-2", CAMERA, "172.27.0.1"),
    ("spoke-2", CAMERA, "172.27.0.2"),
]


@pytest.mark.parametrize(("host", "target", "source"), HEALTHY)
def test_nothing_is_wrong_on_a_healthy_network(host: str, target: str, source: str) -> None:
    way = machine(host).explain(target, source)
    assert wrong(way) == []
    assert way


def spoke_allowed_ip(here: Machine) -> None:
    have = here.kernel._peers["wg0", key("hub-1")]
    here.change_peer("hub-1", allowed_ips=ordered({*have.allowed_ips} - {network("10.11.12.0/24")}))


def hub_allowed_ip(here: Machine) -> None:
    here.change_peer("spoke-2", allowed_ips=ordered(networks("172.27.0.3/32")))


def route(here: Machine) -> None:
    here.kernel.delete_route(network("10.11.12.0/24"))


def forwarding(here: Machine) -> None:
    here.kernel.write_sysctl("net/ipv4/conf/wg0/forwarding", "0")


def masquerade(here: Machine) -> None:
    here.kernel.nft.run(("flush chain inet wgd masquerade-wg0", "delete chain inet wgd masquerade-wg0"))


SEVEN: list[tuple[str, str, Callable[[Machine], None], str]] = [
    ("spoke-1", "", spoke_allowed_ip, "allowed-ip-is-missing"),
    ("spoke-1", "", route, "route-is-missing"),
    ("hub-1", "172.27.0.2", hub_allowed_ip, "allowed-ip-is-missing"),
    ("hub-1", "172.27.0.2", route, "route-is-missing"),
    ("hub-1", "172.27.0.2", forwarding, "forwarding-is-off"),
    ("spoke-2", "172.27.0.2", forwarding, "forwarding-is-off"),
    ("spoke-2", "172.27.0.2", masquerade, "masquerade-is-gone"),
]


@pytest.mark.parametrize(("host", "source", "take", "diagnosis"), SEVEN)
def test_each_of_the_seven_is_missed(
    host: str, source: str, take: Callable[[Machine], None], diagnosis: str
) -> None:
    here = machine(host)
    take(here)
    found = here.first_wrong(CAMERA, source)
    assert found.diagnosis == diagnosis
    assert text(found) == " the files want it so wgd apply "


def spoke_file(here: Machine) -> None:
    here.wants_peer("hub-1", allowed_ips=networks("172.27.0.0/16"))


def hub_file(here: Machine) -> None:
    here.wants_peer("spoke-2", allowed_ips=networks("172.27.0.3/32"))


def routes_off(name: str) -> Callable[[Machine], None]:
    return lambda here: here.wants_peer(name, routes=False)


def no_rules(here: Machine) -> None:
    here.wants(forwards=(), masquerades=())


def no_masquerade(here: Machine) -> None:
    here.wants(masquerades=())


OF_THE_FILES: list[tuple[str, str, Callable[[Machine], None], str, str]] = [
    ("spoke-1", "", spoke_file, "nobody-has-it", 'allowed_ips = ["172.27.0.0/16", "10.11.12.7"] wg0.toml'),
    ("spoke-1", "", routes_off("hub-1"), "route-is-switched-off", "routes = true wg0.toml"),
    ("hub-1", "172.27.0.2", hub_file, "nobody-has-it", 'add "webcams" to the allowed_ips of the peer'),
    ("hub-1", "172.27.0.2", routes_off("spoke-2"), "route-is-switched-off", "routes = true wg0.toml"),
    ("hub-1", "172.27.0.2", no_rules, "forwarding-is-off", '[[forward]] from = ["spoke-1"] to = ["webcams"]'),
    ("spoke-2", "172.27.0.2", no_rules, "forwarding-is-off", '[[forward]] from = ["hub-1"] to = ["webcams"]'),
    (
        "spoke-2",
        "172.27.0.2",
        no_masquerade,
        "nothing-masquerades-it",
        '[[masquerade]] out = "wlp0s0f0" to = ["webcams"] wg0.toml',
    ),
]


@pytest.mark.parametrize(("host", "source", "take", "diagnosis", "mend"), OF_THE_FILES)
def test_each_of_the_seven_is_missed_in_the_files(
    host: str, source: str, take: Callable[[Machine], None], diagnosis: str, mend: str
) -> None:
    here = machine(host)
    take(here)
    found = here.first_wrong(CAMERA, source)
    assert found.diagnosis == diagnosis
    assert mend in text(found)


def test_what_a_hub_does_cannot_be_seen_from_a_spoke() -> None:
    last = machine("spoke-1").explain(CAMERA)[-1]
    assert (last.mark, last.diagnosis) == (Mark.UNKNOWN, "rest-is-up-to-the-peer")
    assert text(last) == "hub-1 see there wgd explain 10.11.12.7 --from 172.27.0.2 "


@pytest.mark.parametrize(
    ("target", "source", "diagnoses"),
    [
        ("fd00:27::2", "", []),
        ("fd00:cafe::7", "", []),
        ("fd00:27::3", "fd00:27::2", []),
        ("fd00:cafe::7", "fd00:27::2", []),
        ("fd00:27::1", "fd00:27::3", []),
        ("2001:4860::1", "", []),
        ("fd00:dead::1", "fd00:27::2", ["nobody-has-it"]),
        ("fd00:27::2", "fd00:27::3", ["rule-goes-the-other-way"]),
    ],
)
def test_ipv6_goes_the_same_ways(target: str, source: str, diagnoses: list[str]) -> None:
    here = machine("hub-1")
    here.kernel.add_address("eth0", address("2001:db8::15/64"))
    here.kernel.add_route(network("::/0"), "eth0", metric=1024, gateway=True)
    first, second = (
        replace(peer, allowed_ips=(*peer.allowed_ips, *networks(*more)))
        for peer, more in zip(
            here.interface.peers, (("fd00:27::2/128",), ("fd00:27::3/128", "fd00:cafe::/64")), strict=True
        )
    )
    rule = Forward(side("spoke-1", peers=("spoke-1",)), side("spoke-2", "fd00:cafe::/64", peers=("spoke-2",)))
    own = (*here.interface.addresses, address("fd00:27::1/64"))
    here.wants(addresses=own, peers=(first, second), forwards=(rule,))
    assert wrong(here.explain(target, source)) == diagnoses


def test_a_name_with_a_dot_is_quoted_in_toml() -> None:
    here = machine("spoke-1")
    renamed = replace(here.interface.peers[0], name="hub.home", routes=False)
    here.wants(peers=(renamed,))
    assert text(here.first_wrong(CAMERA)) == ' under [peers."hub.home"] routes = true wg0.toml'


def test_an_answer_without_masquerade_shows_that_there_is_a_way_back() -> None:
    """The home's router may know a route to the tunnel."""
    here = machine("spoke-2")
    no_masquerade(here)
    camera, laptop, stranger = (int(ip_address(text)) for text in (CAMERA, "172.27.0.9", "192.0.2.9"))
    for pair, diagnoses in (
        ((laptop, camera), []),
        ((laptop, camera + 1), ["nothing-masquerades-it"]),
        ((stranger, camera), ["nothing-masquerades-it"]),
    ):
        here.more["answered"] = frozenset({pair})
        assert wrong(here.explain(CAMERA, "172.27.0.2")) == diagnoses


def test_once_it_was_silent_nobody_reaches_a_machine_behind_nat() -> None:
    here = machine("spoke-2")
    here.wants_peer("hub-1", persistent_keepalive=0)
    here.heard("hub-1", ago=600)
    assert wrong(here.explain("172.27.0.3", "172.27.0.1")) == ["nobody-keeps-the-way-open"]


def test_what_peers_send_there_is_another_way() -> None:
    """spoke-2 is in the cameras' network itself."""
    last = machine("spoke-2").explain(CAMERA)[-1]
    assert text(last) == " see that wgd explain 10.11.12.7 --from hub-1 "
    assert "peers-may-send-there" not in [step.diagnosis for step in machine("spoke-2").explain("10.0.0.1")]


def test_the_first_fault_comes_first() -> None:
    here = machine("hub-1")
    forwarding(here)
    route(here)
    assert wrong(here.explain(CAMERA, "172.27.0.2")) == ["forwarding-is-off", "route-is-missing"]
