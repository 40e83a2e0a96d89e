"""The command line: the only place that prints and exits.

Every command lives in a module of its own that is imported only when it runs: a person waits for this.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from wgd.cli.options import parser
from wgd.cli.output import Exit, complain
from wgd.errors import ConfigError, KernelError, WgdError

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what went wrong stands on standard error, in one line."""
    options = parser().parse_args(arguments)
    if options.command is None:
        parser().print_help(sys.stderr)
        return Exit.CONFIG
    module, _, name = options.run.partition(":")
    try:
        command: Callable[..., int] = getattr(importlib.import_module(module), name)
        status = command(options)
        sys.stdout.flush()
        return int(status)
    except BrokenPipeError:
        # Whoever read us has enough; keep Python from complaining about it when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except WgdError as error:
        return _failed(error)


def _failed(error: WgdError) -> Exit:
    if isinstance(error, ConfigError):
        for problem in error.problems:
            complain(str(problem))
        return Exit.CONFIG
    if isinstance(error, KernelError):
        complain(f"{error} (needs root: CAP_NET_ADMIN)" if error.denied else str(error))
        return Exit.KERNEL
    complain(str(error))
    return Exit.CONFIG
