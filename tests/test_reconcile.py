"""One pass: what fails skips what depends on it and nothing else, and the next pass closes the rest."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from tests.configs import HUB, NOW, SEED, address, config, machine, network, peer, private_key, resolved, run
from tests.fake import Crash, FakeKernel
from wgd.config.document import Config
from wgd.errors import KernelError
from wgd.kinds.address import AddressAdd
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import KERNEL, LinkCreate, LinkSet, LinkUp
from wgd.kinds.nftables import NftTransaction
from wgd.kinds.peer import PeersSet
from wgd.kinds.route import RouteSet
from wgd.model import Op, Report
from wgd.reconcile import failures, reconcile


def skipped(report: Report) -> set[str]:
    return {type(outcome.op).__name__ for outcome in report.outcomes if outcome.skipped}


SKIPS: tuple[tuple[type[Op], set[str]], ...] = (
    (LinkCreate, {"DeviceSet", "PeersSet", "AddressAdd", "SysctlSet", "LinkUp", "RouteSet"}),
    (DeviceSet, {"PeersSet"}),
    (PeersSet, set()),
    (AddressAdd, set()),
    (LinkUp, {"RouteSet"}),
    (RouteSet, set()),
    (NftTransaction, {"SysctlSet", "LinkUp", "RouteSet"}),
)


@pytest.mark.parametrize(("failing", "expected"), SKIPS, ids=[op.__name__ for op, _ in SKIPS])
def test_a_failure_skips_what_depends_on_it(failing: type[Op], expected: set[str]) -> None:
    kernel = machine()
    kernel.fail_next(failing, errno.EINVAL)
    report = run(kernel, SEED["hub-1"])
    assert not report.converged
    assert skipped(report) == expected
    assert run(kernel, SEED["hub-1"]).converged


@pytest.mark.parametrize("host", ["hub-1", "spoke-2"])
def test_no_forwarding_is_opened_without_its_rules(host: str) -> None:
    """Fail closed."""
    kernel = machine()
    kernel.fail_next(NftTransaction, errno.EPERM)
    run(kernel, SEED[host])
    assert "forwarding = 1" not in kernel.as_text()


def test_no_forwarding_is_opened_while_a_repair_of_its_rules_fails() -> None:
    kernel = machine()
    run(kernel, SEED["spoke-2"])
    kernel.nft.insert("forward-wg0", "accept")
    kernel.write_sysctl("net/ipv4/conf/wlp0s0f0/forwarding", "0")
    kernel.fail_next(NftTransaction, errno.EPERM)
    report = run(kernel, SEED["spoke-2"])
    assert skipped(report) == {"SysctlSet"}
    assert run(kernel, SEED["spoke-2"]).converged


def test_an_mtu_that_is_refused_keeps_no_stolen_phone_in() -> None:
    """An attribute of a link that stands is nothing that peers depend on."""
    kernel = machine()
    run(kernel, config(HUB))
    kernel.fail_next(LinkSet, errno.EINVAL)
    report = run(kernel, config(replace(HUB, mtu=1380, peers=HUB.peers[1:])))
    assert [type(outcome.op) for outcome in failures(report.outcomes)] == [LinkSet]
    assert len(kernel.dump("peer")) == 1


def test_what_an_op_takes_along_comes_back_in_the_same_pass() -> None:
    """Deleting the only address takes every route of the device."""
    kernel = machine()
    run(kernel, config(HUB))
    moved = replace(HUB, addresses=(address("172.27.0.9/16"),))
    kernel.write_sysctl("net/ipv4/conf/wg0/promote_secondaries", "0")
    report = run(kernel, config(moved))
    assert report.converged and "route 10.11.12.0/24 dev wg0" in kernel.as_text()


def test_what_an_op_takes_along_comes_back_beside_a_failure() -> None:
    """Which is tried once in a pass, not in every round of it."""
    kernel = machine()
    run(kernel, config(HUB))
    kernel.write_sysctl("net/ipv4/conf/wg0/promote_secondaries", "0")
    kernel.fail_next(DeviceSet, errno.EADDRINUSE)
    report = run(kernel, config(replace(HUB, addresses=(address("172.27.0.9/16"),), listen_port=51821)))
    assert [type(outcome.op) for outcome in failures(report.outcomes)] == [DeviceSet]
    assert [change.ref.kind for change in report.residue.changes] == ["device"]
    assert "route 10.11.12.0/24 dev wg0" in kernel.as_text()


def test_nothing_is_tried_for_ever() -> None:
    kernel = Stubborn()
    report = run(kernel, config(HUB))
    assert not report.converged and kernel.tries == 3


class Stubborn(FakeKernel):
    """Says yes to peers and does nothing."""

    tries = 0

    def run(self, op: Op) -> None:
        if isinstance(op, PeersSet):
            self.tries += 1
        else:
            super().run(op)


def test_each_outcome_is_told_as_it_happens() -> None:
    heard: list[str] = []
    wanted = SEED["hub-1"]
    report = reconcile(machine(), wanted, resolved(wanted), NOW, lambda o: heard.append(type(o.op).__name__))
    assert heard == [type(outcome.op).__name__ for outcome in report.outcomes]


def test_a_kernel_that_cannot_be_read_is_an_error_of_the_pass() -> None:
    with pytest.raises(KernelError):
        run(Unreadable(), config(HUB))


class Unreadable(FakeKernel):
    def dump(self, kind: str) -> tuple[object, ...]:
        raise KernelError("read", errno.EPERM)


EDITS = (
    ("cold start", Config(), SEED["hub-1"]),
    ("gateway", Config(), SEED["spoke-2"]),
    ("down", SEED["spoke-2"], Config()),
    (
        "an edit of everything",
        SEED["hub-1"],
        config(
            replace(
                HUB,
                private_key=private_key("new"),
                addresses=(address("172.27.0.9/16"),),
                mtu=1380,
                peers=(peer("spoke-1", "172.27.0.2/32", "10.11.12.0/24"), peer("phone", "192.168.9.0/24")),
            )
        ),
    ),
)


@pytest.mark.parametrize(("before", "after"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_a_crash_anywhere_is_mended_by_the_next_pass(before: Config, after: Config) -> None:
    ops = len(run_from(before, after).ran)
    whole = run_from(before, after).as_text()
    for number in range(ops):
        for early in (True, False):
            kernel = run_from(before, before)
            kernel.crash_at(number, early)
            with pytest.raises(Crash):
                run(kernel, after)
            kernel.recover()
            assert run(kernel, after).converged
            assert stable(kernel.as_text()) == stable(whole)


@pytest.mark.parametrize(("before", "after"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_a_failure_anywhere_is_mended_by_the_next_pass(before: Config, after: Config) -> None:
    types = {type(op) for op in run_from(before, after).ran}
    for failing in types:
        kernel = run_from(before, before)
        kernel.fail_next(failing, errno.EIO)
        run(kernel, after)
        kernel.recover()
        assert run(kernel, after).converged


def run_from(before: Config, after: Config) -> FakeKernel:
    """A machine that goes from one config to the other; `ran` holds the ops of the second step."""
    kernel = machine()
    assert run(kernel, before).converged
    kernel.recover()
    assert run(kernel, after).converged
    return kernel


def stable(text: str) -> set[str]:
    """Without notes about links that are gone: they die with /run."""
    return {line for line in text.splitlines() if not line.startswith("note")}


def test_an_adopted_link_keeps_its_peers_sessions() -> None:
    """Peers that are as wanted are in no edit."""
    kernel = machine()
    run(kernel, config(HUB))
    kernel.delete_route(network("10.11.12.0/24"))
    report = run(kernel, config(replace(HUB, listen_port=51821)))
    assert {type(o.op) for o in report.outcomes} == {DeviceSet, RouteSet}


def test_userspace_links_are_made_by_the_same_pass() -> None:
    kernel = machine(backend="userspace")
    assert run(kernel, SEED["hub-1"]).converged
    assert KERNEL not in {
        line.split()[2] for line in kernel.as_text().splitlines() if line.startswith("link")
    }
