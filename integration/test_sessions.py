"""What a live session notices of an edit, of an adoption: nothing. One ping in 5 ms, and none may be lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.host import Host
from integration.lab import CAMERA, Lab
from integration.packets import pinging, settled
from integration.seed import HUB_1, HUB_ENDPOINT, seed_config

PHONE = """
[peers.phone]
public_key = "kJL6n0vCR0C1IFTd7bVwq5Z0y6bIB7xJkxNzGr6uNHk="
allowed_ips = ["172.27.0.9/32"]
"""
OTHER_RULES = '[[forward]]\nfrom = ["any"]\nto = ["webcams", "spoke-2"]\nports = ["icmp", "tcp/80"]\n'
BEHIND = HUB_1.partition("[[forward]]")[0]
EDITS: tuple[tuple[str, str], ...] = (
    ("another peer comes", HUB_1 + PHONE),
    ("another peer changes", HUB_1 + PHONE.replace("0.9/32", "0.8/32")),
    ("another peer is disabled", HUB_1 + PHONE + "enabled = false\n"),
    ("another peer goes", HUB_1),
    (
        "the active peer gets an allowed IP",
        HUB_1.replace('"webcams"]\n\n[[', '"webcams", "10.0.7.0/24"]\n\n[['),
    ),
    ("the active peer loses an allowed IP", HUB_1),
    ("a keepalive", HUB_1.replace('"{spoke-1}"\n', '"{spoke-1}"\npersistent_keepalive = 20\n')),
    ("the MTU", HUB_1.replace("listen_port", "mtu = 1400\nlisten_port")),
    ("an MTU that the kernel chose", HUB_1.replace("listen_port", "mtu = 1420\nlisten_port")),
    ("the name of a peer", HUB_1.replace("spoke-1]", "laptop]").replace('"spoke-1"', '"laptop"')),
    ("saved unchanged", HUB_1),
    ("other rules", BEHIND + OTHER_RULES),
    ("no rules at all", BEHIND + '[[forward]]\nfrom = ["any"]\nto = ["any"]\n'),
    ("an address more", HUB_1.replace('/16"]', '/16", "172.28.0.1/24"]', 1)),
    ("an address less", HUB_1),
)


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[Lab, dict[str, str]]]:
    with Lab() as lab:
        keys = lab.seed()
        for host in lab:
            settled(host)
        assert lab.spoke_2.ping("172.27.0.1") and lab.spoke_1.ping(CAMERA)
        yield lab, keys


@pytest.mark.parametrize("text", [text for _, text in EDITS], ids=[name for name, _ in EDITS])
def test_an_edit_on_the_hub_loses_no_packet(network: tuple[Lab, dict[str, str]], text: str) -> None:
    lab, keys = network
    with pinging(lab.spoke_1, CAMERA):
        settled(lab.hub_1, text.format(**keys))


GATEWAY_EDITS = (
    ("its endpoint's keepalive", "persistent_keepalive = 25", "persistent_keepalive = 15"),
    ("the masquerade", 'to = ["webcams"]', 'to = ["webcams", "10.11.13.0/24"]'),
)


@pytest.mark.parametrize(
    ("old", "new"), [edit[1:] for edit in GATEWAY_EDITS], ids=[e[0] for e in GATEWAY_EDITS]
)
def test_an_edit_on_the_gateway_loses_no_packet(
    network: tuple[Lab, dict[str, str]], old: str, new: str
) -> None:
    lab, keys = network
    with pinging(lab.spoke_1, CAMERA):
        settled(lab.spoke_2, seed_config("spoke-2", keys).replace(old, new))


def by_hand(host: Host, lane: str, keys: dict[str, str]) -> None:
    """As `wg-quick up` does."""
    host.run(
        *(
            ("wireguard-go", "wg0")
            if lane == "userspace"
            else ("ip", "link", "add", "wg0", "type", "wireguard")
        )
    )
    host.run("wg", "set", "wg0", "private-key", "/etc/wgd/keys/wg0.key", "peer", keys["hub-1"],
             "allowed-ips", "172.27.0.0/16,10.11.12.0/24,10.9.0.0/16", "endpoint", HUB_ENDPOINT)  # fmt: skip
    host.ip("""
        address add 172.27.0.2/16 dev wg0
        link set mtu 1420 up dev wg0
        route add 10.11.12.0/24 dev wg0
        """)


def session(host: Host) -> tuple[int, int]:
    """When the last handshake was, and the bytes received."""
    shown = host.run("wg", "show", "wg0", "dump").splitlines()[1].split()
    return int(shown[4]), int(shown[5])


def test_adoption_loses_no_packet(network: tuple[Lab, dict[str, str]], lane: str) -> None:
    """The session, too, is the same: the peer was not made anew."""
    lab, keys = network
    spoke_1 = lab.spoke_1
    assert spoke_1.wgd("down").returncode == 0
    by_hand(spoke_1, lane, keys)
    text = seed_config("spoke-1", keys)
    spoke_1.write("/etc/wgd/wg0.toml", text)
    assert spoke_1.wgd("apply").returncode == 1, "not without being asked to"
    with pinging(spoke_1, CAMERA):
        handshake, received = session(spoke_1)
        settled(spoke_1, text.replace("[interface]\n", "[interface]\nadopt = true\n"))
    assert session(spoke_1)[0] == handshake and session(spoke_1)[1] > received
