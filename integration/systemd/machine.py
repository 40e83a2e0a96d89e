"""The machine that wgd is installed on, and another one at the far end of its tunnel.

For a machine that is nobody's: everything here changes it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SOURCES = Path(__file__).parents[2]
WHEELS = SOURCES / ".venv/wheels"
CONFIG = Path("/etc/wgd")
STATUS = Path("/run/wgd/status.json")
OTHERS = SOURCES / ".venv/others"
CHANGES = re.compile(r"^(ip|wg|nft|sysctl) ", re.MULTILINE)
"""What the journal has of an op that was run."""


def attempt(*argv: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; its result has all it said in `stdout`."""
    return subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )


def run(*argv: str) -> str:
    """What a command says; it has to succeed."""
    done = attempt(*argv)
    assert done.returncode == 0, f"{argv}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout


def make(target: str) -> str:
    """`make install` or `make uninstall`, without a network."""
    return run("make", "-C", str(SOURCES), target, f"PIP_FLAGS=--no-index --find-links {WHEELS}")


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, run("journalctl", "-u", "wgd", "-n", "20")
        time.sleep(0.1)


def shown(name: str) -> str:
    """A property of the service."""
    return run("systemctl", "show", "--property", name, "--value", "wgd").strip()


def main_pid() -> int:
    return int(shown("MainPID"))


def status() -> dict[str, Any]:
    """What the daemon reported last."""
    value: dict[str, Any] = json.loads(STATUS.read_text())
    return value


def wait_for_report() -> None:
    """Until the daemon that runs now has made its first pass."""
    eventually(lambda: shown("ActiveState") == "active" and status()["pass"]["pid"] == main_pid())


class Journal:
    """What wgd, which has logged before, logs from here on."""

    def __init__(self) -> None:
        run("journalctl", "--sync")
        # A cursor from among what is asked for later: after any other, journalctl skips one entry too many.
        self._cursor = (
            run("journalctl", "-u", "wgd", "-n", "1", "--show-cursor").rpartition("cursor: ")[2].strip()
        )

    def text(self) -> str:
        run("journalctl", "--sync")
        return run("journalctl", "-u", "wgd", "-o", "cat", f"--after-cursor={self._cursor}")


class Ping:
    """`with Ping(address) as ping:` runs all the while; then `ping.lost` counts the replies that lack."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.lost = -1

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ("ping", "-n", "-i", "0.05", self._address), stdout=subprocess.PIPE, text=True
        )
        time.sleep(0.3)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        time.sleep(0.3)
        self._process.send_signal(signal.SIGINT)
        output, _ = self._process.communicate()
        replies = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", output)}
        assert replies, output
        self.lost = max(replies) - len(replies)


class Far:
    """The other machine: a namespace at the end of a cable, which keeps its side of each tunnel alive."""

    def __init__(self) -> None:
        self._ip("netns add far")
        self._ip("link add eth1 type veth peer name eth0 netns far")
        self._ip("address add 198.51.100.15/24 dev eth1")
        self._ip("link set eth1 up")
        self._ip("-n far address add 198.51.100.2/24 dev eth0")
        self._ip("-n far link set eth0 up")

    def close(self) -> None:
        self._ip("netns del far")

    def hurry(self, interface: str) -> None:
        """Forget the session and shake hands at once, instead of after 15 seconds of silence."""
        self._ip(f"-n far link set {interface} down")
        self._ip(f"-n far link set {interface} up")

    def connect(self, interface: str, public_key: str, port: int, network: str) -> str:
        """Makes the tunnel to the machine, NETWORK.0.1, from here, NETWORK.0.2. Returns the public key."""
        key = Path(f"/run/far-{interface}.key")
        key.write_text(run("wg", "genkey"))
        self._ip(f"-n far link add {interface} type wireguard")
        self._wg(f"set {interface} private-key {key}")
        self._wg(
            f"set {interface} peer {public_key} endpoint 198.51.100.15:{port} persistent-keepalive 1"
            f" allowed-ips {network}.0.1/32"
        )
        self._ip(f"-n far address add {network}.0.2/16 dev {interface}")
        self._ip(f"-n far link set {interface} up")
        key.unlink()
        return self._wg(f"show {interface} public-key").strip()

    def _ip(self, words: str) -> str:
        return run("ip", *words.split())

    def _wg(self, words: str) -> str:
        return run("ip", "netns", "exec", "far", "wg", *words.split())


def is_up(interface: str) -> bool:
    flags = Path(f"/sys/class/net/{interface}/flags")
    try:
        return bool(int(flags.read_text(), 16) & 1)
    except OSError:  # EINVAL while it goes
        return False


def answers(address: str) -> bool:
    return attempt("ping", "-n", "-c", "1", "-W", "1", address).returncode == 0


def interface_file(port: int, network: str, public_key: str) -> str:
    """The file of an interface whose one peer is `Far`."""
    return f"""\
[interface]
role = "hub"
addresses = ["{network}.0.1/16"]
listen_port = {port}

[peers.far]
public_key = "{public_key}"
allowed_ips = ["{network}.0.2/32"]
"""
