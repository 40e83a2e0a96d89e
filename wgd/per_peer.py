"""What each peer of an interface comes to, made again only of the peers that an edit touched. Pure.

It is a memo of a pure function and nothing else: the answer is the same without what was made before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from wgd.config.document import Interface, Peer
from wgd.listing import remade
from wgd.values import value

T = TypeVar("T")

_ENABLED, _EXPIRES = attrgetter("enabled"), attrgetter("expires")


@value
class _Made(Generic[T]):
    """By the peers and all else that it was made of: what came of each, in the order of the peers."""

    peers: Sequence[Peer]
    given: Hashable
    each: list[T]
    changing: bool


class PerPeer(Generic[T]):
    """For the interfaces of one config after the other."""

    def __init__(self) -> None:
        self._before: dict[str, _Made[T]] = {}
        self._now: dict[str, _Made[T]] = {}

    def begin(self) -> None:
        """Another config: of interfaces that it does not ask for, nothing is kept."""
        self._before, self._now = self._now, {}

    def of(
        self, interface: Interface, now: float, make: Callable[[Peer], T], given: Hashable = None
    ) -> list[T]:
        """What `make` makes of the peers that are active at `now`, in their order. `given`: what else it
        depends on, besides the interface's name."""
        made = self._of(interface, make, given)
        if made.changing:
            return [one for peer, one in zip(made.peers, made.each, strict=True) if peer.active(now)]
        return [*made.each]

    def of_all(self, interface: Interface, make: Callable[[Peer], T]) -> Sequence[T]:
        """What `make` makes of each peer, active or not."""
        return self._of(interface, make, None).each

    def _of(self, interface: Interface, make: Callable[[Peer], T], given: Hashable) -> _Made[T]:
        made = self._before.get(interface.name)
        if made is None or made.given != given:
            made = _Made((), given, [], changing=False)
        if made.peers is not interface.peers:
            made = _remade(made, interface.peers, make)
        self._now[interface.name] = made
        return made


def _remade(made: _Made[T], peers: Sequence[Peer], make: Callable[[Peer], T]) -> _Made[T]:
    changing = any(map(_EXPIRES, peers)) or not all(map(_ENABLED, peers))
    return _Made(peers, made.given, remade(made.peers, made.each, peers, make), changing)
