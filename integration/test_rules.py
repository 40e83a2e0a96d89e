"""What `[[forward]]` and `[[masquerade]]` let pass, with real packets, against all that tries to get by.

The hub is a router already (`ip_forward` is on), so that nothing but wgd's rules stands in the way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.host import Host
from integration.lab import CAMERA, Lab
from integration.packets import (
    SIZE,
    SORTS,
    arriving,
    knock,
    pinging,
    send_icmp_error,
    served,
    settle,
    settled,
    transferred,
)
from integration.seed import HUB_ENDPOINT
from integration.test_daemon import until

DESK = "192.168.9.2"
SPOKE_1, SPOKE_2 = "172.27.0.2", "172.27.0.3"
BEYOND = "192.0.2.1"
EVERYTHING = dict.fromkeys(SORTS, True)
NOTHING = dict.fromkeys(SORTS, False)
NETWORKS = """
[networks]
webcams = ["10.11.12.0/24"]
home = ["10.0.0.0/24"]
desk = ["192.168.9.0/24"]
"""
HUB = (
    """\
[interface]
role = "hub"
addresses = ["172.27.0.1/16"]
listen_port = 51820
forwarding = "rules"
"""
    + NETWORKS
)
HUB_SPOKE_1 = """
[peers.spoke-1]
public_key = "{spoke-1}"
allowed_ips = ["172.27.0.2/32", "desk"]
"""
HUB_SPOKE_2 = """
[peers.spoke-2]
public_key = "{spoke-2}"
allowed_ips = ["172.27.0.3/32", "webcams", "home"]
"""
SPOKE = (
    """\
[interface]
addresses = ["{address}/16"]
"""
    + NETWORKS
    + """
[peers.hub-1]
public_key = "{hub-1}"
endpoint = "{endpoint}"
persistent_keepalive = 25
allowed_ips = ["172.27.0.0/16", "172.28.0.0/16", {more}]
"""
)
SPOKE_1_RULES = """
[[forward]]
from = ["desk"]
to = ["webcams"]
"""
SPOKE_2_RULES = """
[[forward]]
from = ["hub-1", "desk"]
to = ["webcams", "home"]

[[masquerade]]
out = "wlp0s0f0"
to = ["webcams"]
"""


def rule(source: str, target: str, more: str = "") -> str:
    """One rule; words separated by spaces."""
    sides = ("[" + ", ".join(f'"{word}"' for word in words.split()) + "]" for words in (source, target))
    return "\n[[forward]]\nfrom = {}\nto = {}\n".format(*sides) + more + "\n"


WIDE = rule("spoke-1 webcams desk", "spoke-1 spoke-2 webcams home")


@dataclass
class Net:
    """The lab with wgd on its three hosts, and a desk behind spoke-1 by a link of 1300 bytes."""

    lab: Lab
    keys: dict[str, str]
    desk: Host

    def hub(self, rules: str, spoke_1: str = HUB_SPOKE_1, spoke_2: str = HUB_SPOKE_2) -> None:
        settled(self.lab.hub_1, HUB + (spoke_1 + spoke_2).format(**self.keys) + rules)

    def meet_again(self) -> None:
        """The hub forgot spoke-2's session, which spoke-2 would find out after 15 s."""
        self.hub(WIDE)
        self.lab.spoke_2.run("wg", "set", "wg0", "peer", self.keys["hub-1"], "remove")
        settled(self.lab.spoke_2)
        assert self.lab.spoke_2.ping("172.27.0.1")

    def passing(self, sender: Host, receiver: Host, address: str, source: str = "") -> dict[str, bool]:
        """Which of SORTS arrive."""
        narrowed = {name: f"ip daddr {address} {match}" for name, match in SORTS.items()}
        with arriving(
            receiver, **{name.replace("/", ""): match for name, match in narrowed.items()}
        ) as counts:
            knock(sender, address, source)
            found = counts()
        return {name: found[name.replace("/", "")] > 0 for name in SORTS}


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    desk = Host("desk")
    try:
        with Lab() as lab:
            lab.spoke_1.ip(f"""
                link add desk0 mtu 1300 type veth peer name eth0 netns {desk.network_path}
                link set desk0 up
                address add 192.168.9.1/24 dev desk0
                """)
            desk.ip(f"""
                link set eth0 up
                address add {DESK}/24 dev eth0
                route add default via 192.168.9.1
                """)
            lab.hub_1.write("/proc/sys/net/ipv4/ip_forward", "1")
            for name in ("all", "eth0"):
                lab.hub_1.write(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "0")
            made = Net(lab, lab.make_keys(), desk)
            made.hub(WIDE)
            more = {"spoke-1": '"webcams", "home", "192.0.2.0/24"', "spoke-2": '"desk"'}
            rules = {"spoke-1": SPOKE_1_RULES, "spoke-2": SPOKE_2_RULES}
            for host, address in ((lab.spoke_1, SPOKE_1), (lab.spoke_2, SPOKE_2)):
                text = SPOKE + rules[host.name]
                settled(host, text.format(
                    **made.keys, address=address, endpoint=HUB_ENDPOINT, more=more[host.name]))  # fmt: skip
                assert host.ping("172.27.0.1"), "a spoke speaks first"
            yield made
    finally:
        desk.close()


