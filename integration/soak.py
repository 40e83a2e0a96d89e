"""`make soak`: the mission's network for ten minutes (SOAK_SECONDS), and a hostile second administrator.

spoke-1 pings the camera twenty times a second. A lost packet is the tampering's own doing if the loss begins
within a second of an act that can break something, and goes on without a second's pause for no longer than
that act's window (`Act.seconds`). Every other loss is wgd's fault, and fails the soak. Everything happens in
namespaces of its own.
"""

from __future__ import annotations

import collections
import os
import random
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from integration.host import CommandFailed, Host
from integration.lab import CAMERA, PAGE, Lab
from integration.namespaces import NoNamespaces, isolate

FILE = "/etc/wgd/wg0.toml"
INTERVAL = 0.05
AT_ONCE, PEERS, FAR = 1.0, 5.0, 30.0
"""Windows: repaired by an event; by the timer, since peers change without telling; and what only the far side
can notice: a session that is gone after 15 s, a spoke's new port by its next keepalive, every 25 s."""
CALM = 4.0
"""Most seconds from the end of one act to the next: quicker would make fights, and those end otherwise."""
LET_GO = 90.0
"""Seconds to come to rest at the end: the longest pause between two tries, and a look."""
LASTING = "spoke-2"
"""Whose daemon lives through it all, and must not grow. A young one does, once: by the library for its first
change of a link."""
MOST_GROWTH = 2_000
"""kB that it may grow from the second third to the last; an allocator is not exact."""
MOST_LINES = 40
"""Log lines for each act that a person can still follow."""
THEIRS = "d2d0ZmFrZWtleWZha2VrZXlmYWtla2V5ZmFrZWtleWY="


@dataclass(frozen=True)
class Act:
    """Something that somebody does on a host, and for how many seconds it may break the stream."""

    name: str
    do: Callable[[Stage, str], None]
    seconds: float = 0.0


@dataclass
class Stage:
    """The network, the daemons, and what happened so far."""

    lab: Lab
    logs: Path
    chance: random.Random
    daemons: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    acts: list[tuple[float, Act, str]] = field(default_factory=list)
    memory: dict[int, list[int]] = field(default_factory=lambda: collections.defaultdict(list))

    def start(self, host: str) -> None:
        log = self.logs / f"{host}.log"
        self.daemons[host] = self.lab.hosts[host].popen(sys.executable, "-m", "wgd", "run", log=log)

    def lines(self, host: str) -> list[str]:
        return (self.logs / f"{host}.log").read_text().splitlines()

    def sample(self) -> None:
        for daemon in self.daemons.values():
            said = Path(f"/proc/{daemon.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", said)
            if found:
                self.memory[daemon.pid].append(int(found[1]))


def typed(command: str, seconds: float = AT_ONCE) -> Act:
    return Act(command, lambda stage, host: _type(stage.lab.hosts[host], command), seconds)


def _type(host: Host, command: str) -> None:
    host.run(*shlex.split(command.replace("PEER", _peer(host))))


def _peer(host: Host) -> str:
    return host.run("wg", "show", "wg0", "peers").split()[0]


def kill_and_start(stage: Stage, host: str) -> None:
    if host == LASTING:
        return
    stage.daemons[host].send_signal(signal.SIGKILL)
    stage.daemons[host].wait()
    time.sleep(stage.chance.uniform(0, 2))
    stage.start(host)
    time.sleep(2)


def write_by_halves(stage: Stage, host: str) -> None:
    where = stage.lab.hosts[host]
    good = where.read(FILE)
    where.write(FILE, good[: stage.chance.randrange(len(good))])
    time.sleep(stage.chance.uniform(0.1, 2.5))
    where.write(FILE, good)


def remove_and_restore(stage: Stage, host: str) -> None:
    stage.lab.hosts[host].run("mv", FILE, "/run/away")
    time.sleep(stage.chance.uniform(0.1, 3))
    stage.lab.hosts[host].run("mv", "/run/away", FILE)


def leave_rubbish(stage: Stage, host: str) -> None:
    where = stage.lab.hosts[host]
    where.write("/etc/wgd/wg0.d/rubbish.toml", "[peers.x\n")
    time.sleep(1)
    where.run("rm", "-r", "/etc/wgd/wg0.d")


