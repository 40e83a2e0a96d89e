"""The steps as text and as JSON."""

from __future__ import annotations

import json
from ipaddress import ip_address

from tests.explain.support import CAMERA, machine
from wgd.explain.sight import Asked
from wgd.explain.steps import Mark, Mend, Step
from wgd.explain.telling import render, value
from wgd.output.terminal import Page

ASKED = Asked(ip_address(CAMERA), ip_address("172.27.0.2"))
WRONG = Step(
    "route", Mark.WRONG, "leads to eth0", "route-is-missing", Mend("so", ("wgd apply",), host="hub-1")
)
LATER = Step("rules", Mark.WRONG, "no rule", "no-rule", Mend("later", ("[[forward]]",), "wg0.toml"))
WAY = (Step("interface", Mark.RIGHT, "wg0 is up"), WRONG, LATER)


def test_a_line_a_step_and_the_mend_of_the_first_fault() -> None:
    assert render(ASKED, WAY, Page()).splitlines() == [
        "10.11.12.7, from 172.27.0.2",
        "  ✓ interface   wg0 is up",
        "  ✗ route       leads to eth0",
        "  ✗ rules       no rule",
        "",
        "  route: on hub-1, so:",
        "      wgd apply",
    ]


def test_what_a_probe_found_is_told_beside_it() -> None:
    found = Step("probe", Mark.WRONG, "nobody listens", "x", Mend("see", ("wg show",), "", "hub-1"))
    assert render(ASKED, (*WAY, found), Page()).splitlines()[-2:] == [
        "  probe: on hub-1, see:",
        "      wg show",
    ]


def test_where_nothing_is_wrong_it_says_how_to_know_the_rest() -> None:
    unknown = Step("beyond", Mark.UNKNOWN, "cannot be seen", "x", Mend("see", ("wgd explain",), "", "hub-1"))
    assert render(ASKED, (unknown,), Page()).splitlines()[-2:] == [
        "  beyond: on hub-1, see:",
        "      wgd explain",
    ]


def test_colours_and_a_narrow_page() -> None:
    text = render(ASKED, (Step("route", Mark.WRONG, "it leads " * 9, "r"),), Page(colour=True, width=40))
    assert "\033[1;31m✗\033[0m route" in text
    assert max(map(len, text.splitlines()[2:])) <= 40


def test_a_name_steers_no_terminal() -> None:
    text = render(ASKED, (Step("route", Mark.RIGHT, "a\033[2Jb"),), Page())
    assert "\033" not in text


def test_json() -> None:
    told = json.loads(json.dumps(value(ASKED, WAY)))
    assert (told["address"], told["from"], told["port"], told["right"]) == (CAMERA, "172.27.0.2", None, False)
    assert told["steps"][1] == {
        "step": "route",
        "mark": "wrong",
        "fact": "leads to eth0",
        "diagnosis": "route-is-missing",
        "mend": {"words": "so", "lines": ["wgd apply"], "file": "", "host": "hub-1"},
    }
    assert told["steps"][0]["mend"] is None


def test_a_healthy_machine_is_told_to_the_end() -> None:
    lines = render(Asked(ip_address(CAMERA)), machine("spoke-1").explain(CAMERA), Page()).splitlines()
    assert lines[0] == "10.11.12.7, from this machine"
    assert [line.split()[1] for line in lines[1:10]] == [
        *("interface", "settings", "owner", "route", "peer", "endpoint", "handshake", "MTU", "beyond"),
    ]
