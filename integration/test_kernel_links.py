"""Making and removing WireGuard interfaces, in the kernel and as a process, and telling them from others."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from integration.host import Host
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.link import KERNEL, USERSPACE, Link, LinkCreate, LinkDelete, LinkSet, LinkUp

SOCKET = Path("/run/wireguard/wg0.sock")
MTU = 1380


@pytest.fixture
def kernel(namespace: Host) -> LinuxKernel:
    return LinuxKernel()


def link(kernel: LinuxKernel, name: str = "wg0") -> Link | None:
    return next((x for x in kernel.dump("link") if isinstance(x, Link) and x.name == name), None)


def make(kernel: LinuxKernel, lane: str, name: str = "wg0", mtu: int | None = MTU) -> None:
    kernel.run(LinkCreate(refs=(), name=name, mtu=mtu, userspace=lane == "userspace"))


def test_the_backend_is_the_kernel_where_it_knows_wireguard(kernel: LinuxKernel, lane: str) -> None:
    assert kernel.backend() == lane
    assert {x.name for x in kernel.dump("link") if isinstance(x, Link) and x.wireguard} == set()


def test_a_link_is_made_down_with_our_mark(kernel: LinuxKernel, lane: str) -> None:
    make(kernel, lane)
    found = link(kernel)
    assert found is not None
    kind = USERSPACE if lane == "userspace" else KERNEL
    assert (found.kind, found.mtu, found.up, found.group) == (kind, MTU, False, 119)
    kernel.run(LinkUp(refs=(), name="wg0"))
    kernel.run(LinkSet(refs=(), name="wg0", mtu=1400, group=5))
    found = link(kernel)
    assert found is not None
    assert (found.mtu, found.up, found.group) == (1400, True, 5)


STARTING = """
import sys
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.link import LinkCreate, LinkUp
kernel = LinuxKernel()
kernel.run(LinkCreate(refs=(), name="wg0", mtu=1400, userspace=sys.argv[1] == "userspace"))
kernel.run(LinkUp(refs=(), name="wg0"))
sys.exit("pyroute2" in sys.modules)
"""


def test_a_start_needs_no_netlink_library(kernel: LinuxKernel, namespace: Host, lane: str) -> None:
    """It would cost a quarter of a second and 12 MB for as long as the daemon lives."""
    namespace.run(sys.executable, "-c", STARTING, lane)
    found = link(kernel)
    assert found is not None
    assert (found.mtu, found.up, found.group) == (1400, True, 119)


def test_without_an_mtu_the_default_stays(kernel: LinuxKernel, lane: str) -> None:
    make(kernel, lane, mtu=None)
    found = link(kernel)
    assert found is not None
    assert found.mtu == 1420


def test_a_name_that_is_taken_is_refused_and_left_alone(
    kernel: LinuxKernel, namespace: Host, lane: str
) -> None:
    namespace.ip("link add wg0 type veth peer v1")
    with pytest.raises(KernelError) as caught:
        make(kernel, lane)
    assert caught.value.errno == errno.EEXIST
    found = link(kernel)
    assert found is not None
    assert found.kind == "veth"


def test_deleting_takes_the_process_and_its_socket_along(
    kernel: LinuxKernel, namespace: Host, lane: str
) -> None:
    make(kernel, lane)
    assert bool(living(namespace)) == (lane == "userspace")
    for _ in range(2):  # the second time it is gone already
        kernel.run(LinkDelete(refs=(), name="wg0"))
        assert link(kernel) is None
        assert not SOCKET.exists()
    make(kernel, lane)
    assert link(kernel) is not None


def living(host: Host) -> list[int]:
    """Who runs there, but for those that have ended and wait for their parent."""
    return [pid for pid in host.processes() if state(pid) != "Z"]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def soon(reached: Callable[[], bool]) -> bool:
    """Whether it comes true: who is killed takes a moment to go, and takes its device along last."""
    deadline = time.monotonic() + 10
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.01)
    return reached()


@pytest.mark.parametrize("op", [LinkUp, LinkSet], ids=["up", "set"])
def test_changing_a_link_that_is_gone_is_refused(
    kernel: LinuxKernel, op: type[LinkUp] | type[LinkSet]
) -> None:
    with pytest.raises(KernelError) as caught:
        kernel.run(op(refs=(), name="wg0"))
    assert caught.value.errno == errno.ENODEV


@pytest.mark.lane("userspace")
def test_a_tun_device_alone_is_no_wireguard(kernel: LinuxKernel, namespace: Host) -> None:
    namespace.ip("tuntap add wg0 mode tun")
    found = link(kernel)
    assert found is not None
    assert found.kind == "tun"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(SOCKET))
    found = link(kernel)  # now there is a socket, but nobody listens
    assert found is not None
    assert found.kind == "tun"


@pytest.mark.lane("userspace")
def test_the_process_lives_in_a_session_of_its_own_with_nothing_of_ours_open(
    kernel: LinuxKernel, namespace: Host
) -> None:
    with Path("/proc/self/status").open() as mine:
        os.set_inheritable(mine.fileno(), True)
        make(kernel, "userspace")
    (pid,) = namespace.processes()
    assert os.getsid(pid) != os.getsid(0)
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert sorted(opened(pid)) == ["/dev/net/tun", *["/dev/null"] * 3]


def opened(pid: int) -> Iterator[str]:
    """The files that a process has open. It opens and closes sockets meanwhile."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if (name := str(descriptor.readlink())).startswith("/"):
                yield name


