"""`make demo`: the mission's network, from empty namespaces to a web page, told step by step.

Every step is checked; the first that fails ends the demonstration with its name and status 1. Everything
happens in namespaces of its own, and nothing of it is left afterwards.
"""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.host import Host
from integration.lab import CAMERA, PAGE, PAGE_URL, Lab
from integration.namespaces import NoNamespaces, isolate
from integration.seed import seed_config

BOLD, DIM, GREEN, RED, PLAIN = (
    ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 5
)
PHONE = """\
[peers.phone]
public_key = "{key}"
allowed_ips = ["172.27.0.9/32"]
"""
CAMERA_RANGE = "10.11.12.0/24"
LEVEL = re.compile(r"^<\d>")
"""How the log tells the journal how grave a line is; the journal does not show it."""
LAST = 12
"""Lines of each log that are shown when a step fails."""
PING_EVERY = 0.01
"""Seconds between two pings: an outage of that length shows."""


class StepFailed(Exception):
    """What a step promised did not come true."""


class Story:
    """Counts the steps and prints them, with what was typed and what came of it."""

    def __init__(self) -> None:
        self._steps = 0
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self._steps += 1
        print(f"\n{BOLD}{self._steps}. {title}{PLAIN}", flush=True)
        try:
            yield
        except (StepFailed, AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"   {RED}✗ step {self._steps} failed: {title}{PLAIN}\n{_indented(str(error))}")
            raise SystemExit(1) from None

    def good(self, text: str) -> None:
        print(f"   {GREEN}✓{PLAIN} {text}", flush=True)

    def end(self) -> None:
        took = time.monotonic() - self._started
        print(f"\n{GREEN}{BOLD}All {self._steps} steps did what they say, in {took:.0f} s.{PLAIN}")


def main() -> int:
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    story = Story()
    print("A hub in public, two spokes behind NAT, and a camera that knows nothing of WireGuard:\n")
    print("  spoke-1 ──NAT── internet ── hub-1 198.51.100.15")
    print(f"                     └──NAT── home: spoke-2, camera {CAMERA}")
    with tempfile.TemporaryDirectory() as logs, Lab() as lab:
        try:
            _tell(story, lab, Path(logs))
        except SystemExit:
            _show_logs(Path(logs))
            raise
    story.end()
    return 0


def _tell(story: Story, lab: Lab, logs: Path) -> None:
    before = {host.name: host.snapshot() for host in lab}
    with story.step("Without WireGuard, spoke-1 cannot see the camera."):
        _require(lab.page(0.3) is None, "the page came without WireGuard")
        story.good(f"{PAGE_URL} does not answer")
    with story.step("Each host makes its own key; only public keys travel."):
        keys = _make_keys(lab)
        story.good("three private keys, each in one file on one machine")
    with story.step("Each host gets one file."):
        _write_files(lab, keys)
        story.good("all three files are right")
    with story.step("What would change on hub-1?"):
        _type(lab.hub_1, "plan", expect=1)
    with story.step("A daemon starts on each host."):
        daemons = {}
        for host in lab:
            started = time.monotonic()
            daemons[host.name] = _start(host, logs)
            _until(functools.partial(_in_sync, host), 10, f"{host.name} is not in sync")
        _until(lambda: lab.page(0.2) == PAGE, 15, "the camera's page did not come")
        took = time.monotonic() - started
        story.good(f"{took:.1f} s after the last one started, spoke-1 reads the page: {PAGE.strip()}")
    with story.step("What hub-1 says of itself."):
        _until(lambda: "never" not in lab.hub_1.wgd("status").stdout, 10, "hub-1 has not seen its peers")
        _type(lab.hub_1, "status")
    with story.step("Somebody adds a phone on the hub by saving one file, while spoke-1 pings the camera."):
        sent, lost = _add_phone(lab)
        _require(lost == 0, f"{lost} of {sent} packets were lost")
        story.good(f"the phone is a peer; {lost} of {sent} packets lost")
    with story.step("Somebody deletes spoke-1's route to the cameras behind wgd's back."):
        healed = _delete_route(lab.spoke_1)
        _require(lab.page() == PAGE, "the page did not come back")
        story.good(f"the route is back after {healed * 1000:.0f} ms, and so is the page")
        _show_journal(logs / "spoke-1.log", f"ip route add {CAMERA_RANGE}")
    with story.step("A mistake in a file breaks nothing."):
        _make_mistake(lab.hub_1, story)
        _require(lab.page() == PAGE, "the page is gone")
        story.good("the page still comes")
    with story.step("The daemons stop; the network stays."):
        for daemon in daemons.values():
            daemon.terminate()
            _require(daemon.wait(10) == 0, "a daemon did not end well")
        _require(lab.page() == PAGE, "the page went with the daemons")
        story.good("the page still comes")
        _type(lab.spoke_1, "status")
    with story.step("wgd down takes away what wgd made, and nothing else."):
        for host in lab:
            _type(host, "down")
            _compare(host, before[host.name])
        story.good("links, addresses, routes, rules and nftables of all three are as they were")


