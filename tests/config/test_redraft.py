"""A file read table by table, and again after any edit, says exactly what it says read as a whole."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.config.support import key
from wgd.config import parts, piecewise, schema
from wgd.config.draft import Draft
from wgd.config.redraft import Drafts, redraft
from wgd.config.schema import draft
from wgd.config.source import Where
from wgd.versions import Version

MAIN = '[interface]\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n'


def peer(name: str, more: str = "") -> str:
    return f'[peers.{name}]\npublic_key = "{key(name)}"\nallowed_ips = ["172.27.0.2/32"]\n{more}'


RULES = (
    '[[forward]]\nfrom = ["a"]\nto = ["lan"]\n',
    '[[forward]]\nfrom = ["b"]\nto = ["any"]\nports = ["tcp/80", "icmp"] # so\n',
    '[[masquerade]]\nout = "eth0"\nto = ["lan"]\n',
    '[[input]]\nfrom = ["a"]\nports = ["tcp/22"]\n',
    '[[input]]\nfrom = ["any"]\n',
)
TABLES = (
    *(peer(name) for name in "abcdef"),
    *(peer(name, "\n# so\nroutes = false # more\n\n") for name in "abc"),
    peer('"a"'),
    peer("'b.c'"),
    peer('"d\\u0065"'),
    peer('""'),
    "[peers.g]\npublic_key = 1\n",
    "[peers.g]\nallowed_ips = [\n  # one\n  '10.0.0.0/8',\n  \"fd00::/8\"\n]\n",
    '[peers.g]\nallowed_ips = [\n  "10.0.0.0/8",\n\n  "fd00::/8",\n]\nenabled = true\n',
    "[peers.g]\nallowed_ips = [\n[1],\n[2]\n]\n",
    'peers.h.public_key = "x"\n',
    "[ peers . i ]\n",
    "  [peers.a]\n",
    "[peers]\n",
    "  [peers]\n",
    "[peers]\nj = { routes = true }\n",
    "[peers.a.b]\nroutes = true\n",
    "[peers.a]\nb.routes = true\n",
    "[[peers]]\n",
    "[[peers.a]]\n",
    MAIN,
    '[networks]\nlan = ["10.0.0.0/8"]\n',
    "[forward]\n",
    *RULES,
    *RULES,
    "[[forward.x]]\n",
)
LINES = (
    "\n",
    "# [peers.a]\n",
    '"""\n',
    "'''\n",
    'x = """\n',
    'x = """[peers.a]\n',
    "x = '''\n",
    "x = [\n",
    "]\n",
    "[\n",
    "{\n",
    'x = "\n',
    "routes = false\n",
    "routes = true\r\n",
    "\r",
    "\ufeff",
    "\x0b\n",
    "\x85\n",
    "endpoint = 'a.org:1'\n",
    "endpoint = 'b.org:1' ",
    'endpoint = "\\""\n',
    "persistent_keepalive = 25\n",
    "persistent_keepalive = 1_0\n",
    "persistent_keepalive = 09\n",
    "persistent_keepalive = -0\n",
    "expires = 2030-01-01T00:00:00Z\n",
    'allowed_ips = [ "10.0.0.1/32" , "10.0.0.2/32",]\n',
    "allowed_ips = []\n",
    'allowed_ips = [,"10.0.0.1/32"]\n',
    "public-key = 0\n",
    '"routes" = true\n',
    "a.b = 1\n",
    "= 1\n",
)
GOOD = (*TABLES[:6], *(peer(name, "\n# so\nroutes = false # more\n\n") for name in "xyz"), *RULES)
texts = st.lists(st.sampled_from((*TABLES, *TABLES, *LINES)), max_size=8).map("".join)
good = st.lists(st.sampled_from(GOOD), unique=True, max_size=6).map(lambda tables: "".join([MAIN, *tables]))
files = st.one_of(good, good, texts, st.builds("{}{}".format, good, texts))

places = st.floats(0, 1)
tables = st.tuples(st.just("table"), places, places | st.none(), st.sampled_from((*GOOD, *GOOD, "", *LINES)))
lines = st.tuples(st.just("line"), places, places | st.none(), st.sampled_from((*TABLES, *LINES, "")))
characters = st.tuples(
    st.just("character"), places, st.none(), st.sampled_from([*"[]\"'#\n =a\\", "", *LINES])
)
edits = st.lists(st.one_of(tables, tables, tables, lines, characters), min_size=1, max_size=2)
Edit = tuple[str, float, float | None, str]


def edited(text: str, edit: Edit) -> str:
    """Puts something new at some place, or over all from one place to another if they are near."""
    unit, start, end, new = edit
    if unit == "table":
        units = re.split(r"(?m)^(?=\[)", text)
    else:
        units = text.splitlines(keepends=True) if unit == "line" else [*text]
    first = int(start * (len(units) + 1))
    last = first if end is None else min(first + 1 + int(end * 3), len(units))
    return "".join([*units[:first], new, *units[max(first, last) :]])