@pytest.mark.lane("userspace")
def test_the_process_runs_as_whom_the_run_directory_belongs_to(kernel: LinuxKernel, namespace: Host) -> None:
    for folder in ("/run/wgd", "/run/wireguard"):
        os.chown(folder, 65534, 65534)
    if not Path("/dev/net/tun").stat().st_mode & 0o002:  # no device manager has opened it to everybody
        namespace.run("mknod", "--mode=666", "/run/tun", "c", "10", "200")
        namespace.run("mount", "--bind", "/run/tun", "/dev/net/tun")
    make(kernel, "userspace")
    (pid,) = namespace.processes()
    assert Path(f"/proc/{pid}").stat().st_uid == 65534
    assert (SOCKET.stat().st_uid, SOCKET.stat().st_gid) == (65534, 65534)


@pytest.mark.lane("userspace")
def test_a_process_that_goes_on_talking_lives_and_fills_no_memory(
    kernel: LinuxKernel, namespace: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "talks"
    talking = f"while :; do echo more; echo . >> {tmp_path}/turns; sleep 0.01; done"
    program.write_text(f'#!/bin/sh\n{talking} &\nexec wireguard-go "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("WG_QUICK_USERSPACE_IMPLEMENTATION", str(program))
    make(kernel, "userspace")
    turns = tmp_path / "turns"
    # What it starts to sleep is called the same for a moment.
    talker = min(pid for pid in namespace.processes() if b"talks" in command_line(pid))
    said, before = Path(f"/proc/{talker}/fd/1"), len(turns.read_text())
    size = said.stat().st_size
    assert soon(lambda: len(turns.read_text()) > before + 20)
    assert said.stat().st_size == size


def command_line(pid: int) -> bytes:
    """Of a process; nothing of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.lane("userspace")
def test_wireguard_go_ends_when_its_socket_is_given_away(kernel: LinuxKernel) -> None:
    make(kernel, "userspace")
    os.chown(SOCKET, 65534, 65534)
    assert soon(lambda: link(kernel) is None)


@pytest.mark.lane("userspace")
def test_a_socket_that_a_killed_process_left_is_in_nobodys_way(kernel: LinuxKernel, namespace: Host) -> None:
    make(kernel, "userspace")
    (pid,) = namespace.processes()
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: link(kernel) is None)
    assert SOCKET.exists()
    make(kernel, "userspace")
    found = link(kernel)
    assert found is not None
    assert found.kind == USERSPACE


PROGRAMS = (
    ("it is not installed", "no-such-program", None, "is not installed"),
    ("it fails", "fails", "exit 3", "it ended with status 3$"),
    ("it says why", "says", "echo one >&2; echo no device; exit 4", "it ended with status 4: no device$"),
    ("it does nothing", "sleeps", "sleep 60 & sleep 60", "it was not ready"),
    ("it only pretends", "pretends", "sleep 60 & exit 0", "it was not ready"),
    (
        "it makes a device, and no socket",
        "half",
        "ip link add wg0 type veth peer v1; sleep 60 & exit 0",
        "it was not ready",
    ),
)


@pytest.mark.lane("userspace")
@pytest.mark.parametrize(
    ("program", "script", "why"), [p[1:] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS]
)
def test_a_process_that_does_not_get_as_far_as_working_leaves_nothing(
    kernel: LinuxKernel,
    namespace: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    script: str | None,
    why: str,
) -> None:
    if script is not None:
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
        program = str(tmp_path / program)
    monkeypatch.setenv("WG_QUICK_USERSPACE_IMPLEMENTATION", program)
    monkeypatch.setattr("wgd.kernel.userspace._PATIENCE", 0.5)
    with pytest.raises(KernelError, match=why):
        make(kernel, "userspace")
    assert link(kernel) is None
    assert soon(lambda: not living(namespace))
