"""One machine of the lab: a network of its own, and its own /run, /etc/wgd and /var/lib/wgd.

Never use a Host before `namespaces.isolate`: its mounts would be the machine's.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from integration.namespaces import entered, mount, new_namespaces

SNAPSHOT = (
    ("ip", "-d", "link"),
    ("ip", "address"),
    ("ip", "-N", "route", "show", "table", "all"),
    ("ip", "-N", "rule"),
    ("nft", "list", "ruleset"),
)
OWN_FOLDERS = (Path("/etc/wgd"), Path("/var/lib/wgd"))
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


class CommandFailed(AssertionError):
    """A command in the lab exited with another status than 0."""


class Host:
    """A network and a mount namespace, and what runs in them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._namespaces = new_namespaces(_furnish)

    def close(self) -> None:
        """Ends everything that runs here; the namespaces go with it."""
        self.end_processes()
        self._namespaces.close()

    @property
    def network_path(self) -> str:
        """How `ip link … netns PATH` names this host."""
        return f"/proc/{os.getpid()}/fd/{self._namespaces.network}"

    def inside(self) -> AbstractContextManager[None]:
        """`with host.inside():` the calling thread is on this host, with its files, sockets and children."""
        return entered(self._namespaces)

    def attempt(self, *argv: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, whatever its exit status."""
        with self.inside():
            return subprocess.run(
                argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
            )

    def run(self, *argv: str, check: bool = True, stdin: str = "") -> str:
        """What a command prints; raises CommandFailed, with what it said, unless it succeeds."""
        done = self.attempt(*argv, stdin=stdin)
        if check and done.returncode:
            said = (done.stderr + done.stdout).strip()
            raise CommandFailed(f"{self.name}# {shlex.join(argv)}: exit status {done.returncode}\n{said}")
        return done.stdout

    def wgd(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs wgd's command line to its end."""
        return self.attempt(sys.executable, "-m", "wgd", *arguments)

    def ip(self, commands: str) -> None:
        """Several `ip` commands, one a line, in one process."""
        self.run("ip", "-batch", "-", stdin=commands)

    def wait_for_carrier(self, *links: str, seconds: float = 10) -> None:
        """Until they have one: a worker of the kernel says so some time after `ip link set … up` has ended
        (net/core/link_watch.c). Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        for link in links:
            while self.read(f"/sys/class/net/{link}/operstate").strip() != "up":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.name}: no carrier on {link} in {seconds} s")
                time.sleep(0.005)

    def nft(self, ruleset: str) -> None:
        self.run("nft", "-f", "-", stdin=ruleset)

    def popen(self, *argv: str, log: Path | None = None) -> subprocess.Popen[str]:
        """Starts something that goes on; it ends with this process or with `close`, whichever is first.

        Its output can be read from the result, or goes to `log`.
        """
        lasting = ("setpriv", "--pdeathsig", "TERM", *argv)
        with self.inside():
            if log is None:
                return subprocess.Popen(lasting, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            with log.open("a") as output:
                return subprocess.Popen(lasting, stdout=output, stderr=subprocess.STDOUT, text=True)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Makes or replaces a file of this host; /proc/sys is one, too."""
        with self.inside():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
                file.write(text)

    def read(self, path: str) -> str:
        with self.inside():
            return Path(path).read_text()

    def ping(self, address: str, seconds: float = 10) -> bool:
        """Whether it is answered in time; the handshake of a new session may take some."""
        return self.attempt("ping", "-n", "-q", "-c", "1", "-W", str(seconds), address).returncode == 0

    def fetch(self, url: str, seconds: float = 10) -> str:
        """The page's text; OSError if it does not come."""
        where = urllib.parse.urlsplit(url)
        with self.inside():
            connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=seconds)
            try:
                connection.request("GET", where.path or "/")
                return connection.getresponse().read().decode()
            finally:
                connection.close()

    def snapshot(self) -> dict[str, str]:
        """The state of the network by the command that shows it, to be compared with `==`."""
        return {shlex.join(argv): self.run(*argv) for argv in SNAPSHOT}

    def processes(self) -> Sequence[int]:
        """Who runs in this network, found by asking the kernel: daemons leave their parents."""
        ours = os.fstat(self._namespaces.network).st_ino
        return [pid for pid in _all_pids() if pid != os.getpid() and _network_of(pid) == ours]

    def end_processes(self, seconds: float = 3) -> None:
        """Asks them to end, and ends those that have not when the time is up."""
        deadline = time.monotonic() + seconds
        sign = signal.SIGTERM
        asked: set[int] = set()
        while pids := self.processes():
            if time.monotonic() > deadline:
                sign, asked = signal.SIGKILL, set()
            for pid in set(pids) - asked:
                _send(pid, sign)
            asked |= set(pids)
            time.sleep(0.01)


def _furnish() -> None:
    """What a machine has of its own; a folder that the real one lacks is made in an overlay."""
    mount("sysfs", "/sys")  # /sys/class/net shows the network of who mounted it
    mount("tmpfs", "/run", "mode=755")
    for name in ("wireguard", "wgd"):
        Path("/run", name).mkdir()
    for folder in OWN_FOLDERS:
        if not folder.exists():
            _lay_overlay(folder.parent)
            folder.mkdir()
        mount("tmpfs", folder, "mode=755")
    # An address is there at once, not after a second of looking for duplicates: snapshots can be compared.
    Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _lay_overlay(folder: Path) -> None:
    upper, work = (Path("/run/overlay", layer, folder.name) for layer in ("upper", "work"))
    upper.mkdir(parents=True)
    work.mkdir(parents=True)
    mount("overlay", folder, f"lowerdir={folder},upperdir={upper},workdir={work}")


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _network_of(pid: int) -> int | None:
    """Its inode; None for a process that has ended, or is not ours to look at."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None


def _send(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return
