"""What can be wrong, made in the mission's network: packets stop, and `wgd explain` says where and why.

Where what it tells to type is a command of this host, it is typed, and packets pass again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from integration.host import Host
from integration.lab import CAMERA, PAGE, Lab
from integration.packets import settled
from integration.seed import HOSTS, seed_config
from integration.test_explain import explained, mend

CURES = ("wgd apply", "ip route delete", "nft ", "iptables ")
"""How commands begin after which packets pass again."""
THROUGH = (CAMERA, "--from", "172.27.0.2")
STEAL = "wg set wg0 peer {spoke-1} allowed-ips 172.27.0.2/32,10.11.12.0/24"
NO_MORE = "nft delete table inet mine"


def drops(hook: str, rule: str) -> str:
    """The firewall of somebody else, with one rule."""
    return f"nft 'table inet mine {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}\n}}'"


@dataclass(frozen=True)
class Situation:
    """On `host` somebody replaces `old` by `new` in its file, which is applied, and types `typed` ({NAME}: a
    public key). `afresh`: whose sessions begin anew after that. `asked` is explained on `at` (else there) as
    the situation's name; `mend` is part of what to do; `typed_back` ends it. `passes`: packets do,
    today; `status`: of explain."""

    host: str
    old: str = ""
    new: str = ""
    typed: str = ""
    typed_back: str = ""
    afresh: tuple[str, ...] = ()
    asked: tuple[str, ...] = THROUGH
    at: str = ""
    mend: str = "wgd apply"
    passes: bool = False
    status: int = 1
    lanes: tuple[str, ...] = ("kernel", "userspace")


KEY = 'public_key = "{hub-1}"'
SPOKE_2_IPS = 'allowed_ips = ["172.27.0.3/32", "webcams"]'
SPOKE_1_IPS = 'allowed_ips = ["172.27.0.0/16", "webcams"]'
ADDRESS = "[interface]\n"
ENDPOINT = "198.51.100.15:51820"
HUB_RULE = 'from = ["spoke-1"]\nto = ["spoke-2", "webcams"]'

SITUATIONS = {
    "interface-is-disabled": Situation(
        "spoke-1", ADDRESS, ADDRESS + "enabled = false\n", asked=(CAMERA,), mend="wg0.toml\nenabled = true"
    ),
    "interface-is-missing": Situation("spoke-1", typed="ip link delete wg0", asked=(CAMERA,)),
    "interface-is-down": Situation("spoke-1", typed="ip link set wg0 down", asked=(CAMERA,)),
    "private-key-is-another": Situation(
        "spoke-1", typed="wg genkey | wg set wg0 private-key /dev/stdin", asked=(CAMERA,)
    ),
    "listen-port-is-another": Situation(
        "hub-1", typed="wg set wg0 listen-port 41414", afresh=("spoke-1", "spoke-2")
    ),
    "own-address-is-missing": Situation(
        "spoke-1", typed="ip address delete 172.27.0.2/16 dev wg0", asked=(CAMERA,)
    ),
    "peer-is-disabled": Situation(
        "hub-1",
        SPOKE_2_IPS,
        SPOKE_2_IPS + "\nenabled = false",
        afresh=("spoke-2",),
        mend="wgd enable spoke-2",
    ),
    "peer-has-expired": Situation(
        "hub-1",
        SPOKE_2_IPS,
        SPOKE_2_IPS + "\nexpires = 2020-01-01T00:00:00Z",
        afresh=("spoke-2",),
        mend="expires = …",
    ),
    "peer-is-missing": Situation("hub-1", typed="wg set wg0 peer {spoke-2} remove", afresh=("spoke-2",)),
    "allowed-ip-is-elsewhere": Situation("hub-1", typed=STEAL),
    "nobody-has-it": Situation("hub-1", ', "webcams"]\n\n[[', "]\n\n[[", mend="\n"),
    "nobody-has-it: spoke": Situation(
        "spoke-1",
        ', "webcams"]',
        "]",
        asked=(CAMERA,),
        mend='wg0.toml\nallowed_ips = ["172.27.0.0/16", "webcams"]',
    ),
    "route-is-switched-off": Situation(
        "spoke-1", SPOKE_1_IPS, SPOKE_1_IPS + "\nroutes = false", asked=(CAMERA,), mend="routes = true"
    ),
    "other-route-wins": Situation(
        "spoke-1",
        typed="ip address add 10.11.12.99/25 dev eth0",
        typed_back="ip address delete 10.11.12.99/25 dev eth0",
        asked=(CAMERA,),
        mend="wg0.toml",
    ),
    "endpoint-is-in-its-own-tunnel": Situation(
        "spoke-1",
        SPOKE_1_IPS,
        'allowed_ips = ["172.27.0.0/16", "webcams", "198.51.100.0/24"]',
        asked=(CAMERA,),
        mend="ip route add 198.51.100.15",
    ),
    "endpoint-cannot-be-reached": Situation(
        "spoke-1",
        typed="ip route delete default",
        typed_back="ip route add default via 192.168.1.1",
        asked=(CAMERA,),
        mend="ip route",
    ),
    "calls-were-never-answered: wrong port": Situation(
        "spoke-1", ENDPOINT, "198.51.100.15:51821", afresh=("spoke-1",), asked=(CAMERA,), mend="hub-1"
    ),
    "calls-were-never-answered: wrong key": Situation(
        "spoke-1", KEY, 'public_key = "{spoke-2}"', afresh=("spoke-1",), asked=(CAMERA,), mend="hub-1"
    ),
    "only-half-a-handshake": Situation(
        "spoke-1",
        KEY,
        KEY + '\npreshared_key_file = "keys/psk"',
        afresh=("hub-1", "spoke-1"),
        at="hub-1",
        asked=("172.27.0.2",),
        mend="wg show wg0 preshared-keys",
    ),
    "peer-has-not-called": Situation(
        "spoke-1",
        typed="wg set wg0 peer {hub-1} remove",
        afresh=("hub-1",),
        at="hub-1",
        asked=("172.27.0.2",),
        mend="persistent_keepalive = 25",
    ),
    "calls-to-us-are-dropped": Situation(
        "hub-1",
        typed=drops("input", "udp dport 51820 drop"),
        typed_back=NO_MORE,
        afresh=("hub-1", "spoke-1", "spoke-2"),
        asked=("172.27.0.2",),
        mend='nft \'insert rule inet mine c iifname "eth0"',
    ),
    "tunnel-is-too-wide": Situation(
        "spoke-1",
        typed="ip link set eth0 mtu 1400",
        typed_back="ip link set eth0 mtu 1500",
        asked=(CAMERA,),
        mend="mtu = 1340",
        passes=True,
        status=0,
    ),
    "nobody-keeps-the-way-open": Situation(
        "spoke-2", "persistent_keepalive = 25\n", "", mend="persistent_keepalive = 25", passes=True, status=0
    ),
    "source-is-nobodys": Situation("hub-1", asked=(CAMERA, "--from", "172.27.0.77"), mend="\n", passes=True),
    "allowed-ip-is-missing: of who sends": Situation(
        "hub-1", typed="wg set wg0 peer {spoke-1} allowed-ips 172.27.0.22/32"
    ),
    "address-filter-drops-it": Situation(
        "hub-1",
        typed="sysctl -qw net/ipv4/conf/wg0/rp_filter=1; ip route add 172.27.0.2/32 via 198.51.100.1",
        typed_back="ip route delete 172.27.0.2/32; sysctl -qw net/ipv4/conf/wg0/rp_filter=0",
        mend="rp_filter=2",
    ),
    "way-back-is-another": Situation(
        "hub-1",
        typed="ip route add 172.27.0.2/32 via 198.51.100.1",
        typed_back="ip route delete 172.27.0.2/32 || true",
        mend="ip route delete 172.27.0.2/32 dev eth0",
    ),
    "no-rule-permits-it": Situation(
        "hub-1", HUB_RULE, 'from = ["spoke-2"]\nto = ["spoke-2"]', mend='[[forward]]\nfrom = ["spoke-1"]'
    ),
    "rule-goes-the-other-way": Situation(
        "hub-1", HUB_RULE, 'from = ["spoke-2", "webcams"]\nto = ["spoke-1"]', mend='from = ["spoke-1"]'
    ),
    "rule-is-for-other-ports": Situation(
        "hub-1",
        HUB_RULE,
        HUB_RULE + '\nports = ["tcp/554"]',
        asked=(*THROUGH, "--port", "tcp/80"),
        mend='ports = ["tcp/554", "tcp/80"]',
    ),
    "rules-are-not-as-wanted": Situation("hub-1", typed="nft insert rule inet wgd forward-wg0 counter drop"),
    "other-firewall-drops-it": Situation(
        "hub-1",
        typed=drops("forward", 'iifname "wg0" drop'),
        typed_back=NO_MORE,
        mend='nft \'insert rule inet mine c iifname "wg0"',
    ),
    "other-firewall-drops-it: a policy": Situation(
        "spoke-2",
        typed="iptables -P FORWARD DROP",
        typed_back="iptables -P FORWARD ACCEPT; nft delete table ip filter",
        mend="iptables -I FORWARD -i wg0",
        lanes=("userspace",),  # the user-mode kernel has too few extensions of iptables
    ),
    "nothing-masquerades-it": Situation(
        "spoke-2", '[[masquerade]]\nout = "wlp0s0f0"\nto = ["webcams"]\n', "", mend='out = "wlp0s0f0"'
    ),
    "answers-are-not-forwarded": Situation("spoke-2", typed="sysctl -qw net/ipv4/conf/wlp0s0f0/forwarding=0"),
    "no-rule-permits-it: into this machine": Situation(
        "hub-1",
        "[[forward]]",
        '[[input]]\nfrom = ["spoke-2"]\n\n[[forward]]',
        asked=("172.27.0.1", "--from", "spoke-1"),
        mend='[[input]]\nfrom = ["spoke-1"]',
        passes=True,
    ),
    "nobody-listens-there": Situation(
        "spoke-1",
        ENDPOINT,
        "198.51.100.15:51821",
        afresh=("spoke-1",),
        asked=(CAMERA, "--probe"),
        mend="wg show wg0 listen-port",
    ),
    "peer-knows-no-way": Situation(
        "hub-1",
        typed="wg set wg0 peer {spoke-2} allowed-ips 172.27.0.3/32",
        at="spoke-1",
        asked=(CAMERA, "--probe"),
        mend='hub-1\nwg0.toml\nallowed_ips = […, "10.11.12.0/24"]',
        lanes=("kernel",),  # wireguard-go sends no such error
    ),
    "address-stays-silent": Situation(
        "hub-1",
        typed="sysctl -qw net/ipv4/conf/wg0/forwarding=0",
        at="spoke-1",
        asked=(CAMERA, "--probe"),
        mend="wgd explain 10.11.12.7 --from 172.27.0.2",
    ),
    "somebody-forbids-it": Situation(
        "hub-1",
        typed=drops("forward", 'iifname "wg0" reject'),
        typed_back=NO_MORE,
        at="spoke-1",
        asked=(CAMERA, "--probe"),
        mend="wgd explain 10.11.12.7 --from 172.27.0.2",
        lanes=("kernel",),  # the redirects of a TUN device use up what ICMP is allowed to say
    ),
    "large-packets-are-lost": Situation(
        "hub-1",
        typed=drops("input", "udp dport 51820 udp length > 1300 drop"),
        typed_back=NO_MORE,
        at="spoke-1",
        asked=(CAMERA, "--probe"),
        mend="mtu = 1280",
        passes=True,
    ),
}


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[Lab, dict[str, str]]]:
    """Healthy, and again after each test."""
    with Lab() as lab:
        keys = lab.seed()
        for host in lab:
            host.write("/etc/wgd/keys/psk", host.run("wg", "genpsk"), mode=0o640)
            settled(host)
        healthy(lab)
        yield lab, keys


def healthy(lab: Lab) -> None:
    """Packets pass."""
    assert lab.spoke_2.ping("172.27.0.1", 20), "spoke-2 must speak first: the hub knows no endpoint"
    assert lab.page(20) == PAGE


def afresh(host: Host) -> None:
    """The interface anew, and with it all sessions."""
    host.attempt("ip", "link", "delete", "wg0")
    settled(host)


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_is_told_in_the_network(network: tuple[Lab, dict[str, str]], lane: str, name: str) -> None:
    lab, keys = network
    case = SITUATIONS[name]
    if lane not in case.lanes:
        pytest.skip("the other lane")
    host, at = lab.hosts[case.host], lab.hosts[case.at or case.host]
    try:
        break_it(lab, case, keys)
        if not case.passes:
            assert lab.page(0.5) is None
        told = explained(at, *case.asked)
        assert (told.diagnosis, told.status) == (name.partition(":")[0], case.status)
        assert case.mend in told.mend
        if told.mend.strip().startswith(CURES) and not case.afresh:
            mend(at, told)
            healthy(lab)
    finally:
        mend_it(lab, case, host, keys)
    healthy(lab)
    assert explained(at, *(word for word in case.asked if word != "--probe")).status == 0 or case.passes


def test_where_the_homes_router_knows_the_way_no_masquerade_is_missed(
    network: tuple[Lab, dict[str, str]],
) -> None:
    """Once somebody was answered; until then nobody can know."""
    lab, keys = network
    text = seed_config("spoke-2", keys)
    settled(lab.spoke_2, text.partition("[[masquerade]]")[0])
    try:
        assert lab.page(0.5) is None
        assert explained(lab.spoke_2, *THROUGH).diagnosis == "nothing-masquerades-it"
        lab.nat_home.ip("route add 172.27.0.0/16 via 10.0.0.3")
        assert lab.page(5) == PAGE
        told = explained(lab.spoke_2, *THROUGH)
        assert (told.status, told.diagnosis) == (0, "")
    finally:
        lab.nat_home.ip("route delete 172.27.0.0/16 via 10.0.0.3")
        settled(lab.spoke_2, text)
    healthy(lab)


def filled(text: str, keys: dict[str, str]) -> str:
    """With the public keys in their places."""
    for name, key in keys.items():
        text = text.replace(f"{{{name}}}", key)
    return text


def break_it(lab: Lab, case: Situation, keys: dict[str, str]) -> None:
    host = lab.hosts[case.host]
    if case.old:
        text = seed_config(case.host, keys)
        old, new = (filled(part, keys) for part in (case.old, case.new))
        assert old in text
        settled(host, text.replace(old, new, 1))
    if case.typed:
        host.run("sh", "-c", filled(case.typed, keys))
    for name in case.afresh:
        if name == case.host and case.typed:
            host.attempt("ip", "link", "delete", "wg0")
        afresh(lab.hosts[name])
    for name in case.afresh:
        lab.hosts[name].ping("172.27.0.1", 0.3)  # so that it has called


def mend_it(lab: Lab, case: Situation, host: Host, keys: dict[str, str]) -> None:
    if case.typed_back:
        host.run("sh", "-c", case.typed_back)
    settled(host, seed_config(case.host, keys))
    if case.afresh:
        for name in HOSTS:
            afresh(lab.hosts[name])
