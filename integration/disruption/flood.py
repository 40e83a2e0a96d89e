"""Gaps of microseconds, which a packet every 5 ms cannot see: a flood towards one of a peer's 2,000 prefixes.

Each round takes one other prefix away and puts it back. While a prefix has no peer, sending to it fails with
ENOKEY. Only the kernel's WireGuard says so; wireguard-go drops in silence.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from integration.disruption.operations import new_key
from integration.disruption.wgd_tool import WgdTool
from integration.disruption.wish import PeerWish, Wish
from integration.host import Host

PREFIXES = tuple(f"10.50.{number >> 8}.{number & 255}/32" for number in range(2000))
EDITED, FLOODED = PREFIXES[7], PREFIXES[-1].removesuffix("/32")
_PEER = PeerWish("busy", new_key(), frozenset(PREFIXES), endpoint="198.51.100.99:51820", keepalive=25)
FULL = Wish("busy", frozenset({"172.27.0.1/16"}), (_PEER,), (), "lo", listen_port=51820)
LESS = FULL.with_peer(replace(_PEER, allowed_ips=_PEER.allowed_ips - {EDITED}))


@dataclass(frozen=True, slots=True)
class Flood:
    """How many packets were sent during so many edits, and for how many there was no peer."""

    tool: str
    edits: int
    sent: int
    nobody: int


def flood(scratch: Path, edits: int) -> list[Flood]:
    """wgd, and `wg set … allowed-ips` with the whole list, edit by edit in turn, on one host each."""
    wgd = WgdTool(scratch)
    with _host("flood-wgd") as ours, _host("flood-wg") as theirs:
        wgd.begin(ours, FULL)
        _begin_by_hand(theirs)

        def save(wish: Wish) -> None:
            wgd.change(ours, wish, wish)

        def replace_all(wish: Wish) -> None:
            words = ",".join(sorted(wish.peer("busy").allowed_ips, key=PREFIXES.index))
            theirs.run("wg", "set", "wg0", "peer", _PEER.public_key, "allowed-ips", words)

        floods = (
            _Flooder(wgd.name, ours, save),
            _Flooder("wg set … allowed-ips (all of them)", theirs, replace_all),
        )
        for number in range(edits):
            for one in floods:
                one.edit(LESS if number % 2 == 0 else FULL)
        return [one.end(edits) for one in floods]


class _Flooder:
    """A flood on one host, which runs while an edit is done."""

    def __init__(self, tool: str, host: Host, change: Callable[[Wish], None]) -> None:
        self._tool, self._host, self._change = tool, host, change
        self._sent = self._nobody = 0
        program = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "integration.disruption.flooder")
        with host.inside():
            self._process = subprocess.Popen(
                (*program, FLOODED), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

    def edit(self, wish: Wish) -> None:
        self._tell("go")
        self._change(wish)
        deadline = time.monotonic() + 30
        while (f"{EDITED}" in self._allowed()) != (wish is FULL):
            assert time.monotonic() < deadline, f"{self._tool} does not get it done"
            time.sleep(0.05)
        self._tell("stop")
        assert self._process.stdout
        sent, nobody = map(int, self._process.stdout.readline().split())
        self._sent, self._nobody = self._sent + sent, self._nobody + nobody

    def end(self, edits: int) -> Flood:
        self._process.terminate()
        self._process.communicate()
        return Flood(self._tool, edits, self._sent, self._nobody)

    def _allowed(self) -> list[str]:
        return self._host.run("wg", "show", "wg0", "allowed-ips").split()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        print(line, file=self._process.stdin, flush=True)


def _begin_by_hand(host: Host) -> None:
    host.ip("link add wg0 type wireguard\naddress add 172.27.0.1/16 dev wg0")
    host.run("wg", "set", "wg0", "private-key", "/etc/wgd/keys/wg0.key", "listen-port", "51820")
    peer = ("wg", "set", "wg0", "peer", _PEER.public_key, "endpoint", _PEER.endpoint)
    host.run(*peer, "allowed-ips", ",".join(PREFIXES))
    host.ip("link set wg0 up\nroute add 10.50.0.0/16 dev wg0")


@contextmanager
def _host(name: str) -> Iterator[Host]:
    """With a key, and a way out that leads nowhere."""
    host = Host(name)
    try:
        host.write("/etc/wgd/keys/wg0.key", host.run("wg", "genkey"), mode=0o640)
        host.ip("link add eth0 type dummy\naddress add 198.51.100.15/24 dev eth0\nlink set eth0 up")
        yield host
    finally:
        host.close()
