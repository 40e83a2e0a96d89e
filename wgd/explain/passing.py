"""Diagnoses of packets that come in and go on: source, switches, rules, other firewalls, masquerade. Pure."""

from __future__ import annotations

from errno import EXDEV

from wgd import prefixes
from wgd.explain.belonging import beyond, is_public, up_to_the_peer
from wgd.explain.leg import quoted, restored, word
from wgd.explain.passage import Passage
from wgd.explain.permitting import RULES, of_interface, rule_for
from wgd.explain.routing import other_route_wins, route_is_missing, route_is_switched_off
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.sysctl import ALL_IPV6, forwarding_path

STRICT = 1
"""The value of rp_filter by which a packet has to come in where its answers would go out."""
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
    unruled = next((one for one in passage.ruled if not of_interface(passage.permitted, one)), None)
    if unruled is not None:
        return rule_for(passage, unruled)
    if passage.ruled:
        return restored(passage.sight)
    for interface in passage.sight.config.enabled():
        if interface.name in (passage.incoming.device, passage.outgoing.device):
            return rule_for(passage, interface)
    version = passage.asked.address.version
    path = forwarding_path(device) if version == 4 else ALL_IPV6
    return Mend("let it", (f"sysctl -w {path}=1",))


def _masquerade(passage: Passage) -> str | None:
    if passage.here or passage.outgoing.device or not passage.incoming.device:
        return None
    target, device = passage.outgoing.address, passage.outgoing.port
    if not passage.disguises:
        return f"leaves by {device} as {passage.incoming.address}, and {target} knows the way back"
    return f"leaves with the address of {device}, so that {target} can answer"


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
    """Whoever is there answers by its own default route, unless somebody told it better; then there are
    connections that were answered."""
    came, goes = passage.incoming, passage.outgoing
    if passage.disguises or is_public(came.address) or _was_answered(passage):
        return None
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


def _was_answered(passage: Passage) -> bool:
    """Somebody from that side, with an address of its own."""
    came, goes = passage.incoming, int(passage.outgoing.address)
    near = came.interface.own_networks if came.interface else ()
    spans = prefixes.ranges(near, came.address.version)
    return any(
        target == goes and prefixes.intersection(((source, source),), spans)
        for source, target in passage.sight.answered
    )


def _return(passage: Passage) -> str:
    return f"answers to {passage.incoming.address} leave by {passage.incoming.port}"


def way_back_is_another(passage: Passage) -> Finding | None:
    came = passage.incoming
    if came.way.leads and came.way.device == came.port:
        return None
    found = route_is_switched_off(came) or route_is_missing(came) or other_route_wins(came)
    return Finding(
        f"answers to {came.address} would leave by {came.way.device or 'nothing'}, not by {came.port}",
        found.mend if found else Mend("see", ("ip route",)),
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
