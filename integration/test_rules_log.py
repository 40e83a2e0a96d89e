"""What the rules drop is counted, and told at a rate that fills no disk; what passes is neither."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import knock, settled
from integration.seed import seed_config

HUB = "172.27.0.1"
KNOCKS, EACH = 15, 4
"""How often each of four packets is sent."""
INPUT = '\n[[input]]\nfrom = ["spoke-2"]\n'


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        keys = lab.make_keys()
        for host in lab:
            text = seed_config(host.name, keys)
            if host is lab.hub_1:
                text = text.replace("[networks]", "log_drops = true\n\n[networks]") + INPUT
            settled(host, text)
        assert lab.spoke_2.ping(HUB)
        yield lab


def counted(lab: Lab, chain: str) -> tuple[int, int]:
    """Packets that were told of, and that were dropped."""
    listed = lab.hub_1.run("nft", "list", "chain", "inet", "wgd", chain)
    (told,) = re.findall(
        r'limit rate 5/second burst 10 packets counter packets (\d+) .* log prefix "wgd ', listed
    )
    (dropped,) = re.findall(r"counter packets (\d+) bytes \d+ drop", listed)
    return int(told), int(dropped)


FORBIDDEN = {"forward-wg0": "172.27.0.99", "input-wg0": HUB}


@pytest.mark.parametrize(("chain", "target"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_what_is_dropped_is_counted_and_told_now_and_then(lab: Lab, chain: str, target: str) -> None:
    before = counted(lab, chain)
    for _ in range(KNOCKS):
        knock(lab.spoke_1, target)
    told, dropped = (now - then for now, then in zip(counted(lab, chain), before, strict=True))
    assert dropped == KNOCKS * EACH
    assert 0 < told < dropped


def test_what_passes_is_neither(lab: Lab) -> None:
    before = counted(lab, "forward-wg0")
    assert lab.spoke_1.ping(CAMERA)
    assert counted(lab, "forward-wg0") == before
