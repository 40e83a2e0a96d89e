from __future__ import annotations

import pytest

from wgd.output.terminal import BOLD, Cell, Column, Page, age, clip, plain, several, size, table, width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7200, "2 h"),
        (172800, "2 d"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (348160, "340 KiB"),
        (1258291, "1.2 MiB"),
        (1023 * 1024, "1.0 MiB"),
        (10 * 2**30, "10 GiB"),
        (2**64 - 1, "16 EiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (1, ("peer",), "1 peer"),
        (0, ("peer",), "0 peers"),
        (10000, ("peer",), "10,000 peers"),
        (2, ("address", "addresses"), "2 addresses"),
    ],
)
def test_several(count: int, words: tuple[str, ...], text: str) -> None:
    assert several(count, *words) == text


@pytest.mark.parametrize(
    ("text", "cells"), [("wg0", 3), ("Kühe", 4), ("相机", 4), ("e\u0301", 1), ("📷", 2), ("", 0)]
)
def test_width(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "most", "clipped"),
    [
        ("spoke-1", 7, "spoke-1"),
        ("a-very-long-name", 10, "a-very…ame"),
        ("相机相机相机", 7, "相机…机"),
        ("[2001:db8::1234:5678]:51820", 22, "[2001:db8::123…]:51820"),
    ],
)
def test_clip(text: str, most: int, clipped: str) -> None:
    assert clip(text, most) == clipped
    assert width(clipped) <= most


def test_a_name_cannot_steer_the_terminal() -> None:
    assert plain("a\033[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"


COLUMNS = (
    Column("name", least=4),
    Column("where", least=8, drop=1),
    Column("bytes", drop=2, right=True),
    Column("note", luxury=True),
    Column(""),
)
ROWS = [
    [Cell("spoke-1"), Cell("203.0.113.7:51820"), Cell("1 B"), Cell("a note"), Cell("")],
    [Cell("相机"), Cell("–"), Cell("1000 B"), Cell(""), Cell("differs")],
]


@pytest.mark.parametrize(
    ("cells", "lines"),
    [
        pytest.param(
            None,
            [
                "  name     where               bytes  note",
                "  spoke-1  203.0.113.7:51820     1 B  a note",
                "  相机     –                  1000 B          differs",
            ],
            id="no limit",
        ),
        pytest.param(
            46,
            [
                "  name     where               bytes",
                "  spoke-1  203.0.113.7:51820     1 B",
                "  相机     –                  1000 B  differs",
            ],
            id="without luxury",
        ),
        pytest.param(
            36,
            [
                "  name     where      bytes",
                "  spoke-1  203.0…20     1 B",
                "  相机     –         1000 B  differs",
            ],
            id="shrunk",
        ),
        pytest.param(
            28,
            ["  name     where", "  spoke-1  203.0…20", "  相机     –         differs"],
            id="a column dropped",
        ),
        pytest.param(10, ["  name", "  sp…1", "  相机  differs"], id="as narrow as it gets"),
    ],
)
def test_a_table_fits_its_page(cells: int | None, lines: list[str]) -> None:
    assert list(table(COLUMNS, ROWS, Page(width=cells))) == lines


def test_an_empty_column_is_left_out() -> None:
    assert list(table((Column("a"), Column("b")), [[Cell("x"), Cell("")]], Page())) == ["  a", "  x"]


@pytest.mark.parametrize(("colour", "text"), [(True, "\033[1mwg0\033[0m"), (False, "wg0")])
def test_colour_only_if_asked(colour: bool, text: str) -> None:
    assert Page(colour).paint("wg0", BOLD) == text


def test_wrapped_text_hangs() -> None:
    assert Page(width=20).wrap("one two three four five") == "  one two three four\n    five"
    assert Page().wrap("as long as it is") == "  as long as it is"
