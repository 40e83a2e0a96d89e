"""What there is to say about a machine, as plain values for JSON: the status, the plan. Pure.

The status value is what the daemon writes to `status.json` and what everybody shows who reads it
(`wgd.render`). It holds names, addresses and counters, and must never hold a secret.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from wgd import __version__
from wgd.config.document import Config, Interface
from wgd.config.document import Peer as ConfiguredPeer
from wgd.errors import Problem, Severity
from wgd.flows import nowhere
from wgd.kinds.device import Device
from wgd.kinds.link import USERSPACE, Link
from wgd.kinds.peer import Peer
from wgd.model import Change, Conflict, Foreign, Outcome, Plan, Ref, State, Verb
from wgd.render import summary as summary
from wgd.rivals import Rival, named
from wgd.rivals import warnings as contenders

PEER_STATES = {Verb.CREATE: "missing", Verb.UPDATE: "drift", Verb.DELETE: "leftover"}


class PeerValues:
    """The peers' values of the last status: of the very same objects the very same is said again."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], tuple[ConfiguredPeer | None, Peer | None, dict[str, Any]]] = {}
        self._now = self._last.copy()

    def value(self, peer: ConfiguredPeer | None, have: Peer | None, state: str) -> dict[str, Any]:
        """What there is to say of a peer, see `_peer`."""
        key = id(peer), id(have)
        known = self._last.get(key)
        if known is None or known[0] is not peer or known[1] is not have or known[2]["state"] != state:
            known = peer, have, _peer(peer, have, state)
        self._now[key] = known
        return known[2]

    def forget(self) -> None:
        """A status is complete: what it did not say is not kept."""
        self._last, self._now = self._now, {}


def status(
    config: Config,
    seen: State,
    plan: Plan,
    *,
    problems: Iterable[Problem] = (),
    frozen: frozenset[str] = frozenset(),
    warnings: Iterable[str] = (),
    failures: Iterable[Outcome] = (),
    rivals: Iterable[Rival] = (),
    told: PeerValues | None = None,
) -> dict[str, Any]:
    """The status value: where the machine, as `seen`, differs from the files.

    - `version`: of the wgd that says it; `time`: when the kernel was read, seconds since the epoch.
    - `in_sync`: nothing differs or conflicts, and every file counts as it is.
    - `interfaces`: see `_interface`.
    - `drift`: what differs, see `_change`; `opens`: interfaces whose forwarding stops being restricted.
    - `conflicts`: `object` (its kind), `label`, `interface` (null: the host), `reason`, `hint`.
    - `foreign`: `object`, `label`, `interface`.
    - `blocked` (waits for a conflict to be solved): `object`, `label`.
    - `failures`: `commands` that did not work, and `error`, or `skipped`: the object that was missing.
    - `problems`: of the files, with `file`, `line`, `key`, `message`, `hint`, `severity`.
    - `warnings`: texts about the machine and the network.

    `failures` may hold outcomes that worked; they are left out. `told` remembers the peers' values from one
    status to the next. The daemon adds `pass`, `repairs` and
    `fights` to what it writes, and `wgd status` adds `daemon` to what it shows: see there.
    """
    wrong, others = tuple(problems), tuple(rivals)
    rivalry = contenders(plan.conflicts, others)
    plan = replace(
        plan,
        changes=(*plan.changes, *plan.withheld),
        withheld=(),
        conflicts=named(plan.conflicts, others),
    )
    broken = bool(frozen or config.held) or any(p.severity is Severity.ERROR for p in wrong)
    return {
        "version": __version__,
        "time": seen.now,
        "in_sync": plan.in_sync and not broken,
        "interfaces": list(_interfaces(config, seen, plan, frozen, told or PeerValues())),
        "drift": [_change(change) for change in plan.changes],
        "opens": list(opens(plan)),
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "foreign": [_foreign(foreign) for foreign in plan.foreign],
        "blocked": [_blocked(ref) for ref in plan.blocked],
        "failures": [_outcome(outcome) for outcome in failures if not outcome.ok],
        "problems": [problem_value(problem) for problem in wrong],
        "warnings": [*warnings, *rivalry, *map(str, nowhere(config, seen)), *_unresolved(config, seen)],
    }


