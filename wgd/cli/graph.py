"""`wgd graph`: the network as the files tell it. Needs no kernel and touches nothing."""

from __future__ import annotations

import argparse
import time

from wgd.cli.machine import directories
from wgd.cli.output import Exit, aside, page, show
from wgd.errors import Severity, UsageError
from wgd.output import graph as drawing
from wgd.output.terminal import several
from wgd.sources.files import load


def graph(options: argparse.Namespace) -> int:
    """Draw what can be used of the files; what cannot is told aside."""
    now = time.time()
    loaded = load(directories(options), now, accepted=False)
    drawn = drawing.nets(loaded.config, now)
    if options.interface:
        drawn = tuple(net for net in drawn if net.name == options.interface)
        if not drawn:
            raise UsageError(f"no usable file names {options.interface}")
    if options.mermaid:
        show(drawing.as_mermaid(drawn))
    elif options.svg:
        show(drawing.as_svg(drawn))
    else:
        show(drawing.as_text(drawn, page()) or "no file names an interface")
    errors = sum(problem.severity is Severity.ERROR for problem in loaded.problems)
    if errors:
        aside(f"wgd: {several(errors, 'error')} in the files, so something may be missing here: wgd check")
    return Exit.CONFIG if errors else Exit.IN_SYNC
