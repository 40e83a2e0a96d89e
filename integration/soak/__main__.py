"""`make soak`: the mission's network for ten minutes (SOAK_SECONDS), and a hostile second administrator.

spoke-1 pings the camera twenty times a second. A lost packet is the tampering's own doing if the loss begins
within a second of an act that can break something, and goes on without a second's pause for no longer than
that act's window (`Deed.until`). Every other loss is wgd's fault, and fails the soak. Everything happens in
namespaces of its own: on this kernel if it has WireGuard, else in the user-mode kernel; with `--here` on this
one all the same, with wireguard-go.
"""

from __future__ import annotations

import collections
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from integration.host import CommandFailed
from integration.kernel import LANE, has_wireguard
from integration.lab import CAMERA, PAGE, Lab
from integration.namespaces import NoNamespaces, isolate
from integration.soak.acts import ACTS, AT_ONCE, FAR, LASTING, Deed, Stage

INTERVAL = 0.05
CALM = 4.0
"""Most seconds from the end of one act to the next."""
LET_GO = 90.0
"""Seconds to come to rest at the end: the longest pause between two tries, and a look."""
MOST_GROWTH = 2_000
"""kB that it may grow from the second third to the last; an allocator is not exact."""
MOST_LINES = 40
"""Log lines for each act that a person can still follow."""


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    seed = int(os.environ.get("SOAK_SEED", str(random.randrange(10**6))))
    if "--here" not in sys.argv and not has_wireguard():
        return _elsewhere(seconds, seed)
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{seconds:g} seconds, SOAK_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as logs, Lab() as lab:
        stage = Stage(lab, Path(logs), random.Random(seed))
        faults = list(soak(stage, seconds))
        for host in stage.daemons if faults else ():
            print(f"\n{host}'s log, its end:", *stage.lines(host)[-30:], sep="\n  ")
    for fault in faults:
        print(f"✗ {fault}")
    print("✗ the soak failed" if faults else "✓ the soak is passed")
    return bool(faults)


def _elsewhere(seconds: float, seed: int) -> int:
    """The same in the user-mode kernel; its exit status."""
    limits = {**os.environ, "SECONDS_AT_MOST": f"{seconds + 600:.0f}"}
    settings = ("env", f"SOAK_SECONDS={seconds:g}", f"SOAK_SEED={seed}")
    words = (LANE, *settings, sys.executable, "-m", "integration.soak", "--here")
    return subprocess.run(words, env=limits, check=False).returncode


def soak(stage: Stage, seconds: float) -> Iterator[str]:
    """Runs it, prints the figures, and yields what is wrong."""
    stage.lab.seed()
    for host in stage.lab:
        stage.start(host.name)
    if not _within(LET_GO, lambda: stage.lab.page() == PAGE):
        yield "the camera's page did not come at the start"
        return
    log = stage.logs / "ping"
    ping = stage.lab.spoke_1.popen("ping", "-n", "-D", "-O", "-i", str(INTERVAL), CAMERA, log=log)
    _mischief(stage, seconds)
    yield from _rests(stage)
    time.sleep(1)
    ping.terminate()
    ping.wait()
    yield from _losses(stage, log.read_text())
    yield from _memory(stage)
    yield from _logs(stage)


