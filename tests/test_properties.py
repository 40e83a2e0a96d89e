"""What holds for every edit, whatever a second administrator has done meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.configs import NOW, machine, resolved, run
from tests.fake import Crash, FakeKernel
from tests.strategies import configs, edits, mischief, tampering
from wgd.config.document import Config
from wgd.kinds.address import Address
from wgd.kinds.link import Link
from wgd.kinds.peer import PeersSet
from wgd.kinds.route import Route
from wgd.model import OURS, Plan, Ref
from wgd.plan import Memo, make_plan
from wgd.protocols import Kernel
from wgd.reconcile import observe, reconcile

Edit = tuple[Config, Config]
worlds = st.builds(machine, st.sampled_from(("kernel", "userspace")), force_forwarding=st.booleans())


def started(kernel: FakeKernel, edit: Edit, trouble: list[str]) -> FakeKernel:
    """In sync with the first config, then meddled with."""
    first = run(kernel, edit[0])
    assert first.converged, first.residue
    mischief(kernel, trouble)
    kernel.recover()
    return kernel


def plan(kernel: FakeKernel, wanted: Config) -> Plan:
    return make_plan(wanted, observe(kernel, resolved(wanted), NOW))


@given(worlds, edits(), tampering)
def test_one_pass_converges_and_the_second_does_nothing(
    kernel: FakeKernel, edit: Edit, trouble: list[str]
) -> None:
    report = run(started(kernel, edit, trouble), edit[1])
    assert all(outcome.ok for outcome in report.outcomes), report.outcomes
    assert report.converged, report.residue
    done = kernel.as_text()
    kernel.recover()
    assert run(kernel, edit[1]).plan.in_sync
    assert kernel.ran == [] and kernel.as_text() == done


def foreign(kernel: Kernel) -> set[object]:
    """What carries no mark of ours: links, and addresses and routes on links that are not ours or stay."""
    links: Iterable[Link] = kernel.dump("link")  # type: ignore[assignment]
    addresses: Iterable[Address] = kernel.dump("address")  # type: ignore[assignment]
    routes: Iterable[Route] = kernel.dump("route")  # type: ignore[assignment]
    found: set[object] = {link for link in links if link.group != OURS}
    found |= {address for address in addresses if address.protocol != OURS}
    return found | {r for r in routes if r.protocol != OURS and not str(r.device).startswith("wg")}


@given(worlds, edits(), tampering)
def test_what_is_not_ours_is_left_alone(kernel: FakeKernel, edit: Edit, trouble: list[str]) -> None:
    started(kernel, edit, trouble)
    before = foreign(kernel)
    run(kernel, edit[1])
    gone = before - foreign(kernel)
    assert all(isinstance(item, Address) and not kernel.has_link(item.interface) for item in gone), gone


@given(worlds, edits(), tampering)
def test_ops_name_only_what_differs(kernel: FakeKernel, edit: Edit, trouble: list[str]) -> None:
    found = plan(started(kernel, edit, trouble), edit[1])
    named = {ref for op in found.ops for ref in op.refs}
    assert named <= {change.ref for change in found.changes}


@given(worlds, edits(), tampering)
def test_peers_that_did_not_change_are_in_no_edit(kernel: FakeKernel, edit: Edit, trouble: list[str]) -> None:
    found = plan(started(kernel, edit, trouble), edit[1])
    changed = {change.ref for change in found.changes}
    here = {Ref("peer", (peer.interface, peer.public_key)) for peer in kernel.dump("peer")}  # type: ignore[attr-defined]
    edited = {
        Ref("peer", (op.interface, one.public_key))
        for op in found.ops
        if isinstance(op, PeersSet)
        for one in op.edits
    }
    assert edited & here <= changed


@given(worlds, edits(), tampering, st.data())
def test_after_any_single_failure_the_next_pass_converges(
    kernel: FakeKernel, edit: Edit, trouble: list[str], data: st.DataObject
) -> None:
    ops = plan(started(kernel, edit, trouble), edit[1]).ops
    assume(ops)
    kernel.fail_next(type(data.draw(st.sampled_from(ops))), errno.EIO)
    run(kernel, edit[1])
    kernel.recover()
    report = run(kernel, edit[1])
    assert report.converged, report.residue


@given(worlds, edits(), tampering, st.data(), st.booleans())
def test_after_a_crash_anywhere_the_next_pass_converges(
    kernel: FakeKernel, edit: Edit, trouble: list[str], data: st.DataObject, early: bool
) -> None:
    ops = plan(started(kernel, edit, trouble), edit[1]).ops
    assume(ops)
    kernel.crash_at(data.draw(st.integers(0, len(ops) - 1)), early)
    try:
        run(kernel, edit[1])
    except Crash:
        kernel.recover()
        report = run(kernel, edit[1])
        assert report.converged, report.residue
    else:
        raise AssertionError("the crash did not happen")


@given(worlds, edits(), tampering)
def test_down_gives_everything_back(kernel: FakeKernel, edit: Edit, trouble: list[str]) -> None:
    fresh = machine(force_forwarding="force_forwarding" in kernel.as_text())
    meddled = [name for name in trouble if name in ("route elsewhere", "connected route deleted")]
    mischief(fresh, meddled)
    started(kernel, edit, meddled)
    assert run(kernel, edit[1]).converged
    assert run(kernel, Config()).converged
    assert without_notes(kernel) == without_notes(fresh)


def without_notes(kernel: FakeKernel) -> list[str]:
    """A note about a link that is gone means nothing."""
    return [line for line in kernel.as_text().splitlines() if not line.startswith("note")]


@given(worlds, edits())
def test_the_plan_depends_on_what_is_seen_alone(kernel: FakeKernel, edit: Edit) -> None:
    started(kernel, edit, [])
    assert plan(kernel, edit[1]) == plan(kernel, edit[1])


@given(worlds, st.lists(st.tuples(configs(), tampering, st.integers(0, 2)), min_size=1, max_size=4))
def test_a_memo_changes_no_plan(kernel: FakeKernel, steps: list[tuple[Config, list[str], int]]) -> None:
    """Whatever was seen and wanted before, also the very same again, and whoever expires meanwhile."""
    memo = Memo()
    for number, (wanted, trouble, looks) in enumerate(steps):
        mischief(kernel, trouble)
        expiring = some_expire(wanted, NOW + number + 0.5)
        for look in range(1 + looks):
            memo.seen = observe(kernel, resolved(wanted), NOW + number + look, memo.seen)
            fresh = observe(kernel, resolved(wanted), NOW + number + look)
            assert memo.seen == fresh
            assert make_plan(expiring, memo.seen, memo=memo) == make_plan(expiring, fresh)
        reconcile(kernel, expiring, resolved(wanted), NOW + number, memo=memo)


def some_expire(wanted: Config, when: float) -> Config:
    """Every second peer."""
    at = datetime.fromtimestamp(when, UTC)
    return replace(
        wanted,
        interfaces={
            name: replace(
                i, peers=tuple(replace(p, expires=at) if n % 2 else p for n, p in enumerate(i.peers))
            )
            for name, i in wanted.interfaces.items()
        },
    )


@given(worlds, edits(), tampering, st.data())
def test_what_is_withheld_is_left_alone_and_harms_nothing_else(
    kernel: FakeKernel, edit: Edit, trouble: list[str], data: st.DataObject
) -> None:
    """No op fails for it, the rest converges, and when its turn comes it is done."""
    differing = [change.ref for change in plan(started(kernel, edit, trouble), edit[1]).changes]
    assume(differing)
    withheld = data.draw(st.sets(st.sampled_from(differing), min_size=1))
    report = reconcile(kernel, edit[1], resolved(edit[1]), NOW, withheld=withheld)
    assert all(outcome.ok for outcome in report.outcomes), report.outcomes
    assert report.converged, report.residue
    assert not withheld & {ref for outcome in report.outcomes for ref in outcome.op.refs}
    assert run(kernel, edit[1]).converged
