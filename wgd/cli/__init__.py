"""The command line: the only place that prints and exits.

Every command lives in a module of its own that is imported only when it runs: a person waits for this.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from wgd.cli.options import parser
from wgd.cli.output import Exit, complain
from wgd.errors import ConfigError, KernelError, WgdError

INTERRUPTED = 130
BROKEN_PIPE = 141


def entry() -> int:
    """The program. No command lives long enough for a search for garbage to be worth its while, which takes a
    quarter of the time of reading ten thousand peers; the daemon sees to it by itself."""
    gc.disable()
    return main()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what went wrong stands on standard error, in one line."""
    options = parser().parse_args(arguments)
    if options.command is None:
        parser().print_help(sys.stderr)
        return Exit.CONFIG
    try:
        status = command(options.run)(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read us has enough; keep Python from complaining about it when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except WgdError as error:
        return failed(error)


def command(place: str) -> Callable[[argparse.Namespace], int]:
    """The function at "module:function"."""
    module, _, name = place.partition(":")
    found: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), name)
    return found


def failed(error: WgdError) -> Exit:
    """Say what went wrong, and whose turn it is by the exit status."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            complain(str(problem))
        return Exit.CONFIG
    if isinstance(error, KernelError):
        complain(f"{error} (needs root: CAP_NET_ADMIN)" if error.denied else str(error))
        return Exit.KERNEL
    complain(str(error))
    return Exit.CONFIG
