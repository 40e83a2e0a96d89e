"""wgd's side of `make bench-disruption`, in little: edits and deaths of the daemon that no packet notices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from integration.disruption import trace
from integration.disruption.arena import HOSTS, Arena, Result
from integration.disruption.contest import edit_at_random
from integration.disruption.operations import named, new_key
from integration.disruption.wgd_tool import WgdTool
from integration.host import Host

IN_THE_KERNEL = pytest.mark.lane("kernel")
"""With wireguard-go, test_sessions and test_minimal do the like in less time."""
HANDFUL = (
    "add a peer",
    "active peer: add two allowed IPs",
    "active peer: move an allowed IP to another",
    "active peer: remove an allowed IP",
    "change the masquerade",
    "back to the beginning, in one save",
)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> WgdTool:
    return WgdTool(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def arena(tool: WgdTool) -> Iterator[Arena]:
    with ExitStack() as ending:
        yield Arena(tool, ending)


def unnoticed(result: Result) -> bool:
    return (result.losses.lost, result.losses.broken) == (0, 0) and result.losses.sent > 50


@IN_THE_KERNEL
@pytest.mark.parametrize("name", HOSTS)
def test_no_packet_notices_an_edit(arena: Arena, name: str) -> None:
    steps = {operation.name: operation.step for operation in named(arena.base[name])}
    results = [arena.step(name, title, steps[title]) for title in HANDFUL]
    assert [result for result in results if not unnoticed(result)] == []


@IN_THE_KERNEL
def test_no_packet_notices_random_edits_of_the_active_peer(arena: Arena) -> None:
    found = edit_at_random(arena, 24)
    assert sum(tally.edits for tally in found.values()) == 24
    assert {kind: tally.lost for kind, tally in found.items() if tally.lost} == {}


@IN_THE_KERNEL
@pytest.mark.parametrize("name", HOSTS)
def test_no_packet_notices_the_daemons_death_and_its_successor(
    arena: Arena, tool: WgdTool, name: str
) -> None:
    host = arena.host(name)
    deaths = (tool.restart, tool.kill, tool.upgrade)
    results = [arena.act(name, death.__name__, partial(death, host)) for death in deaths]
    assert [result for result in results if not unnoticed(result)] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_trace_sees_the_flag_where_wg_sets_it(namespace: Host, lane: str, tmp_path: Path) -> None:
    """What finds nothing in wgd's messages must find it where it is."""
    if lane == "userspace":
        namespace.run("wireguard-go", "wg0")
    else:
        namespace.run("ip", "link", "add", "wg0", "type", "wireguard")
    words = ("wg", "set", "wg0", "peer", new_key(), "allowed-ips", "10.1.0.0/16")
    namespace.run(*trace.strace(tmp_path / "strace"), *words)
    seen = trace.read("wg", tmp_path / "strace")
    assert (seen.messages, seen.peers, seen.replace_allowed_ips) == (1, 1, 1)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_replace_flag_goes_to_a_live_device(arena: Arena, tool: WgdTool, tmp_path: Path) -> None:
    host = arena.host("hub-1")
    arena.change("hub-1", arena.base["hub-1"])
    tool.stop(host)
    tool.start(host, *trace.strace(tmp_path / "strace"))
    for operation in named(arena.base["hub-1"]):
        arena.change("hub-1", operation.step(arena.wishes["hub-1"]))
    tool.restart(host)
    seen = trace.read("wgd", tmp_path / "strace")
    assert seen.peers > 5
    assert (seen.replace_peers, seen.replace_allowed_ips) == (0, 0)