PORTS = {
    'ports = ["tcp/80"]': ["tcp/80"],
    'ports = ["icmp"]': ["icmp"],
    'ports = ["udp/1-100", "tcp/81"]': ["tcp/81", "udp/80"],
    "": list(SORTS),
}


@pytest.mark.parametrize(("ports", "expected"), PORTS.items(), ids=PORTS)
def test_only_the_listed_ports_pass(net: Net, ports: str, expected: list[str]) -> None:
    net.hub(rule("spoke-1", "webcams", ports))
    passed = net.passing(net.lab.spoke_1, net.lab.camera, CAMERA)
    assert [name for name in SORTS if passed[name]] == expected


def test_nothing_passes_unless_it_is_listed(net: Net) -> None:
    net.hub("")
    assert net.passing(net.lab.spoke_1, net.lab.spoke_2, SPOKE_2) == NOTHING
    assert net.passing(net.lab.spoke_1, net.lab.hosts["internet"], BEYOND) == NOTHING


def test_a_peers_name_does_not_open_what_is_behind_it(net: Net) -> None:
    net.hub(rule("spoke-1", "spoke-2"))
    assert net.passing(net.lab.spoke_1, net.lab.spoke_2, SPOKE_2) == EVERYTHING
    assert net.passing(net.lab.spoke_1, net.lab.camera, CAMERA) == NOTHING
    assert net.passing(net.desk, net.lab.spoke_2, SPOKE_2) == NOTHING


SPOOFED = {
    "nobody": "",
    "a peer": SPOKE_1,
    "an address of our network that no peer has": "172.27.0.99",
    "a camera": CAMERA,
    "what is behind another peer": DESK,
}


@pytest.mark.parametrize("source", SPOOFED.values(), ids=SPOOFED)
def test_a_neighbour_gets_nothing_in_under_any_address(net: Net, source: str) -> None:
    net.hub(WIDE + rule("172.27.0.0/16", "spoke-2 webcams"))
    neighbour = net.lab.hosts["internet"]
    neighbour.ip("route add 172.27.0.0/16 via 198.51.100.15\nroute add 10.0.0.0/8 via 198.51.100.15")
    try:
        assert net.passing(neighbour, net.lab.spoke_2, SPOKE_2, source) == NOTHING
        assert net.passing(neighbour, net.lab.spoke_2, CAMERA, source) == NOTHING
        if source == SPOKE_1:
            net.lab.hub_1.nft("insert rule inet wgd forward-wg0 accept")
            assert net.passing(neighbour, net.lab.spoke_2, SPOKE_2, source) == EVERYTHING, "the lab lets it"
            settled(net.lab.hub_1)
    finally:
        neighbour.ip("route del 172.27.0.0/16 via 198.51.100.15\nroute del 10.0.0.0/8 via 198.51.100.15")


