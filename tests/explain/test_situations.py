"""Each thing that can be wrong, made on a healthy machine: it has to be told first, with its mend."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.configs import NOW, address, key, network, networks, peer, private_key, side
from tests.explain.support import CAMERA, Machine, machine, text
from tests.explain.test_journey import OF_THE_FILES, SEVEN
from tests.firewalls.rulesets import saved
from wgd.config.document import Endpoint, Forward, Input, Masquerade, PortRange
from wgd.explain.answering import HANDSHAKE, KEPT_OPEN, MTU
from wgd.explain.belonging import ALLOWED, BEYOND, OWNER, SOURCE
from wgd.explain.calling import ENDPOINT
from wgd.explain.passing import ONWARD, REST, SWITCHES
from wgd.explain.permitting import OTHERS, PERMITS
from wgd.explain.routing import ROUTE
from wgd.explain.steps import Mark
from wgd.explain.tunnel import INTERFACE
from wgd.kinds.link import LinkSet
from wgd.kinds.peer import Stripped
from wgd.model import Secret
from wgd.prefixes import ordered

NAMED = Endpoint("hub.example.org", 51820)
WEB = (PortRange("tcp", 80, 80),)


@dataclass(frozen=True)
class Situation:
    """`breaks` one host; then what goes from `source` ("": the host) to `target` is told to stop by the
    diagnosis that the situation is called, and `mend` is part of what to do. `mark`: as certain as that."""

    host: str
    breaks: Callable[[Machine], None]
    mend: str
    target: str = CAMERA
    source: str = ""
    port: str = ""
    mark: Mark = Mark.WRONG


def disabled(here: Machine) -> None:
    here.wants(enabled=False)


def down(here: Machine) -> None:
    here.kernel.set_link_state("wg0", up=False)


def gone(here: Machine) -> None:
    here.kernel.delete_link("wg0")


def taken_name(here: Machine) -> None:
    gone(here)
    here.kernel.add_link("wg0", "dummy", up=True)


def broken_file(here: Machine) -> None:
    here.more["broken"] = frozenset({"wg0"})


def other_key(here: Machine) -> None:
    device = here.kernel._devices["wg0"]
    here.kernel._devices["wg0"] = replace(device, private_key=private_key("another"))


def other_port(here: Machine) -> None:
    here.kernel._devices["wg0"] = replace(here.kernel._devices["wg0"], listen_port=41414)


def no_address(here: Machine) -> None:
    here.kernel.add_address("wg0", address("172.27.99.1/16"))
    here.kernel.delete_address("wg0", address("172.27.0.2/16"))


def peer_off(here: Machine) -> None:
    here.wants_peer("spoke-2", enabled=False)


def peer_expired(here: Machine) -> None:
    then = datetime.datetime.fromtimestamp(NOW - 60, datetime.UTC)
    here.wants_peer("spoke-2", expires=then)


def peer_removed(here: Machine) -> None:
    del here.kernel._peers["wg0", key("spoke-2")]


def stolen(here: Machine) -> None:
    have = here.kernel._peers["wg0", key("spoke-2")]
    here.change_peer("spoke-2", allowed_ips=ordered({*have.allowed_ips} - {network("10.11.12.0/24")}))
    first = here.kernel._peers["wg0", key("spoke-1")]
    here.change_peer("spoke-1", allowed_ips=(*first.allowed_ips, network("10.11.12.0/24")))


def overlapping(here: Machine) -> None:
    """The laptop is in a network whose addresses are the cameras', too."""
    here.kernel.add_address("eth0", address("10.11.12.99/25"))


def same_address(here: Machine) -> None:
    here.kernel.add_address("eth0", address("10.11.12.7/32"))


def no_route_at_all(here: Machine) -> None:
    here.kernel.delete_route(network("0.0.0.0/0"))


def never_called(here: Machine) -> None:
    here.change_peer("spoke-2", endpoint=None, last_handshake=0.0, received=0, sent=0)


def stripped(here: Machine) -> None:
    told = Stripped("192.0.2.20:44502", NOW - 60)
    here.change_peer("spoke-2", endpoint=None, last_handshake=NOW - 900, stripped=told)


def firewall_on_input(here: Machine) -> None:
    here.ruleset = saved("-A INPUT -i eth0 -p udp -j DROP")
    never_called(here)