def shown(value: object) -> object:
    """All that there is to see of a draft, with places as they are told."""
    if isinstance(value, Where):
        return str(value), value.key
    if isinstance(value, Draft):
        value = dataclasses.replace(value, layout=None, shift=None)
    if dataclasses.is_dataclass(value):
        return [shown(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return [*map(shown, value)] if isinstance(value, (tuple, Version)) else value


@contextmanager
def as_a_whole() -> Iterator[None]:
    with mock.patch.object(schema, "piecewise", lambda file, cut, part: None):
        yield


def whole(content: bytes) -> object:
    with as_a_whole():
        return shown(draft("wg0.toml", content))


@pytest.fixture(autouse=True)
def every_file_is_worth_it() -> Iterator[None]:
    with mock.patch.object(piecewise, "LEAST", 0):
        yield


@given(files)
@settings(max_examples=5 * settings.default.max_examples)
def test_table_by_table_is_as_a_whole(text: str) -> None:
    assert shown(draft("wg0.toml", text.encode())) == whole(text.encode())


@given(good | good | good | files, st.lists(st.tuples(st.integers(0, 3), edits), min_size=1, max_size=5))
@settings(max_examples=10 * settings.default.max_examples)
def test_any_edits_read_as_if_for_the_first_time(text: str, steps: list[tuple[int, list[Edit]]]) -> None:
    """Most edits mend first what the ones before broke."""
    drafts, clean = Drafts(), MAIN
    for mended, step in [*steps, (0, [])]:
        one = drafts("wg0.toml", text.encode())
        assert shown(one) == whole(text.encode())
        if not one.problems:
            clean = text
            if mended:
                drafts.forget()
        if mended:
            text = clean
        for edit in step:
            text = edited(text, edit)


scraps = st.lists(st.sampled_from(("[", "\n", "[[", "a", "]", "\n[", "é")), max_size=12).map("".join)


@given(scraps)
@example("")
@example("\n")
@example("\n[")
@example("[\n")
@example("a")
def test_the_pieces_make_up_the_text(text: str) -> None:
    assert "\n[".join(parts.cut(text)) == f"\n{text}".removesuffix("\n")
    assert not any("\n[" in piece for piece in parts.cut(text))


@given(scraps, scraps, scraps, scraps)
@settings(max_examples=10 * settings.default.max_examples)
def test_what_is_cut_again_is_what_is_cut_as_a_whole(head: str, was: str, now: str, tail: str) -> None:
    preamble, *before = parts.cut(head + was + tail)
    another, *expected = parts.cut(head + now + tail)
    if again := parts.cut_again(len(before), (head + was + tail).encode(), (head + now + tail).encode()):
        pieces, start, end = again
        behind = before[end:] if end else []
        assert (preamble, [*before[:start], *pieces, *behind]) == (another, expected)
        assert start + len(behind) <= len(before)
    else:
        assert "\n[" not in head


KNOWN = [MAIN, *(peer(name) for name in "abc"), RULES[0], RULES[0]]
SIMPLE = {
    "a peer changes": (1, [peer("a", "routes = false\n")]),
    "a peer gets another name": (1, [peer("x")]),
    "a peer comes first": (1, [peer("x"), KNOWN[1]]),
    "a peer comes between": (2, [peer("x"), KNOWN[2]]),
    "two peers come": (2, [peer("x"), KNOWN[2], peer("y")]),
    "a peer goes": (2, []),
    "a rule comes before its like": (4, [KNOWN[4], KNOWN[4]]),
    "a rule goes": (4, []),
    "a comment comes": (2, ["# so\n", KNOWN[2]]),
    "a comment comes on top": (0, ["# so\n", KNOWN[0]]),
}


@pytest.mark.parametrize(("at", "new"), SIMPLE.values(), ids=SIMPLE)
def test_an_edit_of_peers_and_rules_keeps_all_else(at: int, new: list[str]) -> None:
    was = "".join(KNOWN).encode()
    before = draft("wg0.toml", was)
    kept = {id(one) for one in (*before.peers, *before.forwards)}
    now = "".join([*KNOWN[:at], *new, *KNOWN[at + 1 :]]).encode()
    after = redraft(before, was, now)
    assert after is not None and shown(after) == whole(now)
    assert after.interface is before.interface
    assert len([one for one in (*after.peers, *after.forwards) if id(one) not in kept]) <= len(new)


def test_a_header_that_is_indented_is_seen() -> None:
    """Each of the two pieces is a table by itself; that both declare [peers], only the whole tells."""
    text = f"{MAIN}{peer('a')}  [peers]\n{peer('b')}  [peers]\n".encode()
    one = draft("wg0.toml", text)
    assert one.problems and shown(one) == whole(text)


DOUBTFUL = {
    "settings go": "",
    "settings change": MAIN.replace("51820", "51821"),
    "a name is there twice": f"{MAIN}{peer('c')}",
    "a string reaches into the next table": f'{MAIN}[peers.x]\nendpoint = """\n',
    "something is wrong with a peer": f"{MAIN}[peers.x]\n",
    "a key above all": f"routes = true\n{MAIN}",
}


@pytest.mark.parametrize("start", DOUBTFUL.values(), ids=DOUBTFUL)
def test_any_other_edit_is_read_as_a_whole(start: str) -> None:
    was = "".join(KNOWN).encode()
    before = draft("wg0.toml", was)
    places = shown(before)
    assert redraft(before, was, "".join([start, *KNOWN[1:]]).encode()) is None
    assert shown(before) == places
