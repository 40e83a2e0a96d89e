"""Sets of addresses as nftables has them, as values. Pure.

The kernel gives back neither what nft was told about a set nor the order of its elements; a type and a
frozenset are what compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from wgd.values import value

TYPES = {"ipv4_addr": 4, "ipv6_addr": 16}
"""nft's word for a sort of address, and how many bytes one has."""
PAIR = " . "
INTERVALS = " intervals"
_LINE = 100
"""How many elements stand in one command."""


@value
class NamedSet:
    """A set of our table. `type`: nft's word for its elements, with ` intervals` if they are such. `elements`
    are bytes in network order: addresses one behind the other, or the first and the last of an interval."""

    name: str
    type: str
    elements: frozenset[bytes] = frozenset()


@value
class SetEdit:
    """What comes into a set of that type and goes from it."""

    name: str
    type: str
    add: tuple[bytes, ...] = ()
    remove: tuple[bytes, ...] = ()

    def must_be_whole(self) -> bool:
        """Whether what comes may have to take the place of what goes: intervals may not overlap."""
        return self.type.endswith(INTERVALS) and bool(self.remove)

    def portions(self) -> Iterator[SetEdit]:
        """One for each command in nft's language: what goes, then what comes."""
        for start in range(0, len(self.remove), _LINE):
            yield SetEdit(self.name, self.type, remove=self.remove[start : start + _LINE])
        for start in range(0, len(self.add), _LINE):
            yield SetEdit(self.name, self.type, self.add[start : start + _LINE])

    def line(self, table: str) -> str:
        """A portion in nft's language."""
        words = ", ".join([spelled(self.type, one) for one in self.add or self.remove])
        return f"{'add' if self.add else 'delete'} element {table} {self.name} {{ {words} }}"


def declared(type_: str) -> str:
    """What stands in the braces of `add set`."""
    word = type_.removesuffix(INTERVALS)
    return f"type {word}; flags interval;" if word != type_ else f"type {word};"


def width(type_: str) -> int:
    """Bytes of one address."""
    return TYPES[type_.split()[0]]


def spelled(type_: str, element: bytes) -> str:
    """An element of such a set in nft's language."""
    size = width(type_)
    addresses = [str(ip_address(element[at : at + size])) for at in range(0, len(element), size)]
    return "-".join(dict.fromkeys(addresses)) if type_.endswith(INTERVALS) else PAIR.join(addresses)
