"""What the kernel does with single ops: the facts that the kinds are built on."""

from __future__ import annotations

import errno
from errno import EEXIST, ENETDOWN, ENODEV, ENOENT

from tests.configs import address, key, network, networks, private_key
from tests.contract.world import Scenario, World
from wgd.kinds.address import AddressAdd, AddressDelete
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.kinds.nftables import FORWARD, NftElements, NftTransaction
from wgd.kinds.passage import ForeignChain, Passage, PassageDelete, PassageInsert
from wgd.kinds.peer import NO_PRESHARED_KEY, PeerEdit, PeersSet
from wgd.kinds.policy import OPENED, OWN, Policy, PolicyAdd, PolicyDelete
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.kinds.sysctl import SysctlRestore, SysctlSet
from wgd.model import OURS
from wgd.nftset import SetEdit
from wgd.prefixes import ordered

FACTS: list[Scenario] = []

FORWARDING = "net/ipv4/conf/{}/forwarding"
PROMOTE = "net/ipv4/conf/{}/promote_secondaries"


def fact(scenario: Scenario) -> Scenario:
    FACTS.append(scenario)
    return scenario


def create(world: World, mtu: int | None = None, up: bool = True, *addresses: str) -> None:
    """wg0, as an op makes it."""
    world.kernel.run(
        LinkCreate(refs=(), name="wg0", mtu=mtu, userspace=world.kernel.backend() == "userspace")
    )
    for text in addresses:
        add(world, text)
    if up:
        world.kernel.run(LinkUp(refs=(), name="wg0"))


def add(world: World, text: str) -> int | None:
    return world.refuses(AddressAdd(refs=(), interface="wg0", address=address(text)))


def delete(world: World, text: str) -> None:
    world.kernel.run(AddressDelete(refs=(), interface="wg0", address=address(text)))


def route(world: World, text: str, replace: bool = False, device: str = "wg0") -> int | None:
    metric = 0 if "." in text else 1024
    routes = (Route(network(text), device, metric),)
    return world.refuses(RouteSet(refs=(), routes=routes, replace=replace))


def edit(world: World, *edits: PeerEdit) -> None:
    world.kernel.run(PeersSet(refs=(), interface="wg0", edits=edits))


@fact
def a_new_link_is_ours_and_down(world: World) -> None:
    create(world, 1380, up=False)
    link = world.link("wg0")
    assert link is not None and link.wireguard
    assert (link.group, link.mtu, link.up) == (OURS, 1380, False)
    world.kernel.run(LinkUp(refs=(), name="wg0"))
    up = world.link("wg0")
    assert up is not None and up.up


@fact
def a_link_is_made_once_and_deleted_as_often_as_you_like(world: World) -> None:
    create(world)
    again = LinkCreate(refs=(), name="wg0", mtu=None, userspace=world.kernel.backend() == "userspace")
    assert world.refuses(again) == EEXIST
    world.kernel.run(LinkDelete(refs=(), name="wg0"))
    assert world.link("wg0") is None
    assert world.refuses(LinkDelete(refs=(), name="wg0")) is None
    assert world.refuses(LinkUp(refs=(), name="wg0")) == ENODEV


@fact
def a_new_link_has_the_defaults_switches(world: World) -> None:
    world.write_sysctl(PROMOTE.format("default"), "1")
    create(world)
    assert world.sysctl(PROMOTE.format("wg0")) == "1"


@fact
def routes_addresses_and_switches_die_with_their_link(world: World) -> None:
    create(world, None, True, "172.27.0.1/16")
    route(world, "10.11.12.0/24")
    world.kernel.run(LinkDelete(refs=(), name="wg0"))
    assert (world.addresses("wg0"), world.routes("wg0")) == ({}, {})
    assert world.sysctl(FORWARDING.format("wg0")) is None


@fact
def routes_need_their_link_up(world: World) -> None:
    assert route(world, "10.11.12.0/24") == ENODEV
    create(world, up=False)
    assert route(world, "10.11.12.0/24") == ENETDOWN
    assert route(world, "fd00:9::/64") == ENETDOWN


@fact
def an_address_makes_the_kernels_own_route(world: World) -> None:
    create(world, None, True, "172.27.0.1/16", "fd00::1/64", "10.0.0.1/32")
    assert world.addresses("wg0") == {"172.27.0.1/16": OURS, "fd00::1/64": OURS, "10.0.0.1/32": OURS}
    assert world.routes("wg0") == {"172.27.0.0/16": 2, "fd00::/64": 2}


@fact
def it_comes_once_the_link_is_up(world: World) -> None:
    create(world, None, False, "172.27.0.1/16", "fd00::1/64")
    assert world.routes("wg0") == {}
    world.kernel.run(LinkUp(refs=(), name="wg0"))
    assert world.routes("wg0") == {"172.27.0.0/16": 2, "fd00::/64": 2}


