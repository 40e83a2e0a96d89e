"""How a reader puts values where they belong: the last one counts, lists grow, what is unfit is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wgd.config.source import Unfit
from wgd.importer import readers
from wgd.importer.found import KeyPlace, Ledger, Line, Raw, RawPeer, Said, hidden

T = TypeVar("T")

NONE = "an interface or a peer without it has none anyway"
SCALARS = (
    "public_key",
    "preshared_key",
    "endpoint",
    "keepalive",
    "private_key",
    "listen_port",
    "mtu",
    "fwmark",
)


class Reading:
    """Writes into `Raw` and `RawPeer`, and into the ledger what of a line does not get there."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def put(self, into: Raw | RawPeer, name: str, line: Line, read: Callable[[str], object]) -> None:
        """One of the `SCALARS`. A reader's None means that there is none, as if nothing stood there."""
        try:
            value = read(line.value)
        except Unfit as unfit:
            self.ledger.missed(line, hidden(unfit.message))
            return
        before: Said[object] | None = getattr(into, name)
        if before:
            self.ledger.stripped(before.line, f"{line.origin} says it again, and the last one counts")
        if value is None:
            self.ledger.stripped(line, NONE)
        setattr(into, name, None if value is None else Said(value, line))

    def extend(self, into: list[Said[T]], line: Line, read: Callable[[str], T]) -> None:
        """Each element that fits; a line without any says nothing."""
        elements = readers.words(line.value)
        if not elements:
            self.ledger.stripped(line, "it is empty")
        for word in elements:
            try:
                into.append(Said(read(word), line))
            except Unfit as unfit:
                self.ledger.missed(line, hidden(unfit.message))

    def port(self, raw: Raw, line: Line) -> None:
        """A UDP port; 0 leaves it to the kernel."""
        self.put(raw, "listen_port", line, lambda word: readers.number(word, 0, 65535) or None)

    def fwmark(self, raw: Raw, line: Line) -> None:
        self.put(raw, "fwmark", line, lambda word: readers.number(word, 0, 2**32 - 1) or None)

    def keepalive(self, peer: RawPeer, line: Line) -> None:
        self.put(peer, "keepalive", line, lambda word: readers.number(word, 0, 65535) or None)

    def mtu(self, raw: Raw, line: Line) -> None:
        self.put(raw, "mtu", line, lambda word: readers.number(word, 576, 65535))

    def key_file(self, into: Raw | RawPeer, name: str, line: Line, file: str) -> None:
        """A key that stands in a file of its own; /dev/null is none."""
        place: KeyPlace | None = None if file == "/dev/null" else file
        self.put(into, name, line, lambda _: place)
