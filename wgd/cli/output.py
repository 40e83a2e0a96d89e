"""How commands speak: exit statuses, the page, JSON, complaints."""

from __future__ import annotations

import enum
import json
import os
import shutil
import sys

from wgd.output.terminal import Page, plain


class Exit(enum.IntEnum):
    """What a command ends with, as diff(1) does."""

    IN_SYNC = 0
    DRIFT = 1
    CONFIG = 2
    KERNEL = 3


def page() -> Page:
    """Standard output: as wide as the terminal, in colour unless NO_COLOR is set; without limit elsewhere."""
    if not sys.stdout.isatty():
        return Page()
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Page(colour, shutil.get_terminal_size().columns)


def show(text: str) -> None:
    """Print to standard output, whatever its encoding can show; nothing for an empty text."""
    if text:
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding))


def show_json(value: object) -> None:
    """Print a value as JSON."""
    show(json.dumps(value, indent=2, ensure_ascii=False))


def aside(text: str) -> None:
    """Tell a person something that is no part of the result: on standard error."""
    if text:
        encoding = sys.stderr.encoding or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr)


def complain(text: str) -> None:
    """Say on standard error what went wrong."""
    lines = (plain(line) for line in text.splitlines())
    print("wgd: " + "\n".join(lines), file=sys.stderr)
