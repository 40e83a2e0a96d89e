"""The lab itself, with the network made by hand: if this fails, the lab is wrong, not wgd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.host import CommandFailed, Host
from integration.lab import PAGE, Lab
from integration.seed import HUB_ENDPOINT

pytestmark = pytest.mark.once
KEY = "/etc/wgd/keys/wg0.key"
HUB, SPOKE_1, SPOKE_2 = "172.27.0.1", "172.27.0.2", "172.27.0.3"
WEBCAMS = "10.11.12.0/24"
NAT = f"""
    table ip by-hand {{
        chain out {{
            type nat hook postrouting priority srcnat
            iifname "wg0" oifname "wlp0s0f0" ip daddr {WEBCAMS} masquerade
        }}
    }}
    """


def make_device(host: Host, lane: str, address: str) -> None:
    if lane == "userspace":
        host.run("wireguard-go", "wg0")
    else:
        host.run("ip", "link", "add", "wg0", "type", "wireguard")
    host.run("wg", "set", "wg0", "listen-port", "51820", "private-key", KEY)
    host.ip(f"address add {address}/16 dev wg0\nlink set wg0 up")


def forward(host: Host, interface: str, on: bool) -> None:
    host.write(f"/proc/sys/net/ipv4/conf/{interface}/forwarding", str(int(on)))


def build_by_hand(lab: Lab, lane: str) -> dict[str, str]:
    keys = lab.make_keys()
    for host, address in zip(lab, (HUB, SPOKE_1, SPOKE_2), strict=True):
        make_device(host, lane, address)
    to_hub = (
        "wg",
        "set",
        "wg0",
        "peer",
        keys["hub-1"],
        "endpoint",
        HUB_ENDPOINT,
        "persistent-keepalive",
        "25",
    )
    lab.hub_1.run(
        *("wg", "set", "wg0", "peer", keys["spoke-1"], "allowed-ips", f"{SPOKE_1}/32"),
        *("peer", keys["spoke-2"], "allowed-ips", f"{SPOKE_2}/32,{WEBCAMS}"),
    )
    lab.spoke_1.run(*to_hub, "allowed-ips", f"172.27.0.0/16,{WEBCAMS}")
    lab.spoke_2.run(*to_hub, "allowed-ips", "172.27.0.0/16")
    lab.hub_1.run("ip", "route", "add", WEBCAMS, "dev", "wg0")
    lab.spoke_1.run("ip", "route", "add", WEBCAMS, "dev", "wg0")
    forward(lab.hub_1, "wg0", on=True)
    forward(lab.spoke_2, "wg0", on=True)
    forward(lab.spoke_2, "wlp0s0f0", on=True)
    lab.spoke_2.nft(NAT)
    return keys


@pytest.fixture(scope="module")
def by_hand(lane: str) -> Iterator[tuple[Lab, dict[str, str]]]:
    with Lab() as lab:
        yield lab, build_by_hand(lab, lane)


def spoke_allowed_ip(lab: Lab, keys: dict[str, str], here: bool) -> None:
    allowed = "172.27.0.0/16" + (f",{WEBCAMS}" if here else "")
    lab.spoke_1.run("wg", "set", "wg0", "peer", keys["hub-1"], "allowed-ips", allowed)


def spoke_route(lab: Lab, _: dict[str, str], here: bool) -> None:
    lab.spoke_1.run("ip", "route", "add" if here else "del", WEBCAMS, "dev", "wg0")


def hub_allowed_ip(lab: Lab, keys: dict[str, str], here: bool) -> None:
    allowed = f"{SPOKE_2}/32" + (f",{WEBCAMS}" if here else "")
    lab.hub_1.run("wg", "set", "wg0", "peer", keys["spoke-2"], "allowed-ips", allowed)


def hub_route(lab: Lab, _: dict[str, str], here: bool) -> None:
    lab.hub_1.run("ip", "route", "add" if here else "del", WEBCAMS, "dev", "wg0")


def hub_forwarding(lab: Lab, _: dict[str, str], here: bool) -> None:
    forward(lab.hub_1, "wg0", here)


def spoke_2_forwarding(lab: Lab, _: dict[str, str], here: bool) -> None:
    forward(lab.spoke_2, "wg0", here)


def spoke_2_masquerade(lab: Lab, _: dict[str, str], here: bool) -> None:
    lab.spoke_2.nft(NAT if here else "delete table ip by-hand")


PIECES = (
    spoke_allowed_ip,
    spoke_route,
    hub_allowed_ip,
    hub_route,
    hub_forwarding,
    spoke_2_forwarding,
    spoke_2_masquerade,
)


def test_page_comes_over_all_hops(by_hand: tuple[Lab, dict[str, str]]) -> None:
    lab, _ = by_hand
    assert lab.spoke_2.ping(HUB), "spoke-2 must speak first: the hub knows no endpoint of its own"
    assert lab.page(seconds=5) == PAGE


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.__name__.replace("_", "-"))
def test_every_piece_is_necessary(by_hand: tuple[Lab, dict[str, str]], piece: Callable[..., None]) -> None:
    lab, keys = by_hand
    piece(lab, keys, here=False)
    page_without = lab.page(seconds=0.5)
    piece(lab, keys, here=True)
    assert (page_without, lab.page(seconds=5)) == (None, PAGE)


def test_nat_boxes_let_nobody_in(lab: Lab) -> None:
    reached = [
        f"{host.name} {address}"
        for host, address in (
            (lab.hub_1, "203.0.113.10"),
            (lab.hub_1, "192.0.2.20"),
            (lab.hub_1, "192.168.1.23"),
            (lab.spoke_1, "192.0.2.20"),
        )
        if host.ping(address, seconds=0.2)
    ]
    assert reached == []


def test_camera_is_an_ordinary_device_at_home(lab: Lab) -> None:
    assert lab.spoke_2.fetch("http://10.11.12.7/") == PAGE
    assert lab.page(seconds=0.5) is None
    assert "via 10.0.0.1" in lab.camera.run("ip", "route", "get", SPOKE_1)


def test_snapshot_tells_a_change_and_its_undoing(lab: Lab) -> None:
    before = lab.hub_1.snapshot()
    lab.hub_1.ip("link add br7 type bridge\naddress add 172.27.0.1/16 dev br7\nlink set br7 up")
    assert lab.hub_1.snapshot() != before
    lab.hub_1.run("ip", "link", "del", "br7")
    assert lab.hub_1.snapshot() == before


def test_hosts_share_no_folder_of_wgd(lab: Lab) -> None:
    lab.hub_1.write("/etc/wgd/wg0.toml", "hub")
    assert lab.hub_1.read("/etc/wgd/wg0.toml") == "hub"
    with lab.spoke_1.inside():
        assert list(Path("/etc/wgd").iterdir()) == []


def test_nothing_is_left_running(lane: str) -> None:
    with Lab() as lab:
        lab.make_keys()
        make_device(lab.hub_1, lane, HUB)
        started = lab.spoke_1.popen("sleep", "60")
        daemons = lab.hub_1.processes()
    assert started.wait(timeout=3) != 0
    assert [pid for pid in daemons if Path(f"/proc/{pid}/exe").exists()] == []


def test_failed_command_tells_host_and_reason(namespace: Host) -> None:
    with pytest.raises(CommandFailed, match=r"namespace# ip link del wg7: exit status 1\nCannot find device"):
        namespace.run("ip", "link", "del", "wg7")


def test_namespace_fixture_is_where_the_test_runs(namespace: Host) -> None:
    namespace.ip("link add br7 type bridge")
    assert Path("/sys/class/net/br7").exists()
