"""Which keys, prefixes and endpoints the peers of an interface have: what would a few more clash with?

It says less than `overlap`, but at the cost of those few: whether `overlap` might have something to say.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence

from wgd.config.draft import PeerDraft
from wgd.prefixes import BITS, Prefix


class Taken:
    """What counting peers have. `own`: addresses of the interface, `own_key` its public key; `loops`: whether
    an endpoint must not lie in a prefix."""

    def __init__(self, own: Iterable[Prefix], own_key: bytes | None, loops: bool) -> None:
        self._own, self._own_key, self._loops = frozenset(own), own_key, loops
        self._keys: set[bytes] = set()
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        """IP version and length → the first addresses."""
        self._firsts: dict[int, list[int]] = {4: [], 6: []}
        """The first addresses of all prefixes, ascending."""
        self._endpoints: dict[int, list[int]] = {4: [], 6: []}

    def fill(self, peers: Iterable[tuple[PeerDraft, Sequence[Prefix]]]) -> bool:
        """Take in all at once; False if two have the same, or an endpoint lies in a prefix."""
        if not all(self._enter(peer, prefixes, list.append) for peer, prefixes in peers):
            return False
        for ordered in (*self._firsts.values(), *self._endpoints.values()):
            ordered.sort()
        endpoints = (
            Prefix(version, one, BITS[version])
            for version, all_of in self._endpoints.items()
            for one in all_of
        )
        return not self._loops or not any(map(self._covered, endpoints))

    def add(self, peer: PeerDraft, prefixes: Sequence[Prefix]) -> bool:
        """Take in one more; False if it has what another or the interface has."""
        address = _address(peer)
        if self._loops and (
            (address and self._covered(address))
            or any(_between(self._endpoints[one.version], one) for one in prefixes)
        ):
            return False
        return self._enter(peer, prefixes, insort) and not (
            self._loops and address and self._covered(address)
        )

    def remove(self, peer: PeerDraft, prefixes: Iterable[Prefix]) -> None:
        """Drop one that was taken in."""
        if peer.public_key:
            self._keys.remove(peer.public_key)
        for version, first, length in prefixes:
            self._prefixes[version, length].remove(first)
            _drop(self._firsts[version], first)
        if address := _address(peer):
            _drop(self._endpoints[address.version], address.first)

    def holds(self, one: Prefix) -> bool:
        """Whether it is exactly a peer's prefix."""
        version, first, length = one
        return first in self._prefixes.get((version, length), ())

    def nested(self, one: Prefix) -> bool:
        """Whether it lies in a peer's prefix, or a peer's prefix in it."""
        return self._covered(one) or _between(self._firsts[one.version], one)

    def _covered(self, one: Prefix) -> bool:
        version, first, length = one
        return any(
            first & -1 << BITS[version] - shorter in prefixes
            for (other, shorter), prefixes in self._prefixes.items()
            if other == version and shorter <= length
        )

    def _enter(
        self, peer: PeerDraft, prefixes: Sequence[Prefix], put: Callable[[list[int], int], None]
    ) -> bool:
        key = peer.public_key
        if key is None or key == self._own_key or key in self._keys:
            return False
        self._keys.add(key)
        for one in prefixes:
            version, first, length = one
            same = self._prefixes.setdefault((version, length), set())
            if first in same or one in self._own:
                return False
            same.add(first)
            put(self._firsts[version], first)
        if address := _address(peer):
            put(self._endpoints[address.version], address.first)
        return True


def _address(peer: PeerDraft) -> Prefix | None:
    address = peer.endpoint.address if peer.endpoint else None
    return Prefix.alone(address) if address else None


def _between(ordered: Sequence[int], one: Prefix) -> bool:
    """Whether one of them is among the addresses of a prefix."""
    at = bisect_left(ordered, one.first)
    return at < len(ordered) and ordered[at] <= one.last


def _drop(ordered: list[int], one: int) -> None:
    del ordered[bisect_left(ordered, one)]
