"""Ports that Docker publishes, and the first rule of an interface, which closes them. Pure.

They are redirected (DNAT) before anything is forwarded: a rule of wgd meets the container's own address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from wgd.access.flows import flows, guard
from wgd.access.meaning import Flow
from wgd.config.document import Config
from wgd.firewalls.walk import Published, Ruleset
from wgd.model import Plan, Ref, State, Verb


def closed(config: Config, seen: State, plan: Plan, ruleset: Ruleset) -> Iterator[str]:
    """For each interface that this plan restricts for the first time: what that closes."""
    names = restricted(plan) if ruleset.published else frozenset()
    for interface in config.enabled():
        if interface.name in names:
            permitted = [flow for flow in flows(config, seen) if flow.interface == interface.name]
            lost = [one for one in ruleset.published if not any(_meets(one, flow) for flow in permitted)]
            if lost:
                yield _words(interface.name, lost)


def restricted(plan: Plan) -> frozenset[str]:
    """The interfaces that stood open and that the plan gives a chain."""
    made = {change.ref for change in plan.changes if change.verb is Verb.CREATE}
    names = (str(ref.key).removeprefix(guard("")) for ref in made if _guards(ref))
    return frozenset(name for name in names if Ref("link", name) not in made)


def _guards(ref: Ref) -> bool:
    return ref.kind == "nftables" and str(ref.key).startswith(guard(""))


def _meets(one: Published, flow: Flow) -> bool:
    address = ipaddress.ip_address(one.target)
    if flow.source.device != flow.interface or flow.version != address.version:
        return False
    if flow.target.networks and not any(address in network for network in flow.target.networks):
        return False
    return not flow.ports or any(ports.has(one.protocol, one.port) for ports in flow.ports)


def _words(interface: str, lost: list[Published]) -> str:
    ports = ", ".join(f"{one.protocol}/{one.outside}" for one in lost)
    first = lost[0]
    return (
        f"the first rule of {interface} closes ports that Docker publishes ({ports}) to who comes in by "
        f"{interface}: they arrive redirected to the container, so a rule that is to permit {first.protocol}/"
        f'{first.outside} has to say to = ["{first.target}"] and ports = ["{first.protocol}/{first.port}"]'
    )
