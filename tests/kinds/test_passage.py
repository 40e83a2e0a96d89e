"""What is let pass in the chains of another firewall, and what never is touched there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import HUB, SPOKE_2, WEBCAMS, config, interface, machine, peer, run, side
from tests.fake import FakeKernel
from wgd.config.document import Config, Forward, Interface, Opens, PortRange
from wgd.kernel.passages import parse
from wgd.kinds.nftables import NftTransaction
from wgd.kinds.passage import FEW, ForeignChain, Passage, PassageDelete, PassageInsert, option, unopened
from wgd.reconcile import observe

OPENED = replace(SPOKE_2, foreign=Opens.DOCKER_USER)
STATE = "-m conntrack --ctstate"


def words(kernel: FakeKernel, version: int = 4) -> set[str]:
    return {
        f"{one.chain}: {' '.join(one.words)}"
        for one in kernel.dump("passage")
        if isinstance(one, Passage) and one.version == version
    }


def opened(wanted: Interface, version: int = 4) -> set[str]:
    kernel = machine()
    assert run(kernel, config(wanted)).converged
    return words(kernel, version)


def test_what_a_rule_permits_passes_and_what_comes_back_of_it() -> None:
    there, back = "-i wg0 -o wlp0s0f0", "-i wlp0s0f0 -o wg0"
    assert opened(OPENED) == {
        f"DOCKER-USER: -s 172.27.0.0/16 -d {WEBCAMS} {there}",
        f"DOCKER-USER: -s {WEBCAMS} -d 172.27.0.0/16 {back} {STATE} ESTABLISHED",
        f"DOCKER-USER: -d {WEBCAMS} {there} -p icmp {STATE} RELATED",
        f"DOCKER-USER: -d 172.27.0.0/16 {back} -p icmp {STATE} RELATED",
    }


def test_only_the_ports_that_the_rule_names() -> None:
    found = opened(replace(HUB, foreign=Opens.IPTABLES_FORWARD))
    ends = f"-s 172.27.0.2/32 -d {WEBCAMS} -i wg0 -o wg0"
    assert f"FORWARD: {ends} -p tcp -m tcp --dport 554" in found
    assert f"FORWARD: {ends}" not in found
    back = f"-s {WEBCAMS} -d 172.27.0.2/32 -i wg0 -o wg0"
    assert f"FORWARD: {back} -p tcp -m tcp --sport 80 {STATE} ESTABLISHED" in found
    assert len(found) == 6


def test_ipv6_where_the_chain_is_there_for_it() -> None:
    six = interface(
        "wg0",
        "fd00::1/64",
        peers=(peer("a", "fd00::2/128"),),
        forwards=(Forward(side("any"), side("internet"), (PortRange("icmp", 0, 0),), outgoing="eth0"),),
        foreign=Opens.DOCKER_USER,
    )
    found = opened(six, 6)
    assert "DOCKER-USER: -d 2000::/3 -i wg0 -o eth0 -p ipv6-icmp" in found
    assert opened(replace(six, foreign=Opens.IPTABLES_FORWARD), 6) == set()


def test_many_flows_are_few_rules() -> None:
    """Not more for a thousand peers, each with a camera of its own, than for a few; and the smallest network
    that holds them is named."""
    peers = tuple(peer(f"p{i}", f"172.27.1.{i}/32") for i in range(1, 200))
    pairs = (Forward(side(p.name, peers=(p.name,)), side(f"10.11.12.{i}/32")) for i, p in enumerate(peers))
    found = opened(replace(OPENED, peers=peers, forwards=tuple(pairs)))
    assert f"DOCKER-USER: -s 172.27.1.0/24 -d {WEBCAMS} -i wg0 -o wlp0s0f0" in found
    assert len(found) == FEW


def test_ours_stand_before_another_opens_and_until_it_is_closed() -> None:
    kernel = machine()
    run(kernel, config(OPENED))
    made = [type(op) for op in kernel.ran if isinstance(op, NftTransaction | PassageInsert)]
    assert made == [NftTransaction, *[PassageInsert] * 4]
    kernel.recover()
    run(kernel, Config())
    gone = [type(op) for op in kernel.ran if isinstance(op, NftTransaction | PassageDelete) and op.deletes]
    assert gone[:5] == [*[PassageDelete] * 4, NftTransaction]
    assert words(kernel) == set()


def test_nothing_opens_where_ours_could_not_be_set() -> None:
    kernel = machine()
    kernel.fail_next(NftTransaction, 1)
    assert not run(kernel, config(OPENED)).converged
    assert words(kernel) == set()
    assert run(kernel, config(OPENED)).converged and len(words(kernel)) == 4


def test_it_is_said_where_there_is_nothing_to_open() -> None:
    six = config(replace(OPENED, foreign=Opens.IPTABLES_FORWARD))
    assert list(unopened(six, observe(machine(), {}, 0))) == []
    (said,) = unopened(config(OPENED), observe(FakeKernel(), {}, 0))
    assert said.startswith('foreign = "docker-user" of wg0 opens nothing: iptables shows no chain')


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("iptables -I DOCKER-USER -i wg0 -j ACCEPT", 'foreign = "docker-user"'),
        ("ip6tables -I FORWARD -i wg0 -j ACCEPT", 'foreign = "iptables-forward"'),
        ("iptables -I INPUT -p udp --dport 51820 -j ACCEPT", None),
        ("iptables-legacy -I FORWARD -i wg0 -j ACCEPT", None),
        ("iptables -t raw -I PREROUTING -i wg0 -j ACCEPT", None),
        ("ufw route allow in on wg0", None),
    ],
)
def test_which_option_does_what_a_command_would(command: str, expected: str | None) -> None:
    assert option([command]) == expected


def test_only_rules_with_our_comment_are_read() -> None:
    saved = "\n".join(
        (
            "*filter",
            ":FORWARD DROP [0:0]",
            ":DOCKER-USER - [0:0]",
            '-A FORWARD -i eth7 -m comment --comment "not wgd: theirs" -j ACCEPT',
            '-A FORWARD -s 10.0.0.1/32 -i wg0 -m comment --comment "wgd:wg0" -j ACCEPT',
            "-A FORWARD -i wg0 -m comment --comment wgd:wg0 -j DROP",
            "-A FORWARD -i wg0 -j ACCEPT",
            "-A INPUT -i wg0 -m comment --comment wgd:wg0 -j ACCEPT",
            "COMMIT",
        )
    )
    assert set(parse(saved, 4)) == {
        ForeignChain(4, "DOCKER-USER"),
        ForeignChain(4, "FORWARD"),
        Passage(4, "FORWARD", "wg0", ("-s", "10.0.0.1/32", "-i", "wg0")),
    }
