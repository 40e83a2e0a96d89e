"""Whether this kernel has WireGuard, and the lane that brings one that has."""

from __future__ import annotations

import os
import subprocess

LANE = "integration/lanes/run-uml"
"""What stands before a command to run it in the user-mode kernel."""


def has_wireguard() -> bool:
    """Seen by making an interface in a network that is thrown away."""
    aside = ("unshare", "-nm") if os.geteuid() == 0 else ("unshare", "-Urnm")
    add = ("ip", "link", "add", "wg0", "type", "wireguard")
    return subprocess.run((*aside, *add), stderr=subprocess.DEVNULL, check=False).returncode == 0
