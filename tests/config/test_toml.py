"""What keeps bytes from being TOML: each case names its line and says what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.support import key
from wgd.config import toml
from wgd.config.source import Source
from wgd.errors import Problem

BOM = b"\xef\xbb\xbf"

CASES = {
    "byte-order mark": (BOM + b"a = 1\n", 1, "byte-order mark", "without BOM"),
    "UTF-16": ("a = 1\n".encode("utf-16"), 1, "UTF-16", "iconv -f utf-16"),
    "Latin-1": ("a = 1\nb = 'Küche'\n".encode("latin-1"), 2, "0xFC", "iconv -f latin1"),
    "absurd nesting": (b"a = 1\nb = " + b"[" * 5000, 2, "nests too many brackets", "two levels"),
    "absurd nesting of tables": (b"\n\nb = " + b"{a=" * 5000, 3, "nests too many brackets", "two levels"),
    "absurd number": (b"a = 1\nb = " + b"9" * 5000, 2, "thousands of digits", "no key takes"),
    "address without quotes": (b"a = 1\nb = [10.0.0.1/8]\n", 2, "not TOML", "addresses in double quotes"),
    "endpoint without quotes": (b"e = 198.51.100.15:51820\n", 1, "not TOML", "addresses in double quotes"),
    "IPv6 without quotes": (b"e = [fd00::/64]\n", 1, "not TOML", "addresses in double quotes"),
    "name without quotes": (b"a = 1\n\nmtu = auto\n", 3, "not TOML", "double quotes"),
    "colon": (b"mtu: 1420\n", 1, "not TOML", "equals sign"),
    "blank for equals": (b"mtu 1420\n", 1, "not TOML", "equals sign"),
    "no value": (b"mtu =\n", 1, "not TOML", "delete the line"),
    "yes": (b"enabled = yes\n", 1, "not TOML", "`true` or `false`"),
    "True": (b"enabled = True # or not\n", 1, "not TOML", "`true` or `false`"),
    "curly quotes": ("mtu = “auto”\n".encode(), 1, "not TOML", "straight quotes"),
    "unclosed string": (b'a = "b\nc = 1\n', 1, "not TOML", "double quote is missing"),
    "unclosed array": (b'a = [\n"b",\n\n', 2, "ends too early", "never closed"),
    "unclosed header": (b"a = 1\n[interface\n", 2, "not TOML", "ends in a bracket"),
    "half closed header": (b"[[forward]\n", 1, "not TOML", "two close it"),
    "half opened header": (b"[forward]]\n", 1, "not TOML", "two close it"),
    "blank in a name": (b"[peers.my phone]\n", 1, "not TOML", "blanks in quotes"),
    "at sign in a name": (b"[peers.me@home]\n", 1, "not TOML", "in quotes"),
    "unclosed long string": (b'a = """\nb\n', 2, "ends too early", "never closed"),
    "table twice": (
        b"[peers.a]\n[peers.b]\n[peers.a]\n",
        3,
        "[peers.a] appears twice, first on line 1",
        "merge",
    ),
    "key twice": (b"[a]\nmtu = 1\nmtu = 2\n", 3, "already set", "keep one"),
    "missing comma": (b'a = [\n  "b"\n  "c"\n]\n', 3, "not TOML", "comma"),
    "wg-quick": (b"[Interface]\nAddress = 10.0.0.1/8\n", 2, "not TOML", "how wg-quick writes it"),
    "wg-quick key": (
        b"[Interface]\nPrivateKey = " + key("x").encode(),
        2,
        "not TOML",
        "how wg-quick writes it",
    ),
    "accented letter": ("[peers.läptop]\n".encode(), 1, "not TOML", "a to z"),
    "carriage return": (b"a = 1\rb = 2", 1, "not TOML", ""),
    "zero byte": (b"a = 1\n\0", 2, "not TOML", ""),
    "unreal date": (b"a = 1\nb = 2030-02-31\n", 2, "not TOML", ""),
}


def read(content: bytes) -> tuple[Source | None, dict[str, object], list[Problem]]:
    """The file with its table, or what is wrong with it."""
    text, problems = toml.text("wg0.toml", content)
    table = toml.table("wg0.toml", text) if text is not None else {}
    if text is None or isinstance(table, Problem):
        return None, {}, [*problems, table] if isinstance(table, Problem) else problems
    return Source("wg0.toml", text), table, problems


@pytest.mark.parametrize(("content", "line", "message", "hint"), CASES.values(), ids=CASES)
def test_refusals(content: bytes, line: int, message: str, hint: str) -> None:
    _, _, (problem,) = read(content)
    assert (problem.file, problem.line) == ("wg0.toml", line)
    assert message in problem.message
    assert hint in problem.hint
    assert key("x") not in str(problem)


def test_what_follows_a_byte_order_mark_is_read_too() -> None:
    source, table, problems = read(BOM + b"[a]\nb = 1\n")
    assert source is not None and table == {"a": {"b": 1}}
    assert len(problems) == 1


def test_windows_line_ends_are_fine_and_count_once() -> None:
    source, _, problems = read(b'[a]\r\nb = 1\r\nc = """\r\nx"""\r\nd = 2\r\n')
    assert source is not None and not problems
    assert source.line(("a", "d")) == 5


def test_a_key_that_is_not_there_stands_where_its_table_does() -> None:
    source, _, _ = read(b"\n[a]\nb = 1\n")
    assert source is not None
    assert source.line(("a", "z", 0)) == 2
    assert source.line(("z",)) == 0


@given(st.binary() | st.text(alphabet="a.=[]{}\"'\n#, \\1:-T").map(str.encode))
def test_no_bytes_raise(content: bytes) -> None:
    source, _, problems = read(content)
    assert source is not None or problems
    assert all(problem.line >= 0 and "\n" not in problem.message for problem in problems)
