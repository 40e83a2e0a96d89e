"""wg-quick files: nothing is lost in silence, and what wg-quick made of one can be adopted as it is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.support import key as key_text
from tests.importer.support import (
    Case,
    adoptable,
    assert_marks_alone,
    bring_up,
    cases,
    decoded,
    imported,
    toml,
)
from wgd.errors import Severity
from wgd.importer import write
from wgd.importer.found import Fate
from wgd.importer.sources import Imported, from_quick

ALL = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])


def test_there_are_many_shapes() -> None:
    assert len(cases()) >= 60
    assert len({case.text for case in cases()}) == len(cases())


@ALL
def test_each_line_is_accounted_for(case: Case) -> None:
    of = imported(case)
    for line in of.lines:
        wanted = case.fates[line.number - 1] if line.number <= len(case.fates) else frozenset()
        got = frozenset(entry.fate for entry in of.entries if entry.line is line)
        assert got == wanted, f"{line.origin}: {line.text}\n" + "\n".join(map(write.account, of.entries))


@ALL
def test_the_result_passes_check(case: Case) -> None:
    found = decoded(imported(case))
    errors = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    assert errors == [], toml(imported(case))
    assert list(found.config.interfaces) == ["wg0"]


@ALL
def test_no_secret_is_shown(case: Case) -> None:
    of = imported(case)
    shown = toml(of) + "\n".join(map(write.account, of.entries)) + repr(of.found.keys)
    for name in ("own", "old", "psk", "psk1", "psk2", "oldpsk"):
        assert key_text(name).rstrip("=") not in shown


@ALL
def test_what_is_not_carried_over_stands_in_the_file_too(case: Case) -> None:
    of = imported(case)
    text = toml(of)
    for entry in of.entries:
        if entry.fate is Fate.MISSED:
            assert f"#   {write.account(entry)}" in text.split("\n")


def same_but_keys(text: str) -> str:
    """The TOML without the origins' comments, whose texts differ with the spelling."""
    return re.sub(r"\s+#.*", "", text)


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16 with BOM": lambda text: text.encode("utf-16"),
    "no end of line at the end": lambda text: text.rstrip("\n").encode(),
    "blanks at the ends": lambda text: re.sub(r"^|$", "  \t", text, flags=re.M).encode(),
    "keys in capitals": lambda text: re.sub(
        r"^([A-Za-z ]+?)( *=)", lambda m: m[1].upper() + m[2], text, flags=re.M
    ).encode(),
}


@ALL
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_spelling_changes_nothing(case: Case, spell: Callable[[str], bytes]) -> None:
    plain, other = imported(case), from_quick("wg0", "wg0.conf", spell(case.text))
    assert same_but_keys(toml(other)) == same_but_keys(toml(plain))
    assert [(e.line.number, e.fate) for e in other.entries] == [
        (e.line.number, e.fate) for e in plain.entries
    ]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in adoptable()])
def test_adopting_it_changes_marks_alone(case: Case) -> None:
    assert_marks_alone(decoded(imported(case)).config, bring_up(case))


LINES = sorted({line for case in cases() for line in case.text.split("\n")})
ANY_LINE = st.one_of(st.sampled_from(LINES), st.text(max_size=30))


@given(st.lists(ANY_LINE, max_size=25))
def test_any_lines_in_any_order_are_accounted_for(lines: list[str]) -> None:
    of = from_quick("wg0", "wg0.conf", "\n".join(lines).encode("utf-8", "replace"))
    check(of)


@given(st.binary(max_size=200))
def test_any_bytes_are_accounted_for(content: bytes) -> None:
    check(from_quick("wg0", "wg0.conf", content))


def check(of: Imported) -> None:
    """Each line has a fate; the result has no errors."""
    told = {id(entry.line) for entry in of.entries}
    assert [line.text for line in of.lines if not line.blank and id(line) not in told] == []
    errors = [problem for problem in decoded(of).problems if problem.severity is Severity.ERROR]
    assert errors == [], toml(of)
