"""How wgd logs: for eyes on a terminal, as fields with a priority for the journal otherwise.

structlog writes for eyes. What the journal gets is a line of plain text, and a daemon of the service manager
never imports structlog, which would bring asyncio and ssl along (docs/design.md, "Memory").
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

from wgd.output.terminal import plain


class Log(Protocol):
    """Tells one thing a line: `event` in words, and what belongs to it as fields."""

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def error(self, event: str, **fields: object) -> None: ...


def logger() -> Log:
    """To standard error, in the form its reader wants."""
    return _for_eyes() if sys.stderr.isatty() else Journal()


class Journal:
    """One line each, with a priority of syslog(3) before it, which the service manager reads as `<N>`."""

    def info(self, event: str, **fields: object) -> None:
        _write(6, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        _write(4, event, fields)

    def error(self, event: str, **fields: object) -> None:
        _write(3, event, fields)


def _write(priority: int, event: str, fields: dict[str, object]) -> None:
    """One line, whatever a stranger put into a name: control characters are shown, not sent."""
    told = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())
    sys.stderr.write(f"<{priority}>{plain(event)}" + (f"  {told}" if told else "") + "\n")
    sys.stderr.flush()


def _quoted(value: object) -> str:
    text = plain(str(value))
    return f'"{text}"' if " " in text else text


def _for_eyes() -> Log:
    import logging

    import structlog

    look: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(pad_event_to=0),
    ]
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr), look, structlog.make_filtering_bound_logger(logging.INFO)
    )
    return log