def _make_keys(lab: Lab) -> dict[str, str]:
    keys = {}
    for host in lab:
        host.run("mkdir", "-p", "/etc/wgd")
        keys[host.name] = _type(host, "genkey", "wg0").strip().splitlines()[-1]
    return keys


def _write_files(lab: Lab, keys: dict[str, str]) -> None:
    for host in lab:
        text = seed_config(host.name, keys)
        host.write("/etc/wgd/wg0.toml", text)
        if host.name == "spoke-2":
            print(f"   {DIM}spoke-2:/etc/wgd/wg0.toml{PLAIN}\n{_indented(text)}")
        _type(host, "check")


def _start(host: Host, logs: Path) -> subprocess.Popen[str]:
    print(f"   {DIM}{host.name}#{PLAIN} wgd run &")
    return host.popen(sys.executable, "-m", "wgd", "run", log=logs / f"{host.name}.log")


def _in_sync(host: Host) -> bool:
    return host.wgd("status").returncode == 0


def _add_phone(lab: Lab) -> tuple[int, int]:
    """Returns (packets sent, packets lost)."""
    key = lab.hub_1.run("wg", "pubkey", stdin=lab.hub_1.run("wg", "genkey")).strip()
    ping = lab.spoke_1.popen("ping", "-n", "-q", "-i", str(PING_EVERY), "-c", "300", CAMERA)
    time.sleep(1)
    text = PHONE.format(key=key)
    print(f"   {DIM}hub-1:/etc/wgd/wg0.d/phone.toml{PLAIN}\n{_indented(text)}")
    lab.hub_1.write("/etc/wgd/wg0.d/phone.toml", text)
    _until(lambda: key in lab.hub_1.run("wg", "show", "wg0", "peers"), 5, "the phone is no peer")
    said = ping.communicate(timeout=30)[0]
    counted = re.search(r"(\d+) packets transmitted, (\d+) received", said)
    _require(counted is not None, f"ping said {said!r}")
    sent, received = map(int, counted.groups())  # type: ignore[union-attr]
    return sent, sent - received


def _delete_route(host: Host) -> float:
    """Returns the seconds until it is back."""
    command = f"ip route delete {CAMERA_RANGE}"
    print(f"   {DIM}{host.name}#{PLAIN} {command}")
    host.run(*shlex.split(command))
    return _until(lambda: "wg0" in host.run("ip", "route", "show", CAMERA_RANGE), 5, "the route is gone")


def _make_mistake(host: Host, story: Story) -> None:
    good = host.read("/etc/wgd/wg0.toml")
    host.write("/etc/wgd/wg0.toml", good.replace("172.27.0.2/32", "172.27.0.2/33"))
    _type(host, "check", expect=2)
    _until(lambda: "frozen" in host.wgd("status").stdout, 5, "status does not say that wg0 is frozen")
    story.good("hub-1 goes on as last accepted, and says so in its status and its log")
    host.write("/etc/wgd/wg0.toml", good)
    _until(lambda: "frozen" not in host.wgd("status").stdout, 5, "wg0 is still frozen")


def _compare(host: Host, before: dict[str, str]) -> None:
    after = host.snapshot()
    for command, text in before.items():
        _require(after[command] == text, f"{host.name}: `{command}` differs:\n{text}\nnow:\n{after[command]}")


def _type(host: Host, *words: str, expect: int = 0, show: bool = True) -> str:
    """Runs a wgd command as a person would; returns what it printed."""
    print(f"   {DIM}{host.name}#{PLAIN} wgd {shlex.join(words)}", flush=True)
    done = host.wgd(*words)
    said = (done.stdout + done.stderr).rstrip()
    _require(done.returncode == expect, f"exit status {done.returncode}, expected {expect}\n{said}")
    if show and said:
        print(_indented(said))
    return done.stdout


def _until(holds: Callable[[], bool], seconds: float, failure: str) -> float:
    """Waits for it; returns how long that took."""
    started = time.monotonic()
    while not holds():
        _require(time.monotonic() - started < seconds, f"{failure} within {seconds:g} s")
        time.sleep(0.005)
    return time.monotonic() - started


def _require(holds: bool, failure: str) -> None:
    if not holds:
        raise StepFailed(failure)


def _show_journal(log: Path, about: str) -> None:
    lines = [LEVEL.sub("", line) for line in log.read_text().splitlines() if about in line]
    print(f"   {DIM}{log.stem}'s log:{PLAIN}\n{_indented(lines[-1] if lines else '(nothing)')}")


def _show_logs(logs: Path) -> None:
    for log in sorted(logs.iterdir()):
        lines = [LEVEL.sub("", line) for line in log.read_text().splitlines()]
        end = "\n".join(lines[-LAST:])
        print(f"\n{log.stem}'s log, its end:\n{_indented(end)}")


def _indented(text: str) -> str:
    return "\n".join(f"     {line}" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
