"""What the second administrator does in the soak, and for how long each act may break the stream."""

from __future__ import annotations

import collections
import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.host import Host
from integration.lab import Lab

FILE = "/etc/wgd/wg0.toml"
AT_ONCE, LOOKED, FAR = 1.0, 2.0, 125.0
"""Seconds: repaired by an event; after a look by the timer; and what only the far side can notice. A session
that is gone it misses after 15 s if it sends, but after 120, when it renews it, if it only keeps alive."""
MOST_OFTEN = 4
"""Times a minute that the same thing is harmed on a host: more would be a fight, and those end otherwise."""
LASTING = "spoke-2"
"""Whose daemon lives through it all, and must not grow. A young one does, once: by the library for its first
change of a link."""
STRANGER = "d2d0ZmFrZWtleWZha2VrZXlmYWtla2V5ZmFrZWtleWY="
THEFT = f"wg set wg0 peer {STRANGER} allowed-ips 10.11.12.7/32,172.27.0.1/32,172.27.0.2/32"


@dataclass(frozen=True)
class Act:
    """Something that somebody does on a host, the thing it `harms`, and for how many `seconds` it may break
    the stream: from when wgd has seen it, if no event tells but the timer's look."""

    name: str
    do: Callable[[Stage, str], None]
    harms: str = ""
    seconds: float = 0.0
    by_timer: bool = False


@dataclass(frozen=True)
class Deed:
    """An act that was done, when (since the epoch), and until when it may break the stream."""

    act: Act
    host: str
    at: float
    until: float


@dataclass
class Stage:
    """The network, the daemons, and what happened so far."""

    lab: Lab
    logs: Path
    chance: random.Random
    daemons: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)
    memory: dict[int, list[int]] = field(default_factory=lambda: collections.defaultdict(list))

    def start(self, host: str) -> None:
        log = self.logs / f"{host}.log"
        self.daemons[host] = self.lab.hosts[host].popen(sys.executable, "-m", "wgd", "run", log=log)

    def status(self, host: str) -> dict[str, Any]:
        """What its daemon said of its last pass."""
        try:
            said: dict[str, Any] = json.loads(self.lab.hosts[host].read("/run/wgd/status.json"))["pass"]
        except (FileNotFoundError, ValueError):
            return {}
        return said

    def too_often(self, act: Act, host: str) -> bool:
        last = [deed for deed in self.deeds if deed.at > time.time() - 60 and deed.host == host]
        return bool(act.harms) and sum(deed.act.harms == act.harms for deed in last) >= MOST_OFTEN

    def lines(self, host: str) -> list[str]:
        return (self.logs / f"{host}.log").read_text().splitlines()

    def sample(self) -> None:
        """The daemons' memory, in kB; one that has ended is told at the end."""
        for daemon in self.daemons.values():
            if daemon.poll() is not None:
                continue
            said = Path(f"/proc/{daemon.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", said)
            if found:
                self.memory[daemon.pid].append(int(found[1]))


def typed(command: str, harms: str = "", seconds: float = AT_ONCE, by_timer: bool = False) -> Act:
    def do(stage: Stage, host: str) -> None:
        _type(stage.lab.hosts[host], command)

    return Act(command, do, harms, seconds, by_timer)


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
    while stage.status(host).get("pid") != stage.daemons[host].pid and stage.daemons[host].poll() is None:
        time.sleep(0.1)


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
    typed("ip route flush dev wg0 proto 119", "address"),
    typed("ip link set wg0 down", "link", FAR),  # the kernel erases the sessions with it
    typed("ip link set wg0 mtu 1300", "link", 0),
    typed("ip address flush dev wg0", "address"),
    typed("nft flush ruleset", "chain"),
    typed("nft delete table inet wgd", "chain"),
    typed("nft insert rule inet wgd forward-wg0 drop", "chain"),
    typed("nft add rule inet wgd forward-wg0 accept", "chain", 0),
    typed("nft add chain inet wgd theirs", "their chain", 0),
    typed("sysctl -qw net.ipv4.conf.wg0.forwarding=0", "forwarding"),
    typed("sysctl -qw net.ipv4.conf.all.forwarding=0", "forwarding"),
    typed("ip address add 192.168.200.1/24 dev wg0", seconds=0),
    typed("wg set wg0 listen-port 40000", "device", FAR, by_timer=True),
    typed("wg set wg0 fwmark 7", "device", 0),
    typed(THEFT, "their peer", LOOKED, by_timer=True),
    typed("wg set wg0 peer PEER persistent-keepalive 7", "peer", 0),
    typed("wg set wg0 peer PEER allowed-ips 10.99.0.0/16", "peer", LOOKED, by_timer=True),
    typed("wg set wg0 peer PEER remove", "peer", FAR, by_timer=True),
    typed("ip link delete wg0", "link", FAR),
)
