"""What of a status a person asks for: some interfaces, some peers, in some order. Quick: a person waits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from wgd.errors import UsageError

Value = dict[str, Any]

ORDERS: dict[str, Callable[[Value], Any]] = {
    "name": lambda peer: (peer["name"] is None, peer["name"] or peer["public_key"]),
    "handshake": lambda peer: -(peer["last_handshake"] or 0),
    "traffic": lambda peer: -(peer["received"] + peer["sent"]),
}
"""What peers can be sorted by: the latest, and the most, first."""
CALM = ("in sync", "disabled", "expired")


def chosen(value: Value, names: Sequence[str]) -> Value:
    """The status of the interfaces and the peers of these names: of interfaces all peers, unless some are
    named, too. Raises UsageError for a name that nothing has."""
    interfaces = [name for name in names if name in _interfaces(value)]
    peers = [name for name in names if name not in interfaces]
    if interfaces:
        value = only(value, *interfaces)
    return _with_peers(value, peers) if peers else value


def in_order(value: Value, by: str) -> Value:
    """The same, with the peers of each interface sorted by one of `ORDERS`."""
    interfaces = [one | {"peers": sorted(one["peers"], key=ORDERS[by])} for one in value["interfaces"]]
    return value | {"interfaces": interfaces}


def only(value: Value, *names: str) -> Value:
    """The status of some interfaces. Raises UsageError if there is none of a name."""
    there = _interfaces(value)
    for name in names:
        if name not in there:
            known = f"there is {', '.join(there)}" if there else "there is none"
            raise UsageError(f"no interface {name} in the files: {known}")
    some = value | {
        key: [one for one in value[key] if one["interface"] in names]
        for key in ("drift", "conflicts", "foreign", "obstacles", "repairs", "fights")
        if key in value  # only a daemon knows of repairs
    }
    some["interfaces"] = [one for one in value["interfaces"] if one["name"] in names]
    some["problems"] = [one for one in value["problems"] if _concerns(one["file"], names)]
    some["opens"] = [one for one in value["opens"] if one in names]
    some["blocked"] = value["blocked"] if some["conflicts"] else []
    states = {interface["state"] for interface in some["interfaces"]}
    some["in_sync"] = not some["drift"] and states <= {"in sync", "disabled"}
    return some


def _with_peers(value: Value, names: Collection[str]) -> Value:
    """The interfaces that have such peers, with these alone; of what differs, what is about them."""
    there = {str(peer["name"]) for one in value["interfaces"] for peer in one["peers"] if peer["name"]}
    for name in names:
        if name not in there:
            raise UsageError(f"no interface and no peer {name} in the files; `wgd status` lists them")
    interfaces = [
        one | {"peers": [peer for peer in one["peers"] if peer["name"] in names]}
        for one in value["interfaces"]
    ]
    interfaces = [one for one in interfaces if one["peers"]]
    some = only(value, *(one["name"] for one in interfaces))
    labels = {f"{peer['name']} on {one['name']}" for one in interfaces for peer in one["peers"]}
    for key in ("drift", "conflicts", "repairs", "foreign", "blocked"):
        some[key] = [one for one in some.get(key, ()) if one["object"] == "peer" and one["label"] in labels]
    some["interfaces"] = interfaces
    some["in_sync"] = all(peer["state"] in CALM for one in interfaces for peer in one["peers"])
    return some


def _interfaces(value: Value) -> list[str]:
    return [interface["name"] for interface in value["interfaces"]]


def _concerns(file: str, names: Collection[str]) -> bool:
    owner = file.partition("/")[0].removesuffix(".toml").removesuffix(".d")
    return file == "wgd.toml" or owner in names
