"""The plan as the commands that a person would type, with comments: `wgd plan`, `wgd apply`. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgd import report
from wgd.config.document import Config, IPNetwork, PortRange
from wgd.findings import findings, outcome_lines
from wgd.flows import Disguise, Flow, disguises, flows
from wgd.ground import Place
from wgd.model import Outcome, Plan, Stage, State
from wgd.terminal import BOLD, DIM, YELLOW, Page, plain

SHOWN = 8
"""How many prefixes of a rule are shown: `internet` stands for dozens."""
STAGES = {
    Stage.RULES: "what is forwarded",
    Stage.LINK: "interfaces",
    Stage.DEVICE: "WireGuard settings",
    Stage.PEER: "peers",
    Stage.ADDRESS: "addresses",
    Stage.SYSCTL: "switches of the kernel",
    Stage.UP: "interfaces up",
    Stage.ROUTE: "routes",
}


def render_plan(plan: Plan, status: Mapping[str, Any], page: Page) -> str:
    """What would be done, in order, then what cannot be done and what is left alone, as `status` tells it."""
    lines = [] if plan.ops else ["# nothing to do" if plan.in_sync else "# nothing can be done"]
    for (deletes, stage), ops in itertools.groupby(plan.ops, lambda op: (op.deletes, op.stage)):
        lines.append(page.paint(f"# {STAGES[stage]}{', no longer wanted' if deletes else ''}", DIM))
        lines += [plain(command) for op in ops for command in op.commands()]
    return "\n".join(lines + findings({**status, "drift": []}, page))


def render_outcome(outcome: Outcome, page: Page) -> str:
    """The commands that were run, and why they did not work, if so."""
    return "\n".join(outcome_lines(report.outcome_values([outcome])[0], page))


def render_rules(config: Config, seen: State, page: Page) -> str:
    """What each rule means in addresses and devices, as comments; empty without rules.

    `seen` says who has expired, and where the routes lead."""
    permitted, disguised = flows(config, seen), disguises(config)
    lines: list[str] = []
    for interface in config.enabled():
        for rule in interface.forwards:
            words = f"{rule.source} → {rule.target}"
            mine = [f for f in permitted if (f.interface, f.words) == (interface.name, words)]
            meaning = [_flow(flow) for flow in mine if flow.ports == rule.ports]
            lines += _rule(f"{interface.name} forwards {words}", meaning, page)
        for disguise in disguised:
            if disguise.interface == interface.name:
                lines += _rule(f"{interface.name} masquerades {disguise.words}", [_disguise(disguise)], page)
    return "\n".join(lines)


def _rule(title: str, meaning: Sequence[str], page: Page) -> Iterable[str]:
    yield page.paint(f"# {plain(title)}", BOLD)
    for text in dict.fromkeys(meaning):
        yield page.paint(page.wrap(plain(text), "#   ", "#     "), DIM)
    if not meaning:
        yield page.paint("#   nothing: one side is nobody, or nowhere", YELLOW)


def _flow(flow: Flow) -> str:
    text = f"{_place('in', 'from', flow.source)}, {_place('out', 'to', flow.target)}"
    return f"{text}: {_ports(flow.ports)}" if flow.ports else text


def _place(way: str, preposition: str, place: Place) -> str:
    device = place.device or "a device that wgd does not manage"
    addresses = f" {preposition} {_networks(place.networks)}" if place.networks else ""
    return f"{way} by {device}{addresses}"


def _ports(ports: Iterable[PortRange]) -> str:
    return ", ".join(map(str, ports))


def _disguise(disguise: Disguise) -> str:
    target = f" to {_networks(disguise.networks)}" if disguise.networks else ""
    return f"in by {disguise.interface}, out by {disguise.out}{target}: with the address of {disguise.out}"


def _networks(networks: Sequence[IPNetwork]) -> str:
    shown = ", ".join(map(str, networks[:SHOWN]))
    return shown if len(networks) <= SHOWN else f"{shown} and {len(networks) - SHOWN} more"
