"""The firewalls of others on a host of the lab: the real ufw and firewalld, and the chains of a real Docker.

Their files are laid over the host's in its own mount namespace; nothing of this machine is changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.host import Host
from integration.namespaces import mount

UNPACKED = Path(__file__).parents[1] / ".venv/firewalls"
DOCKER = Path(__file__).parents[1] / "tests/firewalls/recorded"
UFW_RULES = ("before", "after", "before6", "after6", "user", "user6")
POLKIT = "usr/share/polkit-1/actions/org.fedoraproject.FirewallD1"
SAVES = ("iptables-save", "ip6tables-save", "iptables-legacy-save")
UFW_SAYS: tuple[str, ...] = ("ufw status verbose",)
FIREWALLD_SAYS: tuple[str, ...] = ("firewall-cmd --list-all", "firewall-cmd --list-all-policies")
PATIENCE = 20.0
"""Seconds until firewalld has to be there."""


def lay_files(host: Host) -> None:
    """ufw and firewalld over /usr and /etc of this host, which keeps its own folders below them."""
    _bind_policy()
    with host.inside():
        keep, work = Path("/run/keep"), Path("/run/firewalls")
        for folder in (keep, work / "upper", work / "work"):
            folder.mkdir(parents=True)
        subprocess.run(("mount", "--bind", "/etc/wgd", keep), check=True)
        lower = f"{UNPACKED}/etc:/etc" if UNPACKED.exists() else "/etc"
        mount("overlay", "/etc", f"lowerdir={lower},upperdir={work}/upper,workdir={work}/work")
        Path("/etc/wgd").mkdir(exist_ok=True)
        subprocess.run(("mount", "--bind", keep, "/etc/wgd"), check=True)
        if UNPACKED.exists():
            mount("overlay", "/usr", f"lowerdir={UNPACKED}/usr:/usr")


def _bind_policy() -> None:
    """The package's own script would do that: the policy of a server for firewalld."""
    chosen, wanted = (UNPACKED / f"{POLKIT}.{end}" for end in ("server.policy.choice", "policy"))
    if chosen.exists() and not wanted.exists():
        shutil.copy(chosen, wanted)


def need(host: Host, program: str) -> None:
    """Skips where it could not be had; with CI=true that is a failure."""
    if host.attempt("sh", "-c", f"command -v {program}").returncode:
        reason = f"no {program}: integration/lanes/fetch could not fetch Debian's"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def start_ufw(host: Host, *rules: str) -> None:
    """A fresh ufw, which drops what comes in and what would be forwarded; `rules` as arguments of ufw."""
    need(host, "ufw")
    with host.inside():
        source, etc = Path("/usr/share/ufw"), Path("/etc/ufw")
        for file in [*(f"{name}.rules" for name in UFW_RULES), "ufw.conf", "before.init", "after.init"]:
            shutil.copy(source / file, etc / file)
    host.run("ufw", "--force", "enable")
    for rule in rules:
        host.run("ufw", *rule.split())


@contextmanager
def firewalld(host: Host, *settings: str) -> Iterator[None]:
    """A fresh firewalld on a bus of its own; `settings` as arguments of firewall-cmd --permanent."""
    need(host, "firewalld")
    if os.getuid():
        pytest.skip("the bus of firewalld needs root")
    with host.inside():
        for name in ("zones", "policies"):
            shutil.rmtree(f"/etc/firewalld/{name}", ignore_errors=True)
        Path("/run/dbus").mkdir(exist_ok=True)
        Path("/run/dbus/pid").unlink(missing_ok=True)
    bus = host.popen("dbus-daemon", "--system", "--nofork", "--nopidfile")
    daemon = host.popen("firewalld", "--nofork", "--nopid")
    try:
        deadline = time.monotonic() + PATIENCE
        while host.attempt("firewall-cmd", "--state").returncode:
            assert time.monotonic() < deadline, "firewalld does not come"
            time.sleep(0.1)
        for setting in settings:
            host.run("firewall-cmd", "--permanent", *setting.split())
        if settings:
            host.run("firewall-cmd", "--reload")
        yield
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait(10)


def start_docker(host: Host, version: int) -> None:
    """The chains that dockerd makes, by the tool it makes them with."""
    host.run("iptables-restore", "--noflush", stdin=(DOCKER / f"docker-{version}.save").read_text())


def clear(host: Host) -> None:
    """Everybody's rules but wgd's go."""
    listed = json.loads(host.run("nft", "-j", "list", "tables"))["nftables"]
    tables = [one["table"] for one in listed if "table" in one]
    host.nft(
        "\n".join(f"delete table {t['family']} {t['name']}" for t in tables if t["name"] != "wgd") or "\n"
    )
    legacy = [f"-P {chain} ACCEPT" for chain in ("INPUT", "FORWARD")] + ["-F"]
    if host.read("/proc/net/ip_tables_names"):
        for command in legacy:
            host.run("iptables-legacy", *command.split())


def said(host: Host) -> dict[str, str]:
    """What the tools of those that are there say of them."""
    tables = host.run("nft", "list", "tables")
    saved = {command: host.run(command) for command in SAVES}
    commands = UFW_SAYS if "ufw-" in saved["iptables-save"] else ()
    commands += FIREWALLD_SAYS if "inet firewalld" in tables else ()
    saved |= {command: host.run(*command.split()) for command in commands}
    return {command: _timeless(text) for command, text in saved.items()}


def _timeless(text: str) -> str:
    """Without comments, which tell the time, and counters."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(line.partition(" [")[0] for line in lines)
