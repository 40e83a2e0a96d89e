"""The mission's three hosts as healthy machines, to be broken; and what is explained of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from tests.configs import HUB, NOW, SPOKE_1, SPOKE_2, address, config, key, network
from tests.fake import FakeKernel
from tests.way_fake import ask
from wgd.config.document import Config, Forward, Interface, Peer
from wgd.config.scalars import port_range
from wgd.explain.journey import broken, steps
from wgd.explain.sight import Asked, Sight
from wgd.explain.steps import Mark, Step
from wgd.firewalls.walk import Ruleset
from wgd.reconcile import Resolved, observe, reconcile

CAMERA = "10.11.12.7"
DEVICES = {
    "hub-1": ("eth0", "198.51.100.15/24"),
    "spoke-1": ("eth0", "192.168.1.23/24"),
    "spoke-2": ("wlp0s0f0", "10.0.0.3/8"),
}
FOUND_AT = {"spoke-1": ("203.0.113.10", 40696), "spoke-2": ("192.0.2.20", 44502)}
WANTED = {"hub-1": HUB, "spoke-1": SPOKE_1, "spoke-2": SPOKE_2}


@dataclass
class Machine:
    """One of the three, as wgd made it: everybody was heard 10 s ago."""

    name: str
    interface: Interface
    kernel: FakeKernel = field(default_factory=FakeKernel)
    strict: frozenset[str] = frozenset()
    ruleset: Ruleset = field(default_factory=Ruleset)
    answers: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    now: float = NOW
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return config(self.interface)

    @property
    def known(self) -> Resolved:
        """What DNS says."""
        ends = (peer.endpoint for peer in self.interface.peers if peer.endpoint)
        literal = {str(end): ((end.host, end.port),) for end in ends if end.address}
        return {**literal, **self.answers}

    def settle(self) -> None:
        """One pass of wgd by the files as they are."""
        reconcile(self.kernel, self.config, self.known, self.now)

    def wants(self, **changes: Any) -> None:
        """Somebody edits the file, and wgd does as it says."""
        self.interface = replace(self.interface, **changes)
        self.settle()

    def wants_peer(self, name: str, **changes: Any) -> None:
        peers = [replace(p, **changes) if p.name == name else p for p in self.interface.peers]
        self.wants(peers=tuple(peers))

    def heard(self, name: str, ago: float = 10.0, received: int = 4000, sent: int = 5000) -> None:
        """What the kernel says of a peer; `ago` 0: no handshake ever."""
        place = ("wg0", key(name))
        have = self.kernel._peers[place]
        when = self.now - ago if ago else 0.0
        self.kernel._peers[place] = replace(have, last_handshake=when, received=received, sent=sent)

    def change_peer(self, name: str, **changes: Any) -> None:
        """Somebody types `wg set`."""
        place = ("wg0", key(name))
        self.kernel._peers[place] = replace(self.kernel._peers[place], **changes)

    def sight(self) -> Sight:
        state = observe(self.kernel, self.known, self.now)
        filters = dict.fromkeys(self.strict, 1)
        look = Sight(self.config, state, lambda asked: ask(self.kernel, asked, self.strict), filters)
        return replace(look, ruleset=self.ruleset, **self.more)

    def explain(self, target: str, source: str = "", port: str = "") -> tuple[Step, ...]:
        asked = Asked(
            ip_address(target),
            ip_address(source) if source else None,
            port_range(port) if port else None,
        )
        return steps(self.sight(), asked)

    def first_wrong(self, target: str, source: str = "", port: str = "") -> Step:
        found = broken(self.explain(target, source, port))
        assert found is not None
        return found


def machine(name: str) -> Machine:
    """A healthy one."""
    made = Machine(name, WANTED[name])
    device, own = DEVICES[name]
    made.kernel.add_link(device, "veth", up=True)
    made.kernel.add_address(device, address(own))
    made.kernel.add_route(network("0.0.0.0/0"), device, gateway=True)
    made.settle()
    for peer in made.interface.peers:
        if peer.name in FOUND_AT:
            made.kernel.roam("wg0", key(peer.name), FOUND_AT[peer.name])
        made.heard(peer.name)
    return made


def wrong(way: tuple[Step, ...]) -> list[str]:
    """The diagnoses."""
    return [step.diagnosis for step in way if step.mark is Mark.WRONG]


def text(step: Step) -> str:
    """Its mend in one line."""
    mend = step.mend
    return "" if mend is None else " ".join((mend.host, mend.words, *mend.lines, mend.file))


__all__ = ["CAMERA", "Forward", "Machine", "Peer", "machine", "text", "wrong"]
