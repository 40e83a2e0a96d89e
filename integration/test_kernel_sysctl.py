"""Sysctls of the real kernel, and the notes that bring the originals back."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.host import Host
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.sysctl import Sysctl, SysctlRestore, SysctlSet

PATH = "net/ipv4/conf/v0.7/forwarding"
NOTES = Path("/run/wgd/sysctl.json")


@pytest.fixture
def kernel(namespace: Host) -> LinuxKernel:
    namespace.ip("link add v0.7 type veth peer v1")
    return LinuxKernel()


def sysctls(kernel: LinuxKernel) -> dict[str, Sysctl]:
    return {found.path: found for found in kernel.dump("sysctl") if isinstance(found, Sysctl)}


def write(kernel: LinuxKernel, path: str, value: str) -> None:
    kernel.run(SysctlSet(refs=(), path=path, value=value))


def test_every_device_has_its_switches_even_one_with_a_dot(kernel: LinuxKernel) -> None:
    found = sysctls(kernel)
    for device in ("all", "default", "lo", "v0.7"):
        for name in ("ipv4/conf/{}/forwarding", "ipv4/conf/{}/promote_secondaries", "ipv6/conf/{}/accept_ra"):
            path = f"net/{name.format(device)}"
            assert found[path] == Sysctl(path, Path("/proc/sys", path).read_text().strip())


def test_what_was_raised_is_noted_and_comes_back(kernel: LinuxKernel) -> None:
    write(kernel, PATH, "1")
    assert sysctls(LinuxKernel())[PATH] == Sysctl(PATH, "1", "0")
    kernel.run(SysctlRestore(refs=(), path=PATH, value="0"))
    assert sysctls(LinuxKernel())[PATH] == Sysctl(PATH, "0")


def test_the_first_original_stays(kernel: LinuxKernel) -> None:
    path = "net/ipv6/conf/v0.7/accept_ra"
    for value in ("2", "0"):
        write(kernel, path, value)
    assert sysctls(kernel)[path] == Sysctl(path, "0", "1")


def test_what_stands_already_is_not_noted(kernel: LinuxKernel) -> None:
    write(kernel, PATH, "0")
    assert sysctls(kernel)[PATH] == Sysctl(PATH, "0")
    assert not NOTES.exists()


def test_a_value_that_is_refused_leaves_no_note(kernel: LinuxKernel) -> None:
    with pytest.raises(KernelError, match="EINVAL"):
        write(kernel, PATH, "nonsense")
    assert sysctls(kernel)[PATH] == Sysctl(PATH, "0")


def test_nothing_is_written_that_cannot_be_noted(kernel: LinuxKernel) -> None:
    NOTES.parent.rmdir()
    NOTES.parent.write_text("in the way")
    with pytest.raises(KernelError, match="note under"):
        write(kernel, PATH, "1")
    assert sysctls(kernel)[PATH] == Sysctl(PATH, "0")


def test_a_device_that_is_gone_takes_its_notes_along(kernel: LinuxKernel, namespace: Host) -> None:
    write(kernel, PATH, "1")
    namespace.ip("link delete v0.7")
    assert PATH not in sysctls(kernel)
    with pytest.raises(KernelError, match="ENOENT"):
        write(kernel, PATH, "1")
    kernel.run(SysctlRestore(refs=(), path=PATH, value="0"))
    assert NOTES.read_text() == "{}\n"


def test_forwarding_of_one_device_changes_nothing_else(kernel: LinuxKernel) -> None:
    def all_ipv4() -> dict[str, str]:
        paths = Path("/proc/sys/net/ipv4/conf").glob("*/*")
        return {str(path): path.read_text() for path in paths if path.stat().st_mode & 0o444}

    before = all_ipv4()
    write(kernel, PATH, "1")
    assert {path for path, value in all_ipv4().items() if value != before[path]} == {f"/proc/sys/{PATH}"}
