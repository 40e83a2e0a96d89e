"""Random edits on a real kernel, with random mischief of a second administrator in between.

The configs, the mischief and what must hold are those of tests/test_properties.py. One network lives through
all of it, as a real one does: 50 edits, or 1,000 with --thorough, each of which is two transitions.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration.host import CommandFailed, Host
from integration.test_contract_kernel import RealWorld
from tests.configs import key, networks, private_key
from tests.strategies import MISCHIEF, edits, meddle_with_sets, tampering
from tests.test_properties import Edit, foreign
from wgd.config.document import Config
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.address import Address
from wgd.kinds.device import DeviceSet
from wgd.kinds.peer import PeerEdit, PeersSet
from wgd.kinds.policy import OPENED, OWN
from wgd.model import Op

EDITS, MANY = 50, 1000


class Refusing(LinuxKernel):
    """Refuses the op of this number, counted from 0; -1: none."""

    refuses = -1

    def run(self, op: Op) -> None:
        self.refuses -= 1
        if self.refuses == -1:
            raise KernelError(op.commands()[0], errno.EIO, "as asked")
        super().run(op)


def edit(world: RealWorld, one: PeerEdit) -> None:
    world.kernel.run(PeersSet(refs=(), interface="wg0", edits=(one,)))


def device(world: RealWorld, **what: object) -> None:
    world.kernel.run(DeviceSet(refs=(), interface="wg0", **what))  # type: ignore[arg-type]


TAMPERING: dict[str, Callable[[RealWorld], object]] = {
    "link down": lambda world: world.set_link("wg0", up=False),
    "link deleted": lambda world: world.delete_link("wg0"),
    "mtu": lambda world: world.set_mtu("wg0", 1300),
    "mtu of the other": lambda world: world.set_mtu("wg1", 1400),
    "port": lambda world: device(world, listen_port=1),
    "key": lambda world: device(world, private_key=private_key("theirs")),
    "stranger": lambda world: edit(
        world, PeerEdit(key("stranger"), add_allowed_ips=networks("172.20.0.2/32", "192.168.100.0/24"))
    ),
    "theft": lambda world: edit(
        world, PeerEdit(key("ann"), only_existing=True, add_allowed_ips=networks("172.20.0.3/32"))
    ),
    "peer removed": lambda world: edit(world, PeerEdit(key("ann"), remove=True)),
    "roamed": lambda world: edit(
        world, PeerEdit(key("ann"), only_existing=True, endpoint=("203.0.113.77", 1234))
    ),
    "address deleted": lambda world: world.delete_address("wg0", "172.20.0.1/16"),
    "address added": lambda world: world.add_address("wg0", "192.168.99.1/24"),
    "route deleted": lambda world: world.delete_route("192.168.100.0/24"),
    "connected route deleted": lambda world: world.delete_route("10.0.0.0/8"),
    "route elsewhere": lambda world: world.add_route("192.168.98.0/24", "eth0"),
    "rules flushed": lambda world: world.flush_rules(),
    "routing rules flushed": lambda world: [*map(world.delete_policies, (OWN, OPENED))],
    "rule inserted": lambda world: world.insert_rule("forward-wg0", "accept"),
    "chain inserted": lambda world: world.insert_rule("theirs", "drop"),
    "set inserted": lambda world: world.add_set("their-set"),
    "element added": lambda world: meddle_with_sets(world.kernel, add=True),
    "element deleted": lambda world: meddle_with_sets(world.kernel, add=False),
    "Docker restarted": lambda world: world.empty_iptables_chain("DOCKER-USER"),
    "forwarding off": lambda world: world.write_sysctl("net/ipv4/conf/wg0/forwarding", "0"),
    "forwarding on": lambda world: world.write_sysctl("net/ipv4/conf/all/forwarding", "1"),
    "IPv6 forwarding on": lambda world: world.write_sysctl("net/ipv6/conf/all/forwarding", "1"),
    "secondaries not promoted": lambda world: world.write_sysctl(
        "net/ipv4/conf/wg0/promote_secondaries", "0"
    ),
}


def tamper(world: RealWorld, names: list[str]) -> None:
    """What of it can be done is done."""
    for name in names:
        with suppress(KernelError, CommandFailed, FileNotFoundError):
            TAMPERING[name](world)


def passes(world: RealWorld, wanted: Config) -> None:
    """One pass that touches what differs, all of it and nothing else; and nothing is left for a second."""
    before = foreign(world.kernel)
    plan = world.plan(wanted)
    named = {ref for op in plan.ops for ref in op.refs}
    assert named <= {change.ref for change in plan.changes}
    world.reach(wanted)
    gone = before - foreign(world.kernel)
    assert all(isinstance(item, Address) and world.link(item.interface) is None for item in gone), gone


def test_all_mischief_is_done_here_too() -> None:
    assert TAMPERING.keys() == MISCHIEF.keys()


def test_random_transitions(namespace: Host, lane: str, thorough: bool) -> None:
    world = RealWorld(namespace, lane)
    kernel = world.kernel = Refusing()
    world.add_device("eth0", "192.0.2.2/24")
    world.add_device("wlp0s0f0", "10.11.12.1/8")
    world.add_route("203.0.113.0/24", "eth0")
    done = 0

    @settings(
        max_examples=MANY if thorough else EDITS,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(edits(), tampering, st.integers(-1, 12))
    def transitions(edit: Edit, trouble: list[str], refused: int) -> None:
        nonlocal done
        passes(world, edit[0])
        tamper(world, trouble)
        kernel.refuses = refused
        if refused >= 0:
            world.apply(edit[1])
            kernel.refuses = -1
        passes(world, edit[1])
        done += 2

    transitions()
    print(f"{done} transitions")
