"""`make bench`: how long a person waits for the command line. Whole processes, in turn, medians.

`python -c pass` with the same interpreter runs in between: the part of each figure that nobody can save.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from integration.host import Host
from integration.namespaces import isolate

RUNS = 25
INTERFACE = '[interface]\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n'
COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "wgd --help": (sys.executable, "-m", "wgd", "--help"),
    "wgd status, daemon running": (sys.executable, "-m", "wgd", "status"),
    "wgd check": (sys.executable, "-m", "wgd", "check"),
    "wgd plan": (sys.executable, "-m", "wgd", "plan"),
}


def main() -> None:
    isolate()
    host = Host("bench")
    try:
        host.write("/etc/wgd/keys/wg0.key", host.run("wg", "genkey"), mode=0o640)
        host.write("/etc/wgd/wg0.toml", INTERFACE)
        host.popen(sys.executable, "-m", "wgd", "run", log=Path(os.devnull))
        while host.wgd("status").returncode:
            time.sleep(0.1)
        figures = _measure(host)
    finally:
        host.close()
    print(
        f"{RUNS} runs of each in turn, Linux {os.uname().release}, {os.cpu_count()} processors; milliseconds"
    )
    print(f"{'':28}{'median':>8}{'least':>8}{'most':>8}")
    for name, times in figures.items():
        print(f"{name:28}{statistics.median(times):8.0f}{min(times):8.0f}{max(times):8.0f}")


def _measure(host: Host) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, argv in COMMANDS.items():
            started = time.perf_counter()
            host.run(*argv)
            figures[name].append((time.perf_counter() - started) * 1000)
    return figures


if __name__ == "__main__":
    main()
