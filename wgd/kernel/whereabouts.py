"""What no kernel tells of a peer's endpoint: which text wgd last pushed, and which endpoint it took away.

Losing it loses convenience: a changed text is then not pushed to a peer that has a live endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import is_
from pathlib import Path

from wgd.config import keytext
from wgd.kernel.notes import ENDPOINTS, STRIPPED, Notes
from wgd.kinds.peer import Peer, PeerEdit, Stripped
from wgd.values import replace


class WhereaboutNotes:
    """Two files of notes by interface and public key."""

    def __init__(self, run_dir: Path) -> None:
        self._pushed = Notes(run_dir, ENDPOINTS)
        self._stripped = Notes(run_dir, STRIPPED)
        self._notes: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
        self._known: dict[int, tuple[Peer, Peer]] = {}
        self._annotated: list[Peer] = []

    def annotate(self, peers: list[Peer]) -> list[Peer]:
        """The peers with what is noted of them: the same objects for the same peers, while the notes are."""
        pushed, stripped = notes = self._pushed.read(), self._stripped.read()
        if not pushed and not stripped:
            return peers
        known = self._known if all(map(is_, notes, self._notes)) else {}
        self._notes = notes
        self._known = {
            id(peer): known.get(id(peer)) or (peer, _annotated(peer, pushed, stripped)) for peer in peers
        }
        annotated = [after for _, after in self._known.values()]
        if annotated != self._annotated:
            self._annotated = annotated
        return self._annotated

    def note(self, interface: str, edits: Iterable[PeerEdit]) -> None:
        """What these edits, which were done, mean for the notes; most of them mean nothing."""
        removed = set()
        pushed, stripped = {}, {}
        for edit in edits:
            if edit.remove:
                removed.add(_name(interface, edit.public_key))
            elif edit.configured is not None:
                pushed[_name(interface, edit.public_key)] = edit.configured
            elif edit.stripped is not None:
                stripped[_name(interface, edit.public_key)] = f"{edit.stripped.at} {edit.stripped.endpoint}"
        for notes, new in ((self._pushed, pushed), (self._stripped, stripped)):
            if removed or new:
                _rewrite(notes, lambda name: name not in removed, new)

    def forget(self, interface: str) -> None:
        """The interface is gone, or another one."""
        for notes in (self._pushed, self._stripped):
            _rewrite(notes, lambda name: not name.startswith(f"{interface} "), {})


def _annotated(peer: Peer, pushed: Mapping[str, str], stripped: Mapping[str, str]) -> Peer:
    name = _name(peer.interface, peer.public_key)
    taken = _parse(stripped[name]) if peer.endpoint is None and name in stripped else None
    if taken is None and name not in pushed:
        return peer
    return replace(peer, pushed=pushed.get(name), stripped=taken)


def _parse(note: str) -> Stripped | None:
    at, _, endpoint = note.partition(" ")
    try:
        return Stripped(endpoint, float(at))
    except ValueError:
        return None


def _rewrite(notes: Notes, keep: Callable[[str], bool], new: Mapping[str, str]) -> None:
    old = notes.read()
    if not old and not new:
        return
    now = {name: text for name, text in old.items() if keep(name)} | dict(new)
    if now != old:
        notes.write(now)


def _name(interface: str, public_key: bytes) -> str:
    return f"{interface} {keytext.encoded(public_key)}"
