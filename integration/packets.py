"""Packets of every sort, sent on purpose and counted where they arrive; and one pass of wgd, in this process.

Counting says "nothing came" for certain where a missing answer says only that no answer came.
"""

from __future__ import annotations

import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from integration.host import Host
from tests.configs import resolved
from wgd.kernel.linux import LinuxKernel
from wgd.model import Report
from wgd.reconcile import reconcile
from wgd.sources.files import Directories, load

SIZE = 300_000
"""Bytes that a server here sends."""
SETTLED = 0.2
"""Seconds after which a packet has arrived, or never will."""
PING_EVERY = 0.005
SORTS = {
    "tcp/80": "tcp dport 80",
    "tcp/81": "tcp dport 81",
    "udp/80": "udp dport 80",
    "icmp": "icmp type echo-request",
}

Counts = Callable[[], dict[str, int]]


def settle(host: Host, text: str | None = None, interface: str = "wg0") -> Report:
    """Saves the file, if there is a text, and makes one pass."""
    if text is not None:
        host.write(f"/etc/wgd/{interface}.toml", text)
    with host.inside():
        loaded = load(Directories(), time.time(), accepted=False)
        assert not loaded.frozen and not loaded.config.held, loaded.problems
        return reconcile(LinuxKernel(), loaded.config, resolved(loaded.config), time.time())


def settled(host: Host, text: str | None = None, interface: str = "wg0") -> None:
    """The same, and it has to succeed."""
    report = settle(host, text, interface)
    assert report.converged, (report.residue, [o for o in report.outcomes if not o.ok])


@contextmanager
def arriving(host: Host, hook: str = "prerouting priority raw", **matches: str) -> Iterator[Counts]:
    """Counts by name what arrives at the host and matches, in nft's language, dropped there or not. At
    another hook only what got so far counts."""
    rules = "".join(f'{match} counter comment "{name}";\n' for name, match in matches.items())
    host.nft(f"table inet watch {{ chain arriving {{ type filter hook {hook}; {rules} }}\n}}")

    def counts() -> dict[str, int]:
        time.sleep(SETTLED)
        listed = host.run("nft", "list", "table", "inet", "watch")
        found = re.findall(r'counter packets (\d+) bytes \d+ comment "(.+)"', listed)
        return {name: int(packets) for packets, name in found}

    try:
        yield counts
    finally:
        host.run("nft", "delete", "table", "inet", "watch")


def knock(host: Host, address: str, source: str = "") -> None:
    """A packet of each of SORTS, from any source address, even one that is not this host's (IPv4)."""
    with host.inside():
        for number in (80, 81):
            _send_raw(address, source, socket.IPPROTO_TCP, _syn(number))
        _send_raw(address, source, socket.IPPROTO_UDP, struct.pack("!4H", 40001, 80, 8, 0))
        _send_raw(address, source, socket.IPPROTO_ICMP, _with_checksum(8, 0, struct.pack("!HH", 7, 1)))


def send_icmp_error(host: Host, address: str, inner_source: str, inner_target: str) -> None:
    """ "Fragmentation needed", about a TCP packet that nobody ever sent."""
    inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1400, 1, 0x4000, 64, 6, 0,
                        socket.inet_aton(inner_source), socket.inet_aton(inner_target))  # fmt: skip
    with host.inside():
        body = struct.pack("!HH", 0, 1280) + inner + struct.pack("!HHI", 80, 40001, 1)
        _send_raw(address, "", socket.IPPROTO_ICMP, _with_checksum(3, 4, body))


def _send_raw(address: str, source: str, protocol: int, payload: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        # The kernel fills in length, checksum and, where it is 0.0.0.0, the source address.
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, protocol, 0,
                             socket.inet_aton(source or "0.0.0.0"), socket.inet_aton(address))  # fmt: skip
        with suppress(OSError):  # no route, no peer: it has not passed
            raw.sendto(header + payload, (address, 0))


def _syn(port: int) -> bytes:
    """Its checksum is wrong, which routers do not look at."""
    return struct.pack("!HHIIBBHHH", 40000 + port, port, 1, 0, 5 << 4, 2, 1024, 0, 0)


def _with_checksum(kind: int, code: int, body: bytes) -> bytes:
    whole = struct.pack("!BBH", kind, code, 0) + body
    words = struct.unpack(f"!{len(whole) // 2}H", whole)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", kind, code, ~(total + (total >> 16)) & 0xFFFF) + body


@contextmanager
def pinging(host: Host, address: str, answered: bool = True) -> Iterator[None]:
    """Pings all the time; every ping has to be answered unless said otherwise."""
    process = host.popen("ping", "-n", "-i", str(PING_EVERY), address)
    try:
        time.sleep(SETTLED)
        yield
        time.sleep(SETTLED)
    finally:
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=10)[0]
    if answered:
        heard = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", text)}
        assert len(heard) > SETTLED / PING_EVERY / 2, text
        # Those after the last one that was heard are still under way.
        assert sorted(set(range(1, max(heard))) - heard) == []


class served(ExitStack):
    """A server that first takes what comes up to a line's end, then sends SIZE bytes."""

    def __init__(self, host: Host, port: int) -> None:
        super().__init__()
        with host.inside():
            server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        listener = self.enter_context(server)
        thread = threading.Thread(target=self._serve, args=(listener,))
        thread.start()
        self.callback(thread.join)
        self.callback(listener.shutdown, socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    while not connection.recv(65536).endswith(b"\n"):
                        pass
                    connection.sendall(bytes(SIZE))


def transferred(host: Host, address: str, port: int, upload: int, patience: float = 5) -> int:
    """Bytes that came back after so many were sent; `patience`: seconds to wait for the next."""
    came = 0
    with host.inside(), socket.create_connection((address, port), timeout=5) as connection, suppress(OSError):
        connection.settimeout(patience)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # do not wait
        connection.sendall(bytes(upload) + b"\n")
        while received := connection.recv(65536):
            came += len(received)
    return came
