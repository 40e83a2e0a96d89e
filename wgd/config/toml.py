"""Bytes of one file → its table, or what keeps it from being TOML.

No bytes whatever raise: everything wrong becomes a `Problem` with the line it stands on.
"""

from __future__ import annotations

import codecs
import re
import tomllib

from wgd.config.wording import printable
from wgd.errors import Problem

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|(end of document))\)$")
_NESTED = re.compile(r"(?:[\[{][^\[\]{}]*){30}")
_HUGE = re.compile(r"[0-9_]{4000}")

_OF_WG_QUICK = (
    "this is how wg-quick writes it; `wgd import FILE` makes TOML of it, with lower-case names and quotes: "
    'addresses = ["172.27.0.1/16"]'
)
_HINTS = (
    (r"\s*\[(?:Interface|Peer)\]", _OF_WG_QUICK),
    (r"\s*(?:\w*Key|AllowedIPs|Endpoint|Address)\s*=\s*[^\"\s]", _OF_WG_QUICK),
    (r".*[“”„‟‘’]", 'use straight quotes: "…"'),
    (r"\s*[\w.\"-]+\s*:(?:\s|$)", "TOML writes `key = value`, with an equals sign"),
    (r"\s*\[\[[^\[\]]*\](?!\])", "two brackets open an array of tables and two close it: [[forward]]"),
    (r"\s*\[[^\[\]=]*\]\]", "two brackets open an array of tables and two close it: [[forward]]"),
    (r"\s*\[[^\[\]=]*$", "a table's header ends in a bracket: [interface]"),
    (r"\s*\[\[?[^\]\"']*[^\x00-\x7f]", "use plain letters, a to z: no name has others"),
    (r"\s*\[\[?[^\]\"']*[^\]\"'\w.\s-][^\]\"']*\]", 'put other characters in quotes: [peers."a@b"]'),
    (r"\s*\[\[?\s*[\w.-]+\s+[\w.-]+", 'put a name with blanks in quotes, or write it with "-"'),
    (r"[^=#]*=\s*(?:yes|no|on|off|True|False|TRUE|FALSE)\s*(?:#|$)", "TOML writes `true` or `false`"),
    (r"[^=#]*=\s*(?:#|$)", "the value is missing; to leave a key at its default, delete the line"),
    (r"[^=#]*=\s*\[?\s*[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*[/\]:\s,0-9]*", "put addresses in double quotes: "
     '"172.27.0.1/16"'),
    (r"[^=#]*=\s*[A-Za-z]", "put the value in double quotes"),
    (r"[^\"]*(?:\"[^\"]*\"[^\"]*)*\"[^\"]*$", "a double quote is missing on this line"),
    (r"\s*\"[^\"]*\"\s+\"", "put a comma between the elements of an array"),
    (r"\s*[\w.-]+\s+[^=\s]", "TOML writes `key = value`, with an equals sign"),
)  # fmt: skip
"""What a line that tomllib refused usually means, the most telling first."""


def text(file: str, content: bytes | Problem) -> tuple[str | None, list[Problem]]:
    """A file's text, or None with the reasons; a `Problem` as content is why it could not be read."""
    if isinstance(content, Problem):
        return None, [content]
    problems = []
    if content.startswith(codecs.BOM_UTF8):
        problems.append(_byte_order_mark(file))
        content = content.removeprefix(codecs.BOM_UTF8)
    elif content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, [_problem(file, 1, "is UTF-16, expected UTF-8", _recode("utf-16", file))]
    try:
        return content.decode(), problems
    except UnicodeDecodeError as error:
        return None, [*problems, _not_utf8(file, content, error)]


def table(file: str, text: str) -> dict[str, object] | Problem:
    """The table that a text holds, or why it is not TOML."""
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax(file, text, str(error))
    except RecursionError:
        line = _line_of(text, _NESTED.search(text))
        return _problem(file, line, "nests too many brackets", "nothing here needs more than two levels")
    except ValueError:  # int() refuses thousands of digits
        line = _line_of(text, _HUGE.search(text))
        return _problem(file, line, "holds a number of thousands of digits", "no key takes such a number")


def _syntax(file: str, text: str, message: str) -> Problem:
    lines = text.split("\n")
    place = _AT.search(message)
    message = printable(_AT.sub("", message))
    if place is None or place[3]:
        line = len(text.rstrip("\n").split("\n"))
        return _problem(file, line, f"ends too early: {message}", "a quote or bracket was never closed")
    line = int(place[1])
    own = _declared_twice(message, text, line)
    if own:
        return _problem(file, line, *own)
    return _problem(file, line, f"is not TOML at column {place[2]}: {message}", _hint(lines, line, message))


def _declared_twice(message: str, text: str, line: int) -> tuple[str, str] | None:
    """tomllib's two ways to say that something stands in the file twice."""
    if message.startswith("Cannot declare"):
        header = text.split("\n")[line - 1].split("#")[0].strip()
        first = next(
            (n for n, other in enumerate(text.split("\n"), 1) if other.strip().startswith(header)), line
        )
        where = f", first on line {first}" if first < line else ""
        return f"{printable(header)[:80]} appears twice{where}", "merge the two, or give one another name"
    if message.startswith("Cannot overwrite"):
        return "sets a key that was already set in this table", "keep one of the two lines"
    return None


def _hint(lines: list[str], number: int, message: str) -> str:
    """A hint from the line tomllib points at; it often points past the line end that lacked something."""
    line = lines[number - 1]
    for pattern, hint in _HINTS:
        if re.match(pattern, line):
            return hint
    if "Unclosed array" in message:
        return "close the array with ], with commas between its elements and quotes round each"
    return ""


def _byte_order_mark(file: str) -> Problem:
    return _problem(
        file,
        1,
        "begins with a byte-order mark (BOM), which TOML does not allow",
        rf"save it as UTF-8 without BOM, or: sed -i '1s/^\xEF\xBB\xBF//' {file}",
    )


def _not_utf8(file: str, content: bytes, error: UnicodeDecodeError) -> Problem:
    line = content.count(b"\n", 0, error.start) + 1
    byte = content[error.start]
    return _problem(file, line, f"holds the byte 0x{byte:02X}, which is not UTF-8", _recode("latin1", file))


def _recode(encoding: str, file: str) -> str:
    return f"save it as UTF-8: iconv -f {encoding} -t utf-8 {file}"


def _problem(file: str, line: int, message: str, hint: str) -> Problem:
    return Problem(file, line, "", message, hint)


def _line_of(text: str, found: re.Match[str] | None) -> int:
    return text.count("\n", 0, found.start()) + 1 if found else 0
