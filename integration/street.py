"""Three hosts on one street: a hub, a spoke, and a stranger who owns the switch and sees every packet.

Both IP versions, each with a default route: a packet that should not be sent finds its way if there is one.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from integration.host import Host

PORT = 51820
HUB, SPOKE, STRANGER = "198.51.100.15", "198.51.100.2", "198.51.100.66"
INITIATION, RESPONSE = (1, 148), (2, 92)
"""First byte and length of the two messages of a handshake."""
_ALL_PROTOCOLS = 3
_ADDRESSES = {"hub": 15, "spoke": 2}


class Street:
    """`with Street() as street:` the hosts can reach each other; there is no WireGuard yet."""

    def __init__(self) -> None:
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            self.hub, self.spoke, self.stranger = (
                _opened(name, ending) for name in ("hub", "spoke", "stranger")
            )
            self.stranger.ip(f"""
                link add street type bridge
                address add {STRANGER}/24 dev street
                address add 2001:db8::66/64 dev street
                link set street up
                """)
            for host in (self.hub, self.spoke):
                self._plug(host)
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _plug(self, host: Host) -> None:
        number = _ADDRESSES[host.name]
        self.stranger.ip(f"""
            link add {host.name} index {100 + number} type veth peer name eth0 netns {host.network_path}
            link set {host.name} master street up
            """)
        host.ip(f"""
            link set eth0 up
            address add 198.51.100.{number}/24 dev eth0
            address add 2001:db8::{number}/64 dev eth0
            route add default via {STRANGER}
            route add default via 2001:db8::66
            """)

    def make_keys(self) -> dict[str, str]:
        """A key file for hub and spoke; the public keys by name."""
        public_keys = {}
        for host in (self.hub, self.spoke):
            private_key = host.run("wg", "genkey")
            host.write("/etc/wgd/keys/wg0.key", private_key, mode=0o640)
            public_keys[host.name] = host.run("wg", "pubkey", stdin=private_key).strip()
        return public_keys

    def replay(self, payload: bytes, seconds: float = 1) -> bytes | None:
        """What the hub answers when the stranger sends it these bytes."""
        with self.stranger.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(seconds)
            sender.sendto(payload, (HUB, PORT))
            try:
                return sender.recv(2048)
            except TimeoutError:
                return None


class Tap:
    """What WireGuard's port sent or got on a host's devices, tunnels left out."""

    def __init__(self, tap: socket.socket) -> None:
        self._tap = tap

    def frames(self) -> Iterator[tuple[str, bytes]]:
        """(device, UDP payload) of what has come so far."""
        while select.select([self._tap], [], [], 0)[0]:
            packet, (device, *_) = self._tap.recvfrom(1 << 16)
            if (payload := _payload(packet)) is not None and not device.startswith("wg"):
                yield device, payload

    def messages(self, kind: tuple[int, int]) -> list[bytes]:
        """Those of one kind, see INITIATION."""
        return [payload for _, payload in self.frames() if (payload[0], len(payload)) == kind]


@contextmanager
def tapped(host: Host) -> Iterator[Tap]:
    """Listens on all devices of the host from here on."""
    with (
        host.inside(),
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)) as tap,
    ):
        yield Tap(tap)


def ping(host: Host, address: str, count: int, patience: float = 10) -> int:
    """How many of so many got no answer; if any, it waits this many seconds for it."""
    done = host.attempt("ping", "-n", "-q", "-c", str(count), "-i", "0.02", "-W", str(patience), address)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return int(found[1]) - int(found[2])


def until_quiet(tap: Tap, seconds: float) -> list[tuple[str, bytes]]:
    """All frames of the next seconds."""
    time.sleep(seconds)
    return list(tap.frames())


def _opened(name: str, ending: ExitStack) -> Host:
    host = Host(name)
    ending.callback(host.close)
    return host


def _payload(packet: bytes) -> bytes | None:
    """Of an UDP packet from or to WireGuard's port; None for any other."""
    version = packet[0] >> 4
    if version == 4 and packet[9] == socket.IPPROTO_UDP:
        udp = packet[(packet[0] & 15) * 4 :]
    elif version == 6 and packet[6] == socket.IPPROTO_UDP:
        udp = packet[40:]
    else:
        return None
    ports = int.from_bytes(udp[0:2], "big"), int.from_bytes(udp[2:4], "big")
    return udp[8:] if PORT in ports else None
