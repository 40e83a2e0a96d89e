"""The plan of an edit: what the whole plan would say of it, before anything is read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, HUB_ENDPOINT, NOW, config, machine, network, peer, resolved, run, side
from tests.strategies import configs, interfaces
from wgd.config.document import Config, Forward, Interface
from wgd.edit import edit_plan
from wgd.model import Plan
from wgd.plan import make_plan
from wgd.reconcile import observe, reconcile, run_ahead

SPOKE_1, SPOKE_2 = HUB.peers


def planned(before: Interface, **changed: Any) -> Plan | None:
    kernel = machine()
    assert run(kernel, config(before)).converged
    return edit_plan(config(before), config(replace(before, **changed)), observe(kernel, {}, NOW))


def commands(plan: Plan | None) -> list[str]:
    return [] if plan is None else [command for op in plan.ops for command in op.commands()]


def test_a_new_peer_is_one_edit_and_its_route() -> None:
    found = commands(planned(HUB, peers=(*HUB.peers, peer("tablet", "172.28.0.4/32"))))
    assert [words.split()[0:3] for words in found] == [["wg", "set", "wg0"], ["ip", "route", "add"]]


def test_a_peer_that_goes_takes_its_routes() -> None:
    edit, route = sorted(commands(planned(HUB, peers=(SPOKE_1,))), reverse=True)
    assert edit.endswith(" remove") and "delete 10.11.12.0/24" in route


def test_where_a_prefix_moves_to_another_peer_the_whole_plan_decides() -> None:
    """Until its rules are there, the rules of the one that had the prefix would be the other's."""
    moved = (replace(SPOKE_1, allowed_ips=SPOKE_2.allowed_ips), replace(SPOKE_2, allowed_ips=()))
    assert planned(HUB, peers=moved) is None


def test_where_a_rule_goes_that_says_something_of_a_new_peer_the_whole_plan_decides() -> None:
    rule = Forward(side("172.28.0.0/24"), side("10.11.12.0/24"))
    before = replace(HUB, forwards=(*HUB.forwards, rule))
    comes = (*HUB.peers, peer("tablet", "172.28.0.4/32"))
    assert planned(before, peers=comes) is not None
    assert planned(before, peers=comes, forwards=HUB.forwards) is None


def test_a_peer_that_is_called_is_left_to_the_whole_plan() -> None:
    called = peer("office", "172.28.0.4/32", endpoint=HUB_ENDPOINT, persistent_keepalive=25)
    assert planned(HUB, peers=(*HUB.peers, called)) is None


def test_a_setting_of_the_interface_is_left_to_the_whole_plan() -> None:
    assert planned(HUB, peers=(SPOKE_1,), listen_port=51821) is None


def test_a_route_that_is_somebody_elses_is_left_to_the_whole_plan() -> None:
    kernel = machine()
    assert run(kernel, config(HUB)).converged
    kernel.add_route(network("192.168.7.0/24"), "eth0")
    more = replace(HUB, peers=(*HUB.peers, peer("office", "192.168.7.0/24")))
    assert edit_plan(config(HUB), config(more), observe(kernel, {}, NOW)) is None


def test_while_the_link_is_down_the_whole_plan_decides() -> None:
    kernel = machine()
    assert run(kernel, config(HUB)).converged
    kernel.set_link_state("wg0", up=False)
    assert edit_plan(config(HUB), config(replace(HUB, peers=(SPOKE_1,))), observe(kernel, {}, NOW)) is None


def many(count: int) -> Interface:
    """So many peers with a rule each that they share a set."""
    peers = tuple(peer(f"p{n}", f"172.27.1.{2 * n}/32", f"192.168.{n}.0/24") for n in range(count))
    rules = tuple(Forward(side(p.name, peers=(p.name,)), side("10.11.12.0/24")) for p in peers)
    return replace(HUB, peers=peers, forwards=rules)


