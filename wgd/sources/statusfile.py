"""`status.json`: where the daemon leaves what it last saw, for `wgd status` and for the daemon after it.

Written whole, and for owner and group only: endpoints tell where people are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wgd.repairs import REPAIR
from wgd.sources import atomic

NAME = "status.json"

Value = Mapping[str, Any]


def write_status(directory: Path, value: Value) -> None:
    """Replace the file; the peers in it are JSON texts (`wgd.output.peer_report`). Raises OSError."""
    atomic.replace(directory / NAME, as_json(value).encode())


def as_json(value: Value) -> str:
    """The value as JSON."""
    interfaces = [_object(interface, "peers", interface["peers"]) for interface in value["interfaces"]]
    return _object(value, "interfaces", interfaces)


def _object(value: Value, key: str, members: Iterable[str]) -> str:
    """The value, which holds more than that, as JSON with an array of these texts as `key`."""
    rest = json.dumps({name: one for name, one in value.items() if name != key}, separators=(",", ":"))
    return f'{rest[:-1]},"{key}":[{",".join(members)}]}}'


def recent_repairs(directory: Path) -> list[Value]:
    """Those that the daemon before this one told of; none if it said nothing that can be understood."""
    try:
        found = json.loads((directory / NAME).read_text())["repairs"]
        return [{key: one[key] for key in REPAIR} for one in found]
    except (OSError, ValueError, KeyError, TypeError):
        return []
