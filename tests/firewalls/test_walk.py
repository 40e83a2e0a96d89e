"""Accepted, dropped or unknown: how packets end in the chains of others, and by which rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.firewalls.rulesets import packets, recorded, saved, spans
from wgd.firewalls.packets import ICMP, Packets
from wgd.firewalls.walk import PARTS, Does, Ruleset, endings

ACCEPT, DROP, UNKNOWN = Does.ACCEPT, Does.DROP, Does.UNKNOWN
SPOKE_1 = packets()
STATEFUL = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"


def ends(ruleset: Ruleset, some: Packets, hook: str = "forward") -> set[tuple[Does, str]]:
    """Each way that a part of them ends, with the rule; in all base chains."""
    return {
        (ending.does, ending.by)
        for base in ruleset.bases(hook, some.version)
        for ending in endings(ruleset, base, some)
    }


WALKS: dict[str, tuple[str, set[tuple[Does, str]]]] = {
    "no rules": ("", {(ACCEPT, "policy accept")}),
    "a policy": (":FORWARD DROP", {(DROP, "policy drop")}),
    "the first that matches decides": (
        "-A FORWARD -o eth0 -j ACCEPT\n-A FORWARD -j DROP",
        {(ACCEPT, "-A FORWARD -o eth0 -j ACCEPT")},
    ),
    "another device": (
        "-A FORWARD ! -i eth0 -j DROP\n",
        {(DROP, "-A FORWARD ! -i eth0 -j DROP")},
    ),
    "a device by its beginning": ("-A FORWARD -i wg+ -j DROP", {(DROP, "-A FORWARD -i wg+ -j DROP")}),
    "a device that begins otherwise": ("-A FORWARD -i wgx+ -j DROP", {(ACCEPT, "policy accept")}),
    "a part of the addresses": (
        "-A FORWARD -d 10.11.12.7/32 -j DROP",
        {(DROP, "-A FORWARD -d 10.11.12.7/32 -j DROP"), (ACCEPT, "policy accept")},
    ),
    "all but a part of the addresses": (
        ":FORWARD DROP\n-A FORWARD ! -d 10.11.12.7/32 -j ACCEPT",
        {(ACCEPT, "-A FORWARD ! -d 10.11.12.7/32 -j ACCEPT"), (DROP, "policy drop")},
    ),
    "two halves together are all": (
        ":FORWARD DROP\n-A FORWARD -d 10.11.12.0/25 -j ACCEPT\n-A FORWARD -d 10.11.12.128/25 -j ACCEPT",
        {
            (ACCEPT, "-A FORWARD -d 10.11.12.0/25 -j ACCEPT"),
            (ACCEPT, "-A FORWARD -d 10.11.12.128/25 -j ACCEPT"),
        },
    ),
    "another port": ("-A FORWARD -p tcp --dport 81 -j DROP", {(ACCEPT, "policy accept")}),
    "ports": ("-A FORWARD -p tcp -m multiport --dports 22,79:81 -j DROP",
              {(DROP, "-A FORWARD -p tcp -m multiport --dports 22,79:81 -j DROP")}),
    "another protocol": ("-A FORWARD -p udp -j DROP", {(ACCEPT, "policy accept")}),
    "established connections are no new ones": (
        STATEFUL + ":FORWARD DROP", {(DROP, "policy drop")}),
    "a comment asks for nothing": (
        '-A FORWARD -m comment --comment "a -d b" -j DROP',
        {(DROP, '-A FORWARD -m comment --comment "a -d b" -j DROP')},
    ),
    "what counts or logs goes on": (
        "-A FORWARD\n-A FORWARD -j LOG --log-prefix x\n-A FORWARD -j MARK --set-xmark 0x1/0x1",
        {(ACCEPT, "policy accept")},
    ),
    "a jump comes back": (
        ":a - \n-A FORWARD -j a\n-A FORWARD -j DROP\n-A a -i eth0 -j ACCEPT",
        {(DROP, "-A FORWARD -j DROP")},
    ),
    "a return does so earlier": (
        ":a - \n-A FORWARD -j a\n-A a -i wg0 -j RETURN\n-A a -j DROP", {(ACCEPT, "policy accept")}),
    "a goto does not": (
        ":a - \n-A FORWARD -g a\n-A FORWARD -j DROP\n-A a -i eth0 -j DROP", {(ACCEPT, "policy accept")}),
    "a return of the base chain is its policy": (
        ":FORWARD DROP\n-A FORWARD -i wg0 -j RETURN\n-A FORWARD -j ACCEPT", {(DROP, "policy drop")}),
    "not decided": (
        "-A FORWARD -m recent --set -j DROP", {(UNKNOWN, "-A FORWARD -m recent --set -j DROP")}),
    "not decided, and without matter": (
        "-A FORWARD -m recent --set -j ACCEPT\n", {(ACCEPT, "policy accept")}),
    "not decided, but dropped in any case": (
        ":FORWARD DROP\n-A FORWARD -m recent --set -j DROP", {(DROP, "policy drop")}),
    "not decided, though it fails for another reason": (
        "-A FORWARD -m recent --set -i eth0 -j DROP", {(ACCEPT, "policy accept")}),
    "not decided what is jumped to": (
        ":a - \n-A FORWARD -m recent --set -j a\n-A a -j DROP", {(UNKNOWN, "-A a -j DROP")}),
    "not decided whether a return": (
        ":a - \n-A FORWARD -j a\n-A a -m recent --set -j RETURN\n-A a -j DROP", {(UNKNOWN, "-A a -j DROP")}),
    "not decided whether a return, which is the same": (
        ":FORWARD DROP\n:a - \n-A FORWARD -j a\n-A a -m recent --set -j RETURN\n-A a -j DROP",
        {(DROP, "policy drop")}),
    "not decided whether a goto": (
        ":a - \n-A FORWARD -m recent --set -g a\n-A FORWARD -j DROP\n-A a -j RETURN",
        {(UNKNOWN, "-A FORWARD -j DROP")}),
    "an unknown target": ("-A FORWARD -j NFQUEUE", {(UNKNOWN, "-A FORWARD -j NFQUEUE")}),
    "an option nobody knows": (
        "-A FORWARD -i wg0 --new-thing x -j DROP", {(UNKNOWN, "-A FORWARD -i wg0 --new-thing x -j DROP")}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WALKS.values(), ids=WALKS)
def test_a_walk(text: str, expected: set[tuple[Does, str]]) -> None:
    assert ends(saved(text), SPOKE_1) == expected


def test_replies_go_the_other_way_and_belong_to_a_connection() -> None:
    back = SPOKE_1.replies
    assert (back.incoming, back.outgoing, back.source_ports) == ("eth0", "wg0", ((80, 80),))
    assert ends(saved(":FORWARD DROP\n" + STATEFUL), back) == {(ACCEPT, STATEFUL.strip())}
    assert ends(saved("-A FORWARD -i wg0 -j DROP"), back) == {(ACCEPT, "policy accept")}
    assert ends(saved("-A FORWARD -p tcp --sport 80 -j DROP"), back) == {
        (DROP, "-A FORWARD -p tcp --sport 80 -j DROP")
    }
    assert back.replies.incoming == "wg0"


def test_rules_that_take_the_packets_apart_without_end_are_unknown() -> None:
    """Each takes one address out of what is left; the others are not guessed."""
    rules = "\n".join(f"-A FORWARD -s 172.27.{n >> 8}.{n & 255}/32 -j ACCEPT" for n in range(2 * PARTS))
    some = replace(SPOKE_1, source=spans("172.27.0.0/16"))
    assert (UNKNOWN, "too many rules that each concern a part of it") in ends(saved(rules), some)


CALL = packets("eth0", "", "198.51.100.0/24", "192.0.2.1", "udp", 51820)
SSH = packets("wg0", "", "172.27.0.2", "172.27.0.1", "tcp", 22)
REAL: dict[str, tuple[str, str, Packets, set[tuple[Does, str]]]] = {
    "ufw, forwarded": ("ufw.save", "forward", SPOKE_1, {(DROP, "policy drop")}),
    "ufw, ping": ("ufw.save", "forward", packets(protocol=ICMP[4], port=None),
                  {(ACCEPT, "-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT")}),
    "ufw, replies": ("ufw.save", "forward", SPOKE_1.replies,
        {(ACCEPT, "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")}),
    "ufw, denied by a rule": ("ufw.save", "forward", packets(target="10.9.1.0/24"),
                              {(DROP, "-A ufw-user-forward -d 10.9.0.0/16 -i wg0 -j DROP")}),
    "ufw, a call": ("ufw.save", "input", CALL, {(DROP, "policy drop")}),
    "ufw, a port that it allows": ("ufw.save", "input", SSH,
                                   {(ACCEPT, "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT")}),
    "Docker, forwarded": ("docker-20.save", "forward", SPOKE_1, {(DROP, "policy drop")}),
    "Docker, to a container": ("docker-20.save", "forward", packets(outgoing="docker0", target="172.17.0.2"),
        {(ACCEPT, "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT")}),
    "Docker, from a container": ("docker-20.save", "forward", packets(incoming="docker0"),
        {(ACCEPT, "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT")}),
    "Docker 28, forwarded": ("docker-28.save", "forward", SPOKE_1, {(DROP, "policy drop")}),
    "Docker 28, to another container": ("docker-28.save", "forward",
        packets(outgoing="docker0", target="172.17.0.3"),
        {(DROP, "-A DOCKER ! -i docker0 -o docker0 -j DROP")}),
    "firewalld, forwarded": ("firewalld.json", "forward", SPOKE_1, {(DROP, "reject")}),
    "firewalld, what a policy permits": ("firewalld.json", "forward", packets(port=443),
        {(ACCEPT, "ip daddr 10.11.12.0/24 ip saddr 172.27.0.2 tcp dport 443 accept"),}),
    "firewalld, replies": ("firewalld.json", "forward", SPOKE_1.replies,
                           {(ACCEPT, "ct state { established, related } accept")}),
    "firewalld, a call": ("firewalld.json", "input", CALL, {(DROP, "reject")}),
    "firewalld, a service of the zone": ("firewalld.json", "input", SSH, {(ACCEPT, "tcp dport 22 accept")}),
    "firewalld 2, forwarded": ("firewalld-2.json", "forward", SPOKE_1,
                               {(DROP, 'iifname "wg0" oifname "eth0" reject')}),
    "firewalld 2, what a policy permits": ("firewalld-2.json", "forward", packets(port=443),
        {(ACCEPT, "ip daddr 10.11.12.0/24 ip saddr 172.27.0.2 tcp dport 443 accept"),}),
    "firewalld 2, a call": ("firewalld-2.json", "input", CALL, {(DROP, 'iifname "eth0" reject')}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "hook", "some", "expected"), REAL.values(), ids=REAL)
def test_a_walk_through_real_rules(
    name: str, hook: str, some: Packets, expected: set[tuple[Does, str]]
) -> None:
    assert ends(recorded(name), some, hook) == expected
