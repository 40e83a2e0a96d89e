"""What changed, when and why: the entries that the daemon keeps, and how a person reads them. Pure.

One entry is one pass that changed something, or one thing that was told. It must never hold a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from wgd.model import Outcome
from wgd.output.terminal import DIM, RED, Page, plain

Entry = dict[str, Any]

COMMANDS = 20
"""Commands of one pass that are kept."""
REASONS = 10
EDITED = "saved: "


def entry(
    now: float, files: Iterable[str], reasons: Sequence[str], outcomes: Sequence[Outcome]
) -> Entry | None:
    """The entry of a pass: `time` (seconds since the epoch), `why` (texts), `did` (commands), `failed` (what
    did not work), `more` (how many commands are left out). None if there is nothing to keep.

    `files` were saved before it; `reasons`: repairs, trials. What has neither, wgd found by itself: a name's
    other address, a peer's silence, a time that is over."""
    if not outcomes and not reasons:
        return None
    saved = sorted(files)
    why = [EDITED + ", ".join(saved[:REASONS]) + (" …" if len(saved) > REASONS else "")] if saved else []
    why += reasons[:REASONS]
    if len(reasons) > REASONS:
        why.append(f"… and {len(reasons) - REASONS:,} more")
    did = [outcome.op.commands() for outcome in outcomes if outcome.ok]
    failed = [_failure(outcome) for outcome in outcomes if not outcome.ok]
    return {
        "time": now,
        "why": why,
        "did": [*islice(chain.from_iterable(did), COMMANDS)],
        "failed": failed[:COMMANDS],
        "more": max(0, sum(map(len, did)) - COMMANDS),
    }


def _failure(outcome: Outcome) -> str:
    why = outcome.error or f"skipped, since {outcome.skipped} failed"
    return f"{', '.join(outcome.op.commands()[:1])}: {why}"


def render(entries: Iterable[Mapping[str, Any]], page: Page) -> str:
    """The entries as text, the oldest first, in the time of this place."""
    return "\n".join(line for one in entries for line in _lines(one, page))


def _lines(one: Mapping[str, Any], page: Page) -> Iterable[str]:
    when = datetime.fromtimestamp(one["time"]).strftime("%Y-%m-%d %H:%M:%S")
    first, *others = one["why"] or ["by itself"]
    yield page.wrap(plain(first), f"{when}  ", " " * 21)
    yield from (page.wrap(plain(text), " " * 21, " " * 21) for text in others)
    yield from (page.paint(page.wrap(plain(text), " " * 23, " " * 25), DIM) for text in one["did"])
    if one["more"]:
        yield page.paint(f"{' ' * 23}… and {one['more']:,} more", DIM)
    yield from (
        page.paint(page.wrap(f"failed: {plain(text)}", " " * 23, " " * 25), RED) for text in one["failed"]
    )
