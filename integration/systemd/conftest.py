"""What the tests of the installed service start from: wgd installed, wg0 up, its peer reachable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.systemd.machine import (
    CONFIG,
    OTHERS,
    WHEELS,
    Far,
    answers,
    eventually,
    interface_file,
    make,
    run,
    wait_for_report,
)

PLACES = (("/etc", 9), ("/opt", 1), ("/run", 1), ("/usr/local", 2), ("/var", 2))
"""Where an installed program leaves things, and how deep to look; a folder costs this kernel a descriptor."""
NOT_OURS = (
    "/etc/wgd",
    "/run/lane",
    "/run/netns",
    "/run/log",
    "/run/systemd",
    "/run/udev",
    "/run/user",
    "/var/log",
)
"""The person's own files, and what tests, the journal and systemd write of themselves."""


def footprint() -> frozenset[str]:
    """Every path there is in these places."""
    return frozenset(path for place, depth in PLACES for path in _below(place, depth))


def _below(folder: str, depth: int) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.path in NOT_OURS:
            continue
        yield entry.path
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, depth - 1)


@dataclass(frozen=True, slots=True)
class Installed:
    """What `make install` said, and what there was before."""

    said: str
    before: frozenset[str]


@pytest.fixture(scope="session")
def installed() -> Iterator[Installed]:
    assert WHEELS.is_dir(), "integration/make-venv makes the wheels that are installed here"
    _lay_others()
    before = footprint()
    yield Installed(make("install"), before)


def _lay_others() -> None:
    """udev and NetworkManager where this machine lacks them: what `fetch others` has unpacked."""
    if OTHERS.is_dir():
        run("tar", "-C", str(OTHERS), "-cf", "/run/others.tar", ".")
        run("tar", "-C", "/", "--keep-directory-symlink", "-xf", "/run/others.tar")
        Path("/run/others.tar").unlink()
    Path("/run/NetworkManager").mkdir()


@pytest.fixture(scope="session")
def far() -> Iterator[Far]:
    machine = Far()
    yield machine
    machine.close()


@dataclass(frozen=True, slots=True)
class Tunnel:
    """An interface of the machine: its file, what stands in it at the start, and the address of its peer."""

    file: Path
    text: str
    peer: str


@pytest.fixture(scope="session")
def first_start(installed: Installed, far: Far) -> Tunnel:
    """wg0, made the way the README says."""
    public_key = run("wgd", "genkey", "wg0").strip()
    text = interface_file(51820, "172.27", far.connect("wg0", public_key, 51820, "172.27"))
    (CONFIG / "wg0.toml").write_text(text)
    run("systemctl", "enable", "--now", "wgd")
    return Tunnel(CONFIG / "wg0.toml", text, "172.27.0.2")


@pytest.fixture
def wg0(first_start: Tunnel, far: Far) -> Tunnel:
    """wg0 as at the start: whatever the test before did to its file or the service is undone."""
    if first_start.file.read_text() != first_start.text:
        first_start.file.write_text(first_start.text)
    run("systemctl", "start", "wgd")
    wait_for_report()
    if not answers(first_start.peer):
        far.hurry("wg0")
        eventually(lambda: answers(first_start.peer))
    return first_start
