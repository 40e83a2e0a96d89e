"""How values appear in messages."""

import datetime

import pytest

from tests.config.support import key
from wgd.config.wording import dotted, found, key_text, listed, nearest, quoted

FOUND = {
    "true": (True, "true"),
    "number": (7, "7"),
    "huge number": (2**70, "a number of more than 64 bits"),
    "beyond what str() takes": (16**9999, "a number of more than 64 bits"),
    "float": (2.5, "2.5"),
    "text": ("a", '"a"'),
    "empty text": ("", "an empty string"),
    "long text": ("a b " * 40, '"' + "a b " * 15 + '…"'),
    "control characters": ("a\x1b[31m\n\x9b\u202e", r'"a\x1b[31m\n\x9b\u202e"'),
    "quotes": ('a"b\\', r'"a\"b\\"'),
    "key": (key("x"), "44 characters that look like a key"),
    "array": ([1], "an array"),
    "empty array": ([], "an empty array"),
    "table": ({}, "a table"),
    "date": (datetime.date(2030, 1, 1), "a date"),
    "time": (datetime.time(1), "a time"),
    "date-time": (datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC), "a date-time"),
    "naive": (datetime.datetime(2030, 1, 1), "a date-time without offset"),
}


@pytest.mark.parametrize(("value", "text"), FOUND.values(), ids=FOUND)
def test_found(value: object, text: str) -> None:
    assert found(value) == text


def test_paths_are_written_as_toml_writes_them() -> None:
    assert dotted(("peers", "a.b", "allowed_ips", 3)) == 'peers."a.b".allowed_ips[3]'
    assert dotted(("peers", "a\x1b")) == r'peers."a\x1b"'
    assert dotted(()) == ""


def test_a_key_for_a_name_stays_hidden() -> None:
    assert key_text(key("x")) == '"…"'
    assert key("x") not in quoted("say " + key("x"))


def test_nearest() -> None:
    known = ("allowed_ips", "public_key", "endpoint")
    assert nearest("AllowedIPs", known) == "allowed_ips"
    assert nearest("endpont", known) == "endpoint"
    assert nearest("zzz", known) is None
    assert nearest("x" * 100_000, known) is None


def test_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
