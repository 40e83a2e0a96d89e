"""nftables as the kernel tells it, and libnftables changes it in the version that is installed here."""

from __future__ import annotations

import pytest

from integration.host import Host
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.kernel.nftables import generation
from wgd.kinds.nftables import FORWARD, POSTROUTING, Chain, NftElements, NftTransaction, Rule
from wgd.nftset import NamedSet, SetEdit, declared

OURS = (
    "add table inet wgd",
    f"add chain inet wgd forward-wg0 {{ {FORWARD} }}",
    'add rule inet wgd forward-wg0 ip saddr { 10.0.0.0/25, 10.0.0.128/25 } accept comment "a #1"',
    'add rule inet wgd forward-wg0 counter drop comment "everything else #2"',
    f"add chain inet wgd masquerade-wg0 {{ {POSTROUTING} }}",
    'add rule inet wgd masquerade-wg0 oifname "eth0" masquerade comment "b #3"',
)
CHAINS = [
    Chain("forward-wg0", FORWARD, (Rule("1"), Rule("2"))),
    Chain("masquerade-wg0", POSTROUTING, (Rule("3"),)),
]


@pytest.fixture
def kernel(namespace: Host) -> LinuxKernel:
    return LinuxKernel()


def run(kernel: LinuxKernel, *lines: str) -> None:
    kernel.run(NftTransaction(refs=(), lines=lines))


def test_without_our_table_there_is_nothing(kernel: LinuxKernel, namespace: Host) -> None:
    assert list(kernel.dump("nftables")) == []
    namespace.nft("table inet wgd-like {\n chain c { }\n}")
    assert list(kernel.dump("nftables")) == []


def test_what_a_transaction_makes_is_read_as_it_was_declared(kernel: LinuxKernel) -> None:
    run(kernel, *OURS)
    assert kernel.dump("nftables") == CHAINS
    run(kernel, "delete table inet wgd")
    assert list(kernel.dump("nftables")) == []


def test_a_transaction_takes_effect_as_a_whole_or_not_at_all(kernel: LinuxKernel) -> None:
    run(kernel, *OURS)
    with pytest.raises(KernelError, match=r"change nftables: ENOENT: .*No such file or directory"):
        run(kernel, "flush chain inet wgd forward-wg0", "add rule inet wgd nowhere accept")
    with pytest.raises(KernelError, match="syntax error"):
        run(kernel, "flush chain inet wgd forward-wg0", "add rule inet wgd forward-wg0 nonsense")
    assert kernel.dump("nftables") == CHAINS


def test_a_strangers_rule_chain_and_set_are_seen(kernel: LinuxKernel, namespace: Host) -> None:
    run(kernel, *OURS)
    namespace.nft(
        """add rule inet wgd masquerade-wg0 accept
        add chain inet wgd theirs
        add set inet wgd names { type ifname; }
        add set inet wgd hosts { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }
        add set inet wgd fleeting { type ipv4_addr; flags timeout; }
        add set inet wgd spans { type ipv4_addr . ipv4_addr; flags interval; }
        add map inet wgd verdicts { type ipv4_addr : verdict; }
        add counter inet wgd hits
        add quota inet wgd much { over 1 mbytes }
        add rule inet wgd theirs ip saddr { 10.0.0.1, 10.0.0.2 } accept"""
    )
    found = {chain.name: chain for chain in kernel.dump("nftables") if isinstance(chain, Chain)}
    assert found["masquerade-wg0"].rules == (Rule("3"), Rule(""))
    assert found["theirs"] == Chain("theirs", "", (Rule(""),))
    hosts = {bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))}
    assert {*kernel.dump("nftables")} >= {NamedSet("hosts", "ipv4_addr", frozenset(hosts))}
    others = {
        "names": "set",
        "fleeting": "set",
        "spans": "set",
        "verdicts": "map",
        "hits": "counter",
        "much": "quota",
    }
    assert {name: chain.other for name, chain in found.items() if chain.other} == others


