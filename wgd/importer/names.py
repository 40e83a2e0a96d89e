"""What comments call a peer → a name that wgd takes.

The well-known marks: `### Client NAME` (installation scripts), `# BEGIN_PEER NAME`, `# friendly_name = NAME`,
`# Name = NAME`, `### begin NAME ###`, `# Client: NAME (number)`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from wgd.config.names import name_fault

_MARKED = re.compile(
    r"[#+\s]*(?:begin_peer|begin|friendly_?name|client|name|peer|user|device|host)(?:\s*[:=]\s*|\s+)(\S.*)",
    re.I,
)
_END = re.compile(r"[#+\s]*end(?:_peer)?\b", re.I)
_LONGEST = 40


def ends_a_peer(comment: str) -> bool:
    """Whether the comment closes the peer before it, as scripts mark them."""
    return bool(_END.match(comment))


def called(comments: Iterable[str]) -> list[str]:
    """Names in comments, marked ones first; sentences and settings that are commented out are none."""
    marked, plain = [], []
    for comment in comments:
        if ends_a_peer(comment):
            continue
        if match := _MARKED.fullmatch(comment):
            marked.append(match[1])
        elif (
            comment
            and not set("=[]") & set(comment)
            and len(comment) <= _LONGEST
            and len(comment.split()) <= 4
        ):
            plain.append(comment)
    return [name for word in marked + plain if (name := slug(word))]


def slug(words: str) -> str:
    """A name that wgd takes, as near to the words as can be; empty when nothing is left of them."""
    words = re.sub(r"\([^)]*\)\s*$", "", words.strip(" \t#"))
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.@+-]+", "-", plain).strip("-.@+")[:_LONGEST].rstrip("-.@+")
    if not name or name_fault(name) is None:
        return name
    return f"peer-{name}" if name_fault(f"peer-{name}") is None else ""


def unlike(name: str, taken: dict[str, int]) -> str:
    """The name, with a number behind it if others have it; `taken` counts how often each was asked for."""
    free = name
    while free in taken:
        taken[name] += 1
        free = f"{name}-{taken[name]}"
    taken[free] = 1
    return free
