"""Diagnoses of packets that come in and go on: source, switches, rules, other firewalls, masquerade. Pure."""

from __future__ import annotations

from errno import EXDEV
from ipaddress import ip_network

from wgd.config.document import Interface
from wgd.explain.leg import quoted, restored, word
from wgd.explain.passage import Passage
from wgd.explain.steps import Finding, Mend, Stage
from wgd.explain.tunnel import beyond, up_to_the_peer
from wgd.firewalls.obstacles import in_the_way
from wgd.flows import door, guard
from wgd.ground import Place
from wgd.kinds.sysctl import ALL_IPV6, forwarding_path
from wgd.meaning import HERE, Flow

STRICT = 1
"""The value of rp_filter by which a packet has to come in where its answers would go out."""
RULES = frozenset({"nftables"})
FORWARDS = frozenset({"sysctl"})


def _filter(passage: Passage) -> str:
    return f"{passage.incoming.address} may come in by {passage.incoming.port}"


def address_filter_drops_it(passage: Passage) -> Finding | None:
    """rp_filter."""
    came, filters = passage.incoming, passage.sight.filters
    strict = max(filters.get("all", 0), filters.get(came.port, 0)) == STRICT
    if passage.forwarded.errno != EXDEV and (not strict or came.way.device == came.port):
        return None
    return Finding(
        f"rp_filter drops it: {came.address} comes in by {came.port}, and answers would leave by "
        f"{came.way.device or 'nothing'}",
        Mend("mend the way back below, or let it be", (f"sysctl -w net/ipv4/conf/{came.port}/rp_filter=2",)),
    )


def _forwarding(passage: Passage) -> str | None:
    return None if passage.here else f"is on for what comes in by {passage.incoming.port}"


def _forwards(passage: Passage, device: str) -> bool:
    version = passage.asked.address.version
    own = forwarding_path(device) if version == 4 else f"net/ipv6/conf/{device}/force_forwarding"
    switches = passage.sight.state.of("sysctl")
    return any(
        path in switches and switches[path].value == "1"
        for path in (own, *([ALL_IPV6] if version == 6 else []))
    )


def forwarding_is_off(passage: Passage) -> Finding | None:
    device = passage.incoming.port
    if _forwards(passage, device):
        return None
    return Finding(
        f"this machine forwards nothing of what comes in by {device}", _forwarding_mend(passage, device)
    )


def _forwarding_mend(passage: Passage, device: str) -> Mend:
    """wgd raises it where a rule permits something."""
    unruled = next((one for one in passage.ruled if not _of(passage.permitted, one)), None)
    if unruled is not None:
        return _rule(passage, unruled)
    if passage.ruled:
        return restored(passage.sight)
    for interface in passage.sight.config.enabled():
        if interface.name in (passage.incoming.device, passage.outgoing.device):
            return _rule(passage, interface)
    version = passage.asked.address.version
    path = forwarding_path(device) if version == 4 else ALL_IPV6
    return Mend("let it", (f"sysctl -w {path}=1",))


def _of(found: tuple[Flow, ...], interface: Interface) -> list[Flow]:
    return [flow for flow in found if flow.interface == interface.name]


def _rule(passage: Passage, interface: Interface) -> Mend:
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
        found = [flow for flow in _of(passage.permitted, interface) if passage.fits(flow)]
        said += [_said(interface, flow) for flow in found[:1]]
    return "; ".join(said)


def _said(interface: Interface, flow: Flow) -> str:
    ports = f", {', '.join(map(str, flow.ports))} only" if flow.ports else ""
    return f"{interface.name} permits {flow.words}{ports}"


