"""Who drops what wgd permits, and what to type: for a hub with cameras on its LAN and its spokes outside."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest

from tests.configs import HUB, NOW, WEBCAMS, address, config, interface, network, peer, side
from tests.firewalls.rulesets import recorded, saved
from wgd.config.document import Config, Endpoint, Forward, Input, Interface, PortRange
from wgd.firewalls import listing
from wgd.firewalls.obstacles import Obstacle, obstacles
from wgd.firewalls.walk import Ruleset
from wgd.kinds.address import Address
from wgd.kinds.route import Route
from wgd.model import State

WAYS: dict[str, str | None] = {
    "0.0.0.0/0": "eth0",
    "::/0": "eth0",
    "10.0.0.0/8": "lan0",
    "fd00:9::/64": "lan0",
    "172.17.0.0/16": "docker0",
    "172.27.0.0/16": "wg0",
}
ADDRESSES = {"eth0": ("198.51.100.15/24", "2001:db8::15/64", "fe80::1/64"), "lan0": ("10.0.0.3/8",)}
CAMERAS, SPOKES = (WEBCAMS,), ("spoke-1", "spoke-2")
WEB = (PortRange("tcp", 80, 80),)


def seen() -> State:
    routes: dict[Hashable, Any] = {to: Route(network(to), device, protocol=2) for to, device in WAYS.items()}
    addresses: dict[Hashable, Any] = {
        text: Address(device, address(text)) for device, texts in ADDRESSES.items() for text in texts
    }
    return State({"route": routes, "address": addresses}, now=NOW)


def hub(*rules: Forward, **more: Any) -> Config:
    """It waits for its spokes on UDP port 51820; the cameras are on its LAN."""
    peers = (peer("spoke-1", "172.27.0.2/32"), peer("spoke-2", "172.27.0.3/32"))
    return config(replace(HUB, **{"peers": peers, "forwards": rules, **more}))


def to_cameras(*who: str, ports: tuple[PortRange, ...] = WEB) -> Forward:
    return Forward(side(*who, peers=SPOKES), side("webcams", webcams=CAMERAS), ports)


def nft(*rules: list[dict[str, Any]], hook: str = "forward", policy: str = "accept") -> Ruleset:
    """A table `inet mine` with one base chain."""
    where = {"family": "inet", "table": "mine"}
    base = {**where, "name": hook, "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    said = [("rule", {**where, "chain": hook, "expr": expr}) for expr in rules]
    return Ruleset(listing.chains([("chain", base), *said]))


CALLED_BY_NOBODY: dict[str, Any] = {"listen_port": None}
ONE = to_cameras("spoke-1")
ICMP = (PortRange("icmp"),)
RANGE = (PortRange("udp", 5000, 5010),)
OUTSIDE = Forward(side("webcams", webcams=CAMERAS), side("spoke-1", peers=SPOKES), RANGE)
SIX = Forward(side("six", six=("fd00:27::2/128",)), side("lan", lan=("fd00:9::/64",)), WEB)
BOTH = to_cameras("spoke-1", "spoke-2")
AMONG = Forward(side("spoke-1", peers=SPOKES), side("spoke-2", peers=SPOKES))
DROPS = ":FORWARD DROP"
TOLD: dict[str, tuple[Ruleset, Config, list[str]]] = {
    "nobody": (Ruleset(), hub(ONE), []),
    "nobody who drops": (saved(""), hub(ONE), []),
    "nobody who drops this": (saved("-A FORWARD -i lan0 -p udp -j DROP"), hub(ONE), []),
    "no rule permits anything": (saved(DROPS), hub(), []),
    "iptables": (
        saved(DROPS),
        hub(ONE),
        [
            "iptables drops spoke-1 → webcams from wg0 to lan0: policy drop in chain ip filter FORWARD",
            "iptables -I FORWARD -i wg0 -o lan0 -s 172.27.0.2 -d 10.11.12.0/24 -p tcp --dport 80 -j ACCEPT",
            "iptables -I FORWARD -i lan0 -o wg0 -s 10.11.12.0/24 -d 172.27.0.2"
            " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ],
    ),
    "only replies": (
        saved("-A FORWARD -i wg0 -j ACCEPT\n-A FORWARD -j DROP"),
        hub(ONE),
        [
            "iptables drops spoke-1 → webcams from lan0 to wg0:"
" -A FORWARD -j DROP in chain ip filter FORWARD",
            "iptables -I FORWARD -i lan0 -o wg0 -s 10.11.12.0/24 -d 172.27.0.2"
            " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ],
    ),
    "only new ones": (
        saved("-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -o lan0 -j REJECT"),
        hub(to_cameras("spoke-1", ports=ICMP)),
        [
            "iptables drops spoke-1 → webcams from wg0 to lan0:"
            " -A FORWARD -o lan0 -j REJECT in chain ip filter FORWARD",
            "iptables -I FORWARD -i wg0 -o lan0 -s 172.27.0.2 -d 10.11.12.0/24 -p icmp -j ACCEPT",
        ],
    ),
    "whose rule does not say ports": (
        saved("-A FORWARD -i lan0 -j ACCEPT\n-A FORWARD -p udp -j DROP"),
        hub(to_cameras("spoke-1", ports=())),
        [
            "iptables drops spoke-1 → webcams from wg0 to lan0:"
            " -A FORWARD -p udp -j DROP in chain ip filter FORWARD",
            "iptables -I FORWARD -i wg0 -o lan0 -s 172.27.0.2 -d 10.11.12.0/24 -j ACCEPT",
        ],
    ),
    "Docker": (
        recorded("docker-20.save"),
        hub(BOTH),
        [
            "Docker drops spoke-1, spoke-2 → webcams from wg0 to lan0:"
" policy drop in chain ip filter FORWARD",
            "iptables -I DOCKER-USER -i wg0 -o lan0 -s 172.27.0.2/31 -d 10.11.12.0/24"
" -p tcp --dport 80 -j ACCEPT",
            "iptables -I DOCKER-USER -i lan0 -o wg0 -s 10.11.12.0/24 -d 172.27.0.2/31"
            " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ],
    ),
    "Docker, to a container": (
        recorded("docker-28.save"),
        hub(replace(ONE, target=side("box", box=("172.17.0.3/32",)))),
        [
            "Docker drops spoke-1 → box from wg0 to docker0:"
            " -A DOCKER ! -i docker0 -o docker0 -j DROP in chain ip filter DOCKER",
            "iptables -I DOCKER-USER -i wg0 -o docker0 -s 172.27.0.2 -d 172.17.0.3"
" -p tcp --dport 80 -j ACCEPT",
        ],
    ),
    "ufw": (
        recorded("ufw.save"),
        hub(ONE),
        [
            "ufw drops spoke-1 → webcams from wg0 to lan0: policy drop in chain ip filter FORWARD",
            "ufw route allow in on wg0 out on lan0 from 172.27.0.2 to 10.11.12.0/24 port 80 proto tcp",
            "ufw drops udp/51820 from eth0 to this host: policy drop in chain ip filter INPUT",
            "ufw allow 51820/udp",
        ],
    ),
    "ufw, a rule of its own": (
        recorded("ufw.save"),
        hub(replace(AMONG, target=side("ten", ten=("10.9.0.0/24",))), **CALLED_BY_NOBODY),
        [
            "ufw drops spoke-1 → ten from wg0 to lan0:"
            " -A ufw-user-forward -d 10.9.0.0/16 -i wg0 -j DROP in chain ip filter ufw-user-forward",
            "ufw route prepend allow in on wg0 out on lan0 from 172.27.0.2 to 10.9.0.0/24",
        ],
    ),
    "ufw, ports from outside": (
        recorded("ufw.save"),
        hub(replace(OUTSIDE, incoming="lan0"), **CALLED_BY_NOBODY),
        [
            "ufw drops webcams → spoke-1 from lan0 to wg0: policy drop in chain ip filter FORWARD",
            "ufw route allow in on lan0 out on wg0 from 10.11.12.0/24 to 172.27.0.2 port 5000:5010 proto udp",
        ],
    ),
    "firewalld": (
        recorded("firewalld.json"),
        hub(replace(ONE, outgoing="eth0")),
        [
            "firewalld drops spoke-1 → webcams from wg0 to eth0:"
" reject in chain inet firewalld filter_FWD_internal",
            "firewall-cmd --permanent --new-policy=wgd-c813c5ec",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-ingress-zone=internal",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-egress-zone=public",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-rich-rule='rule family=\"ipv4\""
            ' source address="172.27.0.2" destination address="10.11.12.0/24"'
            ' port port="80" protocol="tcp" accept\'',
            "firewall-cmd --reload",
            "firewalld drops udp/51820 from eth0 to this host:"
" reject in chain inet firewalld filter_IN_public",
            "firewall-cmd --permanent --zone=public --add-port=51820/udp",
            "firewall-cmd --zone=public --add-port=51820/udp",
        ],
    ),
    "firewalld 2": (
        recorded("firewalld-2.json"),
        hub(replace(ONE, outgoing="eth0"), **CALLED_BY_NOBODY),
        [
            "firewalld drops spoke-1 → webcams from wg0 to eth0:"
            ' iifname "wg0" oifname "eth0" reject in chain inet firewalld filter_FORWARD_POLICIES',
            "firewall-cmd --permanent --new-policy=wgd-c813c5ec",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-ingress-zone=internal",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-egress-zone=public",
            "firewall-cmd --permanent --policy=wgd-c813c5ec --add-rich-rule='rule family=\"ipv4\""
            ' source address="172.27.0.2" destination address="10.11.12.0/24"'
            ' port port="80" protocol="tcp" accept\'',
            "firewall-cmd --reload",
        ],
    ),
    "nft": (
        nft(policy="drop"),
        hub(to_cameras("spoke-1", ports=RANGE), **CALLED_BY_NOBODY),
        [
            "nft drops spoke-1 → webcams from wg0 to lan0: policy drop in chain inet mine forward",
            'nft \'insert rule inet mine forward iifname "wg0" oifname "lan0"'
            " ip saddr 172.27.0.2 ip daddr 10.11.12.0/24 udp dport 5000-5010 accept'",
            'nft \'insert rule inet mine forward iifname "lan0" oifname "wg0"'
            " ip saddr 10.11.12.0/24 ip daddr 172.27.0.2 ct state established,related accept'",
        ],
    ),
    "before the routing": (
        nft([{"drop": None}], hook="prerouting"),
        hub(ONE, **CALLED_BY_NOBODY),
        [
            "nft drops spoke-1 → webcams from wg0 to lan0: drop in chain inet mine prerouting",
            "nft 'insert rule inet mine prerouting iifname \"wg0\""
            " ip saddr 172.27.0.2 ip daddr 10.11.12.0/24 tcp dport 80 accept'",
            "nft 'insert rule inet mine prerouting iifname \"lan0\""
            " ip saddr 10.11.12.0/24 ip daddr 172.27.0.2 ct state established,related accept'",
        ],
    ),
    "IPv4's rules are not for IPv6": (
        saved(DROPS),
        config(interface("wg0", "fd00:27::1/64", peers=(peer("six", "fd00:27::2/128"),), forwards=(SIX,))),
        [],
    ),
    "calls of both IP versions": (
        nft(hook="input", policy="drop"),
        hub(),
        [
            "nft drops udp/51820 from eth0 to this host: policy drop in chain inet mine input",
            "nft 'insert rule inet mine input iifname \"eth0\" meta nfproto ipv4 udp dport 51820 accept'",
            "nft 'insert rule inet mine input iifname \"eth0\" meta nfproto ipv6 udp dport 51820 accept'",
        ],
    ),
    "what a rule permits of this host": (
        nft(hook="input", policy="drop"),
        hub(inputs=(Input(side("spoke-1", peers=SPOKES), (PortRange("tcp", 22, 22),)),), **CALLED_BY_NOBODY),
        [
            "nft drops spoke-1 → this machine from wg0 to this host: policy drop in chain inet mine input",
            "nft 'insert rule inet mine input iifname \"wg0\" ip saddr 172.27.0.2 tcp dport 22 accept'",
        ],
    ),
    "not told": (
        nft([{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}}, {"drop": None}]),
        hub(ONE),
        ["nft may drop spoke-1 → webcams from wg0 to lan0: mark 1 drop in chain inet mine forward"],
    ),
    "not told before the routing": (
        nft([{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}}, {"drop": None}],
            hook="prerouting"),
        hub(ONE),
        [],
    ),
}  # fmt: skip


def lines(found: tuple[Obstacle, ...]) -> list[str]:
    return [line for one in found for line in (str(one), *one.commands)]


@pytest.mark.parametrize(("ruleset", "wanted", "told"), TOLD.values(), ids=TOLD)
def test_what_is_in_the_way_and_what_opens_it(ruleset: Ruleset, wanted: Config, told: list[str]) -> None:
    assert lines(obstacles(wanted, seen(), ruleset)) == told


def test_nobody_has_to_call_a_spoke() -> None:
    """It calls its hub, and what comes back is established."""
    mine = hub().interfaces["wg0"]
    dialling = replace(mine, peers=tuple(replace(p, endpoint=Endpoint("192.0.2.1", 1)) for p in mine.peers))
    assert obstacles(config(dialling), seen(), nft(hook="input", policy="drop")) == ()


def many(number: int) -> Interface:
    names = [f"p{n}" for n in range(number)]
    peers = tuple(peer(name, f"172.27.{n >> 8}.{n & 255}/32") for n, name in enumerate(names, 1))
    rules = tuple(Forward(side(name, peers=(name,)), side("webcams", webcams=CAMERAS), WEB) for name in names)
    return replace(HUB, peers=peers, forwards=rules, listen_port=None)


def test_a_thousand_peers_are_one_line_and_two_commands() -> None:
    """Their addresses are left out: wgd's own rules look at them."""
    assert lines(obstacles(config(many(1000)), seen(), saved(DROPS))) == [
        "iptables drops p0 → webcams and 999 more from wg0 to lan0: policy drop in chain ip filter FORWARD",
        "iptables -I FORWARD -i wg0 -o lan0 -d 10.11.12.0/24 -p tcp --dport 80 -j ACCEPT",
        "iptables -I FORWARD -i lan0 -o wg0 -s 10.11.12.0/24"
        " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
