"""`make bench`: what wgd and other tools cost against the number of peers, on a kernel with WireGuard.

BENCH_SIZES=10,100 measures those numbers of peers only, in some minutes. A whole run leaves benchmark.md,
.json and .svg in docs/ and its short form in the README, one with other sizes leaves them in build/.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integration.bench.idle import Idle
from integration.bench.measure import SIZES
from integration.bench.pages import Pages
from integration.bench.picture import svg
from integration.bench.samples import Case, Samples
from integration.bench.table import markdown, summary
from integration.bench.targets import LARGE
from integration.kernel import LANE, findings, has_wireguard

README = Path("README.md")
BEGIN, END = "<!-- from make bench -->", "<!-- so far -->"
LIMITS = {"SECONDS_AT_MOST": "3600", "MEMORY": "6G"}


def main() -> int:
    here = has_wireguard()
    sizes = _sizes()
    waits = findings([sys.executable, "-m", "integration.bench.cli"], LIMITS)
    lane = [] if here else [LANE]
    found = findings([*lane, sys.executable, "-m", "integration.bench.measure", *map(str, sizes)], LIMITS)
    if waits is None or found is None:
        return 1
    whole = {"machine": machine(found["kernel"], here), **found, "commands": waits}
    if sizes == SIZES:
        README.write_text(with_summary(README.read_text(), whole))
    folder = Path("docs" if sizes == SIZES else "build")
    folder.mkdir(exist_ok=True)
    page = _page(whole)
    (folder / "benchmark.json").write_text(json.dumps(whole, indent=1) + "\n")
    (folder / "benchmark.md").write_text(page)
    (folder / "benchmark.svg").write_text(svg(_samples(whole), whole["machine"]))
    print(page)
    return 0


def _sizes() -> Sequence[int]:
    given = os.environ.get("BENCH_SIZES", "")
    return tuple(int(word) for word in given.split(",")) if given else SIZES


def _samples(found: Mapping[str, Any]) -> Samples:
    samples = Samples()
    for one in found["samples"]:
        for milliseconds in one["milliseconds"]:
            samples.add(Case(one["what"], one["who"], one["peers"]), milliseconds, one["starts"])
    return samples


def with_summary(text: str, found: Mapping[str, Any]) -> str:
    """The README with this run's short form between its two marks."""
    idle = [Idle(**one) for one in found["idle"]]
    short = summary(_samples(found), idle, LARGE)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    picture = "![cost against the number of peers](docs/benchmark.svg)"
    return f"{before}{BEGIN}\n{picture}\n\n{found['machine']}\n\n{short}\n{END}{after}"


def _page(found: Mapping[str, Any]) -> str:
    """benchmark.md, from what benchmark.json holds."""
    head = f"# Benchmark\n\n{found['machine']} {found['seconds'] / 60:.0f} minutes in all."
    idle = [Idle(**one) for one in found["idle"]]
    return markdown(
        f"{head}\n\n![cost against the number of peers](benchmark.svg)",
        _samples(found),
        idle,
        found["commands"],
        found["left_out"],
        [Pages(**one) for one in found["pages"]],
    )


def machine(kernel: str, here: bool) -> str:
    """Where this was measured, in words."""
    where = f"Linux {_version(kernel)}"
    if not here:
        where = f"A user-mode {where} on one processor (system calls and processes are dear there), on"
        where += f" Linux {_version(os.uname().release)}"
    processor = f"{os.cpu_count()} × {_processor()}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{where}, {processor}, {memory:.0f} GiB; Python {platform.python_version()}."


def _version(release: str) -> str:
    """Without what a distribution or a machine adds to it."""
    return ".".join(release.split(".")[:2])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