TO_CAMERAS = rule("spoke-1 desk", "webcams") + rule("webcams", "spoke-1")
NAMED = TO_CAMERAS + rule("spoke-1", "spoke-2")
GONE = {
    "disabled": (HUB_SPOKE_2 + "enabled = false\n", NAMED),
    "expired": (HUB_SPOKE_2 + "expires = 2001-01-01T00:00:00Z\n", NAMED),
    "removed": ("", TO_CAMERAS + rule("spoke-1", f"{SPOKE_2}/32")),
}


@pytest.mark.parametrize(("spoke_2", "rules"), GONE.values(), ids=GONE)
def test_what_a_peer_had_never_leaves_in_plaintext_nor_comes_in(net: Net, spoke_2: str, rules: str) -> None:
    net.hub(rules, spoke_2=spoke_2)
    neighbour = net.lab.hosts["internet"]
    neighbour.ip("route add 172.27.0.0/16 via 198.51.100.15")
    try:
        assert net.passing(net.lab.spoke_1, neighbour, CAMERA) == NOTHING
        assert net.passing(net.lab.spoke_1, neighbour, SPOKE_2) == NOTHING
        assert net.passing(neighbour, net.lab.spoke_1, SPOKE_1, CAMERA) == NOTHING
        net.lab.hub_1.nft("insert rule inet wgd forward-wg0 accept")
        assert net.passing(net.lab.spoke_1, neighbour, CAMERA) == EVERYTHING, "but for the rules it would"
        settled(net.lab.hub_1)
    finally:
        net.meet_again()
        neighbour.ip("route del 172.27.0.0/16 via 198.51.100.15")


def test_a_rule_for_what_nobody_has_is_told(net: Net) -> None:
    net.hub(TO_CAMERAS, spoke_2="")
    told = net.lab.hub_1.wgd("status").stdout
    net.meet_again()
    assert "permits nothing for 10.11.12.0/24" in " ".join(told.split())


OUTWARDS = {
    "internet": ("internet", "", True, False),
    "any": ("any", "", True, True),
    "out names the device": ("any", 'out = "eth0"', True, False),
    "out names another device": ("internet", 'out = "eth7"', False, False),
}


@pytest.mark.parametrize(("target", "more", "beyond", "camera"), OUTWARDS.values(), ids=OUTWARDS)
def test_internet_any_and_out(net: Net, target: str, more: str, beyond: bool, camera: bool) -> None:
    ipv6 = net.lab.hub_1.run("sysctl", "-ar", "net.ipv6.*forwarding")
    net.hub(rule("spoke-1", target, more) + '[[masquerade]]\nout = "eth0"\nto = ["internet"]\n')
    internet = net.lab.hosts["internet"]
    assert net.passing(net.lab.spoke_1, internet, BEYOND) == dict.fromkeys(SORTS, beyond)
    assert net.passing(net.lab.spoke_1, net.lab.camera, CAMERA) == dict.fromkeys(SORTS, camera)
    assert net.lab.spoke_1.ping(BEYOND, seconds=10 if beyond else 0.5) is beyond, "and its answer comes back"
    assert net.lab.hub_1.run("sysctl", "-ar", "net.ipv6.*forwarding") == ipv6, "no IPv6 here, none opened"


def test_masquerade_is_as_narrow_as_its_words(net: Net) -> None:
    """Towards the named range only, and only for what came in from WireGuard."""
    net.hub(WIDE)
    lan = net.lab.nat_home
    with arriving(net.lab.camera, disguised=f"ip saddr 10.0.0.3 ip daddr {CAMERA}") as camera:
        assert net.lab.spoke_1.ping(CAMERA)
        assert camera()["disguised"] > 0
    with arriving(
        lan, plain=f"ip saddr {SPOKE_1}", disguised="ip saddr 10.0.0.3 icmp type echo-request"
    ) as home:
        knock(net.lab.spoke_1, "10.0.0.1")
        found = home()
        assert found["plain"] > 0 and not found["disguised"]
    settled(net.lab.spoke_2)


