"""systemd-networkd as the tool under test: its two files, `networkctl reload`, a restart where need be.

It runs as a plain process on the lab's host, with a D-Bus of that host's own for networkctl.
"""

from __future__ import annotations

import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from integration.disruption.tools import KEY, RULES, ruleset
from integration.disruption.wish import Wish, shown_by_ip
from integration.host import Host

PROGRAM, BUS = "/lib/systemd/systemd-networkd", "/run/dbus/system_bus_socket"
USER = "systemd-network"
FOLDER = "/run/systemd/network"
NETDEV, NETWORK = f"{FOLDER}/wg0.netdev", f"{FOLDER}/wg0.network"


def can_run() -> bool:
    """It becomes a user of its own, which a user namespace with one user in it does not let it."""
    users = {entry.pw_name for entry in pwd.getpwall()}
    tools = (PROGRAM, "networkctl", "dbus-daemon")
    alone = Path("/proc/self/uid_map").read_text().split()[2] == "1"
    return all(shutil.which(tool) for tool in tools) and {USER, "messagebus"} <= users and not alone


class NetworkdTool:
    """Edit wg0.netdev or wg0.network; then `networkctl reload`.

    What wg0.netdev says of an interface that is there already, networkd reads when it starts, and only then.
    """

    def __init__(self, scratch: Path) -> None:
        version = subprocess.run(("networkctl", "--version"), capture_output=True, text=True, check=True)
        self.name = f"systemd-networkd {version.stdout.split()[1]}"
        self._scratch = scratch
        self._daemons: dict[str, subprocess.Popen[str]] = {}

    def begin(self, host: Host, wish: Wish) -> None:
        host.write("/proc/sys/net/ipv4/ip_forward", "1")
        host.run("mount", "-o", "remount,bind,ro", "/sys")  # so networkd does not wait for udev
        host.run("mkdir", "-p", FOLDER, "/run/dbus")
        host.run("install", "-m", "640", "-g", USER, "/dev/null", NETDEV)
        _write_files(host, wish)
        host.run("nft", "-f", RULES)
        host.popen("dbus-daemon", "--system", "--nofork", "--nopidfile", log=self._log(host, "dbus"))
        _until(lambda: host.attempt("test", "-S", BUS).returncode == 0)
        self.start(host)

    def change(self, host: Host, before: Wish, after: Wish) -> None:
        _write_files(host, after)
        host.run("networkctl", "reload")
        if before.peers != after.peers:
            _until(lambda: shown_by_ip(host, after))  # a restart amid a reload leaves old routes for ever
            self.restart(host)
        if ruleset(before) != ruleset(after) or before == after:
            host.run("nft", "-f", RULES)

    def mend(self, host: Host, wish: Wish) -> None:
        host.run("nft", "-f", RULES)

    def has_own_way(self, before: Wish, after: Wish) -> bool:
        changed = before.peers != after.peers or network(before) != network(after)
        return changed or before == after

    def start(self, host: Host) -> None:
        """Returns when networkctl is answered."""
        words = ("env", "SYSTEMD_LOG_TARGET=console", PROGRAM)
        self._daemons[host.name] = host.popen(*words, log=self._log(host, "networkd"))
        _until(lambda: host.attempt("networkctl", "status").returncode == 0)

    def stop(self, host: Host, sign: signal.Signals = signal.SIGTERM) -> None:
        process = self._daemons.pop(host.name)
        process.send_signal(sign)
        process.wait(20)

    def restart(self, host: Host) -> None:
        self.stop(host)
        self.start(host)

    def kill(self, host: Host) -> None:
        self.stop(host, signal.SIGKILL)
        self.start(host)

    def _log(self, host: Host, program: str) -> Path:
        return self._scratch / f"{program}-{host.name}.log"


def _write_files(host: Host, wish: Wish) -> None:
    host.write(NETDEV, netdev(wish, host.read(KEY).strip()))
    host.write(NETWORK, network(wish))
    host.write(RULES, ruleset(wish))


def netdev(wish: Wish, private_key: str) -> str:
    """wg0.netdev: what `wg` sets."""
    lines = ["[NetDev]", "Name=wg0", "Kind=wireguard", "", "[WireGuard]", f"PrivateKey={private_key}"]
    lines += [f"ListenPort={wish.listen_port}"] if wish.listen_port else []
    for peer in wish.peers:
        lines += ["", f"# {peer.name}", "[WireGuardPeer]", f"PublicKey={peer.public_key}"]
        lines += [f"AllowedIPs={','.join(sorted(peer.allowed_ips))}"]
        lines += [f"Endpoint={peer.endpoint}"] if peer.endpoint else []
        lines += [f"PersistentKeepalive={peer.keepalive}"] if peer.keepalive else []
        lines += [f"PresharedKey={peer.preshared_key}"] if peer.preshared_key else []
    return "\n".join(lines) + "\n"


def network(wish: Wish) -> str:
    """wg0.network: what `ip` sets."""
    lines = ["[Match]", "Name=wg0", "", "[Link]", f"MTUBytes={wish.mtu}", "", "[Network]"]
    lines += [f"Address={address}" for address in sorted(wish.addresses)]
    for prefix in sorted(wish.routes):
        lines += ["", "[Route]", f"Destination={prefix}", "Scope=link"]
    return "\n".join(lines) + "\n"


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "systemd-networkd does not answer"
        time.sleep(0.02)
