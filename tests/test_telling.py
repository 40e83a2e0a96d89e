"""What the daemon tells: each thing once, and of many alike the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.configs import HUB, config, machine, run
from tests.firewalls.rulesets import recorded, saved
from wgd.errors import Problem
from wgd.firewalls.walk import Ruleset
from wgd.kinds.route import Route, RouteSet
from wgd.model import Foreign, Outcome, Plan, Ref, Report, State
from wgd.prefixes import Prefix
from wgd.sources.files import Loaded
from wgd.sources.firewalls import Firewalls
from wgd.telling import TOLD, Teller

NOBODY = Firewalls(Ruleset)


class Noted:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []

    def info(self, event: str, **fields: object) -> None:
        self.events.append({"event": event, **fields})

    warning = error = info


LOG = Noted()


@contextmanager
def capture_logs() -> Iterator[list[dict[str, object]]]:
    LOG.events = []
    yield LOG.events


def adding(number: int) -> RouteSet:
    return RouteSet(refs=(), routes=tuple(Route(Prefix(4, at, 32), "wg0") for at in range(number)))


def lines(tell: Teller, outcome: Outcome) -> list[str]:
    with capture_logs() as logged:
        tell.outcome(outcome)
    return [str(one["event"]) for one in logged]


@pytest.mark.parametrize("number", [0, 1, TOLD])
def test_each_command_is_told(tmp_path: Path, number: int) -> None:
    op = adding(number)
    assert lines(Teller(LOG, tmp_path, NOBODY), Outcome(op)) == [*op.commands()]


def test_of_many_commands_the_first_are_told(tmp_path: Path) -> None:
    op = adding(10_000)
    assert lines(Teller(LOG, tmp_path, NOBODY), Outcome(op)) == [
        *op.commands()[:TOLD],
        "… and 9,980 more like these",
    ]


def test_what_is_wrong_with_the_files_is_told_once(tmp_path: Path) -> None:
    teller, problem = Teller(LOG, tmp_path, NOBODY), Problem("wg0.toml", 3, "interface", "no")
    told = []
    for problems in ((problem,), (problem,), (), ()):
        with capture_logs() as logged:
            teller.files(Loaded(problems=problems))
        told.append([one["event"] for one in logged])
    assert told[1] == told[3] == [] and len(told[0]) == 1 and told[2] == ["the files are all right"]


def test_a_link_that_nobody_explains_is_told_once(tmp_path: Path) -> None:
    teller = Teller(LOG, tmp_path, NOBODY)
    left = Foreign(Ref("link", "wg7"), "wg7", "wg7")
    done = Report(Plan(foreign=(left,)), (), Plan(), State({}))
    with capture_logs() as logged:
        teller.in_the_way(Loaded(), done)
        teller.in_the_way(Loaded(), done)
    assert [one["event"] for one in logged] == ["left alone: wg7"]


def test_a_directory_that_takes_no_status_is_told(tmp_path: Path) -> None:
    wanted = config(replace(HUB, forwards=()))
    done = run(machine(), wanted)
    with capture_logs() as logged:
        Teller(LOG, tmp_path / "nowhere", NOBODY).status(Loaded(wanted), done, {})
    assert ["cannot hold status.json" in one["event"] for one in logged] == [True]


def test_another_firewall_is_told_of_once_per_change(tmp_path: Path) -> None:
    """With what opens it; and again when it is back."""
    drops = saved(":FORWARD DROP")
    rulesets = [drops, drops, saved(""), drops]
    teller = Teller(LOG, tmp_path, Firewalls(lambda: rulesets[0]))
    kernel, wanted = machine(), config(HUB)
    done = run(kernel, wanted)
    told = []
    while rulesets:
        with capture_logs() as logged:
            teller.status(Loaded(wanted), done, {})
        told.append([one["event"] for one in logged])
        del rulesets[0]
    assert told[1] == told[2] == [] and told[0] == told[3] != []
    assert told[0][0] == (
        "iptables drops spoke-1 → webcams from wg0 to wg0: policy drop in chain ip filter FORWARD"
    )


def test_ports_that_the_first_rule_closes_are_told(tmp_path: Path) -> None:
    teller = Teller(LOG, tmp_path, Firewalls(lambda: recorded("docker-28.save")))
    done = run(machine(), config(HUB))
    (chain,) = (c for c in done.plan.changes if c.ref == Ref("nftables", "forward-wg0"))
    with capture_logs() as logged:
        teller.in_the_way(Loaded(config(HUB)), replace(done, plan=Plan((chain,))))
        teller.in_the_way(Loaded(config(HUB)), done)
    assert len(logged) == 1 and "closes ports that Docker publishes (tcp/8080)" in logged[0]["event"]


def test_that_files_cannot_be_watched_is_told_once(tmp_path: Path) -> None:
    tell = Teller(LOG, tmp_path, NOBODY)
    with capture_logs() as logged:
        for lacking in ("", "too low", "too low", "", "too low"):
            tell.watches(lacking)
    assert len([one for one in logged if "too low" in one["event"]]) == 2