def test_a_dormant_table_reads_as_empty_chains_and_wakes_with_its_next_transaction(
    kernel: LinuxKernel, namespace: Host
) -> None:
    run(kernel, *OURS)
    namespace.nft("add table inet wgd { flags dormant; }")
    assert kernel.dump("nftables") == [Chain(c.name, c.hook) for c in CHAINS]
    run(kernel, "add table inet wgd", "flush chain inet wgd forward-wg0", OURS[2], OURS[3])
    assert kernel.dump("nftables") == CHAINS


def test_nothing_is_read_again_before_somebodys_transaction(kernel: LinuxKernel, namespace: Host) -> None:
    run(kernel, *OURS)
    before = kernel.dump("nftables")
    assert kernel.dump("nftables") is before
    namespace.nft("add table inet theirs")
    assert kernel.dump("nftables") == before
    namespace.nft("flush ruleset")
    assert kernel.dump("nftables") == []


TYPES = {
    "ipv4_addr": "10.0.0.1, 10.0.0.9",
    "ipv6_addr": "fd00::1, fd00::9",
    "ipv4_addr . ipv4_addr": "10.0.0.1 . 10.0.0.2, 10.0.0.1 . 10.0.0.3",
    "ipv6_addr . ipv6_addr": "fd00::1 . fd00::2, fd00::1 . fd00::3",
    "ipv4_addr intervals": "0.0.0.0/8, 10.0.0.1, 10.0.0.2-10.0.0.9, 10.1.0.0/16, 240.0.0.0/4",
    "ipv6_addr intervals": "::/8, fd00::1, fd00::2-fd00::9, fe80::/64, ff00::/8",
}


@pytest.mark.parametrize(("type_", "elements"), TYPES.items(), ids=TYPES)
def test_nft_and_wgd_mean_the_same_elements(
    kernel: LinuxKernel, namespace: Host, type_: str, elements: str
) -> None:
    """What nft put into a set is read, can be taken out, and put in again; nft shows it as it was."""
    namespace.nft(f"add table inet wgd\nadd set inet wgd some {{ {declared(type_)} }}")
    namespace.nft(f"add element inet wgd some {{ {elements} }}")
    shown = namespace.run("nft", "list", "table", "inet", "wgd")
    (found,) = kernel.dump("nftables")
    assert isinstance(found, NamedSet) and found.type == type_
    assert len(found.elements) == len(elements.split(","))
    for add, remove in (((), (*found.elements,)), ((*found.elements,), ())):
        kernel.run(NftElements(refs=(), edits=(SetEdit("some", type_, add, remove),)))
        assert kernel.dump("nftables") == [NamedSet("some", type_, frozenset(add))]
    assert namespace.run("nft", "list", "table", "inet", "wgd") == shown


def test_a_set_of_thousands_is_filled_and_read(kernel: LinuxKernel) -> None:
    """More than one message holds, and more than one part of a dump."""
    filled = []
    for name, type_, size in (("one", "ipv4_addr", 4), ("two", "ipv6_addr . ipv6_addr", 32)):
        run(kernel, "add table inet wgd", f"add set inet wgd {name} {{ {declared(type_)} }}")
        elements = tuple(number.to_bytes(size) for number in range(6000))
        kernel.run(NftElements(refs=(), edits=(SetEdit(name, type_, elements),)))
        filled.append(NamedSet(name, type_, frozenset(elements)))
    assert kernel.dump("nftables") == filled


def test_a_refused_element_says_why(kernel: LinuxKernel) -> None:
    with pytest.raises(KernelError, match="change a set: ENOENT"):
        kernel.run(NftElements(refs=(), edits=(SetEdit("nowhere", "ipv4_addr", (bytes(4),)),)))
    assert list(kernel.dump("nftables")) == []


def test_the_generation_counts_transactions_and_ours_are_known(kernel: LinuxKernel, namespace: Host) -> None:
    before = generation()
    run(kernel, *OURS)
    assert generation() == before + 1
    assert kernel.generations == {before + 1}
    namespace.nft("add table inet theirs")
    assert generation() == before + 2
    with pytest.raises(KernelError):
        run(kernel, "add rule inet wgd nowhere accept")
    assert kernel.generations == {before + 1}
    assert generation() == before + 2
