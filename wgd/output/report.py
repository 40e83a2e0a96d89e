"""What there is to say about a machine, as plain values for JSON: the status, the plan. Pure.

The status value is what the daemon writes to `status.json` and what everybody shows who reads it
(`wgd.output.render`). It holds names, addresses and counters, and must never hold a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wgd import __version__
from wgd.access.flows import FENCE, disguises, door, guard, nowhere
from wgd.config import keytext
from wgd.config.document import Config, Interface
from wgd.errors import Problem, Severity
from wgd.firewalls.obstacles import Obstacle
from wgd.kinds.device import Device
from wgd.kinds.link import USERSPACE, Link
from wgd.kinds.nftables import Dropped
from wgd.kinds.passage import option, unopened
from wgd.model import Change, Conflict, Foreign, Outcome, Plan, Ref, State, Verb
from wgd.output.peer_report import PeerTexts, peer_states, peer_value, peers_of
from wgd.output.render import gone_back
from wgd.output.render import summary as summary
from wgd.rivals import Rival, named
from wgd.rivals import warnings as contenders
from wgd.values import replace


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
    obstacles: Iterable[Obstacle] = (),
    dropped: Iterable[Dropped] = (),
    texts: PeerTexts | None = None,
    trial: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The status value: where the machine, as `seen`, differs from the files.

    - `version`: of the wgd that says it; `time`: when the kernel was read, seconds since the epoch.
    - `in_sync`: nothing differs or conflicts, and every file counts as it is.
    - `trial`: null, or how the files are on trial (`wgd.trial`): `state` ("armed", "running", "returned",
      "confirmed"; "refused": there is none, though it was asked for), `timeout` in seconds, `until` when it
      ends by itself (seconds since the epoch; null: it does not), `refused`: why the disk cannot hold it.
    - `interfaces`: see `_interface`.
    - `fenced`: how many packets were dropped that devices which forward only because of wgd would have let go
      elsewhere; null: there is no such device, or nobody asked.
    - `drift`: what differs, see `_change`; `opens`: interfaces whose forwarding stops being restricted.
    - `conflicts`: `object` (its kind), `label`, `interface` (null: the host), `reason`, `hint`.
    - `foreign`: `object`, `label`, `interface`.
    - `blocked` (waits for a conflict to be solved): `object`, `label`.
    - `failures`: `commands` that did not work, and `error`, or `skipped`: the object that was missing.
    - `problems`: of the files, with `file`, `line`, `key`, `message`, `hint`, `severity`.
    - `warnings`: texts about the machine and the network.
    - `obstacles`: other firewalls that drop what wgd permits, see `_obstacle`.

    `failures` may hold outcomes that worked; they are left out. With `texts` each peer is a JSON text instead
    of a value. The daemon adds `pass`, `repairs` and
    `fights` to what it writes, and `wgd status` adds `daemon` to what it shows: see there.
    """
    wrong, others = tuple(problems), tuple(rivals)
    packets = {one.chain: one.packets for one in dropped}
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
        "in_sync": plan.in_sync and not broken and not gone_back(trial),
        "trial": trial,
        "interfaces": [
            one | {"dropped": _dropped(one["name"], packets)}
            for one in _interfaces(config, seen, plan, frozen, texts)
        ],
        "fenced": packets.get(FENCE),
        "drift": [_change(change) for change in plan.changes],
        "opens": list(opens(plan)),
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "foreign": [_foreign(foreign) for foreign in plan.foreign],
        "blocked": [_blocked(ref) for ref in plan.blocked],
        "failures": [_outcome(outcome) for outcome in failures if not outcome.ok],
        "problems": [problem_value(problem) for problem in wrong],
        "obstacles": [_obstacle(obstacle) for obstacle in obstacles],
        "warnings": [
            *map(_opened, opens(plan, door)),
            *warnings,
            *rivalry,
            *map(str, nowhere(config, seen)),
            *unopened(config, seen),
            *_strange(config, seen),
            *_unresolved(config, seen),
        ],
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


