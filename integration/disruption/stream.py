"""The measured connection: a UDP packet every 5 ms that the camera sends back, and a TCP download beside it.

Both ends are processes of their own (`ends`), so that nothing the bench does delays them. What was lost is
read from the numbers of the packets, never from rates.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from integration.host import Host

INTERVAL_MS = 5
LONGEST_WAY = 1.0
"""Seconds after which a packet that has not come back counts as lost."""
PATIENCE = 300.0
"""Seconds. Outages of 113 were seen after a hub was made anew, and TCP takes up again later still."""
_PROGRAM = ("setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "integration.disruption.ends")


@dataclass(frozen=True, slots=True)
class Losses:
    """What the connection noticed between two moments. Times in seconds.

    `outage`: the longest run of lost packets, from the sending of its first to that of the next that came
    back. `stall`: the longest time between two portions of the download. `broken`: how often the download
    had to connect again. `hiccup`: the longest time between two packets sent: the machine's own fault.
    """

    sent: int = 0
    lost: int = 0
    outage: float = 0.0
    stall: float = 0.0
    broken: int = 0
    hiccup: float = 0.0


class Stream:
    """The connection from one host to another. It rests until `resume`."""

    def __init__(self, client: Host, server: Host, address: str) -> None:
        with server.inside():
            self._server = subprocess.Popen(_PROGRAM)
        with client.inside():
            self._client = subprocess.Popen(
                (*_PROGRAM, address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

    def resume(self) -> None:
        """Sends again, and returns when everything comes back."""
        self._tell("go")
        self.settle()

    def rest(self) -> None:
        self._tell("rest")

    def between(self, start: float, end: float) -> Losses:
        """Both on the monotonic clock; waits until the last packet has had its time to come back."""
        time.sleep(max(0.0, end + LONGEST_WAY - time.monotonic()))
        return self._ask(start, end)

    def settle(self, seconds: float = PATIENCE) -> None:
        """Returns when nothing was lost for half a second, and the download goes on."""
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            time.sleep(0.1)
            end = time.monotonic() - LONGEST_WAY / 2
            seen = self._ask(end - 0.5, end)
            if end - 0.5 > started and seen.sent > 20 and not seen.lost and seen.stall < 0.4:
                return
        raise AssertionError(f"the connection did not come back within {seconds:g} s")

    def close(self) -> None:
        for process in (self._client, self._server):
            process.terminate()
            process.communicate()

    def _ask(self, start: float, end: float) -> Losses:
        self._tell(f"{start} {end}")
        assert self._client.stdout
        return Losses(**json.loads(self._client.stdout.readline()))

    def _tell(self, line: str) -> None:
        assert self._client.stdin
        print(line, file=self._client.stdin, flush=True)
