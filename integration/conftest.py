"""Which kernel and which WireGuard the tests meet, and the networks they run in.

A lane is a way to have WireGuard: `kernel`, or `userspace` (wireguard-go on whatever kernel this is), both
in namespaces; `systemd` is for integration/systemd, which wants a machine of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.host import Host
from integration.kernel import has_wireguard
from integration.lab import Lab
from integration.namespaces import NoNamespaces, isolate

LANES = ("kernel", "userspace", "systemd")
NEEDS_A_MACHINE = Path(__file__).parent / "systemd"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=LANES, help="kernel where there is WireGuard in it, else userspace")
    parser.addoption(
        "--thorough",
        action="store_true",
        help="every point of a crash, 2,000 transitions, what takes its time by its meaning: minutes",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lane(name): runs in this lane only")
    config.addinivalue_line("markers", "thorough: runs with --thorough only")
    once = (
        "hangs neither on the kernel nor on its WireGuard: one lane is enough, where processes start fastest"
    )
    config.addinivalue_line("markers", f"once: {once}")
    lane = config.getoption("lane")
    if lane == "systemd":
        return
    try:
        isolate()
    except NoNamespaces as error:
        raise pytest.UsageError(str(error)) from error
    if lane is None:
        config.option.lane = "kernel" if has_wireguard() else "userspace"
    elif lane == "kernel" and not has_wireguard():
        raise pytest.UsageError("this kernel has no WireGuard: integration/run uml brings one that has")


def pytest_report_header(config: pytest.Config) -> str:
    wireguard = "wireguard-go" if config.getoption("lane") == "userspace" else "in the kernel"
    return f"lane: {config.getoption('lane')}, Linux {os.uname().release}, WireGuard: {wireguard}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if (
        NEEDS_A_MACHINE in (collection_path, *collection_path.parents)
        and config.getoption("lane") != "systemd"
    ):
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = [item for item in items if not _has_its_place(item, config)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def _has_its_place(item: pytest.Item, config: pytest.Config) -> bool:
    lanes = [marker.args for marker in item.iter_markers("lane")]
    lanes += [("userspace",) for _ in item.iter_markers("once")]
    wanted = config.getoption("thorough") or item.get_closest_marker("thorough") is None
    return bool(wanted) and all(config.getoption("lane") in names for names in lanes)


@pytest.fixture(scope="session")
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("lane"))


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("thorough"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The mission's network, before any WireGuard."""
    with Lab() as network:
        yield network


@pytest.fixture
def namespace() -> Iterator[Host]:
    """An empty machine; the test itself, its threads and children run on it."""
    host = Host("namespace")
    try:
        with host.inside():
            yield host
    finally:
        host.close()
