"""Errors say who must act: the user (`ConfigError`), or the kernel and its administrator (`KernelError`).

Conflicts and drift are data (see `wgd.model`), not errors; anything else that is raised is a bug.
"""

from __future__ import annotations

import enum
import errno as errno_names
from collections.abc import Mapping, Sequence

from wgd.values import value


class WgdError(Exception):
    """Base of everything wgd raises on purpose."""


class Severity(enum.StrEnum):
    """An error keeps a file from counting; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@value
class Problem:
    """One thing wrong with the configuration.

    `file` is relative to the config directory ("wg0.toml", "wg0.d/phone.toml"); `line` counts from 1
    (0: the file as a whole); `key` is the dotted key path ("peers.spoke-1.allowed_ips[0]");
    `message` says what was found and what was expected; `hint` what to type instead. `also` names the
    other files that take part in it: an edit of one of them may be the cause.
    """

    file: str
    line: int
    key: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.key}: {self.message}" if self.key else self.message
        text = f"{where}: {self.severity}: {what}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class ConfigError(WgdError):
    """The configuration cannot be used; `problems` says why, all at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class UsageError(WgdError):
    """The command line asks for something that cannot be done; the text says what can."""


class KernelError(WgdError):
    """The kernel (or a tool that stands for it) refused.

    `doing` is what was tried, `errno` the kernel's number (0 when it gave none), `detail` its text.
    """

    def __init__(self, doing: str, errno: int = 0, detail: str = "") -> None:
        self.doing, self.errno, self.detail = doing, errno, detail
        name = errno_names.errorcode.get(errno, str(errno)) if errno else ""
        super().__init__(": ".join(part for part in (doing, name, detail) if part))

    @property
    def denied(self) -> bool:
        """A capability is missing."""
        return self.errno in (errno_names.EPERM, errno_names.EACCES)

    @property
    def unsupported(self) -> bool:
        """This kernel cannot do it."""
        return self.errno in (errno_names.EOPNOTSUPP, errno_names.EPROTONOSUPPORT, errno_names.ENOSYS)

    @property
    def transient(self) -> bool:
        """Worth trying again soon."""
        return self.errno in (errno_names.EBUSY, errno_names.EAGAIN, errno_names.EINTR, errno_names.ENOBUFS)


class PartialFailure(KernelError):
    """The kernel refused some of an op's objects and took the others; it speaks of the first.

    `failed`: index into the op's `refs` → what was refused, in words; empty if it cannot be told of whom.
    """

    def __init__(self, errors: Sequence[KernelError], failed: Mapping[int, str]) -> None:
        first, others = errors[0], f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first.doing, first.errno, first.detail + others)
        self.failed = failed
