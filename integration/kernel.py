"""Whether this kernel has WireGuard, the lane that brings one that has, and measurements in either."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LANE = "integration/lanes/run-uml"
"""What stands before a command to run it in the user-mode kernel."""
SOURCES = Path(__file__).parents[1] / "wgd"


def has_wireguard() -> bool:
    """Seen by making an interface in a network that is thrown away."""
    aside = ("unshare", "-nm") if os.geteuid() == 0 else ("unshare", "-Urnm")
    add = ("ip", "link", "add", "wg0", "type", "wireguard")
    return subprocess.run((*aside, *add), stderr=subprocess.DEVNULL, check=False).returncode == 0


def compiled(sources: Path) -> None:
    """As pip leaves them where wgd is installed. A lane's root is read-only: there each start would compile
    all modules again, which takes longer than all else that a start with few peers does."""
    compileall.compile_dir(sources, quiet=1)


def findings(argv: Sequence[str], limits: Mapping[str, str]) -> Any:
    """What a measurement found: the last line that is JSON; on its way, what it says is shown. `limits` are
    the lane's, from its environment. None if it did not come to its end."""
    compiled(SOURCES)
    found = None
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **limits}) as running:
        assert running.stdout
        for line in running.stdout:
            if line.startswith("{"):
                found = json.loads(line)
            else:
                print(line, end="", file=sys.stderr, flush=True)
    return found if running.returncode == 0 else None
