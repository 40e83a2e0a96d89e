"""What may be called what: interfaces, the files that claim them, peers and networks.

Pure: it looks at names, never at a disk.
"""

from __future__ import annotations

import enum
import functools
import re

from wgd.config.document import ANY, INTERNET
from wgd.config.wording import quoted
from wgd.values import value

SHARED = "wgd.toml"
"""The file whose networks all interfaces share."""

_SUFFIX = ".toml"
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_RESERVED_INTERFACES = frozenset({"all", "default", "wgd", ".", ".."})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}")
_NAMES_ARE = (
    "expected 1 to 63 unaccented letters, digits and _ . @ + -, beginning with a letter, a digit or _"
)
_LIKE_AN_ADDRESS = re.compile(r"[0-9.]*|.*[/:].*", re.DOTALL)


class Part(enum.Enum):
    """What a file is to its interface."""

    SHARED = enum.auto()
    MAIN = enum.auto()
    DROP_IN = enum.auto()
    DIRECTORY = enum.auto()
    """The drop-in directory itself; it stands among the files only when it cannot be read."""


@value
class Claim:
    """Which interface a file speaks for (none: the shared file), and as what."""

    part: Part
    interface: str | None = None


def claim(file: str) -> Claim | None:
    """What a file of the configuration directory claims by its name; None when it can claim nothing."""
    if file == SHARED:
        return Claim(Part.SHARED)
    directory, slash, last = file.rpartition("/")
    if slash:
        return _drop_in(directory) if last.endswith(_SUFFIX) else None
    if file.endswith(_SUFFIX):
        part, name = Part.MAIN, file.removesuffix(_SUFFIX)
    else:
        part, name = Part.DIRECTORY, file.removesuffix(".d")
    return None if interface_fault(name) else Claim(part, name)


@functools.lru_cache(maxsize=64)
def _drop_in(directory: str) -> Claim | None:
    name = directory.removesuffix(".d")
    return Claim(Part.DROP_IN, name) if directory.endswith(".d") and not interface_fault(name) else None


def interface_fault(name: str) -> str | None:
    """Why the name cannot be an interface's (None: it can)."""
    if name in _RESERVED_INTERFACES:
        return f"{quoted(name)} is reserved and cannot name an interface"
    if len(name) > 15:
        return f"{quoted(name)} has {len(name)} characters; the kernel allows an interface 15"
    if not _INTERFACE.fullmatch(name):
        return f"{quoted(name)} cannot name an interface; expected unaccented letters, digits, _ . and -"
    return None


def name_fault(name: str) -> str | None:
    """Why the name cannot be a peer's or a network's (None: it can)."""
    if name.casefold() in (ANY, INTERNET):
        return f"{quoted(name)} is reserved; rules give it a meaning of its own"
    if reads_as_address(name):
        return f"{quoted(name)} reads as an address and cannot be a name"
    if not _NAME.fullmatch(name):
        return f"{quoted(name)} cannot be a name; {_NAMES_ARE}"
    return None


def reads_as_address(word: str) -> bool:
    """Whether a word in a list of addresses and names is meant as an address."""
    return _LIKE_AN_ADDRESS.fullmatch(word) is not None
