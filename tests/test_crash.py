"""Every op of every kind is refused with every errno, and cut off in its middle: the next pass mends it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.configs import HUB, SEED, address, config, peer, private_key, run
from tests.fake import Crash, FakeKernel
from tests.test_reconcile import stable
from wgd.config.document import Config
from wgd.kinds.link import USERSPACE, LinkCreate, LinkSet
from wgd.kinds.peer import PeersSet
from wgd.kinds.route import RouteDelete, RouteSet
from wgd.kinds.sysctl import SysctlRestore, SysctlSet
from wgd.model import OURS, Op

OTHER = config(
    replace(
        HUB,
        private_key=private_key("new"),
        addresses=(address("172.27.0.9/16"),),
        mtu=1380,
        peers=(peer("spoke-1", "172.27.0.2/32", "10.11.12.0/24"), peer("phone", "192.168.9.0/24")),
    )
)
STEPS = (("start", Config(), SEED["spoke-2"]), ("edit", SEED["hub-1"], OTHER), ("down", OTHER, Config()))


class Torn(FakeKernel):
    """Does what an op consists of one by one, and dies before the step of the number `dies`."""

    dies: int | None = None

    def run(self, op: Op) -> None:
        for step in self._steps(op):
            if self.dies == 0:
                raise Crash
            self.dies = None if self.dies is None else self.dies - 1
            super().run(step)

    def start_link(self, name: str) -> None:
        """All but our mark."""
        self.add_link(name, USERSPACE)
        self._links[name] = replace(self._links[name], unfinished=True)

    def _steps(self, op: Op) -> Iterator[Op]:
        match op:
            case PeersSet():
                yield from (replace(op, edits=(edit,)) for edit in op.edits)
            case RouteSet() | RouteDelete():
                yield from (replace(op, routes=(route,)) for route in op.routes)
            case LinkCreate(userspace=True):
                self.start_link(op.name)
                yield LinkSet(refs=(), name=op.name, group=OURS, mtu=op.mtu)
                self._links[op.name] = replace(self._links[op.name], unfinished=False)
            case SysctlSet():
                self._notes.setdefault(op.path, self._sysctls[op.path])
                yield op
            case SysctlRestore():
                self._sysctls[op.path] = op.value if op.path in self._sysctls else ""
                yield op
            case _:
                yield op


def torn(before: Config) -> Torn:
    kernel = Torn("userspace")
    for device, own in (("eth0", "192.0.2.2/24"), ("wlp0s0f0", "10.11.12.1/8")):
        kernel.add_link(device, "veth", up=True)
        kernel.add_address(device, address(own))
    assert run(kernel, before).converged
    return kernel


@pytest.mark.parametrize(("before", "after"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_a_death_in_the_middle_of_any_op_is_mended_by_the_next_pass(before: Config, after: Config) -> None:
    kernel = torn(before)
    kernel.ran.clear()
    run(kernel, after)
    steps, whole = len(kernel.ran), stable(kernel.as_text())
    for number in range(steps):
        kernel = torn(before)
        kernel.dies = number
        with pytest.raises(Crash):
            run(kernel, after)
        kernel.dies = None
        report = run(kernel, after)
        assert report.converged, (number, report.residue)
        assert stable(kernel.as_text()) == whole, number


def test_a_process_that_was_started_and_not_marked_is_ours() -> None:
    """Whether the files still want it or not; one of somebody else is not."""
    for wanted in (SEED["hub-1"], Config()):
        kernel = torn(Config())
        kernel.add_link("wg7", USERSPACE)
        kernel.start_link("wg0")
        assert run(kernel, wanted).converged
        assert kernel.has_link("wg0") is bool(wanted.interfaces) and kernel.has_link("wg7")


@pytest.mark.parametrize(("before", "after"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_any_errno_of_any_op_is_mended_by_the_next_pass(before: Config, after: Config) -> None:
    kernel = torn(before)
    kernel.ran.clear()
    run(kernel, after)
    types = {type(op): None for op in kernel.ran}
    for number, code in enumerate(errno.errorcode):
        kernel = torn(before)
        failing = [*types][number % len(types)]
        kernel.fail_next(failing, code)
        report = run(kernel, after)
        assert any(outcome.error for outcome in report.outcomes), (failing, code)
        kernel.recover()
        assert run(kernel, after).converged, (failing, code)
