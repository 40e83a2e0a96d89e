"""`make migration`: a hub and a spoke of wg-quick's move to wgd by the README's own commands; the transcript.

The commands are read from the README, so that neither can be wrong without the other. Everything happens in
namespaces of its own; what the lab has no systemd for is done by hand, and said.
"""

from __future__ import annotations

import platform
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integration.host import Host
from integration.lab import Lab
from integration.namespaces import NoNamespaces, isolate
from integration.seed import HUB_ENDPOINT

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs/migration.md"
CHAPTER = "## Coming from wg-quick\n"
CONF = "/etc/wireguard/wg0.conf"
HUB = """\
[Interface]
Address = 172.27.0.1/16
ListenPort = 51820
PrivateKey = {hub-1 private}
PostUp = sysctl -w net.ipv4.ip_forward=1
PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -A FORWARD -o %i -j ACCEPT
PostDown = iptables -D FORWARD -i %i -j ACCEPT; iptables -D FORWARD -o %i -j ACCEPT

# spoke-1
[Peer]
PublicKey = {spoke-1 public}
AllowedIPs = 172.27.0.2/32
"""
SPOKE = """\
[Interface]
Address = 172.27.0.2/16
PrivateKey = {spoke-1 private}

# hub-1
[Peer]
PublicKey = {hub-1 public}
AllowedIPs = 172.27.0.0/16
Endpoint = {endpoint}
PersistentKeepalive = 25
"""
HUB_ADDRESS = "172.27.0.1"
INTRODUCTION = """\
A hub and a spoke of wg-quick's, moved one after the other by the commands of the README, while the spoke
pings the hub through the tunnel every 5 ms. `make migration` plays it in network namespaces and writes this
page; nothing here is typed by hand. Keys are left out."""
NO_SYSTEMD = {
    "systemctl enable --now wgd": "(there is no systemd in the lab: wgd runs, as its unit would run it)",
    "systemctl disable wg-quick@wg0": "(nor a unit of wg-quick's to disable)",
}


class NotAsTold(AssertionError):
    """A command of the README did not do what it is there for."""


@dataclass
class Transcript:
    """What was typed on each host, and what was said."""

    hidden: Mapping[str, str]
    chapters: dict[str, list[str]] = field(default_factory=dict)
    pings: int = 0
    lost: int = 0

    def add(self, host: str, typed: str, said: str) -> None:
        for key, name in self.hidden.items():
            said = said.replace(key, name)
        lines = [line.rstrip() for line in said.rstrip().splitlines()]
        self.chapters.setdefault(host, []).append("\n".join([f"{host}# {typed}", *lines]))


def commands(readme: str) -> list[str]:
    """What the README tells to type, without its comments."""
    chapter = readme.partition(CHAPTER)[2]
    block = re.search(r"```sh\n(.*?)```", chapter, re.S)
    if block is None:
        raise NotAsTold(f"the README has no commands under {CHAPTER.strip()}")
    return [line.partition("#")[0].strip() for line in block[1].splitlines() if line.strip()]


def play(lab: Lab) -> Transcript:
    """Bring both up by wg-quick, then move the hub and the spoke, while the spoke pings the hub."""
    keys = _by_wg_quick(lab)
    told = Transcript({key: f"<{name} key>" for name, key in keys.items() if name != "endpoint"})
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder, "pings")
        ping = lab.spoke_1.popen("ping", "-n", "-i", "0.005", HUB_ADDRESS, log=heard)
        for host in (lab.hub_1, lab.spoke_1):
            told.add(host.name, f"cat {CONF}", host.run("cat", CONF))
            for command in commands(README.read_text()):
                told.add(host.name, command, _type(host, command))
            _until_in_sync(host)
            told.add(host.name, "wgd status", _type(host, "wgd status"))
        if not lab.spoke_1.ping(HUB_ADDRESS):
            raise NotAsTold("the tunnel does not work any more")
        ping.send_signal(signal.SIGINT)
        ping.wait(10)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", heard.read_text())}
    told.pings = max(answered)  # what came after the last that was answered is still under way
    told.lost = told.pings - len(answered)
    return told


def _by_wg_quick(lab: Lab) -> dict[str, str]:
    keys = {"endpoint": HUB_ENDPOINT}
    for host in (lab.hub_1, lab.spoke_1):
        keys[f"{host.name} private"] = host.run("wg", "genkey").strip()
        keys[f"{host.name} public"] = host.run("wg", "pubkey", stdin=keys[f"{host.name} private"]).strip()
        host.run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", "/etc/wireguard")
        program = f'#!/bin/sh\nexec {sys.executable} -m wgd "$@"\n'
        host.write("/run/bin/wgd", program, mode=0o755)
    for host, text in ((lab.hub_1, HUB), (lab.spoke_1, SPOKE)):
        host.write(CONF, text.format(**keys), mode=0o600)
        host.run("wg-quick", "up", "wg0")
    if not lab.spoke_1.ping(HUB_ADDRESS):
        raise NotAsTold("wg-quick's own tunnel does not work")
    return keys


def _type(host: Host, command: str) -> str:
    """What a command says; a plan with differences and a note aside are no failures."""
    if command in NO_SYSTEMD:
        if "--now" in command:
            host.popen("/run/bin/wgd", "run", log=Path("/dev/null"))
        return NO_SYSTEMD[command]
    done = host.attempt("sh", "-c", f"PATH=/run/bin:$PATH; {command}")
    if done.returncode not in ((0, 1) if command.endswith("wgd plan") else (0,)):
        raise NotAsTold(f"{host.name}# {command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stderr + done.stdout


def _until_in_sync(host: Host) -> None:
    deadline = time.monotonic() + 30
    while host.attempt("/run/bin/wgd", "status").returncode:
        if time.monotonic() > deadline:
            raise NotAsTold(host.run("/run/bin/wgd", "status", check=False))
        time.sleep(0.1)


def page(told: Transcript, backend: str) -> str:
    """docs/migration.md."""
    return "\n".join(_page(told, backend)) + "\n"


def _page(told: Transcript, backend: str) -> Iterator[str]:
    yield "# From wg-quick to wgd"
    yield ""
    yield INTRODUCTION
    yield ""
    yield f"Played on Linux {platform.release().split('-')[0]} with {backend}:"
    yield f"**{told.pings:,} pings were sent, {told.lost:,} were lost.**"
    for host, typed in told.chapters.items():
        yield ""
        yield f"## On {host}"
        for text in typed:
            yield ""
            yield f"```console\n{text}\n```"


def main() -> int:
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    with Lab() as lab:
        told = play(lab)
        kernel = "type wireguard" if "wireguard" in lab.hub_1.run("ip", "-d", "link", "show", "wg0") else ""
    PAGE.write_text(page(told, "WireGuard in the kernel" if kernel else "wireguard-go"))
    print(f"{told.pings:,} pings, {told.lost:,} lost; see {PAGE.relative_to(ROOT)}")
    return 1 if told.lost else 0


if __name__ == "__main__":
    sys.exit(main())
