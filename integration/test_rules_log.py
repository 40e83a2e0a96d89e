"""What the rules drop is counted, and told at a rate that fills no disk; what passes is neither."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import knock, settled
from integration.seed import seed_config
from integration.test_daemon import until

HUB = "172.27.0.1"
KNOCKS, EACH = 15, 4
"""How often each of four packets is sent."""
OWN_KERNEL = "User Mode Linux" in Path("/proc/cpuinfo").read_text()
"""Whether the machine was made for the tests."""
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


def log_for_namespaces(yes: int) -> None:
    """Whether the kernel logs for others than its first network namespace."""
    switch = "/proc/sys/net/netfilter/nf_log_all_netns"
    subprocess.run(["nsenter", "-t1", "-n", "sh", "-c", f"echo {yes} > {switch}"], check=True)


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


@pytest.mark.skipif(not OWN_KERNEL, reason="it would be this machine's kernel that logs for namespaces")
@pytest.mark.parametrize(("chain", "target"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_the_kernel_s_log_says_what_was_dropped(lab: Lab, chain: str, target: str) -> None:
    what = "input" if chain.startswith("input") else "forward"
    lines = rf"wgd wg0 {what}: IN=wg0 .*SRC=172\.27\.0\.2 DST={re.escape(target)} .*PROTO=[A-Z]+ "
    log_for_namespaces(1)
    try:

        def logged() -> bool:
            knock(lab.spoke_1, target)
            return re.search(lines, lab.hub_1.run("dmesg")) is not None

        assert until(logged)
    finally:
        log_for_namespaces(0)


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
