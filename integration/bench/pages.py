"""What memory costs that is touched for the first time; in a user-mode kernel far more than natively."""

from __future__ import annotations

import mmap
import resource
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_SIZE = 16 << 20
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Pages:
    """`faults`: the median of how many pages `who` touched for the first time while doing `what`, until it
    rested. `each`: microseconds that one takes here; `took`: milliseconds of the whole."""

    what: str
    who: str
    peers: int
    faults: float
    each: float
    took: float

    def json(self) -> dict[str, object]:
        return asdict(self)


def microseconds() -> float:
    """What touching one page takes that was never touched, by touching many."""
    return statistics.median(_touch() for _ in range(_TIMES))


def _touch() -> float:
    pages = range(0, _SIZE, mmap.PAGESIZE)
    with mmap.mmap(-1, _SIZE) as fresh:
        times = []
        for value in (1, 2):  # the second time, what the loop itself takes
            began = time.perf_counter()
            for at in pages:
                fresh[at] = value
            times.append(time.perf_counter() - began)
    return max(0.0, times[0] - times[1]) * 1e6 / len(pages)


def faults_of(pid: int) -> int:
    """Of a process so far, proc_pid_stat(5)'s minflt."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def faults_of_children() -> int:
    """Of all processes of ours that have ended, getrusage(2)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
