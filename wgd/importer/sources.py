"""From a source to a file of wgd's and its account, in one step."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from wgd.config.document import Role
from wgd.importer import lines, settle
from wgd.importer.found import Entry, Found, Ledger, Line, Raw
from wgd.importer.live import Live, Seen
from wgd.importer.networkd import Networkd
from wgd.importer.quick import Quick
from wgd.importer.rules import Rules
from wgd.values import value


@value
class Imported:
    """`lines` are all lines of the source; each that is not blank has an entry, or several for its parts."""

    found: Found
    lines: tuple[Line, ...]
    entries: tuple[Entry, ...]


def from_quick(name: str, file: str, content: bytes, role: Role | None = None) -> Imported:
    """A wg-quick file. `name`: the interface's; `file`: what the account calls it."""
    ledger = Ledger()
    read = lines.quick_lines(file, content)
    quick = Quick(name, read, ledger)
    made = _rules(quick.raw, ledger)
    made.read(quick.hooks)
    return _imported(quick.raw, made, read, ledger, role)


def from_networkd(name: str, files: Sequence[tuple[str, bytes]], role: Role | None = None) -> Imported:
    """The .netdev and the .network of one interface, as (name, content)."""
    ledger = Ledger()
    read = tuple(line for file in sorted(files) for line in lines.unit_lines(*file))
    networkd = Networkd(name, read, ledger)
    made = _rules(networkd.raw, ledger)
    made.make(networkd.acts)
    return _imported(networkd.raw, made, read, ledger, role)


def from_live(there: Seen, role: Role | None = None) -> Imported:
    """An interface that is up."""
    ledger = Ledger()
    live = Live(there, ledger)
    return _imported(live.raw, _rules(live.raw, ledger), live.lines, ledger, role)


def _rules(raw: Raw, ledger: Ledger) -> Rules:
    """What rules can be made for what is sound of the interface; they are read next."""
    settle.clean(raw, ledger)
    return Rules(raw.name, functools.partial(settle.behind, raw), ledger)


def _imported(raw: Raw, made: Rules, read: Iterable[Line], ledger: Ledger, role: Role | None) -> Imported:
    found = settle.settle(raw, ledger, made, role)
    every = tuple(read)
    ledger.close(every)
    return Imported(
        found, every, tuple(sorted(ledger.entries, key=lambda one: (one.line.file, one.line.number)))
    )