def unresolved(here: Machine) -> None:
    here.wants_peer("hub-1", endpoint=NAMED)
    here.change_peer("hub-1", endpoint=None)


def endpoint_lost(here: Machine) -> None:
    here.change_peer("hub-1", endpoint=None)


def in_the_tunnel(here: Machine) -> None:
    here.wants_peer("hub-1", allowed_ips=networks("172.27.0.0/16", "10.11.12.0/24", "198.51.100.0/24"))


def dns_moved(here: Machine) -> None:
    here.wants_peer("hub-1", endpoint=NAMED)
    here.answers = {"hub.example.org:51820": (("198.51.100.99", 51820),)}
    here.heard("hub-1", ago=300)


def clock_back(here: Machine) -> None:
    here.heard("hub-1", ago=-3600)


def clock_never_set(here: Machine) -> None:
    here.heard("hub-1", ago=0, received=0)
    here.more["saved"] = NOW + 86400


def half(here: Machine) -> None:
    here.heard("spoke-2", ago=0, received=1480, sent=920)


def unanswered(here: Machine) -> None:
    here.heard("hub-1", ago=0, received=0, sent=1480)


def unanswered_with_preshared_key(here: Machine) -> None:
    here.wants_peer("hub-1", preshared_key=Secret(b"p" * 32))
    unanswered(here)


def nothing_sent(here: Machine) -> None:
    here.heard("hub-1", ago=0, received=0, sent=0)


def silent(here: Machine) -> None:
    here.heard("hub-1", ago=600)


def nat_timeout(here: Machine) -> None:
    here.heard("spoke-2", ago=400)


def idle(here: Machine) -> None:
    here.wants_peer("hub-1", persistent_keepalive=0)
    here.heard("hub-1", ago=600)


def small_way(here: Machine) -> None:
    here.kernel.run(LinkSet(refs=(), name="eth0", mtu=1400))


def no_keepalive(here: Machine) -> None:
    here.wants_peer("hub-1", persistent_keepalive=0)


def spoofed(here: Machine) -> None:
    """No peer may send from there."""


def source_dropped(here: Machine) -> None:
    here.change_peer("spoke-1", allowed_ips=())


def strict_filter(here: Machine) -> None:
    here.strict = frozenset({"wg0"})
    here.kernel.add_route(network("172.27.0.2/32"), "eth0", metric=0)


def way_back_elsewhere(here: Machine) -> None:
    here.kernel.add_route(network("172.27.0.2/32"), "eth0", metric=0)


def other_direction(here: Machine) -> None:
    rule = here.interface.forwards[0]
    here.wants(forwards=(Forward(rule.target, rule.source),))


def someone_elses_rule(here: Machine) -> None:
    """Forwarding is on, for somebody else."""
    other = peer("phone", "172.27.0.9/32")
    rule = Forward(side("phone", peers=("phone",)), side("webcams", webcams=("10.11.12.0/24",)))
    here.wants(peers=(*here.interface.peers, other), forwards=(rule,))


def stranger_in_the_chain(here: Machine) -> None:
    here.kernel.nft.insert("forward-wg0", "counter drop")


def gate_gone(here: Machine) -> None:
    """With `fail_closed` nothing passes that this chain has not marked."""
    here.wants(fail_closed=True)
    here.kernel.nft.run(("flush chain inet wgd gate-wg0", "delete chain inet wgd gate-wg0"))


def forward_drop(here: Machine) -> None:
    here.ruleset = saved("-A FORWARD -i wg0 -j DROP")


def docker(here: Machine) -> None:
    here.ruleset = saved(":FORWARD DROP\n:DOCKER-USER -")


def part_of_it(here: Machine) -> None:
    here.ruleset = saved("-A FORWARD -i wg0 -p tcp --dport 80:88 -j DROP")
    here.wants(
        forwards=(Forward(side("hub-1", peers=("hub-1",)), side("webcams", webcams=("10.11.12.0/24",))),)
    )


def masquerades_elsewhere(here: Machine) -> None:
    here.kernel.add_link("eth9", "veth", up=True)
    masked = Masquerade("eth9", side("webcams", webcams=("10.11.12.0/24",)))
    rule = replace(here.interface.forwards[0], outgoing="wlp0s0f0")
    here.wants(masquerades=(masked,), forwards=(rule,))