@fact
def an_address_is_there_once(world: World) -> None:
    create(world, None, True, "172.27.0.1/16", "fd00::1/64")
    assert add(world, "172.27.0.1/16") == EEXIST
    assert add(world, "172.27.0.1/24") is None
    assert add(world, "fd00::1/48") == EEXIST


@fact
def a_gone_address_is_deleted(world: World) -> None:
    create(world)
    delete(world, "172.27.0.1/16")
    assert world.addresses("wg0") == {}


@fact
def deleting_the_only_address_takes_the_routes(world: World) -> None:
    create(world, None, True, "172.27.0.1/16")
    route(world, "10.11.12.0/24")
    delete(world, "172.27.0.1/16")
    assert world.routes("wg0") == {}


@fact
def the_first_address_takes_its_secondaries(world: World) -> None:
    world.write_sysctl(PROMOTE.format("all"), "0")
    create(world, None, True, "172.27.0.1/16", "172.27.0.2/16", "10.0.0.1/24")
    world.write_sysctl(PROMOTE.format("wg0"), "0")
    delete(world, "172.27.0.1/16")
    assert world.addresses("wg0") == {"10.0.0.1/24": OURS}


@fact
def unless_they_are_promoted(world: World) -> None:
    create(world, None, True, "172.27.0.1/16", "172.27.0.2/16")
    world.kernel.run(SysctlSet(refs=(), path=PROMOTE.format("wg0"), value="1"))
    delete(world, "172.27.0.1/16")
    assert world.addresses("wg0") == {"172.27.0.2/16": OURS}
    assert world.routes("wg0") == {"172.27.0.0/16": 2}


@fact
def a_link_that_goes_down_keeps_its_ipv4_addresses_alone(world: World) -> None:
    create(world, None, True, "172.27.0.1/16", "fd00::1/64")
    route(world, "10.11.12.0/24")
    route(world, "fd00:9::/64")
    world.set_link("wg0", up=False)
    assert (world.addresses("wg0"), world.routes("wg0")) == ({"172.27.0.1/16": OURS}, {})
    world.set_link("wg0", up=True)
    assert world.routes("wg0") == {"172.27.0.0/16": 2}


@fact
def an_mtu_below_1280_ends_ipv6(world: World) -> None:
    create(world, None, True, "172.27.0.1/16", "fd00::1/64")
    world.kernel.run(LinkSet(refs=(), name="wg0", mtu=1200))
    assert world.addresses("wg0") == {"172.27.0.1/16": OURS}
    assert add(world, "fd00::1/64") is not None


@fact
def a_route_is_known_by_destination_and_metric(world: World) -> None:
    create(world, None, True, "172.27.0.1/16")
    world.add_device("eth0")
    world.add_route("10.11.12.0/24", "eth0")
    assert route(world, "10.11.12.0/24") == EEXIST
    assert route(world, "172.27.0.0/16") == EEXIST
    assert route(world, "10.11.12.0/24", replace=True) is None
    assert world.routes("wg0")["10.11.12.0/24"] == OURS and world.routes("eth0") == {}


@fact
def the_others_of_a_batch_are_added(world: World) -> None:
    create(world)
    world.add_route("10.2.0.0/16", "wg0")
    routes = tuple(Route(network(f"10.{i}.0.0/16"), "wg0") for i in (1, 2, 3))
    assert world.refuses(RouteSet(refs=(), routes=routes)) == EEXIST
    assert world.routes("wg0") == {"10.1.0.0/16": OURS, "10.2.0.0/16": 3, "10.3.0.0/16": OURS}


@fact
def only_our_own_routes_are_deleted(world: World) -> None:
    create(world)
    world.add_route("10.1.0.0/16", "wg0")
    route(world, "10.2.0.0/16")
    route(world, "fd00:9::/64")
    gone = [Route(network(f"10.{i}.0.0/16"), "wg0") for i in (1, 2, 3)]
    world.kernel.run(RouteDelete(refs=(), routes=(*gone, Route(network("fd00:9::/64"), "wg0", 1024))))
    assert world.routes("wg0") == {"10.1.0.0/16": 3}


@fact
def a_device_keeps_what_is_not_named(world: World) -> None:
    create(world)
    secret = private_key("wg0")
    world.kernel.run(DeviceSet(refs=(), interface="wg0", private_key=secret, listen_port=51820, fwmark=7))
    world.kernel.run(DeviceSet(refs=(), interface="wg0", listen_port=51821))
    device = world.device("wg0")
    assert (device.private_key, device.listen_port, device.fwmark) == (secret, 51821, 7)
    absent = DeviceSet(refs=(), interface="wg9", listen_port=1)
    assert world.refuses(absent) == ENODEV