def _mischief(stage: Stage, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        act, host = stage.chance.choice(ACTS), stage.chance.choice(list(stage.daemons))
        if stage.too_often(act, host):
            continue
        started, look = time.time(), stage.status(host).get("interval", 0.0) if act.by_timer else 0.0
        try:
            act.do(stage, host)
        except (CommandFailed, IndexError):
            continue  # it could not be done just now: there was no such thing
        # Who has been silenced by another act cannot notice before that is over.
        before = [deed.until for deed in stage.deeds if 0 < deed.act.seconds < act.seconds == FAR]
        until = max([started, *before]) + look + act.seconds
        stage.deeds.append(Deed(act, host, started, until))
        time.sleep(stage.chance.uniform(0.2, CALM))
        stage.sample()


def _rests(stage: Stage) -> Iterator[str]:
    """Whether everything comes to be as the files say."""
    for host in stage.lab:
        host.attempt("ip", "address", "delete", "192.168.200.1/24", "dev", "wg0")
        if not _within(LET_GO, lambda host=host: host.wgd("plan").returncode == 0):  # type: ignore[misc]
            yield f"{host.name} is not in sync:\n{host.wgd('plan').stdout}"
        if stage.daemons[host.name].poll() is not None:
            yield f"the daemon of {host.name} has ended"
    if not _within(LET_GO + FAR, lambda: stage.lab.page() == PAGE):
        yield "the camera's page does not come at the end"


def _losses(stage: Stage, said: str) -> Iterator[str]:
    came = {int(number) for number in re.findall(r"from .* icmp_seq=(\d+)", said)}
    asked = re.findall(r"\[([\d.]+)\] no answer yet for icmp_seq=(\d+)", said)
    lost = [float(moment) - INTERVAL for moment, number in asked if int(number) not in came]
    blamed, unexplained = _blamed(stage, lost)
    print(f"{len(stage.deeds)} acts; {len(came) + len(lost)} packets, {len(lost)} lost", end="")
    print(f", {len(unexplained)} of them not by the doing of an act")
    for name, count in blamed.most_common():
        times = sum(deed.act.name == name for deed in stage.deeds)
        print(f"  {count * INTERVAL / times:6.2f} s an act  {times:3} × {name}")
    for first, last in _runs(unexplained):
        before = [deed for deed in stage.deeds if deed.at <= first][-3:]
        told = "; ".join(f"{first - deed.at:.2f} s {deed.act.name} on {deed.host}" for deed in before)
        yield f"packets lost for {last - first + INTERVAL:.2f} s, after {told}"


def _runs(moments: list[float]) -> Iterator[tuple[float, float]]:
    """First and last of those that follow each other within a second."""
    starts = [b for a, b in zip([-math.inf, *moments], moments, strict=False) if b > a + AT_ONCE]
    ends = [a for a, b in zip(moments, [*moments[1:], math.inf], strict=False) if b > a + AT_ONCE]
    return zip(starts, ends, strict=True)


def _blamed(stage: Stage, lost: list[float]) -> tuple[collections.Counter[str], list[float]]:
    """How many packets were lost by which act, and when those that none explains."""
    blamed: collections.Counter[str] = collections.Counter()
    unexplained = []
    goes_on: dict[Deed, float] = {}
    for moment in lost:
        by = [deed for deed in stage.deeds if deed.act.seconds and _may_be(deed, moment, goes_on)]
        goes_on |= {deed: moment for deed in by}
        if by:
            blamed[by[0].act.name] += 1
        else:
            unexplained.append(moment)
    return blamed, unexplained


def _may_be(deed: Deed, moment: float, goes_on: Mapping[Deed, float]) -> bool:
    """Whether a loss may be this deed's doing: it begins with it and goes on, whatever others do."""
    return deed.at - INTERVAL <= moment <= min(deed.until, goes_on.get(deed, deed.at) + AT_ONCE)


def _memory(stage: Stage) -> Iterator[str]:
    for host, daemon in stage.daemons.items():
        sizes = stage.memory[daemon.pid]
        third = len(sizes) // 3
        if third < 3:
            continue
        first, last = statistics.median(sizes[third : 2 * third]), statistics.median(sizes[-third:])
        print(f"memory of {host}: {first / 1000:.1f} MB, at the end {last / 1000:.1f} MB")
        if host == LASTING and last - first > MOST_GROWTH:
            yield f"the daemon of {host} grew by {last - first:g} kB"


def _logs(stage: Stage) -> Iterator[str]:
    for host in stage.daemons:
        lines = stage.lines(host)
        mine = sum(deed.host == host for deed in stage.deeds)
        print(f"log of {host}: {len(lines)} lines for {mine} acts")
        if any("Traceback" in line for line in lines):
            yield f"a traceback in the log of {host}"
        if len(lines) > MOST_LINES * max(mine, 5):
            yield f"nobody can follow the log of {host}"


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


if __name__ == "__main__":
    sys.exit(main())