def test_what_wgd_opened_leads_nowhere_but_into_the_tunnel(net: Net) -> None:
    spoke_2, camera = net.lab.spoke_2, net.lab.camera
    camera.ip(f"route add {BEYOND} via 10.0.0.3")
    try:
        with arriving(net.lab.nat_home, through=f"ip daddr {BEYOND} ip ttl 63") as counts:
            knock(camera, BEYOND)
            assert counts() == {"through": 0}
            assert json.loads(spoke_2.wgd("status", "--json").stdout)["fenced"] > 0
            spoke_2.nft("flush chain inet wgd fence")
            knock(camera, BEYOND)
            assert counts() != {"through": 0}, "but for the fence it would"
    finally:
        camera.ip(f"route del {BEYOND} via 10.0.0.3")
        settled(spoke_2)


def test_who_makes_the_machine_a_router_later_gets_answers(net: Net) -> None:
    """A container behind spoke-2, whose engine turns forwarding on after wgd."""
    spoke_2, box = net.lab.spoke_2, Host("box")
    try:
        spoke_2.ip(f"""
            link add docker0 type veth peer name eth0 netns {box.network_path}
            link set docker0 up
            address add 172.17.0.1/16 dev docker0
            """)
        box.ip("link set eth0 up\naddress add 172.17.0.2/16 dev eth0\nroute add default via 172.17.0.1")
        spoke_2.write("/proc/sys/net/ipv4/conf/docker0/forwarding", "1")
        net.lab.camera.ip("route add 172.17.0.0/16 via 10.0.0.3")
        settled(spoke_2)
        assert box.ping(CAMERA)
        assert not net.lab.camera.ping("172.17.0.2", seconds=0.3)
    finally:
        net.lab.camera.run("ip", "route", "flush", "172.17.0.0/16")
        box.close()
        spoke_2.run("ip", "link", "delete", "docker0", check=False)


def test_a_router_stays_one_and_does_not_masquerade_its_own_lan(net: Net) -> None:
    """Forwarding that was on before is not fenced."""
    spoke_2, lan = net.lab.spoke_2, net.lab.nat_home
    assert spoke_2.wgd("down").returncode == 0
    spoke_2.write("/proc/sys/net/ipv4/ip_forward", "1")
    lan.ip(f"route add {CAMERA} via 10.0.0.3")
    try:
        settled(spoke_2)
        with arriving(
            net.lab.camera, plain="ip saddr 10.0.0.1 ip ttl 63", disguised="ip saddr 10.0.0.3"
        ) as counts:
            knock(lan, CAMERA, "10.0.0.1")
            found = counts()
        assert found["plain"] > 0 and not found["disguised"]
        assert spoke_2.wgd("down").returncode == 0
        assert spoke_2.read("/proc/sys/net/ipv4/conf/wlp0s0f0/forwarding") == "1\n"
    finally:
        lan.ip(f"route del {CAMERA} via 10.0.0.3")
        spoke_2.write("/proc/sys/net/ipv4/ip_forward", "0")
        settled(spoke_2)
        assert spoke_2.ping("172.27.0.1")


TWO = {"both": (True, True), "only the first": (True, False), "only the second": (False, True)}


@pytest.mark.parametrize("permits", TWO.values(), ids=TWO)
def test_two_interfaces_must_both_permit(net: Net, permits: tuple[bool, bool]) -> None:
    """A phone behind wg1 wants to reach spoke-1 behind wg0; both live on the hub."""
    hub, phone = net.lab.hub_1, net.lab.hosts["internet"]
    passes = rule("172.28.0.2/32", "172.27.0.2/32")
    net.hub(passes if permits[0] else "")
    keys = {}
    for host in (hub, phone):
        host.write("/etc/wgd/keys/wg1.key", host.run("wg", "genkey"), mode=0o640)
        keys[host] = host.run("wg", "pubkey", stdin=host.read("/etc/wgd/keys/wg1.key")).strip()
    wg1 = '[interface]\naddresses = ["172.28.0.{}/16"]\nlisten_port = 51821\nforwarding = "rules"\n'
    peer = '[peers.other]\npublic_key = "{}"\nallowed_ips = [{}]\n'
    try:
        text = wg1.format(1) + peer.format(keys[phone], '"172.28.0.2/32"') + (passes if permits[1] else "")
        settled(hub, text, "wg1")
        more = 'endpoint = "198.51.100.15:51821"\n'
        networks = '"172.28.0.0/16", "172.27.0.0/16"'
        settled(phone, wg1.format(2) + peer.format(keys[hub], networks) + more, "wg1")
        assert phone.ping("172.28.0.1")
        assert net.passing(phone, net.lab.spoke_1, SPOKE_1) == dict.fromkeys(SORTS, all(permits))
    finally:
        for host in (hub, phone):
            host.run("rm", "/etc/wgd/wg1.toml")
            settled(host)


