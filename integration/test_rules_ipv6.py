"""The mission's network in IPv6 alone: as wide as the kernel makes it, and no wider than wgd's fence."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.host import Host
from integration.lab import Lab
from integration.other_firewalls import clear
from integration.packets import SIZE, arriving, served, settled, transferred
from integration.seed import HOSTS, seed_config

CAMERA, SPOKE_2, HOME, BEYOND = "fd00:cafe::7", "fd00:cafe::3", "fd00:cafe::1", "fd00:beef::1"
CHOSEN = "fd00:cafe::4"
BY_DEVICE = Path("/proc/sys/net/ipv6/conf/all/force_forwarding").exists()


def in_ipv6(text: str) -> str:
    for old, new in (
        ("172.27.0.0/16", "fd00:27::/64"),
        ("10.11.12.0/24", "fd00:cafe::/64"),
        ("172.27.0.", "fd00:27::"),
        ("/16", "/64"),
        ("/32", "/128"),
    ):
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The sysctls of each host, without wgd."""
    return {}


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def lab(before: dict[str, str], keys: dict[str, str]) -> Iterator[Lab]:
    with Lab() as lab:
        lab.camera.ip(f"address add {CAMERA}/64 dev eth0")
        for address in (SPOKE_2, CHOSEN):
            lab.spoke_2.ip(f"address add {address}/64 dev wlp0s0f0")
        lab.nat_home.ip(f"address add {HOME}/64 dev lan\naddress add {BEYOND}/64 dev lan")
        keys |= lab.make_keys()
        before |= {host.name: sysctls(host) for host in lab}
        advertise(lab.nat_home)
        assert is_heard(lab.spoke_2)
        for host in lab:
            settled(host, in_ipv6(seed_config(host.name, keys)))
        assert lab.spoke_2.ping("fd00:27::1")
        yield lab


def sysctls(host: Host) -> str:
    lines = host.run("sysctl", "-a").splitlines()
    wanted = ("forwarding", "force_forwarding", "accept_ra")
    return "\n".join(line for line in lines if line.split(" ")[0].endswith(wanted) and ".wg0." not in line)


def advertise(host: Host) -> None:
    """A router advertisement to the LAN."""
    with host.inside(), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
        raw.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex("lan")))


def is_heard(host: Host) -> bool:
    """Whether there is a default route that an advertisement brought."""
    time.sleep(0.2)
    return "proto ra" in host.run("ip", "-6", "route", "show", "default")


def test_the_cameras_page_comes_in_ipv6(lab: Lab) -> None:
    with served(lab.camera, 8080):
        assert transferred(lab.spoke_1, CAMERA, 8080, upload=0) == SIZE


def test_snat_gives_the_address_that_it_names(lab: Lab, keys: dict[str, str]) -> None:
    """And without that, masquerading one of the device's."""
    own, echo = in_ipv6(seed_config("spoke-2", keys)), "icmpv6 type echo-request"
    chosen, bare = f"ip6 saddr {CHOSEN} {echo}", f"ip6 saddr fd00:27::/64 {echo}"
    settled(lab.spoke_2, own + f'snat = "{CHOSEN}"\n')
    try:
        with arriving(lab.camera, chosen=chosen, bare=bare) as counts:
            assert lab.spoke_1.ping(CAMERA)
            assert counts() == {"chosen": 1, "bare": 0}
    finally:
        settled(lab.spoke_2, own)
    with arriving(lab.camera, bare=bare) as counts:
        assert lab.spoke_1.ping(CAMERA)
        assert counts() == {"bare": 0}


@pytest.mark.lane("userspace")  # the user-mode kernel has too few extensions of iptables
def test_foreign_opens_what_ip6tables_closed(lab: Lab, keys: dict[str, str]) -> None:
    own = in_ipv6(seed_config("spoke-2", keys))
    try:
        lab.spoke_2.run("ip6tables", "-P", "FORWARD", "DROP")
        assert not lab.spoke_1.ping(CAMERA, seconds=0.5)
        settled(lab.spoke_2, own.replace("[interface]", '[interface]\nforeign = "iptables-forward"', 1))
        assert lab.spoke_1.ping(CAMERA)
        lab.spoke_2.run("ip6tables", "-F", "FORWARD")
        assert not lab.spoke_1.ping(CAMERA, seconds=0.5)
        settled(lab.spoke_2)
        assert lab.spoke_1.ping(CAMERA)
    finally:
        settled(lab.spoke_2, own)
        clear(lab.spoke_2)


def test_router_advertisements_go_on_being_heard(lab: Lab) -> None:
    """The route that was there before has survived, and comes again."""
    assert is_heard(lab.spoke_2)
    lab.spoke_2.run("ip", "-6", "route", "flush", "default")
    assert not is_heard(lab.spoke_2)
    advertise(lab.nat_home)
    assert is_heard(lab.spoke_2)


def test_forwarding_is_as_narrow_as_the_kernel_allows(lab: Lab) -> None:
    values = {
        name: lab.spoke_2.read(f"/proc/sys/net/ipv6/conf/{name}").strip()
        for name in ("all/forwarding", "wlp0s0f0/accept_ra")
    }
    assert values == (
        {"all/forwarding": "0", "wlp0s0f0/accept_ra": "1"}
        if BY_DEVICE
        else {"all/forwarding": "1", "wlp0s0f0/accept_ra": "2"}
    )


@pytest.mark.parametrize("target", [BEYOND, "fd00:27::2"], ids=["elsewhere", "the tunnel"])
def test_what_wgd_opened_leads_nowhere_for_the_lan(lab: Lab, target: str) -> None:
    lab.camera.ip(f"route add {target} via {SPOKE_2}")
    receiver = lab.nat_home if target == BEYOND else lab.hub_1
    try:
        with arriving(
            receiver, echo=f"ip6 daddr {target} icmpv6 type echo-request ip6 hoplimit 63"
        ) as counts:
            assert not lab.camera.ping(target, seconds=0.2)
            assert counts() == {"echo": 0}
    finally:
        lab.camera.ip(f"route del {target} via {SPOKE_2}")


def test_everything_is_given_back(lab: Lab, before: dict[str, str]) -> None:
    for host in lab:
        assert host.wgd("down").returncode == 0
    assert {name: sysctls(lab.hosts[name]) for name in HOSTS} == before
    assert {lab.hosts[name].run("nft", "list", "ruleset") for name in HOSTS} == {""}
    assert is_heard(lab.spoke_2)