def behind_a_router(here: Machine) -> None:
    """It may know the way."""
    here.kernel.add_route(network("192.168.0.0/16"), "wlp0s0f0", gateway=True)
    rule = Forward(here.interface.forwards[0].source, side("192.168.0.0/16"))
    here.wants(forwards=(rule,), masquerades=())


def replies_blocked(here: Machine) -> None:
    here.kernel.write_sysctl("net/ipv4/conf/wlp0s0f0/forwarding", "0")


def closed_to_all(here: Machine) -> None:
    here.wants(inputs=(Input(side("spoke-2", peers=("spoke-2",))),))


def open_for_ssh(here: Machine) -> None:
    here.wants(inputs=(Input(side("spoke-1", peers=("spoke-1",)), (PortRange("tcp", 22, 22),)),))


HERE, THERE = "172.27.0.1", "172.27.0.2"
SITUATIONS = {
    "interface-is-disabled": Situation("spoke-1", disabled, "enabled = true wg0.toml"),
    "interface-is-missing": Situation("spoke-1", gone, "wgd apply"),
    "interface-is-missing: another has the name": Situation("spoke-1", taken_name, "wgd status"),
    "interface-is-down": Situation("spoke-1", down, "wgd apply"),
    "files-are-broken": Situation("spoke-1", broken_file, "wgd check"),
    "private-key-is-another": Situation("spoke-1", other_key, "wgd apply"),
    "listen-port-is-another": Situation("hub-1", other_port, "wgd apply"),
    "own-address-is-missing": Situation("spoke-1", no_address, "wgd apply"),
    "nobody-has-it": Situation("spoke-1", spoofed, '"10.99.0.1"] wg0.toml', target="10.99.0.1"),
    "peer-is-disabled": Situation("hub-1", peer_off, "wgd enable spoke-2"),
    "peer-has-expired": Situation("hub-1", peer_expired, "expires = … wg0.toml"),
    "peer-is-missing": Situation("hub-1", peer_removed, "wgd apply"),
    "allowed-ip-is-elsewhere": Situation("hub-1", stolen, "wgd apply"),
    "other-route-wins": Situation("spoke-1", overlapping, '"10.11.12.7/32" to allowed_ips of hub-1'),
    "address-is-our-own": Situation("spoke-1", same_address, "another address"),
    "nothing-leads-there": Situation("spoke-1", no_route_at_all, "ip route", target="198.51.100.15"),
    "peer-has-not-called": Situation("hub-1", never_called, "persistent_keepalive = 25"),
    "peer-has-not-called: and was forgotten": Situation("hub-1", stripped, "spoke-2 is wgd or wg-quick up"),
    "calls-to-us-are-dropped": Situation(
        "hub-1",
        firewall_on_input,
        "iptables -I INPUT -i eth0 -p udp --dport 51820 -j ACCEPT",
    ),
    "endpoint-has-no-address": Situation("spoke-1", unresolved, "getent ahosts hub.example.org"),
    "endpoint-is-not-set": Situation("spoke-1", endpoint_lost, "wgd apply"),
    "endpoint-is-in-its-own-tunnel": Situation("spoke-1", in_the_tunnel, "ip route add 198.51.100.15"),
    "endpoint-cannot-be-reached": Situation("spoke-1", no_route_at_all, "ip route"),
    "endpoint-is-out-of-date": Situation("spoke-1", dns_moved, "systemctl start wgd"),
    "clock-went-back": Situation("spoke-1", clock_back, "timedatectl set-ntp true"),
    "clock-went-back: never set": Situation("spoke-1", clock_never_set, "timedatectl set-ntp true"),
    "only-half-a-handshake": Situation("hub-1", half, "spoke-2 the preshared key must be the same"),
    "calls-were-never-answered": Situation("spoke-1", unanswered, "hub-1 it must listen on that port"),
    "calls-were-never-answered: with preshared key": Situation(
        "spoke-1", unanswered_with_preshared_key, "the same preshared key"
    ),
    "nothing-was-sent-yet": Situation("spoke-1", nothing_sent, "--probe", mark=Mark.UNKNOWN),
    "peer-went-silent": Situation("spoke-1", silent, "hub-1 is it up"),
    "nat-has-forgotten": Situation(
        "hub-1", nat_timeout, "spoke-2 does it keep the way open", mark=Mark.UNKNOWN
    ),
    "session-is-over": Situation("spoke-1", idle, "--probe", mark=Mark.UNKNOWN),
    "tunnel-is-too-wide": Situation("spoke-1", small_way, "mtu = 1340 wg0.toml", mark=Mark.UNKNOWN),
    "nobody-keeps-the-way-open": Situation(
        "spoke-2", no_keepalive, "persistent_keepalive = 25 wg0.toml", source=HERE, mark=Mark.UNKNOWN
    ),
    "source-is-nobodys": Situation("hub-1", spoofed, '"172.27.0.77"', source="172.27.0.77"),
    "allowed-ip-is-missing: of who sends": Situation("hub-1", source_dropped, "wgd apply", source=THERE),
    "address-filter-drops-it": Situation("hub-1", strict_filter, "rp_filter=2", source=THERE),
    "way-back-is-another": Situation(
        "hub-1", way_back_elsewhere, "ip route delete 172.27.0.2/32 dev eth0", source=THERE
    ),
    "no-rule-permits-it": Situation(
        "hub-1", someone_elses_rule, '[[forward]] from = ["spoke-1"] to = ["webcams"] wg0.toml', source=THERE
    ),
    "rule-is-for-other-ports": Situation(
        "hub-1", spoofed, 'ports = ["tcp/80", "tcp/554", "tcp/22"]', source=THERE, port="tcp/22"
    ),
    "rule-goes-the-other-way": Situation(
        "hub-1", other_direction, 'from = ["spoke-1"] to = ["webcams"]', source=THERE
    ),
    "rules-are-not-as-wanted": Situation("hub-1", stranger_in_the_chain, "wgd apply", source=THERE),
    "rules-are-not-as-wanted: those that mark": Situation("hub-1", gate_gone, "wgd apply", source=THERE),
    "other-firewall-drops-it": Situation("hub-1", forward_drop, "iptables -I FORWARD -i wg0", source=THERE),
    "other-firewall-drops-it: Docker": Situation("spoke-2", docker, "-I DOCKER-USER -i wg0", source=THERE),
    "other-firewall-drops-it: in part": Situation(
        "spoke-2", part_of_it, "-j ACCEPT", source=THERE, mark=Mark.UNKNOWN
    ),
    "other-firewall-drops-it: just that port": Situation(
        "spoke-2", part_of_it, "--dport 80", source=THERE, port="tcp/80"
    ),
    "masquerade-is-for-another-device": Situation(
        "spoke-2", masquerades_elsewhere, 'out = "wlp0s0f0" wg0.toml', source=THERE
    ),
    "nothing-masquerades-it: a router may know": Situation(
        "spoke-2", behind_a_router, "[[masquerade]]", "192.168.7.7", THERE, mark=Mark.UNKNOWN
    ),
    "answers-are-not-forwarded": Situation("spoke-2", replies_blocked, "wgd apply", source=THERE),
    "no-rule-permits-it: into this machine": Situation(
        "hub-1", closed_to_all, '[[input]] from = ["spoke-1"]', target=HERE, source=THERE
    ),
    "rule-is-for-other-ports: of this machine": Situation(
        "hub-1", open_for_ssh, '"tcp/22", "tcp/80"', target=HERE, source=THERE, port="tcp/80"
    ),
}


