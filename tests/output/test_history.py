"""What `wgd log` keeps and shows: each pass that changed something, with its reason, in bounded space."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from wgd.kinds.link import LinkSet
from wgd.kinds.route import Route, RouteSet
from wgd.model import Outcome, Ref
from wgd.output.history import COMMANDS, entry, render
from wgd.output.terminal import Page
from wgd.prefixes import Prefix
from wgd.sources.historyfile import BEFORE, LARGEST, NAME, append, entries

NOW = 1_700_000_000.0
UP = Outcome(LinkSet(refs=(Ref("link", "wg0"),), name="wg0", mtu=1400))
ENTRY: dict[str, Any] = {
    "time": NOW,
    "why": ["saved: wg0.toml"],
    "did": ["ip link set dev wg0 mtu 1400"],
    "failed": [],
    "more": 0,
}


def routes(number: int, **more: Any) -> Outcome:
    return Outcome(
        RouteSet(refs=(), routes=tuple(Route(Prefix(4, at, 32), "wg0") for at in range(number))), **more
    )


def test_an_edit() -> None:
    assert entry(NOW, ["wg0.toml"], [], [UP]) == ENTRY


def test_a_repair() -> None:
    kept = entry(NOW, [], ["route x was missing, restored (removed by ip[7])"], [routes(1)])
    assert kept and kept["why"] == ["route x was missing, restored (removed by ip[7])"]


def test_what_failed() -> None:
    kept = entry(NOW, ["wg0.toml"], [], [routes(1, error="EPERM"), UP])
    assert kept and kept["did"] == ENTRY["did"] and kept["failed"][0].endswith(": EPERM")


def test_of_many_commands_the_first_are_kept() -> None:
    kept = entry(NOW, [f"wg0.d/{n}.toml" for n in range(500)], [str(n) for n in range(500)], [routes(10_000)])
    assert kept and (len(kept["did"]), kept["more"]) == (COMMANDS, 10_000 - COMMANDS)
    assert len(kept["why"]) == 12 and kept["why"][0].endswith(" …")


def test_nothing_is_no_entry() -> None:
    assert entry(NOW, ["wg0.toml"], [], []) is None


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    text = render([ENTRY, ENTRY | {"why": [], "more": 3, "failed": ["x: EPERM"]}], Page())
    assert text.splitlines() == [
        "2023-11-14 22:13:20  saved: wg0.toml",
        "                       ip link set dev wg0 mtu 1400",
        "2023-11-14 22:13:20  by itself",
        "                       ip link set dev wg0 mtu 1400",
        "                       … and 3 more",
        "                       failed: x: EPERM",
    ]


def test_it_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    number = 3 * LARGEST // 100
    for n in range(number):
        append(tmp_path, ENTRY | {"time": float(n)})
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    times = [one["time"] for one in entries(tmp_path)]
    assert size <= 2 * LARGEST + 1000 and {file.name for file in tmp_path.iterdir()} <= {NAME, BEFORE}
    assert times == sorted(times) and times[-1] == number - 1 and len(times) > LARGEST // 200


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    append(tmp_path, ENTRY)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"time": 1, "why\n[]\n{"time": 5}\n')
    append(tmp_path, ENTRY)
    assert [*entries(tmp_path)] == [ENTRY, ENTRY]
    assert (tmp_path / NAME).stat().st_mode & 0o007 == 0
