"""From passes to what the log and the status say of repairs and fights."""

from __future__ import annotations

from tests.configs import HUB, NOW, config, machine, network, resolved
from tests.fake import FakeKernel
from wgd.config.document import Config
from wgd.kinds.route import RouteSet
from wgd.mending import KEPT, TOLD, Mending, at_rest
from wgd.model import Op, Report
from wgd.reconcile import reconcile
from wgd.repairs import REPAIR, Hint

WANTED = config(HUB)
ROUTE = "route 10.11.12.0/24 dev wg0"
DELETE_CHAIN = ("flush chain inet wgd forward-wg0", "delete chain inet wgd forward-wg0")
SOMEBODY = (Hint(frozenset({"route"}), "wg0", "ip[7]"),)


class Machine:
    """A kernel, and the daemon's memory of it."""

    def __init__(self) -> None:
        self.kernel, self.mending = machine(), Mending()
        self.run(0.0)

    def run(self, now: float, wanted: Config = WANTED) -> list[str]:
        """One pass; returns what the log says."""
        self.mending.begin()
        withheld = self.mending.withheld(wanted, now)
        self.done: Report = reconcile(self.kernel, wanted, resolved(wanted), NOW, withheld=withheld)
        return self.mending.passed(self.done, SOMEBODY, now, NOW + now)

    def break_route(self, prefix: str = "10.11.12.0/24") -> None:
        self.kernel.delete_route(network(prefix))

    def fight(self) -> list[str]:
        """Until it is told, in second 5."""
        said: list[str] = []
        for second in range(1, 6):
            self.break_route()
            said = self.run(float(second))
        self.break_route()
        return said


def test_a_repair_is_told_and_kept() -> None:
    host = Machine()
    host.break_route()
    said = f"{ROUTE} was missing, restored (removed by ip[7])"
    assert host.run(1.0) == [said]
    assert host.run(2.0) == []
    assert host.mending.values(2.0, NOW + 2) == {
        "repairs": [
            {
                "time": NOW + 1,
                "object": "route",
                "label": "10.11.12.0/24 dev wg0",
                "interface": "wg0",
                "what": said,
                "who": "ip[7]",
            }
        ],
        "fights": [],
    }


def test_a_fight_is_told_once_and_ends() -> None:
    host = Machine()
    said = host.fight()
    assert said[1:] == [
        f"fight: {ROUTE} repaired 5 times in the last minute, removed by ip[7]; now with growing pauses"
    ]
    assert host.run(5.5) == []
    assert not host.done.residue.in_sync and host.done.converged
    assert host.mending.due() == 6.0
    assert host.run(6.0) == [f"{ROUTE} was missing, restored (removed by ip[7])"]
    assert host.run(65.9) == []
    assert host.run(66.0) == [f"the fight is over: {ROUTE} stays as it should"]


def test_meanwhile_everything_else_is_repaired_at_once() -> None:
    host = Machine()
    host.fight()
    host.kernel.nft.insert("forward-wg0", "accept")
    (said,) = host.run(5.1)
    assert said.startswith("chain inet wgd forward-wg0 differed") and "put right" in said


def test_an_edit_of_the_files_ends_the_wait() -> None:
    host = Machine()
    host.fight()
    host.run(5.1)
    assert host.run(5.2, config(HUB, held=frozenset({"wg7"})))
    assert host.done.residue.in_sync


def test_what_hangs_on_what_waits_waits_with_it() -> None:
    host = Machine()
    for second in range(1, 6):
        host.kernel.delete_link("wg0")
        host.run(float(second))
    host.kernel.delete_link("wg0")
    assert host.run(5.1) == []
    assert host.done.converged and host.done.outcomes == ()
    waiting = {change.ref.kind for change in host.done.residue.withheld}
    assert {"link", "device", "peer", "address", "route"} <= waiting
    host.run(6.0)
    assert host.done.residue.in_sync


def test_a_link_whose_rules_are_fought_over_is_not_opened() -> None:
    """Fail closed: it would forward without them."""
    host = Machine()
    for second in range(1, 6):
        host.kernel.nft.run(DELETE_CHAIN)
        host.run(float(second))
    host.kernel.nft.run(DELETE_CHAIN)
    host.kernel.write_sysctl("net/ipv4/conf/wg0/forwarding", "0")
    host.run(5.1)
    assert "sysctl net/ipv4/conf/wg0/forwarding = 0" in host.kernel.as_text()


def test_a_pass_that_somebody_undoes_has_not_failed() -> None:
    kernel = machine()
    kernel.__class__ = Hostile
    assert at_rest(reconcile(kernel, WANTED, resolved(WANTED), NOW))


def test_a_conflict_makes_nothing_else_wait() -> None:
    kernel = machine()
    kernel.add_link("wg0", "wireguard")
    done = reconcile(kernel, WANTED, resolved(WANTED), NOW)
    assert not done.converged and at_rest(done)


def test_what_failed_is_tried_again() -> None:
    kernel = machine()
    kernel.fail_next(RouteSet, 1)
    assert not at_rest(reconcile(kernel, WANTED, resolved(WANTED), NOW))


class Hostile(FakeKernel):
    """Takes the route away again whenever it is set."""

    def run(self, op: Op) -> None:
        super().run(op)
        if type(op).__name__ == "RouteSet":
            self.delete_route(network("10.11.12.0/24"))


def test_neither_the_log_nor_the_status_drowns() -> None:
    mending = Mending({name: str(number) for name in REPAIR} for number in range(99))
    assert len(mending.values(0.0, NOW)["repairs"]) == KEPT
    assert TOLD < 100
