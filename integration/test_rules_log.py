"""What the rules drop is counted, and told at a rate that fills no disk; what passes is neither."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import knock, settled
from integration.seed import seed_config
from integration.test_daemon import until

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
    assert until(lambda: counted(lab, chain)[1] - before[1] == KNOCKS * EACH)
    assert 0 < counted(lab, chain)[0] - before[0] < KNOCKS * EACH


def test_the_status_says_how_many(lab: Lab) -> None:
    before = counted(lab, "forward-wg0")[1]
    knock(lab.spoke_1, FORBIDDEN["forward-wg0"])
    assert until(lambda: counted(lab, "forward-wg0")[1] == before + EACH)
    told = json.loads(lab.hub_1.wgd("status", "--json").stdout)["interfaces"][0]["dropped"]
    assert told == {where: counted(lab, f"{where}-wg0")[1] for where in ("forward", "input")}
    assert told["forward"] >= EACH


def test_what_passes_is_neither(lab: Lab) -> None:
    before = counted(lab, "forward-wg0")
    assert lab.spoke_1.ping(CAMERA)
    assert counted(lab, "forward-wg0") == before
