"""wgd's side: a host with its daemon, whose files are one or many; edits, and when the kernel has them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from integration.bench import locked, network
from integration.bench.events import Expected, expected
from integration.bench.network import Crowd, Edit
from integration.bench.pages import faults_of
from integration.bench.watch import MOST, TooLong, Watch
from integration.bench.words import DROP_INS, ONE_FILE
from integration.host import Host
from wgd.pacer import FILES

FILE, FOLDER = "/etc/wgd/wg0.toml", "/etc/wgd/wg0.d"
_READY = "@wgd-bench"
_CHANGE = re.compile(rb"^<6>(?:ip|nft|wg|sysctl|\xe2\x80\xa6) ", re.MULTILINE)
"""A command that the daemon tells of, or how many more it ran (…)."""
_PASS = re.compile(r'"pass":\{[^}]*\}')
_NUMBER = r'"{}":([0-9.e+-]+)'
_LISTED = 1000
"""Peers up to which nft is asked as well whether the rules are true; beyond, listing takes seconds."""
_START = 900.0
"""Seconds that a start may take."""
_ENOUGH = 1 << 20
"""Characters of status.json within which all stands that is not about single peers."""


class Start(NamedTuple):
    """Milliseconds from starting the daemon until it has told of the last change that it made (0: it made
    none), which it does after each; and until it tells the service manager that it is ready."""

    changed: float
    ready: float


class Ours:
    """The network `crowd` on a host of its own, under wgd."""

    def __init__(self, who: str, peers: int) -> None:
        self.who, self.crowd = who, Crowd(peers)
        self.command = locked.command(peers)
        self.host = Host(f"wgd-{peers}")
        self._daemon: subprocess.Popen[bytes] | None = None
        self._watch: Watch | None = None
        self.host.write("/etc/wgd/keys/wg0.key", self.host.run("wg", "genkey"), mode=0o640)
        self._write_all()

    def close(self) -> None:
        if self._watch:
            self._watch.close()
        self.host.close()

    # From nothing, and again

    def cold(self) -> Start:
        """Starting the daemon on an empty machine."""
        self.stop()
        for argv in (("ip", "link", "del", "wg0"), ("nft", "delete", "table", "inet", "wgd")):
            self.host.attempt(*argv)
        self.host.run("find", "/run/wgd", "/var/lib/wgd", "-mindepth", "1", "-delete")
        return self.start()

    def restart(self) -> float:
        """Milliseconds of the same where everything is as it should be."""
        self.stop()
        return self.start().ready

    def start(self) -> Start:
        """Starting the daemon, wherever the machine stands."""
        with self.host.inside():
            ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            ready.bind("\0" + _READY[1:])
            began = time.perf_counter()
            self._daemon = subprocess.Popen(
                ("setpriv", "--pdeathsig", "TERM", *self.command, "run"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NOTIFY_SOCKET": _READY},
            )
        took = _started(ready, self._daemon, began)
        self._watch, self._ready = Watch(self.host, self._daemon.stdout, ready), ready
        self.rest()
        if not self.in_sync():
            raise TooLong("wgd says that it is ready, and that something differs")
        return took

    def stop(self) -> None:
        if self._daemon is None or self._watch is None:
            return
        self._daemon.send_signal(signal.SIGTERM)
        while self._daemon.poll() is None:
            self._watch.pump(0.01)
        self._watch.close()
        assert self._daemon.stdout
        self._daemon.stdout.close()
        self._ready.close()
        self._daemon = self._watch = None

    # Edits

    def edit(self, edits: Sequence[Edit]) -> tuple[float, float]:
        """Milliseconds from the last rename until the kernel has it, without the time that wgd waits for a
        save to end (`wgd.pacer.FILES`); and of processor time until it has looked at everything again."""
        self.crowd.apply(edits)
        with self.host.inside():
            waiting = self._prepare(edits)
            self.rest()
            self.watch.forget()
            before = self.computed()
            for new, place in waiting:
                new.replace(place)
            renamed = time.perf_counter()
        at = self.watch.when(expected(edits), self.computed)
        spent = self.computed() - before
        self._verify(edits)
        return (at - renamed - FILES.quiet) * 1000, spent * 1000

    def _verify(self, edits: Sequence[Edit]) -> None:
        """What the log says of peers, `wg` has to say, too, and of rules `nft`."""
        shown = set(self.host.run("wg", "show", "wg0", "allowed-ips").splitlines())
        for edit in edits:
            wanted = f"{edit.after.key}\t{edit.after.address}/32" if edit.after else ""
            had = f"{edit.before.key}\t{edit.before.address}/32" if edit.before else ""
            if (wanted and wanted not in shown) or (had != wanted and had in shown):
                raise TooLong(f"wg does not show it: {edit}")
        if len(self.crowd.members) <= _LISTED:
            listed = {w.strip(",").removesuffix("/32") for w in self._rules().split()}
            come, gone = network.changed_addresses(edits)
            if come - listed or gone & listed:
                raise TooLong(f"nft does not show it: {edits}")

    def _rules(self) -> str:
        """All rules and elements; comments, which say in words what a rule is for, left out."""
        return re.sub('comment "[^"]*"', "", self.host.run("nft", "list", "table", "inet", "wgd"))

    def _prepare(self, edits: Iterable[Edit]) -> list[tuple[Path, Path]]:
        """Files ready to be renamed, under names that editors use and wgd knows for theirs. A drop-in of a
        peer that goes is saved empty: if its file went, wgd would wait five seconds for it to come back."""
        if self.who == ONE_FILE:
            texts = {Path(FILE): network.one_file(self.crowd)}
        else:
            texts = {
                _drop_in(one.name): network.member_toml(edit.after) if edit.after else ""
                for edit in edits
                if (one := edit.after or edit.before)
            }
        waiting = []
        for place, text in texts.items():
            new = place.with_name(f".{place.name}.new")
            new.write_text(text)
            waiting.append((new, place))
        return waiting

    def _write_all(self) -> None:
        with self.host.inside():
            if self.who == ONE_FILE:
                Path(FILE).write_text(network.one_file(self.crowd))
                return
            assert self.who == DROP_INS
            Path(FOLDER).mkdir()
            Path(FILE).write_text(network.interface_toml() + network.gateway_toml(self.crowd.gateway))
            for member in self.crowd.members.values():
                _drop_in(member.name).write_text(network.member_toml(member))

    # Passes

    def nothing(self) -> tuple[float, float]:
        """Milliseconds of one pass that finds nothing to do, by wgd's own account; and of processor time for
        it, what wakes it and what it tells. A strange interface's alias wakes it."""
        if self.host.attempt("ip", "link", "add", "alien", "type", "dummy").returncode == 0:
            self.host.run("ip", "link", "set", "alien", "addrgenmode", "none", "up")  # down, it tells nothing
        self.tell_all()
        count, before = self.told("count"), self.computed()
        self.host.run("ip", "link", "set", "alien", "alias", f"after-{count}")
        self._until_told("count", count)
        return self.told("seconds") * 1000, (self.computed() - before) * 1000

    def tell_all(self) -> None:
        """Its report may lag behind, unless it is made to read all files again."""
        count = self.told("reloads")
        os.kill(self.pid, signal.SIGHUP)
        self._until_told("reloads", count)

    def _until_told(self, key: str, last: float) -> None:
        """Until it tells another number, and rests."""
        deadline = time.perf_counter() + MOST
        while self.told(key) == last:
            if time.perf_counter() > deadline:
                raise TooLong(f"wgd tells nothing new of {key}")
            self.watch.pump(0.05)
        self.rest()

    def drift(self, address: str) -> float:
        """Milliseconds from the moment a route is removed until it is back, both as the kernel tells."""
        packed = frozenset({IPv4Address(address).packed})
        self.watch.forget()
        self.host.run("ip", "route", "del", f"{address}/32", "dev", "wg0")
        back = self.watch.when(Expected(routes_come=packed), self.computed)
        gone = self.watch.when(Expected(routes_gone=packed), self.computed)
        return (back - gone) * 1000

    def rest(self) -> None:
        self.watch.rest(self.computed)

    # What can be known of it

    @property
    def watch(self) -> Watch:
        assert self._watch, "the daemon does not run"
        return self._watch

    @property
    def pid(self) -> int:
        assert self._daemon, "the daemon does not run"
        return self._daemon.pid

    def computed(self) -> float:
        """Seconds of processor time of all its threads."""
        return time.clock_gettime(~self.pid << 3 | 2)  # CPUCLOCK_SCHED of another process

    def faults(self) -> int:
        """Pages that it has touched for the first time."""
        return faults_of(self.pid)

    def passes(self) -> int:
        return int(self.told("count"))

    def told(self, key: str) -> float:
        """A number that the daemon reports of its last pass."""
        found = _PASS.search(self._report())
        number = re.search(_NUMBER.format(key), found[0] if found else "")
        if number is None:
            raise TooLong(f"wgd's report says nothing of {key}")
        return float(number[1])

    def in_sync(self) -> bool:
        return '"in_sync":true' in self._report()

    def _report(self) -> str:
        with self.host.inside(), Path("/run/wgd/status.json").open() as file:
            return file.read(_ENOUGH)


def _started(ready: socket.socket, daemon: subprocess.Popen[bytes], began: float) -> Start:
    """Its output is taken meanwhile: a full pipe would hold it."""
    assert daemon.stdout
    ready.settimeout(0.005)
    os.set_blocking(daemon.stdout.fileno(), False)
    said, changed = b"", began
    while time.perf_counter() < began + _START and daemon.poll() is None:
        new = daemon.stdout.read() or b""
        said += new
        if _CHANGE.search(new):
            changed = time.perf_counter()
        try:
            if b"READY=1" in ready.recv(4096):
                return Start((changed - began) * 1000, (time.perf_counter() - began) * 1000)
        except TimeoutError:
            continue
    raise TooLong(f"wgd does not become ready: {said[-2000:].decode(errors='replace')}")


def _drop_in(name: str) -> Path:
    return Path(FOLDER, f"{name}.toml")
