"""The values of an import: lines, what became of each, and what was found."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from wgd.config.document import Endpoint, IPInterface
from wgd.model import Secret
from wgd.prefixes import Prefix
from wgd.values import field, value

T = TypeVar("T", covariant=True)

_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


def hidden(text: str) -> str:
    """The text without anything that may be a key."""
    return _LIKE_A_KEY.sub("…", text)


@value
class Line:
    """One line of a source, or (`number` 0) one fact that was observed, as `text`.

    `section`: the header it stands under, in lower case; a header line has that alone. `key` is in lower
    case, without blanks, and empty unless the line is an assignment. `comment` is without its mark.
    """

    file: str
    number: int
    text: str = field(repr=False)  # it may hold a key
    section: str = ""
    key: str = ""
    value: str = field(default="", repr=False)
    comment: str = field(default="", repr=False)

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @property
    def header(self) -> bool:
        return self.text.strip().startswith("[")

    @property
    def only_comment(self) -> bool:
        return not self.blank and not self.header and not self.key and bool(self.comment)

    @property
    def origin(self) -> str:
        """How a comment calls it."""
        if not self.number:
            return self.file
        return f"{self.file}:{self.number}"

    @property
    def shown(self) -> str:
        """What it says, without its comment, and without keys."""
        said = f"{self.text.partition('=')[0].strip()} = {self.value}" if self.key else self.text.strip()
        return hidden(said)


class Fate(enum.StrEnum):
    """What became of a line."""

    CARRIED = "carried over"
    STRIPPED = "stripped"
    MISSED = "not carried over"


class Entry(NamedTuple):
    """What became of a line, or of a part of it; `words`: why, or how."""

    line: Line
    fate: Fate
    words: str


class Ledger:
    """Accounts for lines; one line may have several entries, for its parts."""

    def __init__(self) -> None:
        self._of: dict[int, list[Entry]] = {}  # by the identity of their lines

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, those of one line together."""
        return tuple(entry for entries in self._of.values() for entry in entries)

    def carried(self, line: Line, words: str = "") -> None:
        self._enter(line, Fate.CARRIED, words)

    def stripped(self, line: Line, why: str) -> None:
        self._enter(line, Fate.STRIPPED, why)

    def missed(self, line: Line, why: str) -> None:
        self._enter(line, Fate.MISSED, why)

    def _enter(self, line: Line, fate: Fate, words: str) -> None:
        entries, entry = self._of.setdefault(id(line), []), Entry(line, fate, words)
        if entry not in entries:
            entries.append(entry)

    def of(self, line: Line) -> tuple[Entry, ...]:
        """The entries of a line."""
        return tuple(self._of.get(id(line), ()))

    def close(self, lines: Iterable[Line]) -> None:
        """Whatever nobody asked about is not carried over, and that is said."""
        for line in lines:
            if not line.blank and not self.of(line):
                self.missed(line, "wgd knows no such thing")


class Said(NamedTuple, Generic[T]):
    """A value and the line that says it."""

    value: T
    line: Line


KeyPlace = Secret | str
"""A key, or the name of a file that holds it."""


@value(frozen=False)
class RawPeer:
    """A peer as its source has it. `names`: what comments call it, the likeliest first."""

    head: Line
    names: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    public_key: Said[bytes] | None = None
    preshared_key: Said[KeyPlace] | None = None
    allowed_ips: list[Said[Prefix]] = field(default_factory=list)
    endpoint: Said[Endpoint] | None = None
    keepalive: Said[int] | None = None
    routes: Said[bool] | None = None
    lines: list[Line] = field(default_factory=list)


@value(frozen=False)
class Raw:
    """An interface as its source has it.

    `saved`: the endpoints were written down by a machine: they tell where peers were, not where to call.
    `routes`: whether allowed IPs get routes, for all peers. `picked_port`: the kernel may have chosen it.
    `mtu_by_route`: who is not told an MTU takes it from the route to the endpoint.
    """

    name: str
    comments: list[str] = field(default_factory=list)
    private_key: Said[KeyPlace] | None = None
    addresses: list[Said[IPInterface]] = field(default_factory=list)
    listen_port: Said[int] | None = None
    mtu: Said[int] | None = None
    fwmark: Said[int] | None = None
    routes: Said[bool] | None = None
    peers: list[RawPeer] = field(default_factory=list)
    saved: bool = False
    picked_port: bool = False
    mtu_by_route: bool = False


Toml = str | int | bool | tuple[str, ...]


class Value(NamedTuple):
    """One line of TOML; `why`: the comment behind it."""

    key: str
    value: Toml
    why: str


Table = tuple[Value, ...]


@value
class KeyFile:
    """A key file to write, by its name in the config directory."""

    file: str
    key: KeyPlace
    line: Line

    @property
    def private(self) -> bool:
        """Whether it is the interface's own key; else one that a peer shares."""
        return not self.file.endswith(".psk")


@value
class FoundPeer:
    """One `[peers.NAME]`."""

    name: str
    comments: tuple[str, ...]
    values: Table


@value
class Found:
    """One `IF.toml`, and what it leaves out."""

    name: str
    comments: tuple[str, ...]
    interface: Table
    peers: tuple[FoundPeer, ...]
    keys: tuple[KeyFile, ...]
    forwards: tuple[Table, ...] = ()
    masquerades: tuple[Table, ...] = ()
