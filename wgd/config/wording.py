"""How messages speak of what they found: short, printable, and never a key's text."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence

_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+/]{40,}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 60
_INT64 = 2**63


def printable(text: str) -> str:
    """The text with everything that a terminal might obey written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quoted(text: str) -> str:
    """The text in double quotes, cut to a readable length; what may be a key stays hidden."""
    if _LIKE_A_KEY.search(text):
        return f"{len(text)} characters that look like a key"
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return '"' + printable(shown.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def found(value: object) -> str:
    """What stands in the file, as a person would say it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if -_INT64 <= value < _INT64 else "a number of more than 64 bits"
        case str():
            return quoted(value) if value else "an empty string"
        case list():
            return "an array" if value else "an empty array"
        case dict():
            return "a table"
        case datetime.datetime():
            return "a date-time" if value.tzinfo else "a date-time without offset"
        case datetime.date():
            return "a date"
        case datetime.time():
            return "a time"
    return str(value)


def dotted(path: Iterable[str | int]) -> str:
    """A key path as TOML would write it, array indexes in brackets: `peers.spoke-1.allowed_ips[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + key_text(part)
    return text


def key_text(key: str) -> str:
    """One key, quoted where TOML demands it."""
    if _LIKE_A_KEY.search(key):
        return '"…"'
    return key if _BARE.fullmatch(key) and len(key) <= _LONGEST else quoted(key)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, whatever its case and separators."""
    import difflib  # only where something is wrong

    plain = {_plain(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(_plain(word), list(plain), n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")[:_LONGEST]


def listed(words: Sequence[str], most: int = 5) -> str:
    """`a, b, c and 7 more`."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"
