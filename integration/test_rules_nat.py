"""What `[[masquerade]]` makes of packets on their way, with real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import arriving, knock, settled
from integration.seed import seed_config

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


def test_an_address_that_no_interface_has_is_told(lab: Lab, keys: dict[str, str]) -> None:
    gateway(lab, keys, 'snat = "10.0.0.99"\n')
    told = " ".join(lab.spoke_2.wgd("status").stdout.split())
    gateway(lab, keys, f'snat = "{CHOSEN}"\n')
    assert "no interface of this machine has 10.0.0.99" in told
    assert "no interface" not in lab.spoke_2.wgd("status").stdout
    gateway(lab, keys, "")