def plan_value(plan: Plan) -> dict[str, Any]:
    """What `plan --json` prints: as in the status value, and the `commands` to run."""
    return {
        "in_sync": plan.in_sync,
        "changes": [_change(change) for change in plan.changes],
        "commands": [command for op in plan.ops for command in op.commands()],
        "opens": list(opens(plan)),
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "foreign": [_foreign(foreign) for foreign in plan.foreign],
        "blocked": [_blocked(ref) for ref in plan.blocked],
    }


def outcome_values(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What was done, as in the status value's `failures`; `error` and `skipped` are null where it worked."""
    return [_outcome(outcome) for outcome in outcomes]


def opens(plan: Plan) -> tuple[str, ...]:
    """Interfaces that stay, but lose the chain that restricts what is forwarded through them."""
    gone = {change.ref for change in plan.changes if change.verb is Verb.DELETE}
    names = (str(ref.key).removeprefix("forward-") for ref in gone if _restricts(ref))
    return tuple(sorted(name for name in names if Ref("link", name) not in gone))


def _restricts(ref: Ref) -> bool:
    return ref.kind == "nftables" and str(ref.key).startswith("forward-")


def _interfaces(
    config: Config, seen: State, plan: Plan, frozen: frozenset[str], told: PeerValues
) -> Iterable[dict[str, Any]]:
    observed: dict[str, dict[bytes, Peer]] = {}
    for peer in seen.of("peer").values():
        observed.setdefault(peer.interface, {})[peer.public_key] = peer
    states = _states(plan)
    unclear = {conflict.interface for conflict in plan.conflicts}
    differing = {change.interface for change in plan.changes}
    for name in sorted(config.interfaces.keys() | config.held):
        state = "in sync"
        if name in config.held:
            state = "held"
        elif name in unclear:
            state = "conflict"
        elif name in differing:
            state = "drift"
        elif name in frozen:
            state = "frozen"
        elif not config.interfaces[name].enabled:
            state = "disabled"
        value = _interface(name, config.interfaces.get(name), seen)
        value |= {"state": state, "frozen": name in frozen}
        peers = _peers(config.interfaces.get(name), observed.get(name, {}), states, seen.now)
        value["peers"] = [told.value(*peer) for peer in peers]
        yield value
    told.forget()


def _states(plan: Plan) -> Mapping[Hashable, str]:
    """Peer keys → what is the matter with them; those in sync are absent."""
    states: dict[Hashable, str] = {ref.key: "blocked" for ref in plan.blocked if ref.kind == "peer"}
    states |= {c.ref.key: PEER_STATES[c.verb] for c in plan.changes if c.ref.kind == "peer"}
    return states | {
        conflict.ref.key: "conflict" for conflict in plan.conflicts if conflict.ref.kind == "peer"
    }


def _interface(name: str, interface: Interface | None, seen: State) -> dict[str, Any]:
    """`name`, `role`, `backend` ("kernel", "userspace", null: not there), `public_key` (null: unknown),
    `listen_port`, `mtu` (null: unknown), `addresses` as in the file; further `state` ("in sync", "drift",
    "conflict", "frozen", "held" or "disabled"), `frozen` (its files are broken; an accepted copy counts)
    and `peers`, see `_peer`."""
    link: Link | None = seen.of("link").get(name)
    device: Device | None = seen.of("device").get(name)
    backend = None
    if link is not None and link.wireguard:
        backend = "userspace" if link.kind == USERSPACE else "kernel"
    return {
        "name": name,
        "role": str(interface.role) if interface else None,
        "backend": backend,
        "public_key": _base64(device.public_key) if device and device.public_key else None,
        "listen_port": device.listen_port if device else (interface.listen_port if interface else None),
        "mtu": link.mtu if link else None,
        "addresses": [str(address) for address in interface.addresses] if interface else [],
    }


def _peers(
    interface: Interface | None, observed: Mapping[bytes, Peer], states: Mapping[Hashable, str], now: float
) -> Iterable[tuple[ConfiguredPeer | None, Peer | None, str]]:
    """Those of the files in their order, then whoever else is there, each with its state."""
    listed = interface.peers if interface else ()
    for peer in listed:
        have = observed.get(peer.public_key)
        state = states.get((interface.name, peer.public_key)) if interface else None
        yield peer, have, state or _resting(peer, interface, now)
    known = {peer.public_key for peer in listed}
    for key, have in observed.items():
        if key not in known:
            yield None, have, states.get((have.interface, key), "foreign" if interface else "held")


def _resting(peer: ConfiguredPeer, interface: Interface | None, now: float) -> str:
    if not peer.enabled or (interface is not None and not interface.enabled):
        return "disabled"
    return "in sync" if peer.active(now) else "expired"


def _peer(peer: ConfiguredPeer | None, have: Peer | None, state: str) -> dict[str, Any]:
    """`name` (null: no file lists it), `public_key`, `endpoint` (the live one, or null), `last_handshake`
    (seconds since the epoch, or null), `received` and `sent` in bytes, `allowed_ips` as in the file,
    `stripped` (null, or the `endpoint` that a hub forgot and when, `at` in seconds since the epoch),
    `state` ("in sync", "missing", "drift", "leftover", "blocked", "conflict", "foreign", "held",
    "disabled" or "expired")."""
    source = peer or have
    assert source is not None
    endpoint = have.endpoint if have else None
    return {
        "name": peer.name if peer else None,
        "public_key": _base64(source.public_key),
        "endpoint": _socket_address(*endpoint) if endpoint else None,
        "last_handshake": (have.last_handshake or None) if have else None,
        "received": have.received if have else 0,
        "sent": have.sent if have else 0,
        "allowed_ips": list(map(str, peer.allowed_ips if peer else sorted(source.allowed_ips, key=str))),
        "stripped": asdict(have.stripped) if have and have.stripped else None,
        "state": state,
    }


def _change(change: Change) -> dict[str, Any]:
    """`object` (its kind), `label`, `interface` (null: the host), `verb` (what would be done: "create",
    "update", "delete"), and for an update `fields`: what differs, each `field`, `have`, `want`."""
    fields = [{"field": field, "have": have, "want": want} for field, have, want in change.fields]
    return {
        "object": change.ref.kind,
        "label": change.label,
        "interface": change.interface,
        "verb": str(change.verb),
        "fields": fields,
    }


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "object": conflict.ref.kind,
        "label": conflict.label,
        "interface": conflict.interface,
        "reason": conflict.reason,
        "hint": conflict.hint,
    }


def _foreign(foreign: Foreign) -> dict[str, Any]:
    return {"object": foreign.ref.kind, "label": foreign.label, "interface": foreign.interface}


def _blocked(ref: Ref) -> dict[str, Any]:
    key = ref.key if isinstance(ref.key, tuple) else (ref.key,)
    words = (_base64(part) if isinstance(part, bytes) else str(part) for part in key)
    return {"object": ref.kind, "label": " ".join(words)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    skipped = str(outcome.skipped) if outcome.skipped else None
    return {"commands": list(outcome.op.commands()), "error": outcome.error, "skipped": skipped}


def problem_value(problem: Problem) -> dict[str, Any]:
    """A problem of the files, as in the status value."""
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "severity": str(problem.severity),
    }


def _unresolved(config: Config, seen: State) -> Iterable[str]:
    for interface in config.enabled():
        for peer in interface.peers:
            if peer.endpoint and peer.active(seen.now) and not seen.resolved.get(str(peer.endpoint)):
                whose = f"the endpoint of {peer.name} on {interface.name}"
                yield f"DNS gives no address for {peer.endpoint}, {whose}"


def _socket_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()
