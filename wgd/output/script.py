"""The plan as the commands that a person would type, with comments: `wgd plan`, `wgd apply`. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgd.access.flows import Disguise, disguises, entries, flows
from wgd.access.ground import Place
from wgd.access.meaning import HERE, Flow
from wgd.access.revoking import Revoke
from wgd.config.document import Config, PortRange
from wgd.model import Op, Outcome, Plan, Stage, State
from wgd.output import report
from wgd.output.findings import findings, outcome_lines
from wgd.output.terminal import BOLD, DIM, YELLOW, Page, plain, several
from wgd.prefixes import Prefix

SHOWN = 8
"""How many prefixes of a rule are shown: `internet` stands for dozens."""
MANY, FIRST = 40, 20
"""More commands or rules than that are told in short on a terminal, by so many of them."""
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


def render_plan(plan: Plan, status: Mapping[str, Any], page: Page, *, whole: bool = True) -> str:
    """What would be done, in order, then what cannot be done and what is left alone, as `status` tells it.
    Without `whole` only the first of many commands of a sort are told."""
    lines = [] if plan.ops else ["# nothing to do" if plan.in_sync else "# nothing can be done"]
    for (deletes, stage), ops in itertools.groupby(plan.ops, lambda op: (op.deletes, _stage(op))):
        lines.append(page.paint(f"# {_title(deletes, stage)}", DIM))
        commands = [plain(command) for op in ops for command in op.commands()]
        lines += _first(commands, "command", page, whole)
    return "\n".join(lines + findings({**status, "drift": []}, page))


def _stage(op: Op) -> Stage | None:
    """None: what ends once all else is done."""
    return None if isinstance(op, Revoke) else op.stage


def _title(deletes: bool, stage: Stage | None) -> str:
    if stage is None:
        return "connections that the rules no longer allow, or no longer leave as they are, end"
    return f"{STAGES[stage]}{', no longer wanted' if deletes else ''}"


def _first(lines: Sequence[str], what: str, page: Page, whole: bool) -> Iterable[str]:
    if whole or len(lines) <= MANY:
        return lines
    rest = f"# … and {several(len(lines) - FIRST, f'more {what}')}; `wgd plan | less` shows them all"
    return [*lines[:FIRST], page.paint(rest, DIM)]


def render_outcome(outcome: Outcome, page: Page) -> str:
    """The commands that were run, and why they did not work, if so."""
    return "\n".join(outcome_lines(report.outcome_values([outcome])[0], page))


def render_rules(config: Config, seen: State, page: Page, *, whole: bool = True) -> str:
    """What each rule means in addresses and devices, as comments; empty without rules. Without `whole` only
    the first of many are told.

    `seen` says who has expired, and where the routes lead."""
    permitted, disguised = flows(config, seen), disguises(config)
    meanings: dict[tuple[str, str, tuple[PortRange, ...]], list[str]] = {}
    for flow in (*permitted, *entries(config, seen)):
        meanings.setdefault((flow.interface, flow.words, flow.ports), []).append(_flow(flow))
    rules: list[str] = []
    for interface in config.enabled():
        for rule in interface.forwards:
            meaning = meanings.get((interface.name, str(rule), rule.ports), [])
            rules.append("\n".join(_rule(f"{interface.name} forwards {rule}", meaning, page)))
        for entry in interface.inputs:
            meaning = meanings.get((interface.name, str(entry), entry.ports), [])
            rules.append("\n".join(_rule(f"{interface.name} lets in {entry}", meaning, page)))
        for disguise in disguised:
            if disguise.interface == interface.name:
                title = f"{interface.name} masquerades {disguise.words}"
                rules.append("\n".join(_rule(title, [_disguise(disguise)], page)))
    return "\n".join(_first(rules, "rule", page, whole))


def _rule(title: str, meaning: Sequence[str], page: Page) -> Iterable[str]:
    yield page.paint(f"# {plain(title)}", BOLD)
    for text in dict.fromkeys(meaning):
        yield page.paint(page.wrap(plain(text), "#   ", "#     "), DIM)
    if not meaning:
        yield page.paint("#   nothing: one side is nobody, or nowhere", YELLOW)


def _flow(flow: Flow) -> str:
    target = "to this machine" if flow.target == HERE else _place("out", "to", flow.target)
    text = f"{_place('in', 'from', flow.source)}, {target}"
    return f"{text}: {_ports(flow.ports)}" if flow.ports else text


def _place(way: str, preposition: str, place: Place) -> str:
    device = place.device or "a device that wgd does not manage"
    addresses = f" {preposition} {_networks(place.networks)}" if place.networks else ""
    return f"{way} by {device}{addresses}"


def _ports(ports: Iterable[PortRange]) -> str:
    return ", ".join(map(str, ports))


def _disguise(disguise: Disguise) -> str:
    target = f" to {_networks(disguise.networks)}" if disguise.networks else ""
    gets = f"the address {disguise.address}" if disguise.address else f"the address of {disguise.out}"
    return f"in by {disguise.interface}, out by {disguise.out}{target}: with {gets}"


def _networks(networks: Sequence[Prefix]) -> str:
    shown = ", ".join(map(str, networks[:SHOWN]))
    return shown if len(networks) <= SHOWN else f"{shown} and {len(networks) - SHOWN} more"
