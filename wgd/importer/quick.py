"""A wg-quick file → what it says, and the commands that it would run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wgd.config.source import Unfit
from wgd.importer import names, readers
from wgd.importer.found import Ledger, Line, Raw, RawPeer, Said, hidden
from wgd.importer.reading import Reading
from wgd.importer.rules import Hook

HOOKS = {"preup": True, "postup": True, "predown": False, "postdown": False}
"""Whether what the hook runs is for an interface that comes."""
MAIN_TABLE = ("auto", "main", "254")


class Quick(Reading):
    """One file being read. `hooks`: the lines with commands, in order."""

    def __init__(self, name: str, lines: Iterable[Line], ledger: Ledger) -> None:
        super().__init__(ledger)
        self.raw = Raw(name, mtu_by_route=True)
        self.hooks: list[Hook] = []
        self._peer: RawPeer | None = None
        self._known = False
        self._comments = Comments()
        for line in lines:
            self._line(line)
        self._belong(self._comments.take())

    def _line(self, line: Line) -> None:
        if line.blank or line.only_comment:
            self._comments.add(line)
        elif line.header:
            before, above = self._comments.split()
            while above and names.ends_a_peer(above[0].comment):
                before.append(above.pop(0))
            self._belong(before)
            self._header(line)
            self._belong(above, above=True)
        else:
            self._belong(self._comments.take())
            self._comments.said()
            if not self._known:
                self.ledger.missed(line, "it stands in no section of wg-quick's")
            elif line.key:
                self._assignment(line)

    def _header(self, line: Line) -> None:
        self._known = line.section in ("interface", "peer")
        if not self._known:
            self.ledger.missed(line, "wg-quick has no such section")
            return
        self.ledger.carried(line)
        self._peer = None
        if line.section == "peer":
            self._peer = RawPeer(line)
            self.raw.peers.append(self._peer)
        if line.comment:
            self._name([line.comment])

    def _belong(self, comments: list[Line], above: bool = False) -> None:
        """Give the comments to what is being read; the nearest of those above it is the likeliest name."""
        for line in comments:
            self.ledger.carried(line, "as a comment")
        texts = [line.comment for line in comments]
        self._name(texts, names.called(reversed(texts) if above else texts))

    def _name(self, texts: list[str], found: list[str] | None = None) -> None:
        into = self._peer or self.raw
        into.comments.extend(hidden(text) for text in texts if text)
        if self._peer:
            self._peer.names.extend(names.called(texts) if found is None else found)

    def _assignment(self, line: Line) -> None:
        if self._peer:
            self._peer.lines.append(line)
            self._of_peer(self._peer, line)
        elif line.key in HOOKS:
            self._hook(line)
        else:
            self._of_interface(line)

    def _hook(self, line: Line) -> None:
        own = re.escape(self.raw.name)
        key = re.fullmatch(rf"wg set (?:%i|{own}) private-key (/[^\s;&|<>$`\"']+)", line.value)
        if key and HOOKS[line.key]:
            self.key_file(self.raw, "private_key", line, key[1].replace("%i", self.raw.name))
        else:
            self.hooks.append(Hook(line, HOOKS[line.key]))

    def _of_peer(self, peer: RawPeer, line: Line) -> None:
        match line.key:
            case "publickey":
                self.put(peer, "public_key", line, readers.public_key)
            case "presharedkey":
                self.put(peer, "preshared_key", line, readers.secret)
            case "allowedips":
                self.extend(peer.allowed_ips, line, readers.allowed_ip)
            case "endpoint":
                self.put(peer, "endpoint", line, readers.endpoint)
            case "persistentkeepalive":
                self.keepalive(peer, line)
            case _:
                self.ledger.missed(line, "wg-quick knows no such key in [Peer]")

    def _of_interface(self, line: Line) -> None:
        match line.key:
            case "privatekey":
                self.put(self.raw, "private_key", line, readers.secret)
            case "address":
                self.extend(self.raw.addresses, line, readers.interface_address)
            case "listenport":
                self.port(self.raw, line)
            case "mtu":
                self.mtu(self.raw, line)
            case "fwmark":
                self.fwmark(self.raw, line)
            case "table":
                self._table(line)
            case "saveconfig":
                self._save(line)
            case "dns":
                self.ledger.missed(line, _dns(self.raw.name, readers.words(line.value)))
            case _:
                self.ledger.missed(line, "wg-quick knows no such key in [Interface]")

    def _table(self, line: Line) -> None:
        word = line.value.casefold()
        if word in MAIN_TABLE:
            self.ledger.stripped(line, "routes go to the main table anyway")
        elif word == "off":
            self.raw.routes = Said(False, line)
        else:
            self.raw.routes = Said(False, line)
            why = (
                "wgd has routes in the main table only; with routes = false it makes none, so these are yours"
            )
            self.ledger.missed(line, why)

    def _save(self, line: Line) -> None:
        try:
            self.raw.saved = readers.boolean(line.value)
        except Unfit as unfit:
            self.ledger.missed(line, unfit.message)
        else:
            self.ledger.stripped(line, "wgd never writes to your files")


def _dns(name: str, words: Iterable[str]) -> str:
    """What does the same by hand; wg-quick takes for a search domain what is no address."""
    found = tuple(words)
    servers = [word for word in found if re.fullmatch(r"[0-9.]+|.*:.*", word)]
    domains = [word for word in found if word not in servers]
    said = [
        f"resolvectl {what} {name} {' '.join(of)}"
        for what, of in (("dns", servers), ("domain", domains))
        if of
    ]
    return f"wgd sets no DNS: {'; '.join(said)}" if said else "wgd sets no DNS"


class Comments:
    """Comments that wait to be told what they belong to: groups of lines, a blank line between two."""

    def __init__(self) -> None:
        self._groups: list[list[Line]] = [[]]
        self._follows = False

    def add(self, line: Line) -> None:
        """A comment, or the blank line that ends a group."""
        if line.only_comment:
            self._groups[-1].append(line)
        else:
            self._groups.append([])

    def said(self) -> None:
        """A line that says something: comments right below it may be its own."""
        self._follows = True

    def take(self) -> list[Line]:
        """All that wait."""
        waiting = [line for group in self._groups for line in group]
        self._groups, self._follows = [[]], False
        return waiting

    def split(self) -> tuple[list[Line], list[Line]]:
        """Before a header: what belongs to the section before it, and what stands above this one.

        The last group is the header's, unless it follows a setting without a blank line, and a blank line
        is between it and the header."""
        last = max((i for i, group in enumerate(self._groups) if group), default=0)
        apart = last < len(self._groups) - 1
        of_before = self._follows and last == 0 and apart
        above = [] if of_before else self._groups[last]
        before = [line for group in self._groups for line in group if line not in above]
        self._groups, self._follows = [[]], False
        return before, above
