"""`wgd run`."""

from __future__ import annotations

import argparse

from wgd import daemon
from wgd.cli.machine import directories


def run(options: argparse.Namespace) -> int:
    """Be the daemon."""
    return daemon.run(directories(options))
