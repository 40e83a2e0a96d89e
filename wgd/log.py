"""How wgd logs: for eyes on a terminal, as fields with a priority for the journal otherwise."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog(3) levels; the service manager reads them as `<N>` at the start of a line."""


def configure() -> None:
    """Send all logging to standard error, in the form its reader wants."""
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    if sys.stderr.isatty():
        tail: list[Any] = [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(pad_event_to=0),
        ]
    else:
        tail = [_for_the_journal]
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _for_the_journal(_: object, __: str, event: dict[str, Any]) -> str:
    priority = PRIORITY.get(event.pop("level", "info"), 6)
    text = str(event.pop("event"))
    fields = " ".join(f"{key}={_quoted(value)}" for key, value in event.items())
    return f"<{priority}>{_plain(text)}" + (f"  {fields}" if fields else "")


def _quoted(value: object) -> str:
    text = _plain(str(value))
    return f'"{text}"' if " " in text else text


def _plain(text: str) -> str:
    """One line, whatever a stranger put into a name: control characters are shown, not sent."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