@fact
def peers_are_made_edited_and_removed(world: World) -> None:
    create(world)
    psk = private_key("psk")
    edit(
        world,
        PeerEdit(
            key("a"),
            preshared_key=psk,
            persistent_keepalive=25,
            endpoint=("198.51.100.15", 51820),
            configured="hub.example:51820",
            add_allowed_ips=networks("172.27.0.2/32", "fd00::2/128"),
        ),
    )
    made = world.peer("wg0", key("a"))
    assert made.allowed_ips == ordered(networks("172.27.0.2/32", "fd00::2/128"))
    assert (made.preshared_key, made.persistent_keepalive) == (psk, 25)
    assert (made.endpoint, made.pushed) == (("198.51.100.15", 51820), "hub.example:51820")
    edit(world, PeerEdit(key("a"), preshared_key=NO_PRESHARED_KEY, persistent_keepalive=0))
    left = world.peer("wg0", key("a"))
    assert (left.preshared_key, left.persistent_keepalive) == (None, 0)
    assert (left.endpoint, left.allowed_ips) == (made.endpoint, made.allowed_ips)
    edit(world, PeerEdit(key("a"), remove=True), PeerEdit(key("a"), remove=True))
    assert world.peers("wg0") == {}


@fact
def an_allowed_ip_moves_to_who_gets_it(world: World) -> None:
    create(world)
    prefixes = networks("172.27.0.2/32", "10.11.12.0/24")
    edit(world, PeerEdit(key("a"), add_allowed_ips=prefixes))
    edit(world, PeerEdit(key("b"), add_allowed_ips=prefixes[1:]))
    assert world.peer("wg0", key("a")).allowed_ips == ordered(prefixes[:1])
    assert world.peer("wg0", key("b")).allowed_ips == ordered(prefixes[1:])


@fact
def what_a_removed_peer_took_is_nobodys(world: World) -> None:
    create(world)
    prefixes = networks("172.27.0.2/32", "10.11.12.0/24")
    edit(world, PeerEdit(key("a"), add_allowed_ips=prefixes))
    edit(world, PeerEdit(key("b"), add_allowed_ips=prefixes[1:]), PeerEdit(key("b"), remove=True))
    assert set(world.peers("wg0")) == {key("a")}
    assert world.peer("wg0", key("a")).allowed_ips == ordered(prefixes[:1])


@fact
def an_edit_of_an_existing_peer_makes_none(world: World) -> None:
    create(world)
    edit(world, PeerEdit(key("a"), only_existing=True, add_allowed_ips=networks("172.27.0.2/32")))
    assert world.peers("wg0") == {}


@fact
def a_transaction_is_whole_or_not_at_all(world: World) -> None:
    chain = f"add chain inet wgd forward-wg0 {{ {FORWARD} }}"
    good = ("add table inet wgd", chain, "add rule inet wgd forward-wg0 accept")
    assert world.refuses(NftTransaction(refs=(), lines=(*good, "delete chain inet wgd other"))) is not None
    assert world.chains() == {}
    world.kernel.run(NftTransaction(refs=(), lines=good))
    assert world.chains() == {"forward-wg0": 1}
    bad = ("delete chain inet wgd forward-wg0", good[2])
    assert world.refuses(NftTransaction(refs=(), lines=bad)) is not None
    assert world.chains() == {"forward-wg0": 1}
    world.kernel.run(NftTransaction(refs=(), lines=("delete table inet wgd",)))
    assert world.chains() == {}


def make_sets(world: World) -> None:
    """A set of addresses, which a rule looks into, and one of intervals."""
    lines = (
        "add table inet wgd",
        "add set inet wgd one { type ipv4_addr; }",
        "add set inet wgd spans { type ipv4_addr; flags interval; }",
        "add chain inet wgd forward-wg0 { " + FORWARD + " }",
        "add rule inet wgd forward-wg0 ip saddr @one accept",
    )
    world.kernel.run(NftTransaction(refs=(), lines=lines))


def elements(*edits: SetEdit) -> NftElements:
    return NftElements(refs=(), edits=edits)


A, B, C, D = (bytes((10, 0, 0, number)) for number in (2, 4, 6, 8))


@fact
def elements_come_and_go_together_or_not_at_all(world: World) -> None:
    make_sets(world)
    world.kernel.run(elements(SetEdit("one", "ipv4_addr", (A, B))))
    world.kernel.run(elements(SetEdit("one", "ipv4_addr", (C,), (A,))))
    assert world.sets() == {"one": {B, C}, "spans": frozenset()}
    missing = SetEdit("one", "ipv4_addr", (D,), (A,))
    assert world.refuses(elements(SetEdit("spans", "ipv4_addr intervals", (A + B,)), missing)) == errno.ENOENT
    assert world.refuses(elements(SetEdit("nowhere", "ipv4_addr", (A,)))) == errno.ENOENT
    assert world.sets() == {"one": {B, C}, "spans": frozenset()}


