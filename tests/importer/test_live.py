"""Interfaces that are up: what is imported of one and applied to it changes marks alone."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.fake import FakeKernel
from tests.importer.support import (
    Case,
    adoptable,
    assert_marks_alone,
    bring_up,
    cases,
    decoded,
    toml,
)
from wgd.errors import Severity
from wgd.importer import live, write
from wgd.importer.found import Fate
from wgd.importer.sources import Imported, from_live
from wgd.model import Secret
from wgd.prefixes import Prefix

BY_NAME = {case.name: case for case in cases()}
KINDS = ("link", "device", "peer", "address", "route")


def imported(kernel: FakeKernel, name: str = "wg0") -> Imported:
    there = live.seen(name, {kind: kernel.dump(kind) for kind in KINDS})
    assert there is not None
    return from_live(there)


def table(of: Imported) -> dict[str, Any]:
    return tomllib.loads(toml(of))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in adoptable()])
def test_adopting_what_is_up_changes_marks_alone(case: Case) -> None:
    kernel = bring_up(case)
    of = imported(kernel)
    found = decoded(of)
    assert [problem for problem in found.problems if problem.severity is Severity.ERROR] == []
    assert [write.account(entry) for entry in of.entries if entry.fate is Fate.MISSED] == []
    assert_marks_alone(found.config, kernel)


def test_every_fact_is_accounted_for() -> None:
    of = imported(bring_up(BY_NAME["lists in many lines"]))
    told = {id(entry.line) for entry in of.entries}
    assert len(of.lines) > 8
    assert [line.text for line in of.lines if id(line) not in told] == []


def test_a_hub_with_many_callers_is_a_hub() -> None:
    """However alive their endpoints look."""
    found = table(imported(bring_up(BY_NAME["saved by wg-quick itself"])))
    assert found["interface"]["role"] == "hub" and found["interface"]["listen_port"] == 51820
    assert not any("endpoint" in peer for peer in found["peers"].values())


def test_a_spoke_keeps_where_to_call_and_not_its_chance_port() -> None:
    found = table(imported(bring_up(BY_NAME["a spoke as in every tutorial"])))
    assert found["interface"]["role"] == "spoke" and "listen_port" not in found["interface"]
    assert found["peers"]["peer-1"]["endpoint"] == "198.51.100.200:51820"


def test_whoever_may_be_called_keeps_its_port() -> None:
    """One peer that was heard last from somewhere: nobody knows who calls whom."""
    found = table(imported(bring_up(BY_NAME["site to site, both listen and both call"])))
    assert found["interface"]["role"] == "spoke" and found["interface"]["listen_port"] == 51820


def test_the_keys_are_the_kernels() -> None:
    of = imported(bring_up(BY_NAME["a script's hub, client names marked with ###"]))
    assert [(key.file, type(key.key)) for key in of.found.keys] == [
        ("keys/wg0.key", Secret),
        ("keys/wg0-peer-1.psk", Secret),
    ]


def test_what_leads_there_besides_is_told() -> None:
    kernel = bring_up(BY_NAME["a spoke as in every tutorial"])
    kernel.add_route(Prefix.parse("10.77.0.0/16"), "wg0")
    of = imported(kernel)
    missed = [write.account(entry) for entry in of.entries if entry.fate is Fate.MISSED]
    assert missed == ["route 10.77.0.0/16: no peer has it among its allowed IPs; wgd leaves it alone"]
    assert_marks_alone(decoded(of).config, kernel)


def test_a_route_that_would_come_is_told() -> None:
    kernel = bring_up(BY_NAME["lists in many lines"])
    case = BY_NAME["lists in many lines"]
    assert "192.168.40.0/24" in case.text
    kernel.delete_route(Prefix.parse("192.168.40.0/24"))
    found = table(imported(kernel))
    assert found["peers"]["peer-1"]["routes"] is False


def test_other_devices_are_no_interfaces_of_wireguard() -> None:
    kernel = bring_up(BY_NAME["a spoke as in every tutorial"])
    dumps = {kind: kernel.dump(kind) for kind in KINDS}
    assert live.seen("eth0", dumps) is None
    assert live.seen("wg9", dumps) is None
