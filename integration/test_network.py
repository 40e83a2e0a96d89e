"""The mission's network from three TOML files, by `wgd apply` alone: up, complete, repaired, and gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from integration.host import Host
from integration.lab import PAGE, Lab

WEBCAMS = "10.11.12.0/24"


def apply(host: Host) -> None:
    done = host.wgd("apply")
    assert done.returncode == 0, done.stdout + done.stderr


def in_sync(host: Host) -> bool:
    return host.wgd("plan").returncode == 0


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[Lab, dict[str, str]]]:
    """The lab with wgd's three files applied, and the public keys."""
    with Lab() as lab:
        keys = lab.seed()
        for host in lab:
            apply(host)
        assert lab.spoke_2.ping("172.27.0.1"), "spoke-2 must speak first: the hub knows no endpoint"
        yield lab, keys


def test_three_files_make_a_web_page_and_leave_no_trace(lab: Lab) -> None:
    lab.seed()
    before = [host.snapshot() for host in lab]
    assert [host.wgd("plan").returncode for host in lab] == [1, 1, 1]
    for host in lab:
        apply(host)
    assert lab.page(seconds=10) == PAGE
    for host in lab:
        plan = host.wgd("plan", "--json")
        assert plan.returncode == 0, plan.stdout + plan.stderr
        assert '"commands": []' in plan.stdout
    for host in lab:
        down = host.wgd("down")
        assert down.returncode == 0, down.stdout + down.stderr
    assert [host.snapshot() for host in lab] == before


def spoke_allowed_ip(lab: Lab, keys: dict[str, str]) -> Host:
    lab.spoke_1.run("wg", "set", "wg0", "peer", keys["hub-1"], "allowed-ips", "172.27.0.0/16")
    return lab.spoke_1


def spoke_route(lab: Lab, _: dict[str, str]) -> Host:
    lab.spoke_1.run("ip", "route", "del", WEBCAMS, "dev", "wg0")
    return lab.spoke_1


def hub_allowed_ip(lab: Lab, keys: dict[str, str]) -> Host:
    lab.hub_1.run("wg", "set", "wg0", "peer", keys["spoke-2"], "allowed-ips", "172.27.0.3/32")
    return lab.hub_1


def hub_route(lab: Lab, _: dict[str, str]) -> Host:
    lab.hub_1.run("ip", "route", "del", WEBCAMS, "dev", "wg0")
    return lab.hub_1


def hub_forwarding(lab: Lab, _: dict[str, str]) -> Host:
    lab.hub_1.write("/proc/sys/net/ipv4/conf/wg0/forwarding", "0")
    return lab.hub_1


def spoke_2_forwarding(lab: Lab, _: dict[str, str]) -> Host:
    lab.spoke_2.write("/proc/sys/net/ipv4/conf/wg0/forwarding", "0")
    return lab.spoke_2


def spoke_2_masquerade(lab: Lab, _: dict[str, str]) -> Host:
    lab.spoke_2.nft("delete chain inet wgd masquerade-wg0")
    return lab.spoke_2


NECESSARY = (
    spoke_allowed_ip,
    spoke_route,
    hub_allowed_ip,
    hub_route,
    hub_forwarding,
    spoke_2_forwarding,
    spoke_2_masquerade,
)


@pytest.mark.parametrize("remove", NECESSARY, ids=lambda remove: remove.__name__.replace("_", "-"))
def test_each_piece_is_necessary_and_one_pass_mends_it(
    network: tuple[Lab, dict[str, str]], remove: Callable[..., Host]
) -> None:
    lab, keys = network
    assert lab.page(seconds=10) == PAGE
    host = remove(lab, keys)
    assert lab.page(seconds=0.5) is None
    assert not in_sync(host)
    apply(host)
    assert in_sync(host)
    assert lab.page(seconds=5) == PAGE


def test_replies_need_forwarding_on_the_cameras_device(network: tuple[Lab, dict[str, str]]) -> None:
    lab, _ = network
    lab.spoke_2.write("/proc/sys/net/ipv4/conf/wlp0s0f0/forwarding", "0")
    assert lab.page(seconds=0.5) is None
    apply(lab.spoke_2)
    assert lab.page(seconds=5) == PAGE


def test_what_wgd_opened_leads_nowhere_but_into_the_tunnel(network: tuple[Lab, dict[str, str]]) -> None:
    """A camera that takes spoke-2 for its router gets no further than before wgd came."""
    lab, _ = network
    lab.camera.ip("route add 203.0.113.0/24 via 10.0.0.3")
    try:
        assert not lab.camera.ping("203.0.113.1", seconds=0.5)
    finally:
        lab.camera.ip("route del 203.0.113.0/24 via 10.0.0.3")
    assert lab.camera.ping("203.0.113.1"), "by its own router it gets there"


@pytest.mark.parametrize("address", ["172.27.0.1", "172.27.0.2"])
def test_cameras_cannot_open_flows_into_the_tunnel(network: tuple[Lab, dict[str, str]], address: str) -> None:
    lab, _ = network
    lab.camera.ip("route add 172.27.0.0/16 via 10.0.0.3")
    try:
        assert not lab.camera.ping(address, seconds=0.5)
    finally:
        lab.camera.ip("route del 172.27.0.0/16 via 10.0.0.3")


def test_a_neighbour_of_the_hub_reaches_no_spoke(network: tuple[Lab, dict[str, str]]) -> None:
    lab, _ = network
    neighbour = lab.hosts["internet"]
    neighbour.ip("route add 172.27.0.0/16 via 198.51.100.15")
    try:
        assert neighbour.ping("172.27.0.1"), "the hub itself answers"
        assert not neighbour.ping("172.27.0.2", seconds=0.5)
    finally:
        neighbour.ip("route del 172.27.0.0/16 via 198.51.100.15")
