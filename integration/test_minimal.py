"""Edits of a live tunnel go the way that costs least: no packet that the edit does not mean is lost."""

from __future__ import annotations

import base64
import errno
import mmap
import os
import re
import select
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from integration.host import Host
from integration.street import HUB, PORT, Street, ping
from tests.configs import resolved
from wgd.config import x25519
from wgd.config.document import Config, Endpoint, Interface, Peer, Role
from wgd.kernel.linux import LinuxKernel
from wgd.model import Outcome, Secret
from wgd.prefixes import Prefix
from wgd.reconcile import reconcile

PRIVATE = {name: Secret(x25519.clamp(name.encode().ljust(32, b"."))) for name in ("hub", "spoke", "new")}
PUBLIC = {name: x25519.public(key.reveal()) for name, key in PRIVATE.items()}
WEBCAMS = Prefix.parse("10.11.12.0/24")
MANY = tuple(Prefix(4, 0x0A800000 + (number << 8), 24) for number in range(2000))

TO_SPOKE = Peer("spoke", PUBLIC["spoke"], (Prefix.parse("172.27.0.2/32"), WEBCAMS))
TO_HUB = Peer("hub", PUBLIC["hub"], (Prefix.parse("172.27.0.0/16"),), endpoint=Endpoint(HUB, PORT))
ADDRESS, OTHER, SIX = map(ip_interface, ("172.27.0.1/16", "172.27.0.9/16", "fd00:27::1/64"))
HUB_0 = Interface("wg0", PRIVATE["hub"], (ADDRESS,), Role.HUB, PORT, peers=(TO_SPOKE,))
SPOKE_0 = Interface(
    "wg0", PRIVATE["spoke"], (ip_interface("172.27.0.2/16"),), listen_port=PORT, peers=(TO_HUB,)
)


def reach(host: Host, interface: Interface) -> tuple[Outcome, ...]:
    """One pass, after which nothing differs."""
    wanted = Config({interface.name: interface})
    with host.inside():
        done = reconcile(LinuxKernel(), wanted, resolved(wanted), 0.0)
    assert done.converged, done.residue
    return done.outcomes


@pytest.fixture
def street() -> Iterator[Street]:
    """A tunnel that stands."""
    with Street() as made:
        reach(made.hub, HUB_0)
        reach(made.spoke, SPOKE_0)
        assert ping(made.spoke, "172.27.0.1", 3) == 0
        yield made


def hub(**more: Any) -> Interface:
    return replace(HUB_0, **more)


PHONE = Peer("phone", PUBLIC["new"], (Prefix.parse("172.27.0.3/32"),))
WITHOUT_CAMERAS = replace(TO_SPOKE, allowed_ips=TO_SPOKE.allowed_ips[:1])


def addresses(*texts: str) -> Interface:
    return hub(addresses=tuple(map(ip_interface, texts)))


def peers(*listed: Peer) -> Interface:
    return hub(peers=listed)


EDITS = (
    ("another address", hub(), addresses("172.27.0.1/16", "172.27.0.9/16", "fd00:27::1/64")),
    ("the primary address goes", addresses("172.27.0.9/16", "172.27.0.1/16"), hub()),
    ("a secondary address goes", addresses("172.27.0.1/16", "172.27.0.9/16"), hub()),
    ("a longer prefix", hub(), addresses("172.27.0.1/24")),
    ("a shorter prefix", addresses("172.27.0.1/32"), hub()),
    (
        "IPv6 with another prefix",
        addresses("172.27.0.1/16", "fd00:27::1/64"),
        addresses("172.27.0.1/16", "fd00:27::1/48"),
    ),
    ("MTU", hub(), hub(mtu=1380)),
    ("a peer comes", hub(), peers(TO_SPOKE, PHONE)),
    ("a peer goes", peers(TO_SPOKE, PHONE), hub()),
    (
        "a peer has another key",
        peers(TO_SPOKE, PHONE),
        peers(TO_SPOKE, replace(PHONE, public_key=b"k" * 32)),
    ),
    (
        "a preshared key",
        peers(TO_SPOKE, PHONE),
        peers(TO_SPOKE, replace(PHONE, preshared_key=Secret(b"p" * 32))),
    ),
    ("a keepalive", hub(), peers(replace(TO_SPOKE, persistent_keepalive=25))),
    ("a prefix of the active peer goes", hub(), peers(WITHOUT_CAMERAS)),
    (
        "a prefix of the active peer moves",
        peers(TO_SPOKE, PHONE),
        peers(WITHOUT_CAMERAS, replace(PHONE, allowed_ips=(*PHONE.allowed_ips, WEBCAMS))),
    ),
)


