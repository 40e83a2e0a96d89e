"""`make bench`: what it makes of what it timed. That it runs is integration/test_bench.py's."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as xml
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from struct import pack

import pytest

from integration.bench import network, words
from integration.bench.__main__ import BEGIN, END, with_summary
from integration.bench.events import LOG, NFTABLES, ROUTE, Expected, Heard, complete_at, expected
from integration.bench.idle import Idle
from integration.bench.network import Crowd, Edit, Member
from integration.bench.pages import Pages, faults_of, microseconds
from integration.bench.picture import Scale, spaced, svg
from integration.bench.samples import Case, Samples, ratio, spread
from integration.bench.table import markdown
from integration.bench.targets import verdicts
from integration.kernel import findings
from wgd.config.decode import decode
from wgd.kernel.netlink import attribute
from wgd.model import Secret

OLD, NEW = IPv4Address("10.64.0.1").packed, IPv4Address("10.128.0.1").packed


def samples(*given: tuple[str, str, int, int, list[float]]) -> Samples:
    """From (what, who, peers, processes, milliseconds)."""
    made = Samples()
    for what, who, peers, starts, times in given:
        for time in times:
            made.add(Case(what, who, peers), time, starts)
    return made


# Statistics


def test_processes_are_taken_off_at_what_one_takes_in_the_same_round() -> None:
    made = samples(
        (words.START, words.SCRIPT, 10, 1, [14.0, 16.0, 15.0]),
        (words.START, words.SCRIPT, 100, 1, [30.0]),
        (words.EDIT, words.SCRIPT, 10, 3, [100.0, 90.0, 110.0]),
        (words.EDIT, words.ONE_FILE, 10, 0, [20.0]),
    )
    script, ours = (made.figure(words.EDIT, who, 10) for who in (words.SCRIPT, words.ONE_FILE))
    assert script is not None and (script.median, script.net) == (100.0, 55.0)
    assert ratio(ours, script) == 0.2
    assert ratio(ours, script, net=True) == pytest.approx(20 / 55)


def test_a_round_that_timed_no_process_takes_what_the_others_found() -> None:
    made = samples((words.START, words.SCRIPT, 10, 1, [15.0]), (words.STATUS, words.ONE_FILE, 5, 1, [25.0]))
    figure = made.figure(words.STATUS, words.ONE_FILE, 5)
    assert figure is not None and figure.net == 10.0


def test_nothing_is_made_of_what_was_not_measured() -> None:
    made = samples((words.EDIT, words.SCRIPT, 10, 3, [1.0]))
    assert made.figure(words.EDIT, words.ONE_FILE, 10) is None
    assert ratio(None, made.figure(words.EDIT, words.SCRIPT, 10)) is None


@pytest.mark.parametrize(
    ("times", "found"),
    [([3.0], (3.0, 3.0)), ([1.0, 9.0, 2.0], (1.0, 9.0)), ([1.0, 2.0, 3.0, 4.0, 100.0], (2.0, 4.0))],
    ids=["one", "few: all of them", "many: quartiles"],
)
def test_spread(times: list[float], found: tuple[float, float]) -> None:
    assert spread(times) == found


# Targets


def race(mine: float, theirs: float) -> Samples:
    return samples(
        (words.START, words.SCRIPT, 10_000, 1, [10.0]),
        (words.NOTHING, words.ONE_FILE, 10_000, 0, [mine]),
        (words.NOTHING, words.DROP_INS, 10_000, 0, [1.0]),
        (words.NOTHING, words.READERS, 10_000, 3, [theirs]),
    )


@pytest.mark.parametrize(
    ("mine", "met"),
    [(70.0, True), (80.0, False), (101.0, False)],
    ids=["under both", "over without their processes", "over"],
)
def test_the_slower_layout_has_to_win_without_the_others_processes(mine: float, met: bool) -> None:
    (verdict,) = verdicts(race(mine, 100.0), [])
    assert (verdict.value, verdict.net, verdict.met) == (mine / 100, mine / 70, met)


def test_growth_and_idleness_have_limits() -> None:
    made = samples(
        (words.EDIT, words.ONE_FILE, 1000, 0, [10.0]),
        (words.EDIT, words.ONE_FILE, 50_000, 0, [21.0]),
        (words.NOTHING, words.DROP_INS, 1000, 0, [10.0]),
        (words.NOTHING, words.DROP_INS, 50_000, 0, [490.0]),
    )
    idle = Idle(words.ONE_FILE, 10_000, 40.0, 2, 0.011, 80.0, 60.0, None)
    found = {(one.what.split(",")[0], one.met) for one in verdicts(made, [idle])}
    assert ("idle", False) in found
    assert [one.met for one in verdicts(made, []) if "growth" in one.what] == [True, False]


# The page and the picture


def test_the_page_shows_medians_spread_and_ratio() -> None:
    made = race(50.0, 130.0)
    idle = [Idle(words.ONE_FILE, n, 40.0, 2, 0.005, 80.0, 60.0 + n / 1024, None) for n in (10, 10_010)]
    page = markdown("# Benchmark", made, idle, {"`wgd status`": [90.0, 100.0, 95.0]})
    assert "| wgd, one file | **50.0** (50.0–50.0) |" in page
    assert "| wg, ip, nft list | **130** (130–130), net 100 |" in page
    assert "| wgd, one file / wg, ip, nft list | 0.38 ×, net 0.50 × |" in page
    assert "| wgd, one file | 10,010 | 0.50 % | 40 s, 2 passes | 80 | 70 |  | 1.0 |" in page
    assert "| `wgd status` | 95 | 90 | 100 |" in page


def test_the_page_says_how_much_of_a_time_memory_took() -> None:
    pages = [Pages(words.COLD, words.DROP_INS, n, 40_000, 105.0, 5000.0) for n in (10, 10_000)]
    page = markdown("# Benchmark", race(50.0, 130.0), [], {}, (), pages)
    assert f"| {words.COLD} | wgd, drop-ins | 10,000 | 40,000 | 105.0 | 4,200 | 5,000 |" in page
    assert "| wgd, drop-ins | 10 |" not in page


def test_touching_fresh_memory_takes_time() -> None:
    before = faults_of(os.getpid())
    assert microseconds() > 0
    assert faults_of(os.getpid()) >= before + 4096


def test_the_readme_gets_its_short_form_between_its_marks() -> None:
    found = {
        "machine": "A machine.",
        "samples": race(50.0, 130.0).json(),
        "idle": [Idle(words.DROP_INS, 10_000, 40.0, 2, 0.005, 80.0, 60.0, None).json()],
    }
    once = with_summary(f"before\n{BEGIN}\nold\n{END}\nafter\n", found)
    assert f"| {words.NOTHING} | 50.0 | 1.0 | 130, without starting processes 100 |" in once
    assert "| – | 0.5 %, 60 MiB | – |" in once
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "old" not in once
    assert with_summary(once, found) == once
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert readme.count(BEGIN) == readme.count(END) == 1


def test_the_picture_is_xml_and_has_a_line_for_each() -> None:
    made = samples(
        *(
            (words.EDIT, who, peers, 0, [peers / 3])
            for who in (words.DROP_INS, words.SCRIPT)
            for peers in (9, 99)
        ),
        (words.COLD, words.SCRIPT, 9, 4, [5.0]),
    )
    root = xml.fromstring(svg(made, "a & b"))
    lines = [one for one in root if one.tag.endswith("polyline")]
    texts = [one.text for one in root if one.tag.endswith("text")]
    assert len(lines) == 3
    assert {"One peer gets another address", "Everything from nothing", words.SCRIPT, "a & b"} <= set(texts)
    assert "All read and compared" not in texts


def test_a_decade_is_as_wide_as_the_next() -> None:
    scale = Scale(1.0, 4.0, 100.0, -90.0)
    assert [scale.at(value) for value in scale.decades()] == [100.0, 70.0, 40.0, 10.0]


def test_names_never_cover_each_other() -> None:
    places = sorted(spaced({"a": 250.0, "b": 251.0, "c": 252.0}).values())
    assert all(b - a >= 13 for a, b in pairwise(places))
    assert places[-1] <= 256


# The network


def test_every_tool_is_told_of_the_same_addresses() -> None:
    crowd = Crowd(3)
    addresses = [member.address for member in crowd.members.values()]
    for text in (network.conf(crowd, "key"), network.routes(crowd), network.rules(crowd)):
        assert all(address in text for address in addresses)


def test_both_layouts_of_the_files_say_the_same() -> None:
    crowd = Crowd(3)
    whole = {"wg0.toml": network.one_file(crowd).encode()}
    parts = {"wg0.toml": (network.interface_toml() + network.gateway_toml(crowd.gateway)).encode()}
    parts |= {f"wg0.d/{m.name}.toml": network.member_toml(m).encode() for m in crowd.members.values()}
    first, second = (decode(files, lambda *_: Secret(bytes([8] * 32)), 0.0) for files in (whole, parts))
    assert first.problems == second.problems == ()
    assert first.config == second.config and len(first.config.interfaces["wg0"].forwards) == 3


def test_edits_are_spread_and_never_use_an_address_twice() -> None:
    crowd = Crowd(100)
    seen = [member.address for member in crowd.members.values()]
    for edits in (crowd.readdress(30), crowd.readdress(100), crowd.readdress(), crowd.join()):
        names = [edit.after.name for edit in edits if edit.after]
        assert len(names) == len(set(names)) == len(edits)
        seen += [edit.after.address for edit in edits if edit.after]
        crowd.apply(edits)
    assert len(seen) == len(set(seen))
    crowd.apply(crowd.leave())
    assert len(crowd.members) == 100


def test_what_differs_is_told_to_the_script_alone() -> None:
    one = Member("p1", "k", "10.64.0.1")
    moved = [Edit(one, replace(one, address="10.128.0.1"))]
    assert (
        network.routes_changed(moved) == "route del 10.64.0.1/32 dev wg0\nroute add 10.128.0.1/32 dev wg0\n"
    )
    assert network.rules_changed(moved).splitlines() == [
        "delete element inet by-hand members { 10.64.0.1 }",
        "add element inet by-hand members { 10.128.0.1 }",
    ]
    same = [Edit(one, replace(one, keepalive=25))]
    assert network.routes_changed(same) == network.rules_changed(same) == ""


# The onlooker


def message(kind: int, body: bytes) -> bytes:
    return pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def route(kind: int, address: bytes) -> bytes:
    return message(kind, bytes(12) + attribute(1, address))


def element(kind: int, address: bytes) -> bytes:
    return message(10 << 8 | kind, bytes(4) + attribute(1, address))


def test_an_edit_is_complete_when_its_last_part_was_heard() -> None:
    before = Member("p1", "the key", "10.64.0.1")
    what = expected([Edit(before, replace(before, address="10.128.0.1"))])
    heard = [
        Heard(1.0, NFTABLES, element(12, NEW) + element(14, OLD)),
        Heard(2.0, ROUTE, route(25, OLD)),
        Heard(3.0, LOG, b"<6>wg set wg0 peer the key allowed-ips +10.128.0.1/32"),
        Heard(4.0, ROUTE, route(24, NEW)),
        Heard(5.0, ROUTE, route(24, NEW)),
    ]
    assert complete_at(heard, what) == 4.0
    for at in range(4):
        assert complete_at([*heard[:at], *heard[at + 1 : 4]], what) is None


def test_a_route_that_goes_is_not_one_that_comes() -> None:
    heard = [Heard(1.0, ROUTE, route(25, NEW))]
    assert complete_at(heard, Expected(routes_come=frozenset({NEW}))) is None
    assert complete_at(heard, Expected(routes_gone=frozenset({NEW}))) == 1.0


def test_elements_go_with_their_set() -> None:
    heard = [Heard(1.0, NFTABLES, message(10 << 8 | 11, b"the set"))]
    assert complete_at(heard, Expected(rules_gone=frozenset({OLD}))) == 1.0
    assert complete_at(heard, Expected(rules_gone=frozenset({OLD}), rules_come=frozenset({NEW}))) is None


def test_a_wgd_that_is_measured_has_been_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where it is installed: a start on a read-only root would do it each time."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    code = """
import json, os, sys
import wgd.daemon
modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "wgd"]
print(json.dumps({"all": len(modules), "ready": sum(os.path.exists(one.__cached__) for one in modules)}))
"""
    found = findings([sys.executable, "-B", "-X", f"pycache_prefix={tmp_path}", "-c", code], {})
    assert found["ready"] == found["all"] > 0
