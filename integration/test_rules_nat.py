"""What `[[masquerade]]` makes of packets on their way, with real ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import arriving, knock, pinging, settled
from integration.seed import seed_config
from integration.test_daemon import until

OWN, CHOSEN, ELSEWHERE = "10.0.0.3", "10.0.0.4", "10.0.0.1"


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def lab(keys: dict[str, str]) -> Iterator[Lab]:
    with Lab() as lab:
        lab.spoke_2.ip(f"address add {CHOSEN}/8 dev wlp0s0f0")
        keys |= lab.make_keys()
        for host in lab:
            settled(host, seed_config(host.name, keys))
        assert lab.spoke_2.ping("172.27.0.1") and lab.spoke_1.ping(CAMERA)
        yield lab


def gateway(lab: Lab, keys: dict[str, str], more: str) -> None:
    settled(lab.spoke_2, seed_config("spoke-2", keys) + more)


def test_snat_gives_the_address_that_it_names_to_what_it_names(lab: Lab, keys: dict[str, str]) -> None:
    """Answers come back, the host's own packets keep their address, and so does what goes elsewhere."""
    gateway(lab, keys, f'snat = "{CHOSEN}"\n')
    matches = {"own": f"ip saddr {OWN}", "chosen": f"ip saddr {CHOSEN}", "bare": "ip saddr 172.27.0.0/16"}
    try:
        with arriving(
            lab.camera, **{name: f"{match} icmp type 8" for name, match in matches.items()}
        ) as counts:
            assert lab.spoke_1.ping(CAMERA)
            assert counts() == {"own": 0, "chosen": 1, "bare": 0}
            assert lab.spoke_2.ping(CAMERA)
            assert counts() == {"own": 1, "chosen": 1, "bare": 0}
        lab.spoke_2.nft("insert rule inet wgd forward-wg0 accept")
        with arriving(lab.nat_home, chosen=f"ip saddr {CHOSEN} ip daddr {ELSEWHERE}") as counts:
            knock(lab.spoke_1, ELSEWHERE)
            assert counts() == {"chosen": 0}
    finally:
        gateway(lab, keys, "")


STREAM = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((sys.argv[1], 9999))
while True:
    try:
        sender.send(b"hello")
    except OSError:
        pass
    time.sleep(0.01)
"""


def test_a_flow_that_was_born_while_masquerading_was_missing_is_mended(
    lab: Lab, keys: dict[str, str], tmp_path: Path
) -> None:
    """It had kept its bare address, to which no camera answers; what needs no disguise loses nothing."""
    gateway(lab, keys, "")
    lab.spoke_2.run("nft", "delete", "chain", "inet", "wgd", "masquerade-wg0")
    matches = {"bare": "ip saddr 172.27.0.2 udp dport 9999", "disguised": f"ip saddr {OWN} udp dport 9999"}
    with arriving(lab.camera, **matches) as counts, pinging(lab.spoke_1, "172.27.0.3"):
        stream = lab.spoke_1.popen(sys.executable, "-c", STREAM, CAMERA, log=tmp_path / "log")
        try:
            assert until(lambda: counts()["bare"] > 5)
            gateway(lab, keys, "")
            before = counts()
            after = counts()
            assert after["bare"] == before["bare"] and after["disguised"] > before["disguised"] > 0
        finally:
            stream.kill()
            stream.wait()


def test_but_for_that_it_would_stay_bare(lab: Lab, keys: dict[str, str], tmp_path: Path) -> None:
    """The kernel disguises a connection with its first packet or never."""
    rules = lab.spoke_2.run("nft", "list", "chain", "inet", "wgd", "masquerade-wg0")
    lab.spoke_2.run("nft", "delete", "chain", "inet", "wgd", "masquerade-wg0")
    with arriving(lab.camera, bare="ip saddr 172.27.0.2 udp dport 9999") as counts:
        stream = lab.spoke_1.popen(sys.executable, "-c", STREAM, CAMERA, log=tmp_path / "log")
        try:
            assert until(lambda: counts()["bare"] > 5)
            lab.spoke_2.nft(rules)
            before = counts()["bare"]
            assert counts()["bare"] > before
        finally:
            stream.kill()
            stream.wait()
            gateway(lab, keys, "")


def test_an_address_that_no_interface_has_is_told(lab: Lab, keys: dict[str, str]) -> None:
    gateway(lab, keys, 'snat = "10.0.0.99"\n')
    told = " ".join(lab.spoke_2.wgd("status").stdout.split())
    gateway(lab, keys, f'snat = "{CHOSEN}"\n')
    assert "no interface of this machine has 10.0.0.99" in told
    assert "no interface" not in lab.spoke_2.wgd("status").stdout
    gateway(lab, keys, "")