ACTS = (
    Act("kill -9 of the daemon", kill_and_start),
    Act("a file written by halves", write_by_halves),
    Act("a file removed and restored", remove_and_restore),
    Act("a drop-in of rubbish", leave_rubbish),
    typed("ip route flush dev wg0 proto 119"),
    typed("ip link set wg0 down"),
    typed("ip link set wg0 mtu 1300", 0),
    typed("ip address flush dev wg0"),
    typed("nft flush ruleset"),
    typed("nft delete table inet wgd"),
    typed("nft insert rule inet wgd forward-wg0 drop"),
    typed("nft add rule inet wgd forward-wg0 accept", 0),
    typed("nft add chain inet wgd theirs", 0),
    typed("sysctl -qw net.ipv4.conf.wg0.forwarding=0"),
    typed("sysctl -qw net.ipv4.conf.all.forwarding=0"),
    typed("ip address add 192.168.200.1/24 dev wg0", 0),
    typed("wg set wg0 listen-port 40000", FAR),
    typed("wg set wg0 fwmark 7", 0),
    typed(f"wg set wg0 peer {THEIRS} allowed-ips 10.11.12.7/32,172.27.0.1/32,172.27.0.2/32", PEERS),
    typed("wg set wg0 peer PEER persistent-keepalive 7", 0),
    typed("wg set wg0 peer PEER allowed-ips 10.99.0.0/16", PEERS),
    typed("wg set wg0 peer PEER remove", FAR),
    typed("ip link delete wg0", FAR),
)


def main() -> int:
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    seed = int(os.environ.get("SOAK_SEED", str(random.randrange(10**6))))
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


def soak(stage: Stage, seconds: float) -> Iterator[str]:
    """Runs it, prints the figures, and yields what is wrong."""
    stage.lab.seed()
    for host in stage.lab:
        stage.start(host.name)
    if not _within(20, lambda: stage.lab.page() == PAGE):
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
        act = stage.chance.choice(ACTS)
        host = stage.chance.choice(list(stage.daemons))
        stage.acts.append((time.time(), act, host))
        try:
            act.do(stage, host)
        except (CommandFailed, IndexError):
            stage.acts.pop()  # it could not be done just now: there was no such thing
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
    if not _within(FAR, lambda: stage.lab.page() == PAGE):
        yield "the camera's page does not come at the end"


def _losses(stage: Stage, said: str) -> Iterator[str]:
    came = {int(number) for number in re.findall(r"from .* icmp_seq=(\d+)", said)}
    asked = re.findall(r"\[([\d.]+)\] no answer yet for icmp_seq=(\d+)", said)
    lost = [float(moment) - INTERVAL for moment, number in asked if int(number) not in came]
    blamed, unexplained = _blamed(stage, lost)
    print(f"{len(stage.acts)} acts; {len(came) + len(lost)} packets, {len(lost)} lost", end="")
    print(f", {len(unexplained)} of them not by the doing of an act")
    for name, count in blamed.most_common():
        times = sum(act.name == name for _, act, _ in stage.acts)
        print(f"  {count * INTERVAL / times:6.2f} s an act  {times:3} × {name}")
    for moment in unexplained[:10]:
        before = [f"{moment - at:.2f} s {act.name} on {host}" for at, act, host in stage.acts if at <= moment]
        yield f"a packet lost, after {'; '.join(before[-2:])}"


def _blamed(stage: Stage, lost: list[float]) -> tuple[collections.Counter[str], list[float]]:
    """How many packets were lost by which act, and when those that none explains."""
    blamed: collections.Counter[str] = collections.Counter()
    unexplained = []
    goes_on: dict[float, float] = {}
    for moment in lost:
        for at, act, _ in stage.acts:
            since = max(at, goes_on.get(at, at))
            if at - INTERVAL <= moment <= at + act.seconds and moment <= since + AT_ONCE and act.seconds:
                goes_on[at] = moment
                blamed[act.name] += 1
                break
        else:
            unexplained.append(moment)
    return blamed, unexplained


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
        mine = sum(where == host for _, _, where in stage.acts)
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
