"""`decode`, again and again: what did not change is the same object as the last time.

An edit of a few peers and rules is taken into what was decoded before, if nothing else can depend on it
(`wgd.config.standing`); a property compares that with decoding all. Nothing is kept but the last answer and
what it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from wgd.config import addresses
from wgd.config.assemble import Assembled
from wgd.config.decode import Decoded, Files, bound_devices, decode_drafts, in_order
from wgd.config.document import Config, Input, Interface, Masquerade
from wgd.config.draft import Draft, PeerDraft
from wgd.config.keys import KeyReader
from wgd.config.names import Part, claim
from wgd.config.redraft import Drafts
from wgd.config.shifted import shifted
from wgd.config.snapshot import differing
from wgd.config.splice import by_name, by_words
from wgd.config.standing import Edit, Standing
from wgd.values import replace
from wgd.versions import Version

T = TypeVar("T")


class Decoder:
    """Decodes for one config directory. `begin` says what else but files counts."""

    def __init__(self, read_key: KeyReader) -> None:
        self._read_key, self._drafts = read_key, Drafts()
        self._known: dict[str, Interface] = {}
        self._now, self._since, self._until = 0.0, -math.inf, math.inf
        self._ask_links: Callable[[], frozenset[str]] = frozenset
        self._links: frozenset[str] = frozenset()
        self._devices: set[str] = set()
        self._misses_device = False
        self._files: Files = {}
        self._decoded: Decoded | None = None
        self._assembled: dict[str, Assembled] = {}
        self._standing: dict[str, Standing] = {}
        self._keys_seen = 0

    def begin(self, now: float, links: Callable[[], frozenset[str]]) -> None:
        """What is decoded next counts at this time, with these network devices. They are asked for only where
        they matter: the kernel takes its time to tell them."""
        if not self.still(now, links):
            self._decoded = None
            self._since, self._until = -math.inf, math.inf
            self._devices, self._misses_device = set(), False
        self._now, self._ask_links = now, links

    def still(self, now: float, links: Callable[[], frozenset[str]]) -> bool:
        """Whether all that was decoded would come out the same now."""
        if not self._since <= now < self._until:
            return False
        if not self._devices:
            return True
        found = links()
        if self._misses_device or bool(found) != bool(self._links):
            return found == self._links
        return found & self._devices == self._links & self._devices

    def __call__(self, files: Files) -> Decoded:
        decoded = self._edited(files) or self._whole(files)
        addresses.forget()  # after edits, too, or what they brought would be kept as well
        self._files, self._keys_seen = files, self._read_key.changes
        return decoded

    def prepare(self) -> None:
        """Make now what the next edit would make first: what is there, in an order to find clashes by."""
        if self._decoded is not None:
            for name in self._decoded.config.interfaces:
                self._standing_of(name, self._decoded)

    def _whole(self, files: Files) -> Decoded:
        self._links = self._ask_links()
        drafts = {file: self._drafts(file, files[file]) for file in files}
        decoded = decode_drafts(drafts, self._read_key, self._now, self._links)
        interfaces = {
            name: shared(one, self._known.get(name)) for name, one in decoded.config.interfaces.items()
        }
        self._known |= interfaces
        self._note_times(peer for draft in drafts.values() for peer in draft.peers)
        self._note_devices(drafts.values())
        self._decoded, self._assembled, self._standing = None, {}, {}
        config = Config(interfaces, decoded.config.held)
        if not decoded.broken:
            self._assembled = {**decoded.assembled}
            self._decoded = replace(decoded, config=config, assembled={})
            self._drafts.forget()
        return self._decoded or replace(decoded, config=config)

    def _edited(self, files: Files) -> Decoded | None:
        """What an edit makes of what was decoded last; None: decode all."""
        if self._decoded is None or self._keys_seen != self._read_key.changes:
            return None
        changed = sorted(differing(self._files, files))
        if not changed:
            return self._decoded
        edits = self._edits(changed, files)
        if edits is None:
            return None
        decoded, self._decoded = self._decoded, None  # until it is known what has become of it
        for name, some in edits.items():
            after = self._edited_one(name, some, decoded)
            if after is None:
                return None
            decoded = after
        self._decoded = decoded
        return decoded

    def _edited_one(self, name: str, edits: Sequence[Edit], decoded: Decoded) -> Decoded | None:
        edited = self._standing_of(name, decoded).edit(edits, self._now)
        if edited is None:
            return None
        others = [self._standing_of(other, decoded) for other in decoded.config.interfaces if other != name]
        gone = frozenset(edited.gone)
        problems = shifted(
            (problem for problem in decoded.problems if problem not in gone), (edit.now for edit in edits)
        )
        if problems is None or any(other.leads(one) for other in others for one in edited.routes):
            return None
        self._note_times(edited.peers)
        self._known[name] = edited.interface
        config = decoded.config
        if edited.interface is not config.interfaces[name]:
            config = Config({**config.interfaces, name: edited.interface}, config.held)
        return replace(decoded, config=config, problems=in_order((*problems, *edited.come)))

    def _edits(self, changed: Iterable[str], files: Files) -> dict[str, list[Edit]] | None:
        """The edits of each interface's files; None if others have changed."""
        edits: dict[str, list[Edit]] = {}
        for file in changed:
            claimed = claim(file)
            name = claimed.interface if claimed and claimed.part in (Part.MAIN, Part.DROP_IN) else None
            if name is None or not all(f"{name}.toml" in some for some in (files, self._files)):
                return None
            before = self._drafts.latest(file) if file in self._files else Draft(file)
            now = self._drafts(file, files[file]) if file in files else Draft(file)
            if now is not before:
                edits.setdefault(name, []).append(Edit(before, now))
        return edits

    def _standing_of(self, name: str, decoded: Decoded) -> Standing:
        if name not in self._standing:
            one = self._assembled.pop(name)
            assert one.members  # no error, so it was put together
            interface = decoded.config.interfaces[name]
            self._standing[name] = Standing(interface, one.drafts, one.members, one.own_key, self._now)
        return self._standing[name]

    def _note_times(self, peers: Iterable[PeerDraft]) -> None:
        """When the answer would be another."""
        ends = [peer.expires.timestamp() for peer in peers if peer.expires]
        self._since = max((self._since, *(end for end in ends if end <= self._now)))
        self._until = min((self._until, *(end for end in ends if end > self._now)))

    def _note_devices(self, drafts: Iterable[Draft]) -> None:
        """By which devices it would be another."""
        self._devices |= {device for draft in drafts for _, device in bound_devices(draft)}
        self._misses_device |= not self._devices <= self._links


def shared(now: Interface, before: Interface | None) -> Interface:
    """An equal interface, made of the objects of the one before as far as they are equal."""
    if before is None:
        return now
    peers = _shared(now.peers, before.peers, by_name)
    forwards = _shared(now.forwards, before.forwards, by_words)
    masquerades = _shared(now.masquerades, before.masquerades, _words_out)
    inputs = _shared(now.inputs, before.inputs, _words_in)
    made = replace(now, peers=peers, forwards=forwards, masquerades=masquerades, inputs=inputs)
    return before if made == before else made


def _shared(now: Sequence[T], before: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[T]:
    known = {key(one): one for one in before}
    found = Version(other if (other := known.get(key(one))) == one and other else one for one in now)
    return before if found == before else found


def _words_in(rule: Input) -> Hashable:
    return rule.source.words, rule.ports


def _words_out(rule: Masquerade) -> Hashable:
    return rule.target.words, rule.out, rule.snat
