"""Death and refusal at every point of every op, on a real kernel: the next start makes it whole.

The child that dies is a real one, killed with SIGKILL at the n-th call that leaves the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from integration.host import Host
from integration.namespaces import CLONE_NEWNS, mount, unshare
from integration.test_daemon import until
from tests.configs import HUB, NOW, SPOKE_2, address, config, peer, resolved
from wgd.config.document import Config
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.model import Op, Report
from wgd.reconcile import reconcile

HOME = config(replace(SPOKE_2, listen_port=51820))
OTHER = config(
    replace(
        HUB,
        addresses=(address("172.27.0.9/16"), address("fd00:27::9/64")),
        mtu=1380,
        fwmark=7,
        peers=(peer("spoke-1", "172.27.0.2/32", "10.11.12.0/24"), peer("phone", "192.168.9.0/24")),
    )
)
KEPT = (".json", ".json.new")
STEPS = (("start", HOME), ("edit", OTHER), ("down", Config()))
LEAVES = frozenset(
    ("send", "sendto", "sendmsg", "sendall", "connect", "write", "replace", "unlink", "fork_exec", "cmd")
)
"""Functions after which the world outside may be another; `cmd` is libnftables'."""


class Dying(LinuxKernel):
    """Kills its process before the call of this number that leaves it, counted over all ops."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    def run(self, op: Op) -> None:
        sys.setprofile(self._count)
        try:
            super().run(op)
        finally:
            sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, called: object) -> None:
        name = frame.f_code.co_name if event == "call" else getattr(called, "__name__", "")
        if event in ("call", "c_call") and name in LEAVES:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1


def aside(doing: Callable[[], object]) -> int:
    """Does it in a child; returns its exit status, negative if a signal ended it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            doing()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def go(kernel: LinuxKernel, wanted: Config) -> Report:
    return reconcile(kernel, wanted, resolved(wanted), NOW)


def furnish(host: Host) -> None:
    """A home network, the internet, and things of somebody else."""
    host.ip(
        """
        link add wlp0s0f0 type veth peer name far
        link set far up
        link set wlp0s0f0 up
        address add 10.11.12.1/8 dev wlp0s0f0
        route add 10.99.0.0/16 dev wlp0s0f0
        """
    )
    host.wait_for_carrier("wlp0s0f0", "far")
    host.nft("table inet theirs { chain forward { type filter hook forward priority 5; policy accept; }; }")


def starts_again(wanted: Config, lane: str) -> None:
    """A fresh wgd does it in one pass. A process that is just starting gets the time of wgd's own start."""
    if lane == "userspace":
        time.sleep(0.1)
    report = go(LinuxKernel(), wanted)
    assert all(outcome.ok for outcome in report.outcomes), report.outcomes
    assert report.converged, report.residue
    assert go(LinuxKernel(), wanted).outcomes == ()


def running(host: Host) -> int:
    """Processes on this host that have not ended, be it without having been waited for."""
    return sum(state(pid) not in ("Z", "") for pid in host.processes())


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def no_orphans(host: Host, wanted: Config, lane: str) -> bool:
    """Each interface has its process, and no other process and no file is left."""
    expected = len(wanted.interfaces) if lane == "userspace" else 0
    files = {path.name for path in Path("/run/wgd").iterdir()}
    return until(lambda: running(host) == expected) and all(name.endswith(KEPT) for name in files)


def everything(host: Host) -> tuple[dict[str, str], set[object]]:
    return host.snapshot(), set(LinuxKernel().dump("sysctl"))


def killed(number: int, wanted: Config) -> None:
    go(Dying(number), wanted)


def test_killed_at_any_point_the_next_start_makes_it_whole(
    namespace: Host, lane: str, thorough: bool
) -> None:
    furnish(namespace)
    going = {name for name, _ in STEPS}
    before, number = everything(namespace), 0
    while going:
        for name, wanted in STEPS:
            if name in going:
                status = aside(partial(killed, number, wanted))
                assert status in (0, -signal.SIGKILL), (name, number)
                going -= {name} if status == 0 else set()
            starts_again(wanted, lane)
            assert no_orphans(namespace, wanted, lane), (name, number)
        assert everything(namespace) == before, number
        number += 1 if thorough else 3


def without_capabilities() -> None:
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0


def with_descriptors(left: int) -> None:
    used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    while (last := os.dup(0)) < used:
        pass  # there are gaps
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1 + left, last + 100))


def with_read_only_sysctls() -> None:
    for options in ("bind", "remount,ro,bind"):
        subprocess.run(("mount", "-o", options, "/proc/sys", "/proc/sys"), check=True)


REFUSALS: Mapping[str, Callable[[], None]] = {
    "EPERM and EACCES": without_capabilities,
    **{f"EMFILE, {left} left": partial(with_descriptors, left) for left in range(5)},
    "ENOSPC for notes": lambda: mount("tmpfs", "/run/wgd", "nr_inodes=1"),
    "EROFS for sysctls": with_read_only_sysctls,
    "no programs": lambda: os.environ.update(PATH="/nowhere"),
}


REFUSED = 4


def refused(spoil: Callable[[], None], kernel: LinuxKernel, wanted: Config) -> None:
    """For this process alone. What is refused is said in the one way that the loop knows."""
    unshare(CLONE_NEWNS)
    spoil()
    with contextlib.suppress(KernelError):
        if go(kernel, wanted).converged:
            return
    os._exit(REFUSED)


@pytest.mark.parametrize("name", REFUSALS)
def test_whatever_is_refused_the_next_pass_makes_it_whole(namespace: Host, lane: str, name: str) -> None:
    furnish(namespace)
    before, statuses = everything(namespace), set()
    for _, wanted in STEPS:
        kernel = LinuxKernel()
        kernel.backend()
        statuses.add(aside(partial(refused, REFUSALS[name], kernel, wanted)))
        starts_again(wanted, lane)
        assert no_orphans(namespace, wanted, lane)
    assert everything(namespace) == before
    unneeded = (name, lane) == ("no programs", "kernel")
    assert statuses - {0} == (set() if unneeded else {REFUSED})


def test_a_port_in_use_is_had_once_it_is_free(namespace: Host, lane: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 51820))
        assert not go(LinuxKernel(), HOME).converged
    starts_again(HOME, lane)
