"""Diagnoses of what the rules permit, and what other firewalls drop of it. Pure."""

from __future__ import annotations

from wgd.access.flows import door, flows, guard
from wgd.access.ground import Place
from wgd.access.meaning import HERE, Flow
from wgd.config.document import Interface
from wgd.explain.leg import Leg, quoted, restored, word
from wgd.explain.passage import Passage
from wgd.explain.sight import LOCAL
from wgd.explain.steps import Finding, Mend, Stage
from wgd.firewalls.obstacles import in_the_way
from wgd.kinds.policy import GATE, gate
from wgd.prefixes import Prefix

RULES = frozenset({"nftables"})
"""What it takes to see rules."""


def of_interface(found: tuple[Flow, ...], interface: Interface) -> list[Flow]:
    return [flow for flow in found if flow.interface == interface.name]


def rule_for(passage: Passage, interface: Interface) -> Mend:
    source, target = passage.incoming.address, passage.outgoing.address
    lines = ["[[input]]" if passage.here else "[[forward]]", f"from = {quoted([word(interface, source)])}"]
    if not passage.here:
        lines.append(f"to = {quoted([word(interface, target)])}")
    if passage.asked.port is not None:
        lines.append(f"ports = {quoted([passage.asked.port])}")
    return Mend("if it shall pass", tuple(lines), f"{interface.name}.toml")


def _rules(passage: Passage) -> str | None:
    if not passage.ruled:
        managed = {one.name for one in passage.sight.config.enabled()}
        if not managed & {passage.incoming.port, passage.outgoing.port}:
            return None
        return "wgd restricts nothing here"
    said = []
    for interface in passage.ruled:
        found = [flow for flow in of_interface(passage.permitted, interface) if passage.fits(flow)]
        said += [_said(interface, flow) for flow in found[:1]]
    return "; ".join(said)


def _said(interface: Interface, flow: Flow) -> str:
    ports = f", {', '.join(map(str, flow.ports))} only" if flow.ports else ""
    return f"{interface.name} permits {flow.words}{ports}"


def rule_is_for_other_ports(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        found = of_interface(passage.permitted, interface)
        if found and not any(map(passage.fits, found)):
            ports = [port for flow in found for port in flow.ports]
            return Finding(
                f"{interface.name} permits {found[0].words} for {', '.join(map(str, ports))}, and not "
                f"{passage.asked.port}",
                Mend(
                    f"in the rule {found[0].words}",
                    (f"ports = {quoted(dict.fromkeys([*ports, passage.asked.port]))}",),
                    f"{interface.name}.toml",
                ),
            )
    return None


def rule_goes_the_other_way(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        if not passage.here and not of_interface(passage.permitted, interface):
            for flow in of_interface(passage.reversed, interface)[:1]:
                return Finding(
                    f"{interface.name} permits {flow.words}, which is the other way round: answers pass, and "
                    "new connections do not",
                    rule_for(passage, interface),
                )
    return None


def no_rule_permits_it(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        if not of_interface(passage.permitted, interface):
            what = "into this machine" if passage.here else f"to {passage.outgoing.address}"
            return Finding(
                f"no rule of {interface.name} lets {passage.incoming.address} {what}",
                rule_for(passage, interface),
            )
    return None


def rules_are_not_as_wanted(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        chains = (
            (door(interface.name),) if passage.here else (guard(interface.name), gate(interface.name), GATE)
        )
        fallen = [chain for chain in chains if not passage.stands(chain)]
        if fallen:
            return Finding(f"chain {fallen[0]} is not as the files want it", restored(passage.sight))
    return None


def _others(passage: Passage) -> str | None:
    chains = passage.sight.ruleset.chains.values()
    hooks = {"prerouting", "input" if passage.here else "forward"}
    return "none drops it" if any(chain.hook in hooks for chain in chains) else None


def other_firewall_drops_it(passage: Passage) -> Finding | None:
    found = [
        one
        for flow in _asked(passage)
        for one in in_the_way(
            passage.sight.ruleset, flow, passage.incoming.port, "" if passage.here else passage.outgoing.port
        )
    ]
    whole = [obstacle for obstacle, all_of_it in found if all_of_it]
    if not found:
        return None
    obstacle = (whole or [obstacle for obstacle, _ in found])[0]
    same = [one for one, _ in found if (one.chain, one.by) == (obstacle.chain, obstacle.by)]
    commands = tuple(dict.fromkeys(command for one in same for command in one.commands))
    what = "drops it" if whole else "drops some of it, or may do so"
    return Finding(
        f"{obstacle.owner} {what} from {obstacle.incoming} to {obstacle.outgoing or 'this machine'}: "
        f"{obstacle.by}, in chain {obstacle.chain}",
        Mend("open it", commands) if commands else None,
        certain=bool(whole),
    )


def _asked(passage: Passage) -> list[Flow]:
    """Just these packets, on the ports that wgd's rules permit, or the one asked about."""
    source, target = (
        Place(leg.port, (Prefix.alone(leg.address),)) for leg in (passage.incoming, passage.outgoing)
    )
    target = HERE if passage.here else target
    permitted = {flow.ports for flow in passage.permitted} or {()}
    ports = {(passage.asked.port,)} if passage.asked.port is not None else permitted
    version = passage.asked.address.version
    return [
        Flow(passage.incoming.port, version, source, target, some, "it") for some in sorted(ports, key=str)
    ]


def _other_way(leg: Leg) -> str | None:
    """Who asks about an address that is not behind WireGuard may mean what comes in by it."""
    return "" if not leg.device and leg.way.kind != LOCAL and _sender(leg) else None


def peers_may_send_there(leg: Leg) -> Finding | None:
    return Finding(
        "this is about packets of this machine itself; what peers send there comes by another way",
        Mend("see that", (f"wgd explain {leg.address} --from {_sender(leg)}",)),
        certain=False,
    )


def _sender(leg: Leg) -> str:
    """A peer that a rule lets send there."""
    for flow in flows(leg.sight.config, leg.sight.state):
        at_target = flow.target.device == leg.port and any(leg.address in one for one in flow.target.networks)
        interface = leg.sight.config.interfaces.get(flow.source.device or "")
        for peer in interface.peers if interface and at_target else ():
            if any(one.meets(own) for one in flow.source.networks for own in peer.allowed_ips):
                return peer.name
    return ""


OTHERS: tuple[Stage[Leg], ...] = (Stage("beyond", _other_way, (peers_may_send_there,)),)
PERMITS: tuple[Stage[Passage], ...] = (
    Stage(
        "rules",
        _rules,
        (rule_goes_the_other_way, no_rule_permits_it, rule_is_for_other_ports, rules_are_not_as_wanted),
        RULES,
    ),
    Stage("firewalls", _others, (other_firewall_drops_it,), RULES),
)
