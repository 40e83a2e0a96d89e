"""Observe, plan, apply, observe again: one pass of the loop that is the whole program.

A failed op skips what depends on it, not the rest, and is not tried again in the same pass. What is still
different after `ROUNDS` is reported as not converged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import cast

from wgd.access.revoking import Connection, Revoke, judge
from wgd.config.document import Config
from wgd.errors import KernelError
from wgd.kinds import KINDS
from wgd.listing import NOTHING, listed, listing
from wgd.model import Op, Outcome, Plan, Ref, Report, State, Verb
from wgd.plan import Memo, make_plan
from wgd.protocols import Kernel
from wgd.values import replace, value

ROUNDS = 3
"""An op can take other objects along (an address its routes): the rounds after the first set them again."""

Resolved = Mapping[str, tuple[tuple[str, int], ...]]


def observe(kernel: Kernel, resolved: Resolved, now: float, last: State | None = None) -> State:
    """Read every kind. What is as it was in `last` is the same object, so that nobody need look at it again.
    Raises KernelError."""
    objects = {
        kind.name: listing(kernel.dump(kind.name), kind.key, listed(last.of(kind.name)) if last else NOTHING)
        for kind in KINDS
    }
    return State(objects, kernel.backend(), resolved, now)


def apply(
    kernel: Kernel,
    plan: Plan,
    watch: Callable[[Outcome], None] | None = None,
    before: Sequence[Outcome] = (),
) -> tuple[Outcome, ...]:
    """Run the plan's ops in order, but those that failed `before`; `watch` hears of each as it ends."""
    tried = [outcome.op for outcome in failures(before)]
    failed = {ref for op in tried for ref in op.refs}
    outcomes = []
    for op in plan.ops:
        if any(type(op) is type(other) and {*op.refs} <= {*other.refs} for other in tried):
            continue
        outcome = _run(kernel, op, failed)
        if not outcome.ok:
            failed.update(op.refs)
        if watch:
            watch(outcome)
        outcomes.append(outcome)
    return tuple(outcomes)


def _run(kernel: Kernel, op: Op, failed: set[Ref]) -> Outcome:
    missing = next((need for need in op.needs if need in failed), None)
    if missing is not None:
        return Outcome(op, skipped=missing)
    try:
        kernel.run(op)
    except KernelError as error:
        return Outcome(op, error=str(error))
    return Outcome(op)


@value
class Ran:
    """A plan that was run, and how each of its ops went."""

    plan: Plan
    outcomes: tuple[Outcome, ...]


def run_ahead(kernel: Kernel, plan: Plan) -> Ran:
    """Run the plan of an edit (`wgd.edit`) before anything is read. The pass that follows looks at all."""
    return Ran(plan, apply(kernel, plan))


def reconcile(
    kernel: Kernel,
    config: Config,
    resolved: Resolved,
    now: float,
    watch: Callable[[Outcome], None] | None = None,
    before_reading: Callable[[], object] = lambda: None,
    withheld: Set[Ref] = frozenset(),
    listen: Callable[[State], State] = lambda seen: seen,
    memo: Memo | None = None,
    ahead: Ran | None = None,
) -> Report:
    """Bring the kernel to what the config says. Raises KernelError only if the kernel cannot be read.

    `before_reading` is called before each observation: what happened until then need wake nobody. Objects of
    `withheld` are left as they are (see `make_plan`). `listen` adds to each observation what was heard of the
    peers (`wgd.silence`). `memo` is what passes one after another need not do again. `ahead`: what was
    done of it already (`run_ahead`).
    """
    memo = memo or Memo()

    def look() -> tuple[State, Plan]:
        before_reading()
        memo.seen = listen(observe(kernel, resolved, now, memo.seen))
        return memo.seen, make_plan(config, memo.seen, withheld=withheld, memo=memo)

    outcomes = ahead.outcomes if ahead else ()
    if watch:  # only now: the network does not wait for words
        for outcome in outcomes:
            watch(outcome)
    seen, plan = look()
    first = plan if ahead is None else replace(plan, changes=(*ahead.plan.changes, *plan.changes))
    for _ in range(ROUNDS):
        if not plan.ops:
            break
        done = apply(kernel, plan, watch, outcomes)
        if not done:
            break
        outcomes += done
        seen, plan = look()
    outcomes += _revoke(kernel, [outcome.op for outcome in outcomes if outcome.ok], config, seen, watch)
    return Report(first, outcomes, plan, seen)


def _revoke(
    kernel: Kernel, done: Sequence[Op], config: Config, seen: State, watch: Callable[[Outcome], None] | None
) -> tuple[Outcome, ...]:
    """Ends what the rules no longer allow once they stand."""
    try:
        ending = revocation(kernel, done, config, seen)
    except KernelError as error:
        outcome = Outcome(Revoke(refs=(), connections=()), error=str(error))
        if watch:
            watch(outcome)
        return (outcome,)
    return apply(kernel, Plan(ops=(ending,)), watch) if ending else ()


def revocation(kernel: Kernel, ops: Iterable[Op], config: Config, seen: State) -> Revoke | None:
    """What ops make end besides, of the connections that there are now. Raises KernelError."""
    found = judge(ops, config, seen)
    return found.ends(cast("Iterable[Connection]", kernel.dump("connection"))) if found else None


def deletes_more(report: Report) -> bool:
    """Whether an interface is still to go: until then, the accepted copies must go on explaining it."""
    return any(change.ref.kind == "link" and change.verb is Verb.DELETE for change in report.residue.changes)


def failures(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Those that did not work, or were skipped because of one that did not."""
    return tuple(outcome for outcome in outcomes if not outcome.ok)
