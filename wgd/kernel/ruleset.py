"""The rules of all other firewalls, read whole: nftables as JSON, and iptables' extensions by iptables-save.

Far from the hot path: nothing is read before somebody else changed something. It must never change a rule.
"""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from wgd.errors import KernelError
from wgd.firewalls import listing, xtables
from wgd.firewalls.walk import Ruleset
from wgd.kernel import nftables
from wgd.kinds.nftables import TABLE

SAVE = {"ip": "iptables-save", "ip6": "ip6tables-save"}
LEGACY = {
    "ip": ("iptables-legacy", "/proc/net/ip_tables_names"),
    "ip6": ("ip6tables-legacy", "/proc/net/ip6_tables_names"),
}
PATIENCE = 10.0
"""Seconds that iptables-save may take."""
_TORN_READINGS = 5

Listed = list[tuple[str, dict[str, Any]]]


class Others:
    """All tables but ours, read time and again: the very same value while nobody else changed anything."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._ruleset = Ruleset()

    def read(self) -> Ruleset:
        """What there is; what cannot be read is left out, since it only serves advice."""
        with suppress(KernelError):
            for _ in range(_TORN_READINGS):
                before = nftables.supported_generation()
                if before == self._generation:
                    break
                self._ruleset = _read() if before is not None else Ruleset()
                self._generation = before
        return self._ruleset

    def pass_over(self, ours: Collection[int]) -> None:
        """These transactions were our own: nothing of others need be read again for them."""
        while self._generation is not None and self._generation + 1 in ours:
            self._generation += 1


def _read() -> Ruleset:
    listed: Listed = []
    unreadable = []
    for table in nftables.tables():
        if table != TABLE:
            try:
                listed += _table(table)
            except KernelError:
                unreadable.append(f"table {table}")
    texts = {family: _saved(SAVE[family]) or "" for family in sorted(_of_iptables(listed))}
    chains = xtables.completed(listing.chains(listed), texts)
    for family in _legacy():
        text = _saved(f"{LEGACY[family][0]}-save")
        chains |= xtables.legacy_chains(text or "", family)
        unreadable += [LEGACY[family][0]] if text is None else []
    published = [one for text in texts.values() for one in xtables.published(text)]
    return Ruleset(chains, tuple(published), tuple(unreadable))


def _table(name: str) -> Listed:
    try:
        return nftables.listed(f"list table {name}")
    except KernelError as error:
        if error.errno == errno.ENOENT:  # gone in between, which the generation tells
            return []
        raise


def _of_iptables(listed: Listed) -> set[str]:
    """The families in which iptables has rules, as its names of chains tell."""
    return {
        one["family"]
        for sort, one in listed
        if sort == "chain" and one["family"] in SAVE and one.get("hook", "").upper() == one["name"]
    }


def _saved(program: str) -> str | None:
    """What it prints; None where it is not installed, or fails (over what somebody made with `nft`)."""
    try:
        done = subprocess.run(
            (program,), capture_output=True, text=True, timeout=PATIENCE, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _legacy() -> Iterator[str]:
    """The families in which iptables-legacy has tables; none where that may not be read."""
    for family, (_, names) in LEGACY.items():
        with suppress(OSError):
            if "filter" in Path(names).read_text().split():
                yield family