def test_a_place_in_a_set_is_had_before_the_peer_and_lost_before_it() -> None:
    more, fewer = many(21), many(20)
    fewer = replace(fewer, peers=more.peers[:20], forwards=more.forwards[:20])
    comes = commands(planned(fewer, peers=more.peers, forwards=more.forwards))
    goes = commands(planned(more, peers=fewer.peers, forwards=fewer.forwards))
    assert [words.split()[0:3] for words in comes] == [
        ["nft", "'add", "element"],
        ["wg", "set", "wg0"],
        ["ip", "route", "add"],
    ]
    assert goes[0].startswith("nft 'delete element") and goes[0].endswith("{ 172.27.1.40 }'")


def test_an_edit_of_rules_alone_is_elements_if_that_is_all() -> None:
    more = many(21)
    assert len(commands(planned(more, forwards=more.forwards[1:]))) == 1
    assert planned(more, forwards=more.forwards[13:]) is None


def test_an_edit_of_nothing_has_no_plan() -> None:
    assert planned(HUB) is None


@st.composite
def few(draw: st.DrawFn) -> tuple[Config, Config]:
    """Some peers and rules of one interface edited, on a hub: nobody is called. Other copies may have been
    accepted meanwhile."""
    before = uncalled(draw(configs().filter(lambda one: any(i.enabled for i in one.interfaces.values()))))
    name = draw(st.sampled_from(sorted(i.name for i in before.enabled())))
    other = uncalled(config(draw(interfaces(int(name[-1]))))).interfaces[name]
    was = before.interfaces[name]
    peers = {peer.name: peer for peer in was.peers}
    some = draw(st.lists(st.sampled_from(other.peers), unique=True)) if other.peers else []
    taken = {prefix for peer in some for prefix in peer.allowed_ips}
    kept = [p for p in peers.values() if p.name not in {one.name for one in some} and draw(st.booleans())]
    stay = [p for p in kept if not taken & {*p.allowed_ips}]
    forwards = (*was.forwards, *other.forwards) if was.forwards and draw(st.booleans()) else was.forwards
    edited = replace(was, peers=(*stay, *some), forwards=forwards)
    now = replace(before, interfaces={**before.interfaces, name: edited})
    explained = st.none() | st.frozensets(st.sampled_from(["wg0", "wg1", "wg2"]))
    return replace(before, explained=draw(explained)), replace(now, explained=draw(explained))


def uncalled(one: Config) -> Config:
    return replace(
        one,
        interfaces={
            name: replace(i, peers=tuple(replace(p, endpoint=None) for p in i.peers))
            for name, i in one.interfaces.items()
        },
    )


@given(few(), st.booleans())
def test_it_says_nothing_that_the_whole_plan_would_not(edit: tuple[Config, Config], force: bool) -> None:
    before, now = edit
    kernel = machine(force_forwarding=force)
    assert run(kernel, before).converged
    seen = observe(kernel, resolved(now), NOW)
    found = edit_plan(before, now, seen)
    if found is not None:
        whole = {change.ref: change for change in make_plan(now, seen).changes}
        assert all(whole[change.ref] == change for change in found.changes)


@given(few(), st.booleans())
def test_run_ahead_it_leads_to_the_same_end(edit: tuple[Config, Config], force: bool) -> None:
    before, now = edit
    one, other = machine(force_forwarding=force), machine(force_forwarding=force)
    for kernel in (one, other):
        assert run(kernel, before).converged
    ahead = edit_plan(before, now, observe(one, resolved(now), NOW))
    ran = run_ahead(one, ahead) if ahead else None
    report = reconcile(one, now, resolved(now), NOW, ahead=ran)
    assert all(outcome.ok for outcome in report.outcomes), report.outcomes
    assert report.converged, report.residue
    run(other, now)
    assert one.as_text() == other.as_text()


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_a_peer_that_stays_is_in_no_edit(before: list[int], now: list[int]) -> None:
    every = [peer(str(number), f"172.28.0.{number}/32") for number in range(10)]
    old = replace(HUB, peers=tuple(every[n] for n in before), forwards=())
    found = planned(old, peers=tuple(every[n] for n in now))
    edited = {change.ref.key for change in found.changes if change.ref.kind == "peer"} if found else set()
    assert edited == {("wg0", every[n].public_key) for n in {*before} ^ {*now}}
