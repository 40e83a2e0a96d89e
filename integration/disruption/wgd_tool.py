"""wgd as the tool under test: its file, and its daemon, which is restarted, killed, upgraded and traced."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import wgd
from integration.disruption.wish import SPARE_RULES, PeerWish, Wish
from integration.host import Host

FILE, STATUS = "/etc/wgd/wg0.toml", "/run/wgd/status.json"


class WgdTool:
    """wgd: save the file, and let the daemon see it."""

    name = "wgd"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._daemons: dict[str, subprocess.Popen[str]] = {}
        self._upgrades = 0

    def begin(self, host: Host, wish: Wish) -> None:
        self.change(host, wish, wish)
        self.start(host)

    def change(self, host: Host, before: Wish, after: Wish) -> None:
        for peer in after.peers:
            if peer.preshared_key:
                host.write(f"/etc/wgd/{_key_file(peer)}", peer.preshared_key, mode=0o640)
        host.write(FILE, toml(after))

    def mend(self, host: Host, wish: Wish) -> None:
        """Nothing is left to be done."""

    def has_own_way(self, before: Wish, after: Wish) -> bool:
        return True

    def start(self, host: Host, *before: str) -> None:
        """Starts the daemon, behind these words if any (`env …`, `strace …`), and waits until it reports."""
        log = self._scratch / f"{host.name}.log"
        self._daemons[host.name] = host.popen(*before, sys.executable, "-m", "wgd", "run", log=log)
        started = time.time()
        while not _reported_since(host, started):
            if time.time() > started + 30:
                raise AssertionError(f"wgd does not report:\n{log.read_text()}")
            time.sleep(0.02)

    def stop(self, host: Host, sign: signal.Signals = signal.SIGTERM) -> None:
        os.kill(json.loads(host.read(STATUS))["pass"]["pid"], sign)  # strace would keep it to itself
        self._daemons.pop(host.name).wait(20)

    def restart(self, host: Host) -> None:
        self.stop(host)
        self.start(host)

    def kill(self, host: Host) -> None:
        self.stop(host, signal.SIGKILL)
        self.start(host)

    def upgrade(self, host: Host) -> None:
        """What an installation does: another copy, of another version, takes over."""
        self._upgrades += 1
        folder = self._scratch / f"upgrade-{self._upgrades}"
        shutil.copytree(Path(wgd.__file__).parent, folder / "wgd")
        (folder / "wgd/__init__.py").write_text(
            f'"""Another version."""\n\n__version__ = "99.{self._upgrades}"\n'
        )
        self.stop(host)
        self.start(host, "env", "-C", str(folder))

    def saw(self, text: str) -> Sequence[str]:
        """What the daemons logged that has this text in it."""
        logs = (log.read_text().splitlines() for log in self._scratch.glob("*.log"))
        return [line for lines in logs for line in lines if text in line]


def _reported_since(host: Host, moment: float) -> bool:
    with host.inside():
        try:
            status = Path(STATUS)
            return status.stat().st_mtime > moment and bool(json.loads(status.read_text()))
        except (OSError, ValueError):
            return False


def toml(wish: Wish) -> str:
    """/etc/wgd/wg0.toml."""
    lines = ["[interface]", f"addresses = {_list(wish.addresses)}", f"mtu = {wish.mtu}"]
    lines += [f"listen_port = {wish.listen_port}"] if wish.listen_port else []
    lines += [] if any(peer.endpoint for peer in wish.peers) else ['role = "hub"']
    for peer in wish.peers:
        lines += ["", f"[peers.{peer.name}]", f'public_key = "{peer.public_key}"']
        lines += [f"allowed_ips = {_list(peer.allowed_ips)}"]
        lines += [f'endpoint = "{peer.endpoint}"'] if peer.endpoint else []
        lines += [f"persistent_keepalive = {peer.keepalive}"] if peer.keepalive else []
        lines += [f'preshared_key_file = "{_key_file(peer)}"'] if peer.preshared_key else []
    for source, target in wish.forwards:
        lines += ["", "[[forward]]", f"from = {_list([source])}", f"to = {_list([target])}"]
        lines += [f'out = "{wish.lan}"'] if target in SPARE_RULES else []
    if wish.masqueraded:
        lines += ["", "[[masquerade]]", f'out = "{wish.lan}"', f"to = {_list(wish.masqueraded)}"]
    return "\n".join(lines) + "\n"


def _list(words: Sequence[str] | frozenset[str]) -> str:
    return json.dumps(sorted(words))


def _key_file(peer: PeerWish) -> str:
    """Another key is another file: so a save is one save."""
    return f"keys/{peer.name}-{peer.public_key[:4].encode().hex()}{peer.preshared_key[:6].encode().hex()}.psk"