def rule_is_for_other_ports(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        found = _of(passage.permitted, interface)
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
        if not passage.here and not _of(passage.permitted, interface):
            for flow in _of(passage.reversed, interface)[:1]:
                return Finding(
                    f"{interface.name} permits {flow.words}, which is the other way round: answers pass, and "
                    "new connections do not",
                    _rule(passage, interface),
                )
    return None


def no_rule_permits_it(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        if not _of(passage.permitted, interface):
            what = "into this machine" if passage.here else f"to {passage.outgoing.address}"
            return Finding(
                f"no rule of {interface.name} lets {passage.incoming.address} {what}",
                _rule(passage, interface),
            )
    return None


def rules_are_not_as_wanted(passage: Passage) -> Finding | None:
    for interface in passage.ruled:
        chain = (door if passage.here else guard)(interface.name)
        if not passage.stands(chain):
            return Finding(f"chain {chain} is not as the files want it", restored(passage.sight))
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
        Place(leg.port, (ip_network(leg.address),)) for leg in (passage.incoming, passage.outgoing)
    )
    target = HERE if passage.here else target
    permitted = {flow.ports for flow in passage.permitted} or {()}
    ports = {(passage.asked.port,)} if passage.asked.port is not None else permitted
    version = passage.asked.address.version
    return [
        Flow(passage.incoming.port, version, source, target, some, "it") for some in sorted(ports, key=str)
    ]


def _masquerade(passage: Passage) -> str | None:
    if passage.here or passage.outgoing.device or not passage.incoming.device:
        return None
    device = passage.outgoing.port
    return f"leaves with the address of {device}, so that {passage.outgoing.address} can answer"


def masquerade_is_gone(passage: Passage) -> Finding | None:
    chain = f"masquerade-{passage.incoming.port}"
    if not passage.disguises or passage.stands(chain):
        return None
    return Finding(f"chain {chain} is not as the files want it", restored(passage.sight))


def masquerade_is_for_another_device(passage: Passage) -> Finding | None:
    devices = [disguise.out for disguise in passage.disguises]
    if not devices or passage.outgoing.port in devices:
        return None
    return Finding(
        f"it leaves by {passage.outgoing.port}, and is masqueraded only by {devices[0]}",
        Mend("in [[masquerade]]", (f'out = "{passage.outgoing.port}"',), passage.incoming.file),
    )


def nothing_masquerades_it(passage: Passage) -> Finding | None:
    """Whoever is there answers by its own default route, unless somebody told it better."""
    if passage.disguises:
        return None
    came, goes = passage.incoming, passage.outgoing
    by_others = any(
        "masquerade" in rule.text.lower() or "snat" in rule.text.lower()
        for chain in passage.sight.ruleset.chains.values()
        for rule in chain.rules
    )
    router = goes.way.gateway is not None and not goes.address.is_global
    target = word(came.interface, goes.address) if came.interface else str(goes.address)
    return Finding(
        f"it leaves by {goes.port} as {came.address}, to which {goes.address} knows no way back"
        + (", unless others' rules or routers see to it" if by_others or router else ""),
        Mend(
            "if nobody there has such a route",
            ("[[masquerade]]", f'out = "{goes.port}"', f"to = {quoted([target])}"),
            came.file,
        ),
        certain=not (by_others or router),
    )


def _return(passage: Passage) -> str:
    return f"answers to {passage.incoming.address} leave by {passage.incoming.port}"


def way_back_is_another(passage: Passage) -> Finding | None:
    came = passage.incoming
    if came.way.leads and came.way.device == came.port:
        return None
    mend = restored(passage.sight) if came.owner and came.owner.peer.routes else Mend("see", ("ip route",))
    return Finding(
        f"answers to {came.address} would leave by {came.way.device or 'nothing'}, not by {came.port}", mend
    )


def answers_are_not_forwarded(passage: Passage) -> Finding | None:
    device = passage.outgoing.port
    if passage.here or device == passage.incoming.port or _forwards(passage, device):
        return None
    return Finding(
        f"answers come in by {device}, of which this machine forwards nothing",
        _forwarding_mend(passage, device),
    )


def rest_is_up_to_the_peer(passage: Passage) -> Finding | None:
    return up_to_the_peer(passage.outgoing, passage.incoming.address)


SWITCHES: tuple[Stage[Passage], ...] = (
    Stage("rp_filter", _filter, (address_filter_drops_it,)),
    Stage("forwarding", _forwarding, (forwarding_is_off,), FORWARDS),
)
PERMITS: tuple[Stage[Passage], ...] = (
    Stage(
        "rules",
        _rules,
        (rule_goes_the_other_way, no_rule_permits_it, rule_is_for_other_ports, rules_are_not_as_wanted),
        RULES,
    ),
    Stage("firewalls", _others, (other_firewall_drops_it,), RULES),
)
ONWARD: tuple[Stage[Passage], ...] = (
    Stage(
        "masquerade",
        _masquerade,
        (masquerade_is_gone, masquerade_is_for_another_device, nothing_masquerades_it),
        RULES,
    ),
    Stage("way back", _return, (way_back_is_another, answers_are_not_forwarded)),
)
REST: tuple[Stage[Passage], ...] = (
    Stage("beyond", lambda passage: beyond(passage.outgoing), (rest_is_up_to_the_peer,)),
)
