"""`wgd try` on a hub that one administers through its tunnel: the session is cut off, and comes back."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.host import Host
from integration.lab import Lab
from integration.seed import seed_config
from integration.test_daemon import until

FILE, STATE = "/etc/wgd/wg0.toml", "/var/lib/wgd"
HUB = "172.27.0.1"
BOOT = "/proc/sys/kernel/random/boot_id"


@dataclass
class Street:
    """A hub with its daemon, and the spoke that one sits at."""

    hub: Host
    spoke: Host
    good: str
    log: Path
    daemon: subprocess.Popen[str] | None = None

    @property
    def bad(self) -> str:
        """The slip: one's own peer gets another address."""
        return self.good.replace("172.27.0.2/32", "172.27.0.22/32")

    def start(self) -> None:
        self.daemon = self.hub.popen(sys.executable, "-m", "wgd", "run", log=self.log)
        assert until(lambda: f'"pid": {self.pid}' in self.hub.wgd("status", "--json").stdout), self.said()

    @property
    def pid(self) -> int:
        assert self.daemon
        return self.daemon.pid

    def kill(self) -> None:
        assert self.daemon
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait(10)

    def save(self, text: str) -> None:
        self.hub.write(FILE, text)

    def wgd(self, *words: str, status: int = 0) -> str:
        done = self.hub.wgd(*words)
        assert done.returncode == status, done.stdout + done.stderr + self.said()
        return done.stdout + done.stderr

    def said(self) -> str:
        return self.log.read_text()

    def says(self, text: str) -> bool:
        return text in self.said()

    def reaches(self) -> bool:
        """Whether one's own session works."""
        return self.spoke.ping(HUB, seconds=1)

    def is_cut_off(self) -> bool:
        return until(lambda: not self.spoke.ping(HUB, seconds=0.3))

    def call_anew(self) -> None:
        """The spoke's session is over: it need not find out by itself, which takes WireGuard 15 seconds."""
        (public_key,) = self.spoke.run("wg", "show", "wg0", "peers").split()
        self.spoke.run("wg", "set", "wg0", "peer", public_key, "remove")
        assert self.spoke.wgd("apply").returncode == 0

    def comes_back(self) -> bool:
        return until(self.reaches)


@contextmanager
def typing(street: Street) -> Iterator[Callable[[str], str]]:
    """A connection from the spoke to a hub that repeats what is typed."""
    with street.hub.inside():
        server = socket.create_server((HUB, 2222))
    with server:
        with street.spoke.inside():
            near = socket.create_connection((HUB, 2222), timeout=30)
        far, _ = server.accept()

    def terminal(text: str) -> str:
        near.sendall(text.encode())
        far.sendall(far.recv(100))
        return near.recv(100).decode()

    with near, far:
        far.settimeout(30)
        assert terminal("hello") == "hello"
        yield terminal


@contextmanager
def filled(host: Host, directory: str) -> Iterator[None]:
    """Its disk has no byte left."""
    host.run("mount", "-o", "remount,size=64k", directory)
    host.run("sh", "-c", f"cat /dev/zero > {directory}/fill || true")
    yield
    host.run("rm", f"{directory}/fill")


@pytest.fixture
def street(lab: Lab, tmp_path: Path) -> Iterator[Street]:
    keys = lab.seed()
    made = Street(lab.hub_1, lab.spoke_1, seed_config("hub-1", keys), tmp_path / "log")
    made.start()
    assert lab.spoke_1.wgd("apply").returncode == 0
    assert made.comes_back()
    yield made
    assert "Traceback" not in made.said()


def test_a_session_that_an_edit_cuts_off_comes_back_by_itself(street: Street) -> None:
    """The very session: the TCP connection that one types over goes on where it stood."""
    assert "what is saved next" in street.wgd("try", "--timeout", "6s")
    with typing(street) as terminal:
        street.save(street.bad)
        assert street.is_cut_off()
        assert "goes back in" in street.hub.wgd("status").stdout
        assert street.comes_back()
        assert terminal("still there") == "still there"
    assert until(lambda: "NOT in force" in street.hub.wgd("status").stdout)
    assert street.hub.wgd("status").returncode == 1
    assert street.hub.read(FILE) == street.bad, "the file is a person's"
    assert street.says("nobody confirmed in time")


