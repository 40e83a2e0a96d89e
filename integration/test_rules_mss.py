"""TCP through a gateway where ICMP is dropped on both sides: it passes with `clamp_mss` and hangs without.

A desk behind spoke-1 and the camera both have 1,500 bytes to themselves, the tunnel between them 1,420.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from integration.host import Host
from integration.lab import Lab
from integration.packets import SIZE, served, settled, transferred
from integration.seed import HUB_ENDPOINT

DESK = {4: "192.168.9.2", 6: "fd00:9::2"}
CAMERA = {4: "10.11.12.7", 6: "fd00:cafe::7"}
TUNNEL, DESKS, CAMERAS = (
    '"172.27.0.0/16", "fd00:27::/64"',
    '"192.168.9.0/24", "fd00:9::/64"',
    '"10.11.12.0/24", "fd00:cafe::/64"',
)
RULE = f"[[forward]]\nfrom = [{DESKS}]\nto = [{CAMERAS}]\n"
DEAF = "table inet deaf { chain in { type filter hook input priority filter; %s drop; }\n}"
ERRORS = "icmp type destination-unreachable", "icmpv6 type packet-too-big"
PORT = 8080
LONG, SHORT = 10.0, 1.0
"""Seconds without a byte, after which a transfer that should pass, or should hang, is given up."""


def host_text(number: int, more: str = "") -> str:
    return f'[interface]\naddresses = ["172.27.0.{number}/16", "fd00:27::{number}/64"]\n{more}'


def peer(name: str, key: str, allowed: str, more: str = "") -> str:
    return f'[peers.{name}]\npublic_key = "{key}"\nallowed_ips = [{allowed}]\n{more}'


@dataclass
class Net:
    lab: Lab
    keys: dict[str, str]
    desk: Host

    def gateway(self, more: str) -> None:
        hub = peer("hub-1", self.keys["hub-1"], f"{TUNNEL}, {DESKS}", CALL)
        masquerade = f'[[masquerade]]\nout = "wlp0s0f0"\nto = [{CAMERAS}]\n'
        settled(self.lab.spoke_2, host_text(3, more) + hub + RULE + masquerade)


CALL = f'endpoint = "{HUB_ENDPOINT}"\npersistent_keepalive = 25\n'


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    desk = Host("desk")
    try:
        with Lab() as lab:
            lab.spoke_1.ip(f"""
                link add desk0 type veth peer name eth0 netns {desk.network_path}
                link set desk0 up
                address add 192.168.9.1/24 dev desk0
                address add fd00:9::1/64 dev desk0
                """)
            desk.ip("link set eth0 up")
            for version, router in ((4, "192.168.9.1"), (6, "fd00:9::1")):
                desk.ip(f"address add {DESK[version]}/{24 if version == 4 else 64} dev eth0")
                desk.ip(f"route add default via {router}")
            lab.camera.ip(f"address add {CAMERA[6]}/64 dev eth0")
            lab.spoke_2.ip("address add fd00:cafe::3/64 dev wlp0s0f0")
            for deaf in (desk, lab.camera):
                for error in ERRORS:
                    deaf.nft(DEAF % error)
            made = Net(lab, lab.make_keys(), desk)
            spokes = peer("spoke-1", made.keys["spoke-1"], f'"172.27.0.2/32", "fd00:27::2/128", {DESKS}')
            spokes += peer("spoke-2", made.keys["spoke-2"], f'"172.27.0.3/32", "fd00:27::3/128", {CAMERAS}')
            settled(lab.hub_1, host_text(1, 'role = "hub"\nlisten_port = 51820\n') + spokes + RULE)
            hub = peer("hub-1", made.keys["hub-1"], f"{TUNNEL}, {CAMERAS}", CALL)
            settled(lab.spoke_1, host_text(2, "clamp_mss = false\n") + hub + RULE)
            made.gateway("")
            for spoke in (lab.spoke_1, lab.spoke_2):
                assert spoke.ping("172.27.0.1"), "a spoke speaks first"
            yield made
    finally:
        desk.close()


@pytest.mark.parametrize("version", [4, 6])
def test_a_large_transfer_passes_both_ways_though_icmp_is_dropped(net: Net, version: int) -> None:
    net.gateway("")
    with served(net.lab.camera, PORT):
        assert transferred(net.desk, CAMERA[version], PORT, upload=SIZE, patience=LONG) == SIZE


@pytest.mark.parametrize("upload", [0, SIZE], ids=["download", "upload"])
@pytest.mark.parametrize("version", [4, 6])
def test_without_clamping_it_hangs(net: Net, version: int, upload: int) -> None:
    """It begins, and then nothing comes."""
    net.gateway("clamp_mss = false\n")
    with served(net.lab.camera, PORT):
        assert transferred(net.desk, CAMERA[version], PORT, upload=upload, patience=SHORT) == 0
