"""`decode`, again and again: what did not change is the same object as the last time.

Nothing is kept but the last answer and what it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import TypeVar

from wgd.config.decode import Decoded, Files, bound_devices, decode_drafts
from wgd.config.document import Config, Forward, Interface, Masquerade, Peer
from wgd.config.draft import Draft
from wgd.config.keys import KeyReader
from wgd.config.redraft import Drafts

T = TypeVar("T")


class Decoder:
    """Decodes for one config directory. `begin` says what else but files counts."""

    def __init__(self, read_key: KeyReader) -> None:
        self._read_key, self._drafts = read_key, Drafts()
        self._known: dict[str, Interface] = {}
        self._now, self._since, self._until = 0.0, -math.inf, math.inf
        self._links: frozenset[str] = frozenset()
        self._devices: set[str] = set()
        self._misses_device = False

    def begin(self, now: float, links: frozenset[str]) -> None:
        """What is decoded next counts at this time, with these network devices."""
        self._now, self._links = now, links
        self._since, self._until = -math.inf, math.inf
        self._devices, self._misses_device = set(), False

    def still(self, now: float, links: frozenset[str]) -> bool:
        """Whether all that was decoded since `begin` would come out the same now."""
        if not self._since <= now < self._until or bool(links) != bool(self._links):
            return False
        if self._misses_device:
            return links == self._links
        return links & self._devices == self._links & self._devices

    def __call__(self, files: Files) -> Decoded:
        drafts = {file: self._drafts(file, files[file]) for file in sorted(files)}
        self._note(drafts.values())
        decoded = decode_drafts(drafts, self._read_key, self._now, self._links)
        interfaces = {
            name: shared(one, self._known.get(name)) for name, one in decoded.config.interfaces.items()
        }
        self._known |= interfaces
        return replace(decoded, config=Config(interfaces, decoded.config.held))

    def _note(self, drafts: Iterable[Draft]) -> None:
        """When and by which devices the answer would be another."""
        drafts = list(drafts)
        ends = [peer.expires.timestamp() for draft in drafts for peer in draft.peers if peer.expires]
        self._since = max((end for end in ends if end <= self._now), default=self._since)
        self._until = min((end for end in ends if end > self._now), default=self._until)
        self._devices |= {device for draft in drafts for _, device in bound_devices(draft)}
        self._misses_device |= not self._devices <= self._links


def shared(now: Interface, before: Interface | None) -> Interface:
    """An equal interface, made of the objects of the one before as far as they are equal."""
    if before is None:
        return now
    peers = _shared(now.peers, before.peers, _name)
    forwards = _shared(now.forwards, before.forwards, _words)
    masquerades = _shared(now.masquerades, before.masquerades, _words_out)
    made = replace(now, peers=peers, forwards=forwards, masquerades=masquerades)
    return before if made == before else made


def _shared(now: tuple[T, ...], before: tuple[T, ...], key: Callable[[T], Hashable]) -> tuple[T, ...]:
    known = {key(one): one for one in before}
    found = tuple(other if (other := known.get(key(one))) == one and other else one for one in now)
    return before if found == before else found


def _name(peer: Peer) -> Hashable:
    return peer.name


def _words(rule: Forward) -> Hashable:
    return rule.source.words, rule.target.words, rule.ports


def _words_out(rule: Masquerade) -> Hashable:
    return rule.target.words, rule.out
