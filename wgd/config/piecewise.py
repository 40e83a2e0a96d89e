"""A file read table by table: each with what is wrong with it, and where it stands.

Not every text can be (`wgd.config.parts`), and not everything wrong concerns a single table. Then nothing is
said here, and `wgd.config.schema` reads the file as a whole, which says the same of all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from wgd.config import parts, sections
from wgd.config.draft import (
    Draft,
    ForwardDraft,
    InputDraft,
    InterfaceDraft,
    MasqueradeDraft,
    NetworkDraft,
    PeerDraft,
)
from wgd.config.layout import ARRAYS, Layout, initial, lines
from wgd.config.names import Part
from wgd.config.source import Source
from wgd.config.table import Table
from wgd.errors import Problem
from wgd.versions import Version

LEAST = 8
"""Tables: a file of fewer is as soon read as a whole as compared with what it was before."""

Networks = tuple[NetworkDraft, ...]
Drafted = InterfaceDraft | Networks | PeerDraft | ForwardDraft | InputDraft | MasqueradeDraft

_DROP_IN = ("networks", "peers", "forward", "masquerade", "input")
_AT_HOME = {Part.SHARED: ("networks",), Part.MAIN: ("interface", *_DROP_IN), Part.DROP_IN: _DROP_IN}
"""The sections that a file may have, in the order in which their problems are told."""


class _Read(NamedTuple):
    """What the tables of a section say, and what is wrong with them."""

    drafts: list[Drafted]
    problems: list[Problem]


def piecewise(file: str, cut: list[str], part: Part) -> Draft | None:
    """The file from its tables (as `parts.cut`); None if it has to be read as a whole."""
    preamble, *pieces = cut
    if not parts.is_preamble(preamble):
        return None
    found = {section: _Read([], []) for section in _AT_HOME[part]}
    sources, names = list[Source](), set[str]()
    line = 1 + preamble.count("\n")
    for piece in pieces:
        one = parts.read(piece)
        some = found.get(one.section) if one else None
        if one is None or some is None or (some.drafts and one.section in parts.TABLES):
            return None
        source = Source(file, piece, one.section, key(one, len(some.drafts)), line)
        drafted = read(source, one, some.problems)
        if drafted is None or one.name in names:
            return None
        if one.section == "peers":
            names.add(one.name)
        some.drafts.append(drafted)
        sources.append(source)
        line += lines(piece)
    if part is Part.MAIN and not found["interface"].drafts:
        return None
    layout = None
    if part is not Part.SHARED and len(pieces) >= LEAST:
        layout = Layout(preamble, pieces, b"".join(initial(source.section) for source in sources), sources)
    return _draft(file, found, layout)


def key(part: parts.Part, number: int) -> str | int | None:
    """What tells a table from others of its section; `number`: how many of them go before."""
    if part.section == "peers":
        return part.name
    return number if part.section in ARRAYS else None


def read(source: Source, part: parts.Part, problems: list[Problem]) -> Drafted | None:
    """One table; None if it holds another, which may have been meant as a peer with a dot in its name."""
    if dict in map(type, part.content.values()):
        return None
    table = Table(source, part.content, problems)
    match part.section:
        case "peers":
            return sections.peer(table, part.name)
        case "forward":
            return sections.forward(table)
        case "input":
            return sections.inputs(table)
        case "masquerade":
            return sections.masquerade(table)
        case "networks":
            return sections.networks(source, part.content, problems)
    return sections.interface(table)


def _draft(file: str, found: Mapping[str, _Read], layout: Layout | None) -> Draft:
    def all_of(section: str) -> Any:
        drafts = found[section].drafts if section in found else ()
        return Version(drafts) if layout else tuple(drafts)

    return Draft(
        file=file,
        problems=tuple([problem for some in found.values() for problem in some.problems]),
        interface=next(iter(all_of("interface")), None),
        networks=next(iter(all_of("networks")), ()),
        peers=all_of("peers"),
        forwards=all_of("forward"),
        masquerades=all_of("masquerade"),
        inputs=all_of("input"),
        layout=layout,
    )
