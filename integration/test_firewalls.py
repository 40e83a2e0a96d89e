"""Firewalls of others that drop what wgd permits: named rightly, and open after what wgd tells to type.

Real packets: the camera's page through the hub and spoke-2, and calls from outside to the hub's port.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from integration.firewall_setups import BLOCKED, Setup, docker, fire, loaded, obstacles, prepared, typed, ufw
from integration.lab import Lab
from integration.other_firewalls import clear, said, start_docker
from integration.packets import arriving, settled

pytestmark = pytest.mark.lane("userspace")  # the user-mode kernel has too few extensions of iptables


@dataclass(frozen=True)
class Situation:
    """Another firewall on a host, `path`s it closes ("page", "call"), and what wgd says of it; `newer`: of a
    newer release with other chains."""

    host: str
    setup: Setup
    closes: tuple[str, ...]
    says: tuple[str, ...]
    newer: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with prepared() as made:
        yield made


HERE = "hub-1 → webcams from wg0 to wlp0s0f0"
BACK = "hub-1 → webcams from wlp0s0f0 to wg0"
THERE = "spoke-1 → spoke-2, webcams from wg0 to wg0"
CALL = "udp/51820 from eth0 to this host"
FORWARD, INPUT = "in chain ip filter FORWARD", "in chain ip filter INPUT"
NFT_DROPS = "table inet mine {{ chain c {{ type filter hook {}; policy drop; {}; }}\n}}"
STATEFUL = "ct state established,related accept"
VMAP = """
    table inet mine {
        set cameras {
            type ipv4_addr; flags interval
            elements = { 10.11.12.0-10.11.12.9, 10.99.0.0/16 }
        }
        chain from-tunnel {
            ip daddr @cameras tcp dport 80-90 counter log reject
        }
        chain c {
            type filter hook forward priority 10
            iifname vmap { "lo" : accept, "wg*" : jump from-tunnel }
        }
    }
    """
SITUATIONS: dict[str, Situation] = {
    "ufw": Situation("spoke-2", ufw(), ("page",), (f"ufw drops {HERE}: policy drop {FORWARD}",)),
    "ufw with a rule that denies": Situation(
        "spoke-2",
        ufw("default allow routed", "route deny out on wlp0s0f0"),
        ("page",),
        (f"ufw drops {HERE}: -A ufw-user-forward -o wlp0s0f0 -j DROP in chain ip filter ufw-user-forward",),
    ),
    "ufw on a hub": Situation(
        "hub-1",
        ufw(),
        ("page", "call"),
        (f"ufw drops {THERE}: policy drop {FORWARD}", f"ufw drops {CALL}: policy drop {INPUT}"),
    ),
    "Docker": Situation(
        "spoke-2", docker(20), ("page",), (f"Docker drops {HERE}: policy drop {FORWARD}",)
    ),
    "Docker 28": Situation(
        "spoke-2", docker(28), ("page",), (f"Docker drops {HERE}: policy drop {FORWARD}",)
    ),
    "Docker on a hub": Situation(
        "hub-1", docker(20), ("page",), (f"Docker drops {THERE}: policy drop {FORWARD}",)
    ),
    "iptables, by its policy": Situation(
        "spoke-2",
        typed("iptables -P FORWARD DROP"),
        ("page",),
        (f"iptables drops {HERE}: policy drop {FORWARD}",),
    ),
    "iptables, by its last rule": Situation(
        "spoke-2",
        typed(
            "iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "iptables -A FORWARD -m comment --comment 'the rest' -j REJECT"
            " --reject-with icmp-host-prohibited",
        ),
        ("page",),
        (
            f'iptables drops {HERE}: -A FORWARD -m comment --comment "the rest" -j REJECT'
            f" --reject-with icmp-host-prohibited {FORWARD}",
        ),
    ),
    "iptables, only what comes back": Situation(
        "spoke-2",
        typed("iptables -A FORWARD -i wlp0s0f0 -j DROP"),
        ("page",),
        (f"iptables drops {BACK}: -A FORWARD -i wlp0s0f0 -j DROP {FORWARD}",),
    ),
    "iptables, in another table": Situation(
        "spoke-2",
        typed("iptables -t raw -A PREROUTING -i wg+ -p tcp --syn -j ACCEPT -m comment --comment useless",
              "iptables -t mangle -A FORWARD -i wg+ -j DROP"),
        ("page",),
        (f"iptables drops {HERE}: -A FORWARD -i wg+ -j DROP in chain ip mangle FORWARD",),
    ),
    "iptables, before the routing": Situation(
        "spoke-2",
        typed("iptables -t raw -A PREROUTING -d 10.11.12.7/32 ! -i wlp0s0f0 -j DROP"),
        ("page",),
        (f"iptables drops {HERE}: -A PREROUTING -d 10.11.12.7/32 ! -i wlp0s0f0 -j DROP"
         " in chain ip raw PREROUTING",),
    ),
    "iptables on a hub": Situation(
        "hub-1",
        typed("iptables -A INPUT -i lo -j ACCEPT",
              "iptables -A INPUT -p udp -m multiport --dports 1:65535 -j DROP"),
        ("call",),
        (f"iptables drops {CALL}: -A INPUT -p udp -m multiport --dports 1:65535 -j DROP {INPUT}",),
    ),
    "iptables-legacy": Situation(
        "spoke-2",
        typed("iptables-legacy -A FORWARD -i wg0 -j DROP"),
        ("page",),
        (f"iptables drops {HERE}: -A FORWARD -i wg0 -j DROP in chain ip filter (iptables-legacy) FORWARD",),
    ),
    "nft, by its policy": Situation(
        "spoke-2",
        loaded(NFT_DROPS.format("forward priority 0", STATEFUL)),
        ("page",),
        (f"nft drops {HERE}: policy drop in chain inet mine c",),
    ),
    "nft, by a map of devices and a set": Situation(
        "spoke-2",
        loaded(VMAP),
        ("page",),
        (f"nft drops {HERE}: ip daddr @cameras tcp dport 80-90 log reject in chain inet mine from-tunnel",),
    ),
    "nft on a hub": Situation(
        "hub-1",
        loaded(NFT_DROPS.format("input priority -5", STATEFUL + "; tcp dport 22 accept")),
        ("call",),
        (f"nft drops {CALL}: policy drop in chain inet mine c",),
    ),
    "two at once": Situation(
        "spoke-2",
        docker(20, "nft add table ip6 x", "nft add table inet mine",
               "nft 'add chain inet mine c { type filter hook forward priority 5; }'",
               "nft 'add rule inet mine c oifname wlp0s0f0 ip saddr 172.16.0.0/12 drop'"),
        ("page",),
        (f"Docker drops {HERE}: policy drop {FORWARD}",
         f'nft drops {HERE}: oifname "wlp0s0f0" ip saddr 172.16.0.0/12 drop in chain inet mine c'),
    ),
    "firewalld": Situation(
        "spoke-2", fire(), ("page",),
        (f"firewalld drops {HERE}: reject in chain inet firewalld filter_FWD_public",),
        (f"firewalld drops {HERE}: reject in chain inet firewalld filter_FORWARD_POLICIES",)),
    "firewalld with zones": Situation(
        "spoke-2", fire("--zone=home --add-interface=wg0", "--zone=public --add-interface=wlp0s0f0"),
        ("page",),
        (f"firewalld drops {HERE}: reject in chain inet firewalld filter_FWD_home",),
        (f'firewalld drops {HERE}: iifname "wg0" oifname "wlp0s0f0" reject in chain inet firewalld'
         " filter_FORWARD_POLICIES",)),
    "firewalld on a hub": Situation(
        "hub-1", fire("--zone=trusted --add-interface=wg0"), ("call",),
        (f"firewalld drops {CALL}: reject in chain inet firewalld filter_IN_public",),
        (f"firewalld drops {CALL}: reject in chain inet firewalld filter_INPUT_POLICIES",)),
}  # fmt: skip


def passes(lab: Lab, path: str, seconds: float = 5) -> bool:
    return called(lab) if path == "call" else lab.page(seconds) is not None


def called(lab: Lab) -> bool:
    """Whether UDP from outside, never seen before, comes by all firewalls of the hub."""
    hub = lab.hub_1
    hub.nft(
        "table inet watch { chain c { type filter hook input priority 500; udp dport 51820 iifname eth0"
        " ip saddr 198.51.100.1 counter; }\n}"
    )
    try:
        with lab.hosts["internet"].inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.sendto(b"?", ("198.51.100.15", 51820))
        time.sleep(0.1)
        return re.search("packets [1-9]", hub.run("nft", "list", "table", "inet", "watch")) is not None
    finally:
        hub.run("nft", "delete", "table", "inet", "watch")


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_the_culprit_is_named_and_the_advice_opens_the_path(lab: Lab, situation: Situation) -> None:
    host = lab.hosts[situation.host]
    try:
        with situation.setup(host):
            before = said(host)
            assert not any(passes(lab, path, BLOCKED) for path in situation.closes)
            found = obstacles(host)
            assert tuple(map(str, found)) in (situation.says, situation.newer)
            settled(host)
            assert said(host) == before
            for command in (command for obstacle in found for command in obstacle.commands):
                host.run("sh", "-c", command)
            assert all(passes(lab, path) for path in ("page", *situation.closes))
            assert obstacles(host) == ()
    finally:
        clear(host)


AT_THE_HUB: dict[str, tuple[Setup, str]] = {
    "ufw": (ufw("allow 51820/udp"), f"policy drop {INPUT}"),
    "iptables": (
        typed("iptables -A INPUT -i wg+ -p tcp -j REJECT"),
        f"-A INPUT -i wg+ -p tcp -j REJECT --reject-with icmp-port-unreachable {INPUT}",
    ),
    "nft": (
        loaded(NFT_DROPS.format("input priority -5", "iifname eth0 accept")),
        "policy drop in chain inet mine c",
    ),
}


def enters(lab: Lab) -> bool:
    """Whether TCP of spoke-1 to port 80 of the hub itself comes by all firewalls there."""
    with arriving(lab.hub_1, "input priority 500", web="ip daddr 172.27.0.1 tcp dport 80") as counts:
        with lab.spoke_1.inside(), socket.socket() as caller, suppress(OSError):
            caller.settimeout(BLOCKED)
            caller.connect(("172.27.0.1", 80))
        return counts()["web"] > 0


@pytest.mark.parametrize(("setup", "by"), AT_THE_HUB.values(), ids=AT_THE_HUB)
def test_what_a_rule_lets_in_by_the_tunnel_is_opened_too(lab: Lab, setup: Setup, by: str) -> None:
    hub = lab.hub_1
    text = hub.read("/etc/wgd/wg0.toml")
    try:
        settled(hub, f'{text}\n[[input]]\nfrom = ["spoke-1"]\nports = ["tcp/80"]\n')
        assert enters(lab)
        with setup(hub):
            assert not enters(lab)
            (found,) = (one for one in obstacles(hub) if one.incoming == "wg0" and not one.outgoing)
            assert str(found).endswith(f" drops spoke-1 → this machine from wg0 to this host: {by}")
            for command in found.commands:
                hub.run("sh", "-c", command)
            assert enters(lab)
    finally:
        clear(hub)
        settled(hub, text)


HARMLESS: dict[str, Setup] = {
    "nobody": typed(),
    "ufw that allows": ufw("default allow routed", "allow 51820/udp"),
    "iptables for others": typed("iptables -A FORWARD -i eth7 -j DROP", "iptables -A INPUT -p tcp -j DROP"),
    "nft for others": loaded(
        NFT_DROPS.format("forward priority 0", "iifname { wg0, wlp0s0f0, eth0 } accept")
    ),
}


@pytest.mark.parametrize("setup", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("name", ["hub-1", "spoke-2"])
def test_nothing_is_said_where_nothing_drops(lab: Lab, name: str, setup: Setup) -> None:
    host = lab.hosts[name]
    try:
        with setup(host):
            assert obstacles(host) == ()
            assert lab.page(5)
    finally:
        clear(host)


def test_plan_and_status_show_it(lab: Lab) -> None:
    host = lab.spoke_2
    try:
        start_docker(host, 20)
        (obstacle,) = obstacles(host)
        for command in ("plan", "status"):
            assert json.loads(host.wgd(command, "--json").stdout)["obstacles"][0]["commands"] == [
                *obstacle.commands
            ]
            assert all(f"\n      {line}\n" in host.wgd(command).stdout + "\n" for line in obstacle.commands)
    finally:
        clear(host)


def test_published_ports_that_a_first_rule_closes(lab: Lab) -> None:
    """They pass while nothing is restricted, and the plan that restricts it says what will not."""
    host, files = lab.spoke_2, "/etc/wgd/wg0.toml"
    text = host.read(files)
    try:
        settled(host, text.partition("[[forward]]")[0])
        start_docker(host, 20)
        assert "closes ports" not in host.wgd("plan").stdout
        host.write(files, text)
        assert 'to = ["172.17.0.2"] and ports = ["tcp/80"]' in host.wgd("plan").stdout
        settled(host)
        assert "closes ports" not in host.wgd("plan").stdout
    finally:
        clear(host)
        settled(host, text)
