"""Which keys, prefixes and endpoints the peers of an interface have: what would a few more clash with?

It says less than `overlap`, but at the cost of those few: whether `overlap` might have something to say.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence

from wgd.config.draft import PeerDraft
from wgd.config.spans import Span


class Taken:
    """What counting peers have. `own`: addresses of the interface, `own_key` its public key; `loops`: whether
    an endpoint must not lie in a prefix."""

    def __init__(self, own: Iterable[Span], own_key: bytes | None, loops: bool) -> None:
        self._own, self._own_key, self._loops = frozenset(own), own_key, loops
        self._keys: set[bytes] = set()
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        """IP version and open bits → the bits before them."""
        self._firsts: dict[int, list[int]] = {4: [], 6: []}
        """The first addresses of all prefixes, ascending."""
        self._endpoints: dict[int, list[int]] = {4: [], 6: []}

    def fill(self, peers: Iterable[tuple[PeerDraft, Sequence[Span]]]) -> bool:
        """Take in all at once; False if two have the same, or an endpoint lies in a prefix."""
        if not all(self._enter(peer, spans, list.append) for peer, spans in peers):
            return False
        for ordered in (*self._firsts.values(), *self._endpoints.values()):
            ordered.sort()
        endpoints = ((version, one, 0) for version, all_of in self._endpoints.items() for one in all_of)
        return not self._loops or not any(map(self._covered, endpoints))

    def add(self, peer: PeerDraft, spans: Sequence[Span]) -> bool:
        """Take in one more; False if it has what another or the interface has."""
        address = _address(peer)
        if self._loops and (
            (address and self._covered((*address, 0)))
            or any(_between(self._endpoints[version], first, bits) for version, first, bits in spans)
        ):
            return False
        return self._enter(peer, spans, insort) and not (
            self._loops and address and self._covered((*address, 0))
        )

    def remove(self, peer: PeerDraft, spans: Iterable[Span]) -> None:
        """Drop one that was taken in."""
        if peer.public_key:
            self._keys.remove(peer.public_key)
        for version, first, bits in spans:
            self._prefixes[version, bits].remove(first >> bits)
            _drop(self._firsts[version], first)
        if address := _address(peer):
            _drop(self._endpoints[address[0]], address[1])

    def holds(self, one: Span) -> bool:
        """Whether it is exactly a peer's prefix."""
        version, first, bits = one
        return first >> bits in self._prefixes.get((version, bits), ())

    def nested(self, one: Span) -> bool:
        """Whether it lies in a peer's prefix, or a peer's prefix in it."""
        version, first, bits = one
        return self._covered(one) or _between(self._firsts[version], first, bits)

    def _covered(self, one: Span) -> bool:
        version, first, bits = one
        return any(
            first >> wider in prefixes
            for (other, wider), prefixes in self._prefixes.items()
            if other == version and wider >= bits
        )

    def _enter(self, peer: PeerDraft, spans: Sequence[Span], put: Callable[[list[int], int], None]) -> bool:
        key = peer.public_key
        if key is None or key == self._own_key or key in self._keys:
            return False
        self._keys.add(key)
        for version, first, bits in spans:
            prefixes = self._prefixes.setdefault((version, bits), set())
            if first >> bits in prefixes or (version, first, bits) in self._own:
                return False
            prefixes.add(first >> bits)
            put(self._firsts[version], first)
        if address := _address(peer):
            put(self._endpoints[address[0]], address[1])
        return True


def _address(peer: PeerDraft) -> tuple[int, int] | None:
    address = peer.endpoint.address if peer.endpoint else None
    return (address.version, int(address)) if address else None


def _between(ordered: Sequence[int], first: int, bits: int) -> bool:
    """Whether one of them is among the addresses of a prefix."""
    at = bisect_left(ordered, first)
    return at < len(ordered) and ordered[at] >> bits == first >> bits


def _drop(ordered: list[int], one: int) -> None:
    del ordered[bisect_left(ordered, one)]
