"""`make bench-through`: what a packet through the hub costs with rules for 10 peers and for 10,000.

One peer sends as fast as it can to what lies behind another; then they echo, one packet after the other. Both
hubs stand at once and are measured in turn. Runs on a kernel with WireGuard, else in the lane that has one.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from integration.bench import network
from integration.bench.ours import FILE, Ours
from integration.bench.words import ONE_FILE
from integration.host import Host
from integration.kernel import LANE, findings, has_wireguard
from integration.namespaces import isolate

SIZES = (10, 10_000)
ROUNDS, SECONDS, ECHOES = 7, 2.0, 300
TARGET, PORT = "10.11.12.7", 9
PAYLOAD = bytes(1000)
INSIDE = "--inside"


class Through:
    """A hub with so many peers under wgd, and two of them: `sender`, and `gateway` before `TARGET`."""

    def __init__(self, peers: int, ending: ExitStack) -> None:
        self.peers = peers
        self._hub = Ours(ONE_FILE, peers)
        ending.callback(self._hub.close)
        self.sender, self.gateway = Host(f"sender-{peers}"), Host(f"gateway-{peers}")
        for host in (self.sender, self.gateway):
            ending.callback(host.close)
        crowd, self._key = self._hub.crowd, self._hub.host.read("/etc/wgd/keys/wg0.key")
        first = next(iter(crowd.members.values()))
        crowd.members[first.name] = replace(first, key=_made_key(self.sender))
        crowd.gateway = replace(crowd.gateway, key=_made_key(self.gateway))
        self._hub.host.write(FILE, network.one_file(crowd))
        self._hub.cold()
        self._hub.stop()
        self._join(self.sender, 1, first.address)
        self._join(self.gateway, 2, TARGET)
        assert self.sender.ping(TARGET), "nothing passes through the hub"

    def _join(self, host: Host, number: int, address: str) -> None:
        """By a cable to the hub, and by its tunnel."""
        hub = self._hub.host
        near, far = f"192.0.2.{4 * number + 1}", f"192.0.2.{4 * number + 2}"
        other = f"peer name eth0 netns {host.network_path}"
        hub.ip(f"link add eth{number} index {100 + number} type veth {other}")
        hub.ip(f"address add {near}/30 dev eth{number}\nlink set eth{number} up")
        host.ip(f"address add {far}/30 dev eth0\nlink set eth0 up\nlink add wg0 type wireguard")
        public = hub.run("wg", "pubkey", stdin=self._key).strip()
        host.run("wg", "set", "wg0", "private-key", "/run/key", "peer", public, "persistent-keepalive", "5",
                 "endpoint", f"{near}:{network.PORT}", "allowed-ips", "10.0.0.0/8")  # fmt: skip
        host.ip(f"address add {address}/32 dev wg0\nlink set wg0 up\nroute add 10.0.0.0/8 dev wg0")

    @contextmanager
    def _sockets(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        with ExitStack() as ending:
            ends = []
            for host in (self.sender, self.gateway):
                with host.inside():
                    ends.append(ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            ends[1].bind((TARGET, PORT))
            ends[0].connect((TARGET, PORT))
            yield ends[0], ends[1]

    def rate(self) -> float:
        """Packets a second that arrive."""
        with self._sockets() as (out, into):
            into.setblocking(False)
            arrived, began = 0, time.perf_counter()
            while time.perf_counter() < began + SECONDS:
                for _ in range(32):
                    out.send(PAYLOAD)
                arrived += _taken(into)
            return (arrived + _taken(into)) / (time.perf_counter() - began)

    def echo(self) -> float:
        """Microseconds there and back."""
        with self._sockets() as (out, into):
            for end in (out, into):
                end.settimeout(1)
            times = []
            for _ in range(ECHOES):
                began = time.perf_counter()
                out.send(PAYLOAD)
                payload, sender = into.recvfrom(2000)
                while sender != out.getsockname():  # still on its way from the measurement before
                    payload, sender = into.recvfrom(2000)
                into.sendto(payload, sender)
                out.recv(2000)
                times.append((time.perf_counter() - began) * 1e6)
            return statistics.median(times)


def _made_key(host: Host) -> str:
    private = host.run("wg", "genkey")
    host.write("/run/key", private, mode=0o600)
    return host.run("wg", "pubkey", stdin=private).strip()


def _taken(into: socket.socket) -> int:
    """How many packets wait."""
    count = 0
    try:
        while into.recv(2000):
            count += 1
    except BlockingIOError:
        return count
    return count


def measure() -> None:
    """Prints the medians as JSON, by number of peers."""
    isolate()
    with ExitStack() as ending:
        hubs = [Through(peers, ending) for peers in SIZES]
        rates: dict[int, list[float]] = {peers: [] for peers in SIZES}
        echoes: dict[int, list[float]] = {peers: [] for peers in SIZES}
        for number in range(ROUNDS):
            for hub in hubs if number % 2 == 0 else hubs[::-1]:
                rates[hub.peers].append(hub.rate())
                echoes[hub.peers].append(hub.echo())
    print(json.dumps({"rates": list(rates.values()), "echoes": list(echoes.values())}))


def main() -> int:
    lane = [] if has_wireguard() else [LANE]
    command = [*lane, sys.executable, "-m", "integration.bench_through", INSIDE]
    found = findings(command, {"SECONDS_AT_MOST": "600", "MEMORY": "3G"})
    if found is None:
        return 1
    for what, unit in (("rates", "packets a second"), ("echoes", "µs there and back")):
        medians = [statistics.median(times) for times in found[what]]
        for peers, median, times in zip(SIZES, medians, found[what], strict=True):
            print(f"{peers:6,} peers: {median:8,.0f} {unit} ({min(times):,.0f}–{max(times):,.0f})")
        print(f"{SIZES[1]:,} / {SIZES[0]}: {medians[1] / medians[0]:.3f}")
    return 0


if __name__ == "__main__":
    if INSIDE in sys.argv:
        measure()
    else:
        sys.exit(main())
