"""The findings as Markdown, for people, and as JSON. It lays out everything, and judges nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from integration.disruption.arena import Result
from integration.disruption.contest import Tally
from integration.disruption.flood import Flood
from integration.disruption.stream import INTERVAL_MS
from integration.disruption.trace import Trace


@dataclass(slots=True)
class Findings:
    """Everything that one run found."""

    wireguard: str
    tools: Sequence[str]
    results: list[Result] = field(default_factory=list)
    edits: dict[str, dict[str, Tally]] = field(default_factory=dict)
    """By tool, then by kind."""
    floods: list[Flood] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What was left out, and why: a sentence each."""
    seconds: float = 0.0

    def json(self) -> dict[str, object]:
        return {"kernel": os.uname().release, **asdict(self)}

    def markdown(self) -> str:
        parts = (
            self._head(),
            self._operations(),
            self._random(),
            self._flood(),
            self._trace(),
            *self.missing,
            NOTES,
        )
        return "\n\n".join(part for part in parts if part) + "\n"

    def _head(self) -> str:
        worst = max((result.losses.hiccup for result in self.results), default=0.0)
        return (
            f"Linux {os.uname().release}, WireGuard {self.wireguard}, {os.cpu_count()} processor(s),"
            f" {self.seconds:.0f} s in all. A UDP packet every {INTERVAL_MS} ms from spoke-1 to the camera"
            f" and back, and a TCP download beside it. Each cell: packets lost / longest outage in ms"
            f" / longest stall of the download in ms. The sender itself paused for at most {_ms(worst)} ms."
        )

    def _operations(self) -> str:
        rows = []
        for host, operation in dict.fromkeys((result.host, result.operation) for result in self.results):
            cells = [self._cell(host, operation, tool) for tool in self.tools]
            rows.append([host, operation, *cells])
        return _table(["on", "operation", *self.tools], rows)

    def _cell(self, host: str, operation: str, tool: str) -> str:
        for result in self.results:
            if (result.host, result.operation, result.tool) == (host, operation, tool):
                losses = result.losses
                broken = ", broken" if losses.broken else ""
                return f"{losses.lost} / {_ms(losses.outage)} / {_ms(losses.stall)}{broken}"
        return "—"

    def _random(self) -> str:
        rows = []
        for tool, kinds in self.edits.items():
            rows += [[tool, kind, *_tallied([found])] for kind, found in sorted(kinds.items())]
            rows.append([tool, "**all**", *_tallied(list(kinds.values()))])
        head = [
            "tool",
            "random edits, on hub-1 and spoke-2 in turn",
            "edits",
            "packets",
            "lost",
            "outage, ms",
        ]
        return _table(head, rows) if rows else ""

    def _flood(self) -> str:
        if not self.floods:
            return ""
        rows = [[one.tool, str(one.edits), str(one.sent), str(one.nobody)] for one in self.floods]
        table = _table(["flood towards a peer of 2,000 prefixes", "edits", "sends", "ENOKEY"], rows)
        if any(one.nobody for one in self.floods):
            return table
        return f"{table}\n\nThe flood proves nothing this time: it did not even see the list being replaced."

    def _trace(self) -> str:
        if not self.traces:
            return ""
        rows = [
            [t.who, str(t.messages), str(t.peers), str(t.replace_peers), str(t.replace_allowed_ips)]
            for t in self.traces
        ]
        return _table(["traced", "messages", "peers", "REPLACE_PEERS", "REPLACE_ALLOWEDIPS"], rows)


NOTES = """\
- A dash: the tool has nothing for it, or the same commands as the column to its left.
- Left out, since they end the session by their meaning: removing the active peer, changing its key or the
  interface's own, its pre-shared key on one side only, taking away the prefixes that are in use.
- `nft flush ruleset` is somebody else's doing. wgd mends it by itself; by hand it is mended one second later.
- spoke-2's file names a listen port, for the by-hand tools' sake: without it syncconf moves to a random one.
- All tools load rules in one transaction.
- systemd-networkd runs beside a D-Bus, without udev. After an edit: `networkctl reload`, then a restart if
  wg0.netdev changed; what that says of an interface that exists, this version reads when it starts only."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _tallied(found: Sequence[Tally]) -> list[str]:
    outage = max((one.outage for one in found), default=0.0)
    counts = (sum(x.edits for x in found), sum(x.sent for x in found), sum(x.lost for x in found))
    return [*map(str, counts), _ms(outage)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