STAGES = (
    *(*INTERFACE, *OWNER, *ROUTE, *ALLOWED, *SOURCE, *BEYOND, *ENDPOINT, *HANDSHAKE, *MTU, *KEPT_OPEN),
    *(*SWITCHES, *PERMITS, *ONWARD, *REST, *OTHERS),
)


def test_each_diagnosis_has_its_situation() -> None:
    known = {diagnosis.__name__.replace("_", "-") for stage in STAGES for diagnosis in stage.diagnoses}
    held = {name.partition(":")[0] for name in SITUATIONS}
    held |= {diagnosis for *_, diagnosis in SEVEN} | {diagnosis for *_, diagnosis, _ in OF_THE_FILES}
    assert known - held == {"rest-is-up-to-the-peer", "peers-may-send-there"}
    assert held <= known and len(known) > 40


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_is_told_by_name_and_with_its_mend(name: str) -> None:
    case = SITUATIONS[name]
    here = machine(case.host)
    case.breaks(here)
    way = here.explain(case.target, case.source, case.port)
    bad = [step for step in way if step.mark is not Mark.RIGHT and step.name != "beyond"]
    assert [(step.mark, step.diagnosis) for step in bad][:1] == [(case.mark, name.partition(":")[0])]
    assert case.mend in text(bad[0])
    assert bad[0].fact