def test_path_mtu_discovery_works_in_both_directions(net: Net) -> None:
    """Replies that are too large for the desk's link, and requests that are too large for the LAN's."""
    net.hub(rule("spoke-1 desk", "webcams", 'ports = ["tcp/8080"]'))
    with served(net.lab.camera, 8080):
        assert transferred(net.desk, CAMERA, 8080, upload=0) == SIZE
        net.lab.spoke_2.ip(f"route add {CAMERA} dev wlp0s0f0 mtu 1300")
        try:
            assert transferred(net.lab.spoke_1, CAMERA, 8080, upload=SIZE) == SIZE
        finally:
            net.lab.spoke_2.ip(f"route del {CAMERA} dev wlp0s0f0")


def test_an_icmp_error_about_nothing_does_not_pass(net: Net) -> None:
    net.hub(rule("spoke-1", "webcams", 'ports = ["tcp/80"]'))
    with arriving(net.lab.spoke_2, error=f"ip daddr {CAMERA} icmp type destination-unreachable") as counts:
        send_icmp_error(net.lab.spoke_1, CAMERA, CAMERA, SPOKE_1)
        assert counts() == {"error": 0}


def test_rules_that_were_flushed_come_back(net: Net, tmp_path: Path) -> None:
    """Even for a connection that was born in the gap. How soon: `make bench-repair`."""
    hub = net.lab.hub_1
    net.hub(rule("spoke-1", "webcams", 'ports = ["tcp/80"]'))
    daemon = hub.popen(sys.executable, "-m", "wgd", "run", log=tmp_path / "log")
    try:
        assert until(lambda: '"pass"' in hub.run("cat", "/run/wgd/status.json", check=False))
        with (
            arriving(net.lab.camera, echo="icmp type echo-request") as counts,
            pinging(net.lab.spoke_1, CAMERA, answered=False),
        ):
            hub.nft("flush ruleset")
            assert until(lambda: "everything else" in hub.run("nft", "list", "ruleset"))
            born = counts()["echo"]
            time.sleep(0.5)
            assert counts()["echo"] == born
    finally:
        daemon.terminate()
        daemon.wait(10)


TAKEN = """
    table inet wgd {
        chain forward-wg0 { accept; }
        chain theirs { jump forward-wg0; }
    }
    """


def test_no_link_comes_up_open_when_the_rules_fail(namespace: Host) -> None:
    namespace.write("/etc/wgd/keys/wg0.key", namespace.run("wg", "genkey"), mode=0o640)
    namespace.nft(TAKEN)
    key = subprocess.run(("wg", "genpsk"), capture_output=True, text=True, check=True).stdout.strip()
    text = HUB + HUB_SPOKE_1.format(**{"spoke-1": key}) + rule("spoke-1", "any")
    report = settle(namespace, text)
    assert not report.converged and any("chain" in str(o.error) or o.error for o in report.outcomes)
    assert "UP" not in namespace.run("ip", "-br", "link", "show", "wg0").split("<")[1].split(">")[0].split(
        ","
    )
    assert namespace.read("/proc/sys/net/ipv4/conf/wg0/forwarding") == "0\n"
    settled(namespace, text)
    assert "UP" in namespace.run("ip", "-br", "link", "show", "wg0").split("<")[1]
