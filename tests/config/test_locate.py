"""Lines of keys, for everything TOML can write."""

import tomllib
from collections.abc import Iterator

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from wgd.config.locate import KeyPath, locate

CASES = {
    "bare key": ("a = 1", {("a",): 1}),
    "table": ("\n[t]\nx = 1", {("t",): 2, ("t", "x"): 3}),
    "comment before": ("# [no]\n# a = 1\nb = 2 # c = 3", {("b",): 3}),
    "quoted keys": ('["a.b"]\n\'c d\' = 1\n"\\u0065" = 2', {("a.b",): 1, ("a.b", "c d"): 2, ("a.b", "e"): 3}),
    "dotted key": ("a . 'b'.c = 1", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1}),
    "dotted header": ("\n[ a . b ]\n", {("a",): 2, ("a", "b"): 2}),
    "table after its child": ("[a.b]\n[a]\nx=1", {("a",): 2, ("a", "b"): 1, ("a", "x"): 3}),
    "array of tables": (
        "[[f]]\na=1\n[[f]]\n\na=2\n[f.sub]\nb=1",
        {
            ("f",): 1,
            ("f", 0): 1,
            ("f", 0, "a"): 2,
            ("f", 1): 3,
            ("f", 1, "a"): 5,
            ("f", 1, "sub"): 6,
            ("f", 1, "sub", "b"): 7,
        },
    ),
    "nested arrays of tables": (
        "[[f]]\n[[f.g]]\nx=1\n[[f.g]]\n[[f]]\n[[f.g]]\nx=2",
        {
            ("f",): 1,
            ("f", 0): 1,
            ("f", 0, "g"): 2,
            ("f", 0, "g", 0): 2,
            ("f", 0, "g", 0, "x"): 3,
            ("f", 0, "g", 1): 4,
            ("f", 1): 5,
            ("f", 1, "g"): 6,
            ("f", 1, "g", 0): 6,
            ("f", 1, "g", 0, "x"): 7,
        },
    ),
    "array over lines": (
        'a = [ # first\n  "x", # ]\n\n  "y",\n]\nb = 1',
        {("a",): 1, ("a", 0): 2, ("a", 1): 4, ("b",): 6},
    ),
    "array of arrays": (
        "a = [[1],\n[2, 3]]",
        {("a",): 1, ("a", 0): 1, ("a", 0, 0): 1, ("a", 1): 2, ("a", 1, 0): 2, ("a", 1, 1): 2},
    ),
    "inline table": (
        "a = { b = 1, 'c' = { d = [1] } }\ne=1",
        {("a",): 1, ("a", "b"): 1, ("a", "c"): 1, ("a", "c", "d"): 1, ("a", "c", "d", 0): 1, ("e",): 2},
    ),
    "empty values": (
        "a = []\nb = {}\nc = ''\nd = \"\"\ne = 1",
        {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5},
    ),
    "multi-line basic": ('a = """\nb = 1\n\\""" "" """""\nc = 1', {("a",): 1, ("c",): 4}),
    "multi-line literal": ("a = '''\nb = '' \n'''''\nc = 1", {("a",): 1, ("c",): 4}),
    "empty multi-line": ("a = \"\"\"\"\"\"\nb = ''''''\nc = 1", {("a",): 1, ("b",): 2, ("c",): 3}),
    "brackets in strings": (
        'a = ["]", "[", \'#\']\nb = 1',
        {("a",): 1, ("a", 0): 1, ("a", 1): 1, ("a", 2): 1, ("b",): 2},
    ),
    "escaped quote": ('a = "\\"#"\nb = 1', {("a",): 1, ("b",): 2}),
    "date-time with a blank": ("a = 2030-01-01 10:00:00Z # x\nb = 1", {("a",): 1, ("b",): 2}),
    "header with comment": ("[a] # b = 1\nc = 1", {("a",): 1, ("a", "c"): 2}),
    "nothing": ("# only this\n", {}),
}


@pytest.mark.parametrize(("text", "lines"), CASES.values(), ids=CASES)
def test_lines(text: str, lines: dict[KeyPath, int]) -> None:
    tomllib.loads(text)
    assert locate(text) == lines


def _paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


_values = st.recursive(
    st.text() | st.integers(-9, 9) | st.booleans() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _values, max_size=4), st.booleans())
def test_every_path_of_any_document_is_found(document: dict[str, object], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    assert set(locate(text)) == set(_paths(tomllib.loads(text)))


def test_each_key_stands_on_the_line_it_was_written_on() -> None:
    text = "".join(f"[peers.p{n}]\n# {n}\nkey = {n}\nips = [{n},\n{n}]\n" for n in range(200))
    lines, rows = locate(text), text.split("\n")
    for n in range(200):
        assert rows[lines["peers", f"p{n}"] - 1] == f"[peers.p{n}]"
        assert rows[lines["peers", f"p{n}", "key"] - 1] == f"key = {n}"
        assert rows[lines["peers", f"p{n}", "ips", 1] - 1] == f"{n}]"


def test_deep_nesting_needs_no_stack() -> None:
    assert locate("a = " + "[" * 3000 + "]" * 3000)["a",] == 1
