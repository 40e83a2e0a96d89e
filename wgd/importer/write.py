"""A `Found` → the text of its TOML file: tomli-w writes the values, the comments around them are ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tomli_w

from wgd.config.wording import printable
from wgd.importer.found import Entry, Fate, Found, Table, Toml, Value
from wgd.importer.rules import ONLY_WHAT_IS_NAMED

_WIDTH = 100
_ADOPT = "takes over the interface that is up, without dropping a session; later it may go"
_ADOPT_LATER = "the daemon runs: look at `wgd plan` first, then write true"


def toml(found: Found, source: str, entries: Iterable[Entry], adopt: bool = True) -> str:
    """The file. `source`: what it is made of, for a person; `adopt`: whether to take over at once."""
    entries = tuple(entries)
    lines = [f"# {found.name}, imported from {source}. The comment behind a value is where it stood."]
    lines += _comments(found.comments)
    why = _ADOPT if adopt else _ADOPT_LATER
    lines += ["", "[interface]", *_table((*found.interface, Value("adopt", adopt, why)))]
    lines += [f"# The key is in {key.file}, from {key.line.origin}." for key in found.keys if key.private]
    for peer in found.peers:
        lines += ["", *_comments(peer.comments), _header(peer.name), *_table(peer.values)]
    for number, rule in enumerate(found.forwards):
        lines += ["", *([] if number else [f"# {ONLY_WHAT_IS_NAMED[0].upper()}{ONLY_WHAT_IS_NAMED[1:]}."])]
        lines += ["[[forward]]", *_table(rule)]
    for rule in found.masquerades:
        lines += ["", "[[masquerade]]", *_table(rule)]
    missed = [account(entry) for entry in entries if entry.fate is Fate.MISSED]
    if missed:
        lines += ["", "# Not carried over:", *(f"#   {text}" for text in missed)]
    return "\n".join(lines) + "\n"


def account(entry: Entry) -> str:
    """`wg0.conf:7: DNS = 1.1.1.1 (why)`."""
    where = f"{entry.line.origin}: " if entry.line.number else ""
    return printable(
        f"{where}{entry.line.shown}: {entry.words}" if entry.words else f"{where}{entry.line.shown}"
    )


def _comments(texts: Sequence[str]) -> list[str]:
    return [f"# {printable(text)}" for text in texts]


def _header(name: str) -> str:
    return tomli_w.dumps({"peers": {name: {}}}).strip()


def _table(values: Table) -> list[str]:
    return [line for value in values for line in _value(value)]


def _value(value: Value) -> list[str]:
    """One line, its comment behind it; or, for long ones, the comment above."""
    text, why = f"{value.key} = {_literal(value.value)}", printable(value.why)
    if not why:
        return text.split("\n")
    if "\n" not in text and len(text) + len(why) + 4 <= _WIDTH:
        return [f"{text}  # {why}"]
    return [f"# {why}", *text.split("\n")]


def _literal(value: Toml) -> str:
    """As tomli-w writes it; an array on one line if it fits there."""
    if not isinstance(value, tuple):
        return tomli_w.dumps({"x": value}).partition(" = ")[2].strip()
    elements = [_literal(element) for element in value]
    line = f"[{', '.join(elements)}]"
    if len(line) <= _WIDTH - 20:
        return line
    return "[\n" + "".join(f"    {element},\n" for element in elements) + "]"
