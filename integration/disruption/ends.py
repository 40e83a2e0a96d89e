"""The two ends of the measured connection, each a process of its own: `ends` answers, `ends ADDRESS` sends.

The client takes one line at a time: `go`, `rest`, or two moments of the monotonic clock, and answers the
last with what happened between them, as JSON. It only records; it never decides what was anybody's fault.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from integration.disruption.stream import INTERVAL_MS

INTERVAL = INTERVAL_MS / 1000
_UDP_PORT, _TCP_PORT = 7007, 7008
_CHUNK, _PAUSE = 8192, 0.025
_NUMBER = struct.Struct("!I")


def serve() -> None:
    """Sends every UDP packet back where it came from, and a portion of bytes for every byte over TCP."""
    listener = socket.create_server(("", _TCP_PORT), backlog=16)
    threading.Thread(target=_serve_downloads, args=(listener,), daemon=True).start()
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("", _UDP_PORT))
    while True:
        try:
            echo.sendto(*echo.recvfrom(64))
        except OSError:  # the way back is closed just now: the packet is lost, and counted at the other end
            continue


def _serve_downloads(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve_download, args=(connection,), daemon=True).start()


def _serve_download(connection: socket.socket) -> None:
    try:
        with connection:
            while connection.recv(1):
                connection.sendall(bytes(_CHUNK))
    except OSError:
        return


class Client:
    """Sends, downloads and remembers."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._sent = array("d")
        self._back = bytearray()
        self._portions = array("d")
        self._broken = array("d")
        self._on = threading.Event()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._orders = open(0, "rb", buffering=0)  # noqa: SIM115  # what a buffer holds, select does not see

    def run(self) -> None:
        """Until standard input ends."""
        threading.Thread(target=self._download, daemon=True).start()
        due = time.monotonic()
        while True:
            patience = max(0.0, due - time.monotonic()) if self._on.is_set() else None
            ends = [self._udp.fileno(), self._orders.fileno()]
            readable = select.select(ends, [], [], patience)[0]
            if self._udp.fileno() in readable:
                self._receive()
            if self._orders.fileno() in readable and not self._obey(self._orders.readline().decode().split()):
                return
            now = time.monotonic()
            if self._on.is_set() and now >= due:
                self._send(now)
                due = max(due + INTERVAL, now)

    def _obey(self, words: Sequence[str]) -> bool:
        """False when there is nobody left to obey."""
        match words:
            case ["go"]:
                self._on.set()
            case ["rest"]:
                self._on.clear()
            case [start, end]:
                print(json.dumps(self.between(float(start), float(end))), flush=True)
        return bool(words)

    def _send(self, now: float) -> None:
        number = _NUMBER.pack(len(self._sent))
        self._sent.append(now)
        self._back.append(0)
        try:
            self._udp.sendto(number, (self._address, _UDP_PORT))
        except OSError:  # no route or no key just now: it never comes back
            return

    def _receive(self) -> None:
        try:
            while True:
                self._back[_NUMBER.unpack(self._udp.recv(64))[0]] = 1
        except OSError:
            return

    def _download(self) -> None:
        while True:
            self._on.wait()
            try:
                with socket.create_connection((self._address, _TCP_PORT), timeout=5) as connection:
                    connection.settimeout(None)
                    self._fetch(connection)
            except OSError:
                self._broken.append(time.monotonic())
                time.sleep(0.05)

    def _fetch(self, connection: socket.socket) -> None:
        while True:
            self._on.wait()
            connection.sendall(b".")
            missing = _CHUNK
            while missing:
                received = len(connection.recv(missing))
                if not received:
                    raise ConnectionResetError
                missing -= received
            self._portions.append(time.monotonic())
            time.sleep(_PAUSE)

    def between(self, start: float, end: float) -> dict[str, float]:
        """The fields of `stream.Losses`."""
        first, last = bisect_left(self._sent, start), bisect_left(self._sent, end)
        portions = self._portions[bisect_left(self._portions, start) : bisect_left(self._portions, end)]
        return {
            "sent": last - first,
            "lost": self._back.count(0, first, last),
            "outage": self._outage(first, last, end),
            "stall": _longest([start, *portions, end]),
            "broken": bisect_left(self._broken, end) - bisect_left(self._broken, start),
            "hiccup": _longest(self._sent[first:last]),
        }

    def _outage(self, first: int, last: int, end: float) -> float:
        longest, since = 0.0, None
        for number in range(first, last):
            if not self._back[number]:
                since = self._sent[number] if since is None else since
                continue
            if since is not None:
                longest, since = max(longest, self._sent[number] - since), None
        return max(longest, end - since) if since is not None else longest


def _longest(moments: Sequence[float]) -> float:
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


if __name__ == "__main__":
    if sys.argv[1:]:
        Client(sys.argv[1]).run()
    else:
        serve()
