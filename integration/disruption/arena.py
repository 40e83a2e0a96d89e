"""One lab under one tool, with the measured connection from spoke-1 to the camera through hub-1 and spoke-2.

spoke-1 is the same under every tool; hub-1 and spoke-2 are the tool's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from integration.disruption.operations import LAPTOP_ROUTE, Step, new_key
from integration.disruption.stream import LONGEST_WAY, Losses, Stream
from integration.disruption.tools import Tool
from integration.disruption.wish import PeerWish, Wish, shown
from integration.host import Host
from integration.lab import CAMERA, Lab
from integration.seed import HUB_ENDPOINT, seed_config

WEBCAMS, NETWORK = "10.11.12.0/24", "172.27.0.0/16"
SPOKE_1, SPOKE_2 = "172.27.0.2/32", "172.27.0.3/32"
HOSTS = ("hub-1", "spoke-2")


@dataclass(frozen=True, slots=True)
class Result:
    """What one operation cost. `took`: seconds until the commands showed it done."""

    tool: str
    host: str
    operation: str
    losses: Losses
    took: float = 0.0


class Arena:
    """A lab, a tool, and what is wanted at the moment."""

    def __init__(self, tool: Tool, ending: ExitStack) -> None:
        self.tool = tool
        self.lab = ending.enter_context(Lab())
        keys = self.lab.make_keys()
        self.base = {"hub-1": _hub(keys), "spoke-2": _spoke(keys)}
        self.wishes = dict(self.base)
        self._begin(keys)
        self.stream = Stream(self.lab.spoke_1, self.lab.camera, CAMERA)
        ending.callback(self.stream.close)
        self.stream.resume()
        self.stream.rest()

    def _begin(self, keys: Mapping[str, str]) -> None:
        spoke_1 = self.lab.spoke_1
        spoke_1.write("/etc/wgd/wg0.toml", seed_config("spoke-1", keys))
        applied = spoke_1.wgd("apply")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        for name in HOSTS:
            self.tool.begin(self.host(name), self.wishes[name])
            self._await(name)
        assert self.lab.spoke_2.ping("172.27.0.1", 5), "spoke-2 must speak first: the hub knows no endpoint"

    def host(self, name: str) -> Host:
        return self.lab.hosts[name]

    def idle(self, seconds: float) -> Result:
        """The noise floor: nobody does anything."""
        return self._measure("both", "nothing, for comparison", lambda: time.sleep(seconds))

    def step(self, name: str, operation: str, step: Step) -> Result:
        """Brings the host from its wish to the next, and says what that cost."""
        return self._measure(name, operation, lambda: self.change(name, step(self.wishes[name])))

    def act(self, name: str, operation: str, action: Callable[[], object]) -> Result:
        """Does what changes no wish; it is over when the wish is true again."""

        def act() -> None:
            action()
            self._await(name)

        return self._measure(name, operation, act)

    def change(self, name: str, after: Wish) -> None:
        """Returns when the commands show it."""
        self.tool.change(self.host(name), self.wishes[name], after)
        self.wishes[name] = after
        self._await(name)

    def _measure(self, name: str, operation: str, work: Callable[[], object]) -> Result:
        self.stream.resume()
        started = time.monotonic()
        work()
        took = time.monotonic() - started
        self.stream.settle()
        losses = self.stream.between(started, time.monotonic() - LONGEST_WAY / 2)
        self.stream.rest()
        return Result(self.tool.name, name, operation, losses, took)

    def _await(self, name: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not shown(self.host(name), self.wishes[name]):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.tool.name} did not bring {name} to {self.wishes[name]}")
            time.sleep(0.02)


def _hub(keys: Mapping[str, str]) -> Wish:
    return Wish(
        active="spoke-2",
        addresses=frozenset({"172.27.0.1/16"}),
        peers=(
            PeerWish("spoke-1", keys["spoke-1"], frozenset({SPOKE_1})),
            PeerWish("spoke-2", keys["spoke-2"], frozenset({SPOKE_2, WEBCAMS})),
            _laptop(),
        ),
        forwards=((SPOKE_1, SPOKE_2), (SPOKE_1, WEBCAMS)),
        lan="eth0",
        listen_port=51820,
    )


def _spoke(keys: Mapping[str, str]) -> Wish:
    hub = PeerWish("hub-1", keys["hub-1"], frozenset({NETWORK}), endpoint=HUB_ENDPOINT, keepalive=25)
    return Wish(
        active="hub-1",
        addresses=frozenset({"172.27.0.3/16"}),
        peers=(hub, _laptop()),
        forwards=((NETWORK, WEBCAMS),),
        lan="wlp0s0f0",
        masqueraded=(WEBCAMS,),
        listen_port=51821,
    )


def _laptop() -> PeerWish:
    return PeerWish("laptop", new_key(), frozenset({LAPTOP_ROUTE}), preshared_key=new_key())
