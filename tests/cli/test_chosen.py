from __future__ import annotations

from typing import Any

import pytest

from tests.output.test_render import DRIFT, INTERFACE, NOW, PEER, QUIET
from wgd.cli.chosen import chosen, in_order
from wgd.errors import UsageError
from wgd.output.render import render_status
from wgd.output.terminal import Page

PHONE = PEER | {"name": "phone", "last_handshake": None, "received": 0, "sent": 0}
TABLET = PEER | {"name": "tablet", "last_handshake": NOW - 5, "received": 10, "sent": 10}
STRAY = PEER | {"name": None, "last_handshake": NOW - 500, "state": "leftover"}
WG1 = INTERFACE | {"name": "wg1", "peers": [TABLET | {"state": "drift"}]}
VALUE: dict[str, Any] = QUIET | {
    "in_sync": False,
    "interfaces": [INTERFACE | {"peers": [PHONE, PEER, STRAY, TABLET]}, WG1],
    "drift": [DRIFT, DRIFT | {"label": "tablet on wg1", "interface": "wg1"}],
}


def names(value: dict[str, Any]) -> list[tuple[str, list[str | None]]]:
    return [(one["name"], [peer["name"] for peer in one["peers"]]) for one in value["interfaces"]]


@pytest.mark.parametrize(
    ("words", "wanted", "in_sync", "drift"),
    [
        ([], [("wg0", ["phone", "spoke-1", None, "tablet"]), ("wg1", ["tablet"])], False, 2),
        (["phone"], [("wg0", ["phone"])], True, 0),
        (["tablet"], [("wg0", ["tablet"]), ("wg1", ["tablet"])], False, 1),
        (["tablet", "wg0"], [("wg0", ["tablet"])], True, 0),
        (["wg1"], [("wg1", ["tablet"])], False, 1),
        (["wg1", "wg0"], [("wg0", ["phone", "spoke-1", None, "tablet"]), ("wg1", ["tablet"])], False, 2),
        (["phone", "spoke-1"], [("wg0", ["phone", "spoke-1"])], True, 1),
    ],
    ids=["all", "peer", "peer on two", "peer on one", "interface", "interfaces", "peers"],
)
def test_what_is_asked_for(words: list[str], wanted: Any, in_sync: bool, drift: int) -> None:
    value = chosen(VALUE, words)
    assert (names(value), value["in_sync"], len(value["drift"])) == (wanted, in_sync, drift)


@pytest.mark.parametrize("words", [["laptop"], ["wg0", "laptop"], ["None"]])
def test_a_name_that_nothing_has(words: list[str]) -> None:
    with pytest.raises(UsageError, match=words[-1]):
        chosen(VALUE, words)


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("name", ["phone", "spoke-1", "tablet", None]),
        ("handshake", ["tablet", "spoke-1", None, "phone"]),
        ("traffic", ["spoke-1", None, "tablet", "phone"]),
    ],
)
def test_orders(by: str, wanted: list[str | None]) -> None:
    assert names(in_order(VALUE, by))[0] == ("wg0", wanted)


def test_of_many_that_are_sorted_the_first_are_shown() -> None:
    peers = [PEER | {"name": f"p{n:03}", "sent": n} for n in range(100)]
    value = in_order(QUIET | {"interfaces": [INTERFACE | {"peers": peers}]}, "traffic")
    lines = render_status(value, NOW, Page(), whole=False, sorted_=True).splitlines()
    assert [line.split()[0] for line in lines[7:10]] == ["p099", "p098", "p097"]
    assert "and 80 more" in lines[-1]
