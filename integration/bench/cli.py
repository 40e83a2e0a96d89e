"""How long a person waits for the command line on a small machine. Whole processes, in turn.

`python -c pass` with the same interpreter runs in between: the part of each figure that nobody can save.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from integration.bench.theirs import timed
from integration.host import Host
from integration.namespaces import isolate

RUNS = 25
INTERFACE = '[interface]\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n'
_WGD = (sys.executable, "-m", "wgd")
COMMANDS = {
    "`python -c pass`": (sys.executable, "-c", "pass"),
    "`wgd --help`": (*_WGD, "--help"),
    "`wgd status`, daemon running": (*_WGD, "status"),
    "`wgd check`": (*_WGD, "check"),
    "`wgd plan`": (*_WGD, "plan"),
}


def main() -> None:
    """Prints the milliseconds of each run, by command, as JSON."""
    isolate()
    host = Host("bench")
    try:
        host.write("/etc/wgd/keys/wg0.key", host.run("wg", "genkey"), mode=0o640)
        host.write("/etc/wgd/wg0.toml", INTERFACE)
        host.popen(*_WGD, "run", log=Path(os.devnull))
        while host.wgd("status").returncode:
            time.sleep(0.1)
        figures: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(RUNS):
            for name, argv in COMMANDS.items():
                figures[name].append(round(timed(host, argv), 1))
    finally:
        host.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