@pytest.mark.once
def test_confirmed_it_stays_and_tried_again_it_goes(street: Street) -> None:
    street.wgd("try", "--timeout", "5s")
    street.save(other := street.good.replace("172.27.0.3/32", "172.27.0.33/32"))
    assert until(lambda: "goes back in" in street.hub.wgd("status").stdout)
    assert "✓ confirmed" in street.wgd("confirm")
    time.sleep(6)
    assert "172.27.0.33/32" in street.hub.run("wg", "show", "wg0", "allowed-ips")
    assert "nothing to confirm" in street.wgd("confirm")
    street.wgd("try", "--timeout", "5s")
    street.save(other.replace("172.27.0.2/32", "172.27.0.22/32"))
    assert street.is_cut_off() and street.comes_back()
    assert "172.27.0.33/32" in street.hub.run("wg", "show", "wg0", "allowed-ips"), "what was confirmed last"
    assert "gone back already" in street.wgd("confirm", status=2)
    assert "goes back in" in street.wgd("try", "--timeout", "5s")
    assert street.is_cut_off() and street.comes_back()


@pytest.mark.once
def test_a_second_try_on_top_goes_back_to_what_was_confirmed(street: Street) -> None:
    street.wgd("try", "--timeout", "20s")
    street.save(street.good.replace("172.27.0.3/32", "172.27.0.33/32"))
    assert until(lambda: "172.27.0.33/32" in street.hub.run("wg", "show", "wg0", "allowed-ips"))
    street.save(street.bad)
    street.wgd("try", "--timeout", "5s")
    assert street.is_cut_off() and street.comes_back()
    allowed = street.hub.run("wg", "show", "wg0", "allowed-ips")
    assert "172.27.0.3/32" in allowed and "172.27.0.33/32" not in allowed


@pytest.mark.once
def test_a_daemon_that_was_killed_goes_back_after_its_next_start(street: Street) -> None:
    street.wgd("try", "--timeout", "6s")
    street.save(street.bad)
    assert street.is_cut_off()
    street.kill()
    time.sleep(7)
    assert not street.reaches(), "nobody is there to go back"
    street.start()
    assert street.comes_back()
    assert street.says("nobody confirmed in time")


@pytest.mark.once
def test_a_daemon_that_was_killed_leaves_the_next_one_the_time_that_is_left(street: Street) -> None:
    street.wgd("try", "--timeout", "5m")
    street.save(other := street.good.replace("172.27.0.3/32", "172.27.0.33/32"))
    assert until(lambda: "goes back in" in street.hub.wgd("status").stdout)
    street.kill()
    street.start()
    assert "goes back in 4 min" in street.wgd("status")
    assert "✓ confirmed" in street.wgd("confirm")
    street.kill()
    street.start()
    assert "172.27.0.33/32" in street.hub.run("wg", "show", "wg0", "allowed-ips")
    assert street.hub.read(FILE) == other


def test_after_a_reboot_it_is_over(street: Street) -> None:
    """Another boot, nothing in the kernel, nothing in /run, and 10 minutes of the trial left."""
    street.wgd("try", "--timeout", "10m")
    street.save(street.bad)
    assert street.is_cut_off()
    street.kill()
    street.hub.run("ip", "link", "delete", "wg0")
    street.hub.run("nft", "flush", "ruleset")
    street.hub.run("sh", "-c", "rm -rf /run/wgd/*")
    street.hub.write("/run/boot_id", "00000000-0000-4000-8000-000000000000\n")
    street.hub.run("mount", "--bind", "/run/boot_id", BOOT)
    street.start()
    street.call_anew()
    assert street.comes_back()
    assert "NOT in force" in street.hub.wgd("status").stdout


@pytest.mark.once
def test_a_full_disk_lets_nothing_be_tried(street: Street) -> None:
    street.wgd("try", "--timeout", "5s")
    with filled(street.hub, STATE):
        street.save(street.bad)
        assert until(lambda: street.says("No space left"))
        assert street.reaches(), "nothing was applied"
        assert "No space left" in street.wgd("try", status=2)
    street.save(street.good)
    assert until(lambda: street.hub.wgd("status").returncode == 0)


@pytest.mark.once
def test_what_must_be_confirmed_is_tried_with_each_save(street: Street) -> None:
    street.hub.write("/etc/wgd/wgd.toml", "confirm_required = true\n")
    assert until(lambda: _accepts_it(street))
    street.save(street.good.replace("172.27.0.3/32", "172.27.0.33/32"))
    assert until(lambda: "goes back in" in street.hub.wgd("status").stdout)
    assert "✓ confirmed" in street.wgd("confirm")
    assert "172.27.0.33/32" in street.hub.run("wg", "show", "wg0", "allowed-ips")


def _accepts_it(street: Street) -> bool:
    return "confirm_required" in street.hub.run("cat", f"{STATE}/accepted.jsonl", check=False)


@pytest.mark.once
def test_without_a_daemon_nothing_is_tried(street: Street) -> None:
    street.kill()
    assert "systemctl start wgd" in street.wgd("try", status=2)
    assert "request" not in street.hub.run("ls", "/run/wgd")
