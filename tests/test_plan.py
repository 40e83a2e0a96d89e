"""The one diff: what is ours changes, what is not is a conflict, foreign, or none of our business."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import (
    HUB,
    NOW,
    SEED,
    SPOKE_2,
    address,
    config,
    interface,
    key,
    machine,
    network,
    peer,
    resolved,
    run,
)
from tests.fake import FakeKernel
from wgd.config.document import Config
from wgd.kinds.link import KERNEL
from wgd.kinds.peer import PeerEdit
from wgd.model import Plan, Ref, Verb
from wgd.plan import make_plan
from wgd.reconcile import observe


def plan(kernel: FakeKernel, wanted: Config) -> Plan:
    return make_plan(wanted, observe(kernel, resolved(wanted), NOW))


def converged(wanted: Config) -> FakeKernel:
    kernel = machine()
    assert run(kernel, wanted).converged
    return kernel


@pytest.mark.parametrize("host", SEED)
def test_the_second_plan_is_empty(host: str) -> None:
    again = plan(converged(SEED[host]), SEED[host])
    assert (again.changes, again.ops, again.conflicts, again.foreign, again.blocked) == ((), (), (), (), ())


@pytest.mark.parametrize("host", SEED)
def test_creation_goes_up_the_stages_and_deletion_down(host: str) -> None:
    up = [op.stage for op in plan(machine(), SEED[host]).ops]
    down = [op.stage for op in plan(converged(SEED[host]), Config()).ops if op.deletes]
    assert up == sorted(up) and down == sorted(down, reverse=True)


def test_make_before_break() -> None:
    wanted = config(replace(SPOKE_2, addresses=(address("172.27.0.9/16"),)))
    deletes = [op.deletes for op in plan(converged(SEED["spoke-2"]), wanted).ops]
    assert deletes == sorted(deletes) and any(deletes)


class TestALinkThatIsNotOurs:
    """`wg0` was made by somebody else: nothing is done on it or for it; other interfaces go on."""

    def kernel(self, kind: str = KERNEL) -> FakeKernel:
        kernel = machine()
        kernel.add_link("wg0", kind, up=True)
        return kernel

    @pytest.mark.parametrize("host", SEED)
    @pytest.mark.parametrize("kind", [KERNEL, "dummy"])
    def test_nothing_runs(self, host: str, kind: str) -> None:
        found = plan(self.kernel(kind), SEED[host])
        assert found.ops == () and found.changes == ()
        assert [conflict.ref for conflict in found.conflicts] == [Ref("link", "wg0")]

    def test_it_is_said_what_waits(self) -> None:
        found = plan(self.kernel(), SEED["spoke-2"])
        assert {
            Ref("nftables", "forward-wg0"),
            Ref("nftables", "masquerade-wg0"),
            Ref("peer", ("wg0", key("hub-1"))),
            Ref("sysctl", "net/ipv4/conf/wlp0s0f0/forwarding"),
        } <= set(found.blocked)
        assert not found.in_sync

    def test_the_others_go_on(self) -> None:
        other = interface("wg1", "172.28.0.1/16", peers=(peer("phone", "172.28.0.2/32"),))
        found = plan(self.kernel(), config(SPOKE_2, other))
        assert {change.interface for change in found.changes if change.ref.kind != "sysctl"} == {"wg1"}

    def test_our_group_alone_makes_no_wireguard_link(self) -> None:
        kernel = machine()
        kernel.add_link("wg0", "dummy", 1420, 119, up=True)
        assert [conflict.ref for conflict in plan(kernel, SEED["hub-1"]).conflicts] == [Ref("link", "wg0")]


class TestAdoption:
    def kernel(self) -> FakeKernel:
        kernel = machine()
        kernel.add_link("wg0", KERNEL, 1420)
        kernel.edit_peer("wg0", PeerEdit(key("stranger"), add_allowed_ips=(network("172.27.0.99/32"),)))
        kernel.add_address("wg0", address("172.27.0.1/16"))
        kernel.set_link_state("wg0", up=True)
        kernel.add_route(network("10.11.12.0/24"), "wg0")
        return kernel

    def test_the_link_becomes_ours(self) -> None:
        kernel, wanted = self.kernel(), config(replace(HUB, adopt=True))
        report = run(kernel, wanted)
        assert report.converged
        assert not any(
            change.verb is Verb.CREATE and change.ref.kind == "link" for change in report.plan.changes
        )

    def test_the_plan_says_at_once_which_peers_go(self) -> None:
        found = plan(self.kernel(), config(replace(HUB, adopt=True)))
        assert [change.ref for change in found.changes if change.verb is Verb.DELETE] == [
            Ref("peer", ("wg0", key("stranger")))
        ]

    def test_an_address_without_our_mark_stays(self) -> None:
        kernel = self.kernel()
        kernel.add_address("wg0", address("192.168.77.1/24"))
        assert run(kernel, config(replace(HUB, adopt=True))).converged
        assert "192.168.77.1/24" in kernel.as_text()


class TestHeldInterfaces:
    """A file that cannot be used deletes nothing."""

    @pytest.mark.parametrize("host", SEED)
    def test_nothing_of_theirs_is_touched(self, host: str) -> None:
        kernel = converged(SEED[host])
        before = kernel.as_text()
        report = run(kernel, Config(held=frozenset({"wg0"})))
        assert report.converged and kernel.as_text() == before

    def test_the_others_go_on(self) -> None:
        kernel = converged(config(SPOKE_2, interface("wg1", "172.28.0.1/16")))
        assert run(kernel, Config(held=frozenset({"wg0"}))).converged
        assert not kernel.has_link("wg1")


def test_a_foreign_route_in_the_way_is_a_conflict_of_its_own() -> None:
    kernel = machine()
    kernel.add_route(network("10.11.12.0/24"), "wlp0s0f0")
    report = run(kernel, SEED["hub-1"])
    assert [conflict.ref for conflict in report.residue.conflicts] == [
        Ref("route", (network("10.11.12.0/24"), 0))
    ]
    assert report.residue.changes == () and not report.converged


def test_foreign_things_on_our_ground_are_shown_and_left() -> None:
    kernel = converged(SEED["hub-1"])
    kernel.add_address("wg0", address("192.168.77.1/24"))
    kernel.add_route(network("192.168.78.0/24"), "wg0")
    before = kernel.as_text()
    report = run(kernel, SEED["hub-1"])
    assert report.converged and kernel.as_text() == before
    assert {foreign.ref.kind for foreign in report.residue.foreign} == {"address", "route"}


def test_what_goes_with_its_link_needs_no_op() -> None:
    kernel = converged(SEED["hub-1"])
    found = plan(kernel, Config())
    assert [type(op).__name__ for op in found.ops] == ["LinkDelete", "NftTransaction"]
    assert Ref("peer", ("wg0", key("spoke-1"))) in {change.ref for change in found.changes}


def test_a_disabled_interface_goes() -> None:
    kernel = converged(SEED["hub-1"])
    assert run(kernel, config(replace(HUB, enabled=False))).converged
    assert not kernel.has_link("wg0")
