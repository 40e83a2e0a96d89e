"""How wgd logs: for eyes on a terminal, as fields with a priority for the journal otherwise."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from types import ModuleType
from typing import Any

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog(3) levels; the service manager reads them as `<N>` at the start of a line."""


@cache
def _structlog() -> Any:
    """The library, without asyncio, which it imports for loggers that nobody here uses: 3 MB that would stay
    with the daemon. Whoever does use asyncio gets the real one."""
    if "asyncio" in sys.modules:
        return importlib.import_module("structlog")
    later = ModuleType("asyncio")

    def real(name: str) -> Any:
        if sys.modules.get("asyncio") is later:
            del sys.modules["asyncio"]
        return getattr(importlib.import_module("asyncio"), name)

    later.__getattr__ = real  # type: ignore[method-assign]  # how a module says what it has not yet
    sys.modules["asyncio"] = later
    try:
        return importlib.import_module("structlog")
    finally:
        if sys.modules.get("asyncio") is later:
            del sys.modules["asyncio"]


def logger() -> Any:
    """What to log with."""
    return _structlog().get_logger()


def configure() -> None:
    """Send all logging to standard error, in the form its reader wants."""
    structlog = _structlog()
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
