"""Revoking means now: a stream that the rules no longer allow stops, even one of replies alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integration.lab import CAMERA, Lab
from integration.packets import arriving, pinging, settled
from integration.seed import seed_config
from integration.test_daemon import until

SPOKE_2 = "172.27.0.3"
STREAM = """
import socket, time
camera = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
camera.bind(("", 9999))
print("ready", flush=True)
_, viewer = camera.recvfrom(100)
while True:
    camera.sendto(b"frame", viewer)
    time.sleep(0.01)
"""
VIEWER = """
import socket, sys, time
viewer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
viewer.sendto(b"please", (sys.argv[1], 9999))
time.sleep(600)
"""
WATCHED = "udp sport 9999"
RULE = '[[forward]]\nfrom = ["spoke-1"]\nto = ["spoke-2", "webcams"]\n'


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {}


@pytest.fixture
def lab(keys: dict[str, str]) -> Iterator[Lab]:
    with Lab() as lab:
        keys.clear()
        keys |= lab.make_keys()
        for host in lab:
            settled(host, seed_config(host.name, keys))
        assert lab.spoke_2.ping("172.27.0.1") and lab.spoke_1.ping(CAMERA)
        yield lab


@contextmanager
def streaming(lab: Lab) -> Iterator[None]:
    """The camera answers one packet of spoke-1 for ever."""
    camera = lab.camera.popen(sys.executable, "-c", STREAM)
    try:
        assert camera.stdout
        camera.stdout.readline()
        viewer = lab.spoke_1.popen(sys.executable, "-c", VIEWER, CAMERA)
        try:
            yield
        finally:
            viewer.kill()
            viewer.wait()
    finally:
        camera.kill()
        camera.wait()


def hub(lab: Lab, keys: dict[str, str], rules: str) -> None:
    text = seed_config("hub-1", keys)
    assert RULE in text
    settled(lab.hub_1, text.replace(RULE, rules))


NARROWER = {
    "another target": '[[forward]]\nfrom = ["spoke-1"]\nto = ["spoke-2"]\n',
    "another port": RULE.replace('"spoke-2", "webcams"]', '"webcams"]\nports = ["udp/9998"]')
    + RULE.replace(', "webcams"', ""),
}


@pytest.mark.parametrize("rules", NARROWER.values(), ids=NARROWER)
def test_a_stream_of_replies_stops_with_its_rule(lab: Lab, keys: dict[str, str], rules: str) -> None:
    """And what goes on being allowed loses nothing."""
    with streaming(lab), arriving(lab.spoke_1, stream=WATCHED) as counts:
        assert until(lambda: counts()["stream"] > 5)
        with pinging(lab.spoke_1, SPOKE_2):
            hub(lab, keys, rules)
            before = counts()["stream"]
            assert counts()["stream"] == before


def test_a_plan_says_which_connections_would_end(lab: Lab, keys: dict[str, str]) -> None:
    with streaming(lab):
        text = seed_config("hub-1", keys).replace(RULE, NARROWER["another target"])
        lab.hub_1.write("/etc/wgd/wg0.toml", text)
        told = [line for line in lab.hub_1.wgd("plan").stdout.splitlines() if line.startswith("conntrack")]
    assert [line for line in told if "--orig-src 172.27.0.2 --reply-src 10.11.12.7 --proto 17" in line]
    assert all("--reply-src 10.11.12.7" in line for line in told), "the ping to it ends, too; nothing else"


def test_but_for_the_entry_it_would_run_on(lab: Lab) -> None:
    """What deleting entries is for: without its rule, the stream of replies passes."""
    with streaming(lab), arriving(lab.spoke_1, stream=WATCHED) as counts:
        assert until(lambda: counts()["stream"] > 5)
        lab.hub_1.nft(
            "flush chain inet wgd forward-wg0\n"
            "add rule inet wgd forward-wg0 ct direction reply ct state established,related accept\n"
            "add rule inet wgd forward-wg0 drop"
        )
        before = counts()["stream"]
        assert counts()["stream"] > before


def test_a_stream_goes_on_when_its_rule_only_changes_its_words(lab: Lab, keys: dict[str, str]) -> None:
    with streaming(lab), arriving(lab.spoke_1, stream=WATCHED) as counts:
        before = counts()["stream"]
        hub(
            lab,
            keys,
            RULE.replace("webcams", "10.11.0.0/16") + '[[forward]]\nfrom = ["spoke-2"]\nto = ["spoke-1"]\n',
        )
        assert counts()["stream"] > before + 10