def opens(plan: Plan, chain: Callable[[str], str] = guard) -> tuple[str, ...]:
    """Interfaces that stay, but lose the chain that restricts what is forwarded through them (or another)."""
    gone = {change.ref for change in plan.changes if change.verb is Verb.DELETE}
    start = chain("")
    names = (str(ref.key) for ref in gone if ref.kind == "nftables" and str(ref.key).startswith(start))
    found = (name.removeprefix(start) for name in names)
    return tuple(sorted(name for name in found if Ref("link", name) not in gone))


def _opened(name: str) -> str:
    return f"OPENS: what comes in to this machine through {name} will no longer be restricted"


def _interfaces(
    config: Config, seen: State, plan: Plan, frozen: frozenset[str], texts: PeerTexts | None
) -> Iterable[dict[str, Any]]:
    states = peer_states(plan)
    if texts:
        texts.begin()
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
        interface = config.interfaces.get(name)
        told = [*peers_of(name, interface, seen, states)]
        value["peers"] = texts.of(interface, told) if texts else [peer_value(*one) for one in told]
        yield value


def _dropped(name: str, packets: Mapping[str, int]) -> dict[str, int | None]:
    """How many packets its rules have dropped of those to `forward` and of the `input`, since they were
    written; null: there are no such rules, or nobody asked."""
    return {"forward": packets.get(guard(name)), "input": packets.get(door(name))}


def _interface(name: str, interface: Interface | None, seen: State) -> dict[str, Any]:
    """`name`, `role`, `backend` ("kernel", "userspace", null: not there), `public_key` (null: unknown),
    `listen_port`, `mtu` (null: unknown), `addresses` as in the file; further `state` ("in sync", "drift",
    "conflict", "frozen", "held" or "disabled"), `frozen` (its files are broken; an accepted copy counts),
    `dropped`, see `_dropped`, and `peers`, see `peer_value`."""
    link: Link | None = seen.of("link").get(name)
    device: Device | None = seen.of("device").get(name)
    backend = None
    if link is not None and link.wireguard:
        backend = "userspace" if link.kind == USERSPACE else "kernel"
    return {
        "name": name,
        "role": str(interface.role) if interface else None,
        "backend": backend,
        "public_key": keytext.encoded(device.public_key) if device and device.public_key else None,
        "listen_port": device.listen_port if device else (interface.listen_port if interface else None),
        "mtu": link.mtu if link else None,
        "addresses": [str(address) for address in interface.addresses] if interface else [],
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


def _obstacle(obstacle: Obstacle) -> dict[str, Any]:
    """`interface`, `what` is dropped (rules, or the port), `from` and `to` (devices; null: this host),
    `owner` (whose tool), `chain` (family, table, name), `by` (its rule or policy), `certain` (false: it could
    not be told whether it does), the `commands` that would open it, and the `option` in
    `[interface]` that has wgd do so (null: there is none)."""
    return {
        "interface": obstacle.interface,
        "what": list(obstacle.what),
        "from": obstacle.incoming,
        "to": obstacle.outgoing or None,
        "owner": obstacle.owner,
        "chain": obstacle.chain,
        "by": obstacle.by,
        "certain": obstacle.certain,
        "commands": list(obstacle.commands),
        "option": option(obstacle.commands),
    }


def _blocked(ref: Ref) -> dict[str, Any]:
    key = ref.key if isinstance(ref.key, tuple) else (ref.key,)
    words = (keytext.encoded(part) if isinstance(part, bytes) else str(part) for part in key)
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


def _strange(config: Config, seen: State) -> Iterable[str]:
    """Answers to an address that nobody here has come only if somebody leads them here."""
    here = {one.address.ip for one in seen.of("address").values()}
    for disguise in disguises(config):
        if disguise.address and disguise.address not in here:
            whose = f"what {disguise.interface} masquerades {disguise.words}"
            yield f"no interface of this machine has {disguise.address}: {whose} may get no answers"


def _unresolved(config: Config, seen: State) -> Iterable[str]:
    for interface in config.enabled():
        for peer in interface.peers:
            if peer.endpoint and peer.active(seen.now) and not seen.resolved.get(str(peer.endpoint)):
                whose = f"the endpoint of {peer.name} on {interface.name}"
                yield f"DNS gives no address for {peer.endpoint}, {whose}"
