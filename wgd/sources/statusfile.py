"""`status.json`: where the daemon leaves what it last saw, for `wgd status` and for the daemon after it.

Written whole and swung into place, so that a reader never sees a part. For owner and group only: endpoints
tell where people are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wgd.repairs import REPAIR

NAME = "status.json"

Value = Mapping[str, Any]


class StatusFile:
    """Writes status values (`wgd.report`). The text of a peer that is the very object of the value before is
    not made again: most of ten thousand are."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._texts: dict[int, tuple[Value, str]] = {}

    def write(self, value: Value) -> None:
        """Replace the file. Raises OSError."""
        text = self._text(value)
        new = self._path.with_suffix(".json.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as file:
            file.write(text)
        new.replace(self._path)

    def _text(self, value: Value) -> str:
        known, self._texts = self._texts, {}
        interfaces = [
            _object(interface, "peers", self._peers(interface["peers"], known))
            for interface in value["interfaces"]
        ]
        return _object(value, "interfaces", interfaces)

    def _peers(self, peers: Iterable[Value], known: Mapping[int, tuple[Value, str]]) -> list[str]:
        for peer in peers:
            entry = known.get(id(peer))
            if entry is None or entry[0] is not peer:
                entry = peer, _json(peer)
            self._texts[id(peer)] = entry
        return [self._texts[id(peer)][1] for peer in peers]


def _object(value: Value, key: str, members: Iterable[str]) -> str:
    """The value, which holds more than that, as JSON with an array of these members as `key`."""
    rest = _json({name: one for name, one in value.items() if name != key})
    return f'{rest[:-1]},"{key}":[{",".join(members)}]}}'


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def recent_repairs(directory: Path) -> list[Value]:
    """Those that the daemon before this one told of; none if it said nothing that can be understood."""
    try:
        found = json.loads((directory / NAME).read_text())["repairs"]
        return [{key: one[key] for key in REPAIR} for one in found]
    except (OSError, ValueError, KeyError, TypeError):
        return []
