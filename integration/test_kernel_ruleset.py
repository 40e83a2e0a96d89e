"""Rules as nft lists them in JSON, in the version that is installed here, and what wgd takes them for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.host import Host
from tests.firewalls.rulesets import packets
from wgd.firewalls.packets import Packets
from wgd.firewalls.walk import Does, Ruleset, endings
from wgd.kernel.linux import LinuxKernel
from wgd.kernel.ruleset import Others
from wgd.kinds.nftables import NftTransaction

DROP, ACCEPT, UNKNOWN = {Does.DROP}, {Does.ACCEPT}, {Does.UNKNOWN}
BOTH = DROP | ACCEPT
SPOKE_1 = packets()
CALL = packets("eth0", "", "198.51.100.0/24", "192.0.2.1", "udp", 51820)
SIX = packets(source="fd00:27::2/128", target="fd00:9::/64")

# What is before the verdict `drop`, and how spoke-1's new connections to the cameras' pages then end.
RULES: dict[str, set[Does]] = {
    "counter log": DROP,
    'iifname "wg0"': DROP,
    'iifname != "wg0"': ACCEPT,
    'iifname "wg*"': DROP,
    'iifname "eth*"': ACCEPT,
    'iifname { "eth0", "wg0" }': DROP,
    'oifname { "wg0", "lo" }': ACCEPT,
    'oifname != { "wg0", "lo" }': DROP,
    'iif "lo"': ACCEPT,
    "ip saddr 172.27.0.2": DROP,
    "ip saddr != 172.27.0.0/16": ACCEPT,
    "ip daddr 10.11.12.7": BOTH,
    "ip daddr 10.11.0.0-10.11.12.255": DROP,
    "ip daddr { 10.0.0.0/24, 10.11.12.0/24 }": DROP,
    "ip daddr { 10.11.12.0/25, 10.11.12.192-10.11.12.255 }": BOTH,
    "ip daddr @cameras": BOTH,
    "ip daddr != @cameras": BOTH,
    "ip6 saddr != fd00::1": ACCEPT,
    "ip saddr . ip daddr { 172.27.0.2 . 10.11.12.7 }": UNKNOWN,
    "meta nfproto ipv4": DROP,
    "meta nfproto ipv6": ACCEPT,
    "meta protocol ip": DROP,
    "meta l4proto tcp": DROP,
    "meta l4proto { icmp, udp }": ACCEPT,
    "ip protocol tcp": DROP,
    "ip protocol != tcp": ACCEPT,
    "tcp dport 80": DROP,
    "tcp dport != 80": ACCEPT,
    "tcp dport { 22, 79-81 }": DROP,
    "tcp dport < 80": ACCEPT,
    "tcp dport >= 80": DROP,
    "tcp sport 1024-65535": BOTH,
    "th dport 80": DROP,
    "udp dport != 1": ACCEPT,
    "ct state new": DROP,
    "ct state established,related": ACCEPT,
    "ct state { established, related }": ACCEPT,
    "ct state != established": DROP,
    "ct state invalid": ACCEPT,
    "ct direction original": DROP,
    "ct direction reply": ACCEPT,
    "ct status dnat": ACCEPT,
    "ct status assured": UNKNOWN,
    "icmp type echo-request": ACCEPT,
    "tcp flags syn": UNKNOWN,
    "meta mark 1": UNKNOWN,
    "meta mark 1 tcp dport 81": ACCEPT,
    "limit rate 1/second": UNKNOWN,
    "fib daddr type unicast": DROP,
    "fib daddr type { local, broadcast }": ACCEPT,
    "fib saddr . iif oif missing": UNKNOWN,
    "meta mark set 1 ct mark set 1": DROP,
}
VERDICTS: dict[str, set[Does]] = {
    "reject with icmpx admin-prohibited": DROP,
    "accept": ACCEPT,
    "return": ACCEPT,
    "jump dropping": DROP,
    "goto dropping": DROP,
    'iifname vmap { "wg0" : drop, "eth0" : accept }': DROP,
    'oifname vmap { "wg0" : drop, "eth0" : jump dropping }': DROP,
    "tcp dport vmap { 22 : accept, 80-90 : goto dropping }": DROP,
    "ip daddr vmap { 10.11.12.7 : drop, 10.12.0.0/16 : drop }": BOTH,
    'iifname . oifname vmap { "wg0" . "eth0" : drop, "eth0" . "wg0" : accept }': DROP,
    "tcp dport vmap @fates": DROP,
    "ct state vmap { established : accept, invalid : drop }": ACCEPT,
}
ALL = {f"{text} drop": does for text, does in RULES.items()} | VERDICTS


def ended(ruleset: Ruleset, chain: str, some: Packets = SPOKE_1) -> set[Does]:
    base = ruleset.chains["inet", "theirs", chain]
    return {ending.does for ending in endings(ruleset, base, some)}


@pytest.fixture(scope="module")
def listed() -> Iterator[Ruleset]:
    """Each of ALL as the one rule of a chain of its own."""
    chains = "\n".join(
        f"chain r{number} {{\n type filter hook forward priority 0\n {rule}\n}}"
        for number, rule in enumerate(ALL)
    )
    host = Host("rules")
    try:
        with host.inside():
            host.nft(f"""
                table inet theirs {{
                    set cameras {{
                        type ipv4_addr; flags interval
                        elements = {{ 10.11.12.7, 10.99.0.0/16 }}
                    }}
                    map fates {{
                        type inet_service : verdict
                        elements = {{ 22 : accept, 80 : jump dropping }}
                    }}
                    chain dropping {{
                        meta nfproto ipv4 drop
                    }}
                    {chains}
                }}
                """)
            yield Others().read()
    finally:
        host.close()


@pytest.mark.parametrize("rule", ALL)
def test_what_nft_lists_is_taken_for_what_it_does(listed: Ruleset, rule: str) -> None:
    assert ended(listed, f"r{[*ALL].index(rule)}") == ALL[rule]


ELSEWHERE = {
    "ip6 saddr != fd00::1 drop": (SIX, DROP),
    "meta nfproto ipv6 drop": (SIX, DROP),
    "ip daddr 10.11.12.7 drop": (SIX, ACCEPT),
    "ct state established,related drop": (SPOKE_1.replies, DROP),
    "ct direction reply drop": (SPOKE_1.replies, DROP),
    "icmp type echo-request drop": (packets(protocol="icmp", port=None), DROP),
    "udp dport != 1 drop": (CALL, DROP),
    "fib daddr type { local, broadcast } drop": (CALL, DROP),
    "tcp sport 1024-65535 drop": (SPOKE_1.replies, ACCEPT),
}


@pytest.mark.parametrize("rule", ELSEWHERE)
def test_other_packets_fare_otherwise(listed: Ruleset, rule: str) -> None:
    some, does = ELSEWHERE[rule]
    assert ended(listed, f"r{[*ALL].index(rule)}", some) == does


def test_priorities_and_policies_are_read(namespace: Host) -> None:
    namespace.nft("""
        add table ip a
        add chain ip a late { type filter hook forward priority 10; policy drop; }
        add chain ip a early { type filter hook forward priority -5; }
        add chain ip a translating { type nat hook prerouting priority 0; }
        add table ip6 b
        add chain ip6 b six { type filter hook forward priority 0; policy drop; }
        add table arp c
        add chain arp c frames { type filter hook input priority 0; policy drop; }
        """)
    ruleset = Others().read()
    assert [(c.name, c.policy) for c in ruleset.bases("forward", 4)] == [
        ("early", Does.ACCEPT),
        ("late", Does.DROP),
    ]
    assert [c.name for c in ruleset.bases("forward", 6)] == ["six"]
    assert ruleset.bases("prerouting", 4) == ruleset.bases("input", 4) == ()


def test_a_dormant_table_drops_nothing(namespace: Host) -> None:
    namespace.nft("table inet a {\n chain c { type filter hook forward priority 0; policy drop; }\n}")
    others = Others()
    assert len(others.read().bases("forward", 4)) == 1
    namespace.nft("add table inet a { flags dormant; }")
    assert others.read().bases("forward", 4) == ()


def test_nothing_is_read_again_before_somebody_elses_transaction(namespace: Host) -> None:
    kernel = LinuxKernel()
    first = kernel.others.read()
    kernel.run(NftTransaction(refs=(), lines=("add table inet wgd", "add chain inet wgd ours")))
    assert kernel.others.read() is first
    namespace.nft("add table inet theirs\nadd chain inet theirs c")
    second = kernel.others.read()
    assert [*second.chains] == [("inet", "theirs", "c")]
    kernel.run(NftTransaction(refs=(), lines=("delete table inet wgd",)))
    assert kernel.others.read() is second


def test_a_transaction_of_others_beside_ours_is_not_passed_over(namespace: Host) -> None:
    kernel = LinuxKernel()
    first = kernel.others.read()
    namespace.nft("add table inet theirs\nadd chain inet theirs c")
    kernel.run(NftTransaction(refs=(), lines=("add table inet wgd",)))
    assert kernel.others.read() is not first
    assert [*kernel.others.read().chains] == [("inet", "theirs", "c")]


def test_a_listing_shows_extensions_of_iptables_by_name_only(namespace: Host) -> None:
    """So what they ask for comes from iptables-save; it changes nothing, and makes no table."""
    namespace.run("iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")
    before = namespace.run("nft", "list", "ruleset")
    assert '"xt": {"type": "match", "name": "conntrack"}' in namespace.run("nft", "-j", "list", "ruleset")
    ruleset = Others().read()
    (base,) = ruleset.bases("forward", 4)
    assert {ending.does for ending in endings(ruleset, base, SPOKE_1)} == DROP
    assert {ending.does for ending in endings(ruleset, base, SPOKE_1.replies)} == ACCEPT
    assert namespace.run("nft", "list", "ruleset") == before


def test_what_iptables_save_cannot_print_stays_unknown(namespace: Host) -> None:
    """A native set in its table makes it fail; what it would have said of other rules is not guessed."""
    namespace.run("iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")
    namespace.nft("add rule ip filter FORWARD ip saddr { 10.0.0.1, 10.0.0.2 } ct state new accept")
    ruleset = Others().read()
    (base,) = ruleset.bases("forward", 4)
    assert {ending.does for ending in endings(ruleset, base, SPOKE_1)} == UNKNOWN
