"""What is noted of endpoints, until the peer or its interface goes or it is back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.configs import key
from wgd.endpoints import NOWHERE
from wgd.kernel.whereabouts import WhereaboutNotes
from wgd.kinds.peer import Peer, PeerEdit, Stripped

A = Peer("wg0", key("a"), frozenset())
HUB = ("198.51.100.15", 51820)
TAKEN = Stripped("[2001:db8::7]:4711", 1_700_000_000.25)
PUSH = PeerEdit(A.public_key, endpoint=HUB, configured="hub.example:51820")
STRIP = PeerEdit(A.public_key, endpoint=NOWHERE, stripped=TAKEN)

CASES: tuple[tuple[str, list[PeerEdit], Peer], ...] = (
    ("nothing", [], replace(A)),
    ("what was pushed", [PUSH], replace(A, pushed="hub.example:51820")),
    ("what was stripped", [STRIP], replace(A, stripped=TAKEN)),
    ("a text that leads there", [replace(PUSH, endpoint=None)], replace(A, pushed="hub.example:51820")),
    ("a peer that was removed", [PUSH, STRIP, PeerEdit(A.public_key, remove=True)], A),
    ("another peer", [replace(PUSH, public_key=key("b"))], A),
)


@pytest.mark.parametrize(("edits", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_notes(edits: list[PeerEdit], expected: Peer, tmp_path: Path) -> None:
    for edit in edits:
        WhereaboutNotes(tmp_path).note("wg0", [edit])
    assert WhereaboutNotes(tmp_path).annotate([A]) == [expected]


def test_a_peer_that_is_back_was_not_stripped(tmp_path: Path) -> None:
    WhereaboutNotes(tmp_path).note("wg0", [STRIP])
    back = replace(A, endpoint=HUB)
    assert WhereaboutNotes(tmp_path).annotate([back]) == [back]


def test_notes_go_with_their_interface(tmp_path: Path) -> None:
    notes = WhereaboutNotes(tmp_path)
    notes.note("wg0", [PUSH, STRIP])
    notes.note("wg01", [PUSH])
    notes.forget("wg0")
    other = replace(A, interface="wg01")
    assert notes.annotate([A, other]) == [A, replace(other, pushed="hub.example:51820")]


def test_a_note_that_makes_no_sense_counts_for_nothing(tmp_path: Path) -> None:
    notes = WhereaboutNotes(tmp_path)
    notes.note("wg0", [STRIP])
    file = tmp_path / "stripped.json"
    file.write_text(file.read_text().replace("1700000000.25", "lately"))
    assert notes.annotate([A]) == [A]


def test_what_has_no_endpoint_and_goes_nowhere_makes_no_file(tmp_path: Path) -> None:
    WhereaboutNotes(tmp_path).note("wg0", [PeerEdit(A.public_key), PeerEdit(key("b"), remove=True)])
    assert [*tmp_path.iterdir()] == []


def test_peers_without_notes_are_the_very_same_list(tmp_path: Path) -> None:
    peers = [A]
    assert WhereaboutNotes(tmp_path).annotate(peers) is peers


def test_the_same_peers_are_annotated_once_for_each_state_of_the_notes(tmp_path: Path) -> None:
    notes, other = WhereaboutNotes(tmp_path), replace(A, public_key=key("b"))
    notes.note("wg0", [PUSH])
    first = notes.annotate([A, other])
    assert notes.annotate([A, other]) is first
    heard = replace(other, received=7)
    second = notes.annotate([A, heard])
    assert second == [first[0], heard]
    assert second[0] is first[0]
    WhereaboutNotes(tmp_path).note("wg0", [replace(PUSH, configured="other.example:51820")])
    assert notes.annotate([A, other]) == [replace(A, pushed="other.example:51820"), other]
