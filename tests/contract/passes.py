"""Whole passes: edits and mischief on the three hosts, and what the machine looks like afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.configs import (
    HUB,
    SEED,
    SPOKE_1,
    SPOKE_2,
    WEBCAMS,
    address,
    config,
    interface,
    key,
    networks,
    peer,
    private_key,
    side,
)
from tests.contract.world import Scenario, World
from wgd.config.document import Config, Endpoint, Forward, Opens
from wgd.kinds.device import DeviceSet
from wgd.kinds.nftables import NftElements
from wgd.kinds.passage import ForeignChain
from wgd.kinds.peer import PeerEdit, PeersSet
from wgd.kinds.policy import OPENED, OWN
from wgd.model import OURS, Ref, Verb
from wgd.nftset import SetEdit
from wgd.prefixes import ordered

PASSES: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    PASSES.append(function)
    return function


def hub(**more: Any) -> Config:
    return config(replace(HUB, **more))


def home(world: World) -> None:
    """What spoke-2 has besides WireGuard."""
    world.add_device("wlp0s0f0", "10.11.12.1/8")


def starts_and_goes(world: World, wanted: Config) -> None:
    before = world.everything()
    world.reach(wanted)
    assert world.plan(wanted).in_sync
    world.reach(Config())
    assert world.everything() == before


@scenario
def the_hub_comes_and_goes(world: World) -> None:
    starts_and_goes(world, SEED["hub-1"])


@scenario
def spoke_1_comes_and_goes(world: World) -> None:
    starts_and_goes(world, SEED["spoke-1"])


@scenario
def spoke_2_comes_and_goes(world: World) -> None:
    home(world)
    starts_and_goes(world, SEED["spoke-2"])


@scenario
def the_hub_has_everything(world: World) -> None:
    world.reach(SEED["hub-1"])
    assert world.device("wg0").listen_port == 51820 and len(world.peers("wg0")) == 2
    assert world.addresses("wg0") == {"172.27.0.1/16": OURS}
    assert world.routes("wg0") == {"172.27.0.0/16": 2, WEBCAMS: OURS}
    assert world.chains() == {"forward-wg0": 5}
    assert world.sysctl("net/ipv4/conf/wg0/forwarding") == "1"


@scenario
def spoke_2_is_fenced(world: World) -> None:
    home(world)
    world.reach(SEED["spoke-2"])
    assert world.chains() == {"forward-wg0": 5, "masquerade-wg0": 1, "clamp-wg0": 2, "fence": 2}
    forwarding = "net/ipv4/conf/wlp0s0f0/forwarding"
    assert (world.sysctl(forwarding), world.noted(forwarding)) == ("1", "0")


@scenario
def peers_come_change_and_go(world: World) -> None:
    world.reach(hub(peers=HUB.peers[:1]))
    world.reach(hub())
    psk, phone = private_key("psk"), peer("phone", "172.27.0.4/32", "fd00::4/128")
    world.reach(hub(peers=(*HUB.peers, replace(phone, preshared_key=psk, persistent_keepalive=25))))
    made = world.peer("wg0", phone.public_key)
    assert (made.preshared_key, made.persistent_keepalive) == (psk, 25)
    world.reach(hub(peers=(*HUB.peers, phone)))
    assert world.peer("wg0", phone.public_key).preshared_key is None
    world.reach(hub(peers=HUB.peers[1:]))
    assert set(world.peers("wg0")) == {key("spoke-2")}


@scenario
def a_prefix_moves_and_goes(world: World) -> None:
    one, two = HUB.peers
    world.reach(hub())
    moved = replace(one, allowed_ips=networks("172.27.0.2/32", WEBCAMS))
    bare = replace(two, allowed_ips=networks("172.27.0.3/32"))
    world.reach(hub(peers=(moved, bare)))
    assert world.peer("wg0", key("spoke-1")).allowed_ips == ordered(moved.allowed_ips)
    assert world.routes("wg0")[WEBCAMS] == OURS
    world.reach(hub(peers=(one, bare), forwards=()))
    assert world.routes("wg0") == {"172.27.0.0/16": 2}
    assert set(world.peers("wg0")) == {key("spoke-1"), key("spoke-2")}


@scenario
def prefixes_change_places(world: World) -> None:
    one, two = HUB.peers
    world.reach(hub())
    swapped = (replace(one, allowed_ips=two.allowed_ips), replace(two, allowed_ips=one.allowed_ips))
    world.reach(hub(peers=swapped))


@scenario
def the_interface_changes_live(world: World) -> None:
    world.reach(hub())
    link = world.link("wg0")
    world.reach(hub(listen_port=51821, mtu=1380, fwmark=7, private_key=private_key("new")))
    now = world.link("wg0")
    assert link is not None and now is not None
    assert (now.index, now.mtu) == (link.index, 1380)
    assert (world.device("wg0").listen_port, world.device("wg0").fwmark) == (51821, 7)


@scenario
def addresses_change_live(world: World) -> None:
    world.reach(hub(addresses=(address("172.27.0.1/16"), address("172.27.0.5/16"), address("fd00::1/64"))))
    world.reach(hub(addresses=(address("172.27.0.5/16"), address("fd00::1/48"))))
    assert world.addresses("wg0") == {"172.27.0.5/16": OURS, "fd00::1/48": OURS}
    world.reach(hub(addresses=(address("172.28.0.1/24"),)))
    expected = {"172.28.0.0/24": 2, WEBCAMS: OURS, "172.27.0.2/32": OURS, "172.27.0.3/32": OURS}
    assert world.routes("wg0") == expected


@scenario
def an_endpoint_is_pushed_when_its_text_changes(world: World) -> None:
    world.reach(config(SPOKE_1))
    assert world.peer("wg0", key("hub-1")).endpoint == ("198.51.100.15", 51820)
    roamed = PeerEdit(key("hub-1"), endpoint=("203.0.113.77", 1234))
    world.kernel.run(PeersSet(refs=(), interface="wg0", edits=(roamed,)))
    assert world.plan(config(SPOKE_1)).in_sync


@scenario
def a_new_text_for_where_a_peer_is_is_only_noted(world: World) -> None:
    world.reach(config(SPOKE_1))
    there, next_one = ("203.0.113.77", 1234), ("203.0.113.78", 1234)
    wanted = config(replace(SPOKE_1, peers=(replace(SPOKE_1.peers[0], endpoint=Endpoint(*there)),)))
    for roamed in (there, next_one):
        edit = PeerEdit(key("hub-1"), endpoint=roamed)
        world.kernel.run(PeersSet(refs=(), interface="wg0", edits=(edit,)))
        world.reach(wanted)
    assert world.peer("wg0", key("hub-1")).endpoint == next_one


@scenario
def drift_is_repaired(world: World) -> None:
    world.reach(hub())
    world.delete_route(WEBCAMS)
    world.kernel.run(DeviceSet(refs=(), interface="wg0", listen_port=40000))
    world.write_sysctl("net/ipv4/conf/wg0/forwarding", "0")
    stranger = PeerEdit(key("stranger"), add_allowed_ips=networks("172.27.0.2/32"))
    gone = PeerEdit(key("spoke-2"), remove=True)
    world.kernel.run(PeersSet(refs=(), interface="wg0", edits=(stranger, gone)))
    world.delete_address("wg0", "172.27.0.1/16")
    world.reach(hub())
    assert set(world.peers("wg0")) == {key("spoke-1"), key("spoke-2")}
    assert world.device("wg0").listen_port == 51820


@scenario
def a_link_that_went_down_comes_up(world: World) -> None:
    both = hub(addresses=(address("172.27.0.1/16"), address("fd00::1/64")))
    world.reach(both)
    world.set_link("wg0", up=False)
    world.reach(both)
    assert world.routes("wg0") == {"172.27.0.0/16": 2, "fd00::/64": 2, WEBCAMS: OURS}


@scenario
def a_link_that_was_deleted_comes_back(world: World) -> None:
    world.reach(hub())
    world.delete_link("wg0")
    world.reach(hub())
    assert len(world.peers("wg0")) == 2


@scenario
def an_mtu_that_somebody_changed(world: World) -> None:
    wanted = hub(mtu=1380, addresses=(address("fd00::1/64"),), forwards=())
    world.reach(wanted)
    world.set_mtu("wg0", 1200)
    world.reach(wanted)
    assert world.addresses("wg0") == {"fd00::1/64": OURS}


@scenario
def rules_come_back(world: World) -> None:
    home(world)
    world.reach(SEED["spoke-2"])
    world.flush_rules()
    world.reach(SEED["spoke-2"])
    world.insert_rule("forward-wg0", "accept")
    world.insert_rule("theirs", "drop")
    world.reach(SEED["spoke-2"])
    assert world.chains() == {"forward-wg0": 5, "masquerade-wg0": 1, "clamp-wg0": 2, "fence": 2}


@scenario
def what_closes_without_rules_comes_and_goes(world: World) -> None:
    """With a device that leads into the tunnel only because of wgd."""
    home(world)
    closed = config(replace(SPOKE_2, fail_closed=True))
    starts_and_goes(world, closed)
    world.reach(closed)
    shown = {(one.version, one.device, one.priority) for one in world.everything()["policy"]}
    assert shown == {(4, "wg0", OWN), (6, "wg0", OWN), (4, "wlp0s0f0", OPENED)}
    assert {"gate": 1, "gate-wg0": 1}.items() <= world.chains().items()
    world.delete_policies(OWN)
    world.flush_rules()
    world.reach(closed)
    assert len(world.everything()["policy"]) == 3
    world.reach(SEED["spoke-2"])
    assert world.everything()["policy"] == set() and "gate" not in world.chains()


@scenario
def what_another_firewall_lets_pass_comes_and_goes(world: World) -> None:
    """As soon as its chain is there, and again whenever it was emptied."""
    home(world)
    opened = config(replace(SPOKE_2, foreign=Opens.DOCKER_USER))
    world.reach(opened)
    assert world.everything()["passage"] == set()
    world.start_docker()
    world.reach(opened)
    there = world.everything()["passage"]
    assert len(there) == 6
    world.start_docker()
    world.reach(opened)
    assert world.everything()["passage"] == there
    world.reach(SEED["spoke-2"])
    assert world.everything()["passage"] == {ForeignChain(4, "DOCKER-USER"), ForeignChain(4, "FORWARD")}


def crowd(count: int) -> Config:
    """A hub whose peers each may reach the cameras, and each a camera of its own."""
    peers = [peer(f"p{number}", f"172.27.1.{number}/32") for number in range(count)]
    targets = [(p.name, camera) for n, p in enumerate(peers) for camera in (WEBCAMS, f"10.11.12.{n}/32")]
    rules = [Forward(side(name, peers=(name,)), side(target)) for name, target in targets]
    return hub(peers=(*HUB.peers, *peers), forwards=(*HUB.forwards, *rules))


@scenario
def many_rules_share_sets(world: World) -> None:
    """More than a few, one more, one less, few again; and what a stranger does to them."""
    world.reach(hub())
    for count in (20, 21, 19):
        world.reach(crowd(count))
        assert world.chains() == {"forward-wg0": 7}
        assert [len(elements) for elements in world.sets().values()] == [count, count]
    done = world.everything()
    for name, elements in world.sets().items():
        (some,) = (one for one in world.everything()["nftables"] if one.name == name)
        theirs = bytes((203, 0, 113, 9)) * 2
        edit = SetEdit(name, some.type, (theirs[: len(min(elements))],), (min(elements),))
        world.kernel.run(NftElements(refs=(), edits=(edit,)))
    assert [change.ref.kind for change in world.plan(crowd(19)).changes] == ["nftables"] * 2
    world.reach(crowd(19))
    assert world.everything() == done
    world.flush_rules()
    world.reach(crowd(19))
    assert world.everything() == done
    world.reach(crowd(3))
    assert world.sets() == {} and world.chains() == {"forward-wg0": 11}
    world.reach(Config())


@scenario
def a_link_that_is_not_ours_blocks_all(world: World) -> None:
    home(world)
    world.add_wireguard("wg0")
    before = world.everything()
    report = world.apply(SEED["spoke-2"])
    assert report.outcomes == () and world.everything() == before
    assert [conflict.ref for conflict in report.residue.conflicts] == [Ref("link", "wg0")]


@scenario
def a_device_of_that_name_is_no_wireguard(world: World) -> None:
    world.add_device("wg0")
    before = world.everything()
    assert not world.apply(hub(adopt=True)).converged
    assert world.everything() == before


@scenario
def adoption_keeps_what_is_right(world: World) -> None:
    world.add_wireguard("wg0")
    world.kernel.run(DeviceSet(refs=(), interface="wg0", private_key=HUB.private_key, listen_port=51820))
    right = PeerEdit(key("spoke-1"), add_allowed_ips=networks("172.27.0.2/32"))
    wrong = PeerEdit(key("stranger"), add_allowed_ips=networks("172.27.0.9/32"))
    world.kernel.run(PeersSet(refs=(), interface="wg0", edits=(right, wrong)))
    world.add_address("wg0", "172.27.0.1/16")
    world.set_link("wg0", up=True)
    world.add_route(WEBCAMS, "wg0")
    wanted = hub(adopt=True)
    changes = {(change.ref.kind, change.verb) for change in world.plan(wanted).changes}
    assert ("device", Verb.UPDATE) not in changes and ("peer", Verb.DELETE) in changes
    world.reach(wanted)
    assert world.routes("wg0")[WEBCAMS] == OURS
    assert set(world.peers("wg0")) == {key("spoke-1"), key("spoke-2")}


@scenario
def a_route_that_is_not_ours_stays(world: World) -> None:
    world.add_device("eth0")
    world.add_route(WEBCAMS, "eth0")
    report = world.apply(hub())
    assert [conflict.ref.kind for conflict in report.residue.conflicts] == ["route"]
    assert world.routes("eth0") == {WEBCAMS: 3} and len(world.peers("wg0")) == 2
    world.delete_route(WEBCAMS)
    world.reach(hub())


@scenario
def what_others_put_on_our_link_stays(world: World) -> None:
    world.reach(hub())
    world.add_address("wg0", "192.168.77.1/24")
    world.add_route("192.168.78.0/24", "wg0")
    report = world.reach(hub(peers=HUB.peers[:1], forwards=()))
    assert {foreign.ref.kind for foreign in report.residue.foreign} == {"address", "route"}
    assert world.addresses("wg0")["192.168.77.1/24"] == 0 and world.routes("wg0")["192.168.78.0/24"] == 3


@scenario
def a_disabled_interface_goes(world: World) -> None:
    world.reach(hub())
    world.reach(hub(enabled=False))
    assert world.link("wg0") is None and world.chains() == {}


@scenario
def a_held_interface_is_not_touched(world: World) -> None:
    home(world)
    world.reach(config(SPOKE_2, interface("wg1", "172.28.0.1/16")))
    world.reach(Config(held=frozenset({"wg0"})))
    assert world.link("wg1") is None
    assert world.chains() == {"forward-wg0": 5, "masquerade-wg0": 1, "clamp-wg0": 2, "fence": 2}
    assert len(world.peers("wg0")) == 1


@scenario
def two_interfaces_know_each_other(world: World) -> None:
    rule = Forward(side("any"), side("any"))
    other = interface("wg1", "172.28.0.1/16", peers=(peer("two", "172.28.0.2/32"),), forwards=(rule,))
    starts_and_goes(world, config(replace(HUB, forwards=(rule,)), other))


V6 = interface(
    "wg0",
    "fd00:27::1/64",
    peers=(peer("one", "fd00:27::2/128"), peer("two", "fd00:27::3/128", "fd00:9::/64")),
    forwards=(
        Forward(side("one", peers=("one",)), side("fd00:9::/64")),
        Forward(side("fd00:5::/64"), side("two", peers=("two",))),
    ),
)


@scenario
def ipv6_forwards_and_stops(world: World) -> None:
    world.add_device("eth0", "fd00:5::1/64")
    starts_and_goes(world, config(V6))


@scenario
def ipv6_routes_have_our_mark(world: World) -> None:
    world.reach(config(V6))
    assert world.routes("wg0") == {"fd00:27::/64": 2, "fd00:9::/64": OURS}


@scenario
def many_routes_at_once(world: World) -> None:
    prefixes = [f"10.{i // 256}.{i % 256}.0/24" for i in range(1500)]
    world.reach(config(interface("wg0", "172.27.0.1/16", peers=(peer("one", *prefixes),))))
    assert len(world.routes("wg0")) == 1501
    world.reach(config(interface("wg0", "172.27.0.1/16", peers=(peer("one", *prefixes[::2]),))))
    assert len(world.routes("wg0")) == 751