@fact
def an_element_that_is_there_may_come_again(world: World) -> None:
    make_sets(world)
    for _ in range(2):
        world.kernel.run(elements(SetEdit("one", "ipv4_addr", (A,))))
    assert world.sets()["one"] == {A}


@fact
def an_interval_may_take_the_place_of_another_but_none_may_overlap(world: World) -> None:
    make_sets(world)
    world.kernel.run(elements(SetEdit("spans", "ipv4_addr intervals", (A + D,))))
    world.kernel.run(elements(SetEdit("spans", "ipv4_addr intervals", (A + A, B + C), (A + D,))))
    assert world.sets()["spans"] == {A + A, B + C}
    assert world.refuses(elements(SetEdit("spans", "ipv4_addr intervals", (C + D,)))) == errno.EEXIST
    assert world.sets()["spans"] == {A + A, B + C}


@fact
def a_set_stays_while_a_rule_looks_into_it(world: World) -> None:
    make_sets(world)
    delete = "delete set inet wgd one"
    assert world.refuses(NftTransaction(refs=(), lines=(delete,))) is not None
    assert set(world.sets()) == {"one", "spans"}
    world.kernel.run(NftTransaction(refs=(), lines=("flush chain inet wgd forward-wg0", delete)))
    assert set(world.sets()) == {"spans"}
    look = "add rule inet wgd forward-wg0 ip saddr @one accept"
    assert world.refuses(NftTransaction(refs=(), lines=(look,))) is not None


@fact
def a_routing_rule_is_added_once_and_deleted_as_often_as_you_like(world: World) -> None:
    """Also for a device that is not there."""
    for version in (4, 6):
        rule = Policy(version, "wg0", OWN)
        world.kernel.run(PolicyAdd(refs=(), policy=rule))
        assert world.refuses(PolicyAdd(refs=(), policy=rule)) == EEXIST
    other = Policy(4, "eth0", OPENED)
    world.kernel.run(PolicyAdd(refs=(), policy=other))
    assert world.everything()["policy"] == {other, Policy(4, "wg0", OWN), Policy(6, "wg0", OWN)}
    for version in (4, 6, 4):
        world.kernel.run(PolicyDelete(refs=(), policy=Policy(version, "wg0", OWN)))
    assert world.everything()["policy"] == {other}


@fact
def a_rule_of_iptables_is_inserted_once_and_deleted_as_often_as_you_like(world: World) -> None:
    """And reads as it was written, whatever it matches."""
    world.start_docker()
    there = {ForeignChain(4, "DOCKER-USER"), ForeignChain(4, "FORWARD")}
    state = ("-m", "conntrack", "--ctstate", "ESTABLISHED")
    written = (
        ("-i", "wg0", "-o", "wg0"),
        ("-s", "10.11.12.0/24", "-d", "172.27.0.2/32", "-i", "eth0", "-o", "wg0", "-p", "icmp", *state),
        ("-i", "wg0", "-o", "eth0", "-p", "udp", "-m", "udp", "--dport", "5000:5010"),
        ("-i", "eth0", "-o", "wg0", "-p", "tcp", "-m", "tcp", "--sport", "80", *state),
    )
    rules = {Passage(4, "DOCKER-USER", "wg0", words) for words in written}
    for rule in (*rules, *rules):
        world.kernel.run(PassageInsert(refs=(), passage=rule))
    assert world.everything()["passage"] == {*there, *rules}
    for rule in (*rules, *rules):
        world.kernel.run(PassageDelete(refs=(), passage=rule))
    assert world.everything()["passage"] == there
    missing = Passage(4, "FORWARD", "wg0", ("-i", "wg0"))
    world.kernel.run(PassageDelete(refs=(), passage=missing))
    assert world.everything()["passage"] == there


@fact
def a_raised_switch_is_noted_and_given_back(world: World) -> None:
    world.add_device("eth0")
    path = FORWARDING.format("eth0")
    world.kernel.run(SysctlSet(refs=(), path=path, value="1"))
    assert (world.sysctl(path), world.noted(path)) == ("1", "0")
    world.write_sysctl(path, "0")
    world.kernel.run(SysctlSet(refs=(), path=path, value="1"))
    assert world.noted(path) == "0"
    world.kernel.run(SysctlRestore(refs=(), path=path, value="0"))
    assert (world.sysctl(path), world.noted(path)) == ("0", None)


@fact
def a_switch_that_is_not_there(world: World) -> None:
    path = FORWARDING.format("eth9")
    assert world.refuses(SysctlSet(refs=(), path=path, value="1")) == ENOENT
    assert world.refuses(SysctlRestore(refs=(), path=path, value="0")) is None