@pytest.mark.parametrize(("before", "after"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_the_other_side_notices_nothing(street: Street, before: Interface, after: Interface) -> None:
    reach(street.hub, before)
    with streaming(street.spoke) as stream:
        assert reach(street.hub, after)
    assert stream.lost == 0


def test_a_spokes_port_changes_under_its_session(street: Street) -> None:
    """The hub learns the new one from the next packet. Only an answer that is on its way to the old one just
    then finds nobody there."""
    with streaming(street.spoke) as stream:
        reach(street.spoke, replace(SPOKE_0, listen_port=40000))
    assert stream.lost <= 2


def test_a_new_private_key_ends_sessions_by_its_meaning_and_they_come_back(street: Street) -> None:
    reach(street.spoke, replace(SPOKE_0, private_key=PRIVATE["new"]))
    reach(street.hub, hub(peers=(replace(TO_SPOKE, public_key=PUBLIC["new"]),)))
    assert ping(street.spoke, "172.27.0.1", 3) < 3


@dataclass
class Stream:
    """A ping every 5 ms; `log` is what it says."""

    log: Path
    lost: int = -1

    def answered(self) -> list[int]:
        """The numbers of those that came back."""
        return [int(found) for found in re.findall(r"icmp_seq=(\d+) ttl", self.log.read_text())]


@contextmanager
def streaming(host: Host) -> Iterator[Stream]:
    """Packets flow during the block, and on after it; those still on their way at the end are not lost."""
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(Path(folder, "ping"))
        sender = host.popen("ping", "-n", "-i", "0.005", "-W", "1", "172.27.0.1", log=stream.log)
        wait_for_more(stream)
        yield stream
        wait_for_more(stream)
        sender.terminate()
        sender.wait(10)
        answered = stream.answered()
        stream.lost = max(answered) - len(set(answered))


def wait_for_more(stream: Stream) -> None:
    """Twenty packets from now on."""
    enough, deadline = len(stream.answered()) + 20, time.monotonic() + 20
    while len(stream.answered()) < enough:
        assert time.monotonic() < deadline, "nothing comes back any more"
        time.sleep(0.02)


KEEP = "10.11.12.0/24"


RENUMBERED = (
    ("a longer prefix", hub(), addresses("172.27.0.1/24")),
    ("another address", hub(), addresses("172.27.0.9/16")),
    ("the primary goes", addresses("172.27.0.9/16", "172.27.0.1/16"), hub()),
)


@pytest.mark.parametrize(("before", "after"), [r[1:] for r in RENUMBERED], ids=[r[0] for r in RENUMBERED])
def test_a_route_beside_the_address_never_falls(street: Street, before: Interface, after: Interface) -> None:
    reach(street.hub, before)
    monitor = street.hub.popen("ip", "monitor", "route")
    assert monitor.stdout is not None
    mtu = 1000
    while not select.select([monitor.stdout], [], [], 0.1)[0]:
        mtu += 1  # until it listens
        street.hub.ip(f"route replace 192.0.2.0/24 dev eth0 mtu {mtu}")
    reach(street.hub, after)
    monitor.terminate()
    assert KEEP not in monitor.communicate(timeout=10)[0]
    assert KEEP in street.hub.run("ip", "route", "show", "dev", "wg0")


def test_routes_that_the_last_address_took_along_stand_again_in_the_same_pass(street: Street) -> None:
    """Somebody deletes the only address, and the kernel all routes with it."""
    street.hub.ip("address delete 172.27.0.1/16 dev wg0")
    assert street.hub.run("ip", "route", "show", "dev", "wg0") == ""
    reach(street.hub, HUB_0)
    assert KEEP in street.hub.run("ip", "route", "show", "dev", "wg0")


@pytest.mark.lane("kernel")  # wireguard-go drops in silence
def test_no_packet_ever_misses_its_peer(street: Street) -> None:
    """A flooding sender on the hub counts ENOKEY while prefixes of its peer of 2,000 come and go."""
    wide = replace(TO_SPOKE, allowed_ips=(*TO_SPOKE.allowed_ips, *MANY), routes=False)
    reach(street.hub, hub(peers=(wide,)))
    deadline = time.monotonic() + 60
    with flooding(street.hub) as flood:
        number = 0
        while number < 20 or flood.sent <= 1000:  # both share one processor, and who gets it is chance
            assert time.monotonic() < deadline, f"only {flood.sent} packets in a minute"
            some = MANY[: 1000 + number]
            reach(street.hub, hub(peers=(replace(wide, allowed_ips=(*TO_SPOKE.allowed_ips, *some)),)))
            reach(street.hub, hub(peers=(wide,)))
            number += 1
    assert flood.refused == 0


@pytest.mark.lane("kernel")
def test_replacing_the_list_would_make_packets_miss_it(street: Street) -> None:
    """Why REPLACE_ALLOWEDIPS is never sent."""
    prefixes: tuple[Prefix, ...] = (*MANY, *TO_SPOKE.allowed_ips)
    replaced = (
        "wg",
        "set",
        "wg0",
        "peer",
        key_text(PUBLIC["spoke"]),
        "allowed-ips",
        ",".join(map(str, prefixes)),
    )
    street.hub.run(*replaced)
    with flooding(street.hub) as flood:
        for _ in range(60):
            street.hub.run(*replaced)
    assert flood.refused > 0


def key_text(key: bytes) -> str:
    """A public key as `wg` writes it."""
    return base64.b64encode(key).decode()


class Flood:
    """Packets that were sent so far, and those for which there was no peer."""

    def __init__(self) -> None:
        self.counts = mmap.mmap(-1, _COUNTS.size)

    @property
    def sent(self) -> int:
        return int(_COUNTS.unpack_from(self.counts)[0])

    @property
    def refused(self) -> int:
        return int(_COUNTS.unpack_from(self.counts)[1])


_COUNTS = struct.Struct("=QQ")


@contextmanager
def flooding(host: Host) -> Iterator[Flood]:
    """A process that sends to a prefix which the peer has all the time, as fast as it can."""
    flood = Flood()
    with host.inside():
        child = os.fork()
    if child == 0:
        try:
            with host.inside():
                _send(flood)
        finally:
            os._exit(1)
    try:
        yield flood
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _send(flood: Flood) -> None:
    sent = refused = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while True:
            try:
                sender.sendto(b"x", ("172.27.0.2", 9))
                sent += 1
            except OSError as error:
                if error.errno != errno.ENOKEY:
                    raise
                refused += 1
            _COUNTS.pack_into(flood.counts, 0, sent, refused)
