"""What counts as a repair, what is said of it, and who is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.configs import HUB, NOW, address, config, key, machine, network, resolved, run
from tests.fake import FakeKernel
from wgd.config.document import Config
from wgd.kinds.link import LinkDelete
from wgd.kinds.peer import PeerEdit
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.model import Op, Report
from wgd.reconcile import reconcile
from wgd.repairs import Hint, repairs

WANTED = config(HUB)
NFT = frozenset({"nftables"})
ROUTES = frozenset({"route"})


def delete_route(kernel: FakeKernel) -> None:
    kernel.run(RouteDelete(refs=(), routes=(Route(network("10.11.12.0/24"), "wg0"),)))


def add_route(kernel: FakeKernel) -> None:
    kernel.run(RouteSet(refs=(), routes=(Route(network("10.9.0.0/16"), "wg0"),)))


def delete_link(kernel: FakeKernel) -> None:
    kernel.run(LinkDelete(refs=(), name="wg0"))


def remove_peer(kernel: FakeKernel) -> None:
    kernel.edit_peer("wg0", PeerEdit(key("spoke-1"), remove=True))


def change_keepalive(kernel: FakeKernel) -> None:
    kernel.edit_peer("wg0", PeerEdit(key("spoke-1"), persistent_keepalive=9))


def insert_rule(kernel: FakeKernel) -> None:
    kernel.nft.insert("forward-wg0", "accept")


def forbid_forwarding(kernel: FakeKernel) -> None:
    kernel.write_sysctl("net/ipv4/conf/wg0/forwarding", "0")


TAMPERINGS: tuple[tuple[Callable[[FakeKernel], None], str], ...] = (
    (delete_route, "route 10.11.12.0/24 dev wg0 was missing, restored"),
    (add_route, "route 10.9.0.0/16 dev wg0 did not belong there, removed"),
    (delete_link, "link wg0 was missing, restored with 5 objects that hung on it"),
    (remove_peer, "peer spoke-1 on wg0 was missing, restored"),
    (change_keepalive, "peer spoke-1 on wg0 differed (persistent_keepalive: 9, not 0), put right"),
    (insert_rule, "chain inet wgd forward-wg0 differed (rules: 6 (1 unknown), not 5 (0 new)), put right"),
    (
        forbid_forwarding,
        "sysctl net/ipv4/conf/wg0/forwarding differed (value: 0, not 1), put right",
    ),
)


@pytest.mark.parametrize(("tamper", "said"), TAMPERINGS, ids=[t[0].__name__ for t in TAMPERINGS])
def test_what_somebody_else_changed_is_a_repair(tamper: Callable[[FakeKernel], None], said: str) -> None:
    kernel = machine()
    before = run(kernel, WANTED)
    tamper(kernel)
    done = run(kernel, WANTED)
    assert done.converged
    assert [str(repair) for repair in repairs(done, before)] == [said]


EDITS = (
    ("a new peer", config(replace(HUB, peers=HUB.peers[:1])), WANTED),
    ("a removed peer", WANTED, config(replace(HUB, peers=HUB.peers[:1]))),
    ("another address", WANTED, config(replace(HUB, addresses=(address("172.27.0.9/16"),)))),
    ("no rules", WANTED, config(replace(HUB, forwards=()))),
    ("everything", Config({}), WANTED),
    ("nothing", WANTED, Config({})),
)


@pytest.mark.parametrize(("old", "new"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_edit_of_the_files_is_none(old: Config, new: Config) -> None:
    kernel = machine()
    before = run(kernel, old)
    done = run(kernel, new)
    assert done.plan.changes
    assert repairs(done, before) == ()


def test_nothing_is_known_of_what_happened_before_the_first_pass() -> None:
    assert repairs(run(machine(), WANTED), None) == ()


def test_an_edit_and_a_repair_in_one_pass_are_told_apart() -> None:
    kernel = machine()
    before = run(kernel, config(replace(HUB, peers=HUB.peers[1:])))
    delete_route(kernel)
    done = run(kernel, WANTED)
    assert [repair.ref.kind for repair in repairs(done, before)] == ["route"]


class Hostile(FakeKernel):
    """Takes the route away again whenever it is set."""

    def run(self, op: Op) -> None:
        super().run(op)
        if type(op).__name__ == "RouteSet":
            delete_route(self)


def test_what_is_undone_while_the_pass_runs_is_a_repair_the_next_time() -> None:
    kernel = machine()
    kernel.__class__ = Hostile
    before = run(kernel, WANTED)
    assert not before.converged
    assert [repair.ref.kind for repair in repairs(run(kernel, WANTED), before)] == ["route"]


def withholding(kernel: FakeKernel, report: Report) -> Report:
    """A pass that leaves alone what that one changed."""
    refs = {change.ref for change in report.plan.changes}
    return reconcile(kernel, WANTED, resolved(WANTED), NOW, withheld=refs)


def test_another_try_in_a_fight_is_another_repair() -> None:
    kernel = machine()
    before = run(kernel, WANTED)
    delete_route(kernel)
    (first,) = repairs(run(kernel, WANTED), before)
    delete_route(kernel)
    waiting = withholding(kernel, reconcile(machine(), Config({}), {}, NOW))
    assert waiting.converged
    delete_route(kernel)
    before = reconcile(kernel, WANTED, resolved(WANTED), NOW, withheld={first.ref})
    assert before.plan.withheld and not before.plan.in_sync and before.converged
    done = run(kernel, WANTED)
    assert repairs(done, before) == ()
    assert [repair.ref for repair in repairs(done, before, known={first.ref: first.change})] == [first.ref]


HINTS = (
    ("nobody", [], ""),
    ("somebody", [Hint(ROUTES, "wg0", "ip[7]")], " (removed by ip[7])"),
    ("on any device", [Hint(ROUTES, None, "ip[7]")], " (removed by ip[7])"),
    ("another device", [Hint(ROUTES, "eth0", "ip[7]")], ""),
    ("another kind", [Hint(NFT, None, "nft[7]")], ""),
    ("twice", [Hint(ROUTES, "wg0", "ip[7]")] * 2, " (removed by ip[7])"),
    (
        "several",
        [Hint(ROUTES, "wg0", f"ip[{pid}]") for pid in range(5)],
        " (removed by ip[0] or ip[1] or ip[2])",
    ),
    ("a name that steers terminals", [Hint(ROUTES, "wg0", "\033[2J\n[7]")], r" (removed by \x1b[2J\n[7])"),
)


@pytest.mark.parametrize(("hints", "end"), [h[1:] for h in HINTS], ids=[h[0] for h in HINTS])
def test_who_is_named(hints: list[Hint], end: str) -> None:
    kernel = machine()
    before = run(kernel, WANTED)
    delete_route(kernel)
    (repair,) = repairs(run(kernel, WANTED), before, hints)
    assert str(repair) == f"route 10.11.12.0/24 dev wg0 was missing, restored{end}"


def test_a_repair_that_fails_says_so() -> None:
    kernel = machine()
    before = run(kernel, WANTED)
    delete_route(kernel)
    kernel.fail_next(RouteSet, 1)
    (repair,) = repairs(run(kernel, WANTED), before)
    assert "could not be mended" in str(repair)
