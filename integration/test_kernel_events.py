"""What the real kernel tells when something changes, and what is read out of it."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator

import pytest

from integration.host import Host
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.nftables import NftTransaction
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.prefixes import Prefix
from wgd.sources.netlink import EVERYTHING, NetlinkEvents

LINK = {"link", "address", "route", "sysctl", "device", "peer"}


@pytest.fixture
def events(namespace: Host) -> Iterator[NetlinkEvents]:
    namespace.ip("link add v0 type veth peer v1\nlink set v0 up\nlink set v1 up")
    with NetlinkEvents() as listening:
        settle(listening)
        yield listening


def settle(events: NetlinkEvents) -> None:
    """The kernel tells of the carrier, and of IPv6 on it, a little later."""
    while readable(events, 0.3):
        events.stale()


def readable(events: NetlinkEvents, seconds: float = 0.0) -> bool:
    return bool(select.select([events], [], [], seconds)[0])


CHANGES = (
    ("a link", "link set v0 mtu 1400", LINK),
    ("a link down", "link set v0 down", LINK),
    ("an address", "address add 172.27.0.1/16 dev v0", {"address", "route"}),
    ("an IPv6 address", "address add fd00::1/64 dev v0", {"address", "route"}),
    ("a route", "route add 10.11.12.0/24 dev v0", {"route"}),
    ("an IPv6 route", "route add fd01::/64 dev v0", {"route"}),
    ("a routing rule", "rule add iif v0 blackhole", {"policy"}),
    ("an IPv6 routing rule", "-6 rule add iif v0 blackhole", {"policy"}),
)


@pytest.mark.parametrize(("command", "stale"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_change_says_what_may_be_stale(
    events: NetlinkEvents, namespace: Host, command: str, stale: set[str]
) -> None:
    assert events.stale() == frozenset()
    namespace.run("ip", *command.split())
    assert readable(events)
    assert stale <= events.stale() <= LINK | stale
    assert events.stale() == frozenset()
    assert not readable(events)


@pytest.mark.parametrize("version", ["ipv4", "ipv6"])
def test_forwarding_that_someone_changes_is_told(
    events: NetlinkEvents, namespace: Host, version: str
) -> None:
    namespace.write(f"/proc/sys/net/{version}/conf/v0/forwarding", "1")
    assert {"sysctl"} <= events.stale() <= {"sysctl", "route"}


SENDERS = (
    ("a route", "ip route add 10.11.12.0/24 dev v0", "v0", r"(ip\[\d+\]|process \d+)"),
    ("an address", "ip address add 172.27.0.1/16 dev v0", "v0", r"(ip\[\d+\]|process \d+)"),
    ("a rule", "nft add table inet wgd", None, r"nft\[\d+\]"),
)


@pytest.mark.parametrize(("command", "device", "who"), [s[1:] for s in SENDERS], ids=[s[0] for s in SENDERS])
def test_who_did_it_is_remembered_until_it_is_asked(
    events: NetlinkEvents, namespace: Host, command: str, device: str | None, who: str
) -> None:
    events.suspects.take()
    namespace.run(*command.split())
    stale = events.stale()
    (hint,) = events.suspects.take()
    assert hint.kinds & stale
    assert hint.device == device
    assert re.fullmatch(who, hint.who)
    assert events.suspects.take() == ()


def test_neither_the_kernel_nor_we_are_suspects(events: NetlinkEvents) -> None:
    events.suspects.take()
    LinuxKernel().run(RouteSet(refs=(), routes=(Route(Prefix.parse("10.11.12.0/24"), "v0"),)))
    assert events.stale() == {"route"}
    assert events.suspects.take() == ()


def test_every_nftables_transaction_is_told(events: NetlinkEvents, namespace: Host) -> None:
    namespace.nft("add table inet wgd")
    assert events.stale() == {"nftables"}
    namespace.nft("flush ruleset")
    assert events.stale() == {"nftables"}


def test_our_own_nftables_transactions_are_not(namespace: Host) -> None:
    kernel = LinuxKernel()
    with NetlinkEvents(kernel.generations) as events:
        for _ in range(3):
            kernel.run(NftTransaction(refs=(), lines=("add table inet wgd", "delete table inet wgd")))
        assert readable(events)
        assert events.stale() == frozenset()
        assert kernel.generations == set()
        namespace.nft("add table inet theirs")
        assert events.stale() == {"nftables"}


def test_what_an_edit_of_a_thousand_peers_tells_is_read_at_once(events: NetlinkEvents) -> None:
    kernel = LinuxKernel()
    before, after = (
        tuple(Route(Prefix(4, first + (n << 8), 24), "v0") for n in range(1000))
        for first in (0x0B000000, 0x0C000000)
    )
    kernel.run(RouteSet(refs=(), routes=before))
    settle(events)
    kernel.run(RouteSet(refs=(), routes=after))
    kernel.run(RouteDelete(refs=(), routes=before))
    assert events.stale() == {"route"}
    assert not readable(events)


def test_too_much_news_means_that_everything_is_stale(events: NetlinkEvents) -> None:
    kernel = LinuxKernel()
    many = tuple(Route(Prefix(4, 0x0B000000 + (n << 8), 24), "v0") for n in range(20_000))
    kernel.run(RouteSet(refs=(), routes=many))
    assert events.stale() == EVERYTHING
    assert events.stale() == {"route"}  # what did fit comes in portions
    while readable(events):
        events.stale()
    assert events.stale() == frozenset()
