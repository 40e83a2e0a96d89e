"""What others change is repaired and told, with their names where the kernel knows them; and fights end."""

from __future__ import annotations

import math
import re
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integration.host import Host
from integration.test_daemon import KEYS, PEER, Machine, until

FILE = """\
[interface]
addresses = ["172.27.0.1/16"]
listen_port = 51820
mtu = 1420

[networks]
webcams = ["10.11.12.0/24"]

[[forward]]
from = ["laptop"]
to = ["webcams"]
"""
LAPTOP = PEER.format(key=KEYS["laptop"]).replace('0.2/32"', '0.2/32", "webcams", "10.13.0.0/16"')
SOMEBODY = r"\((?:removed|changed|added) by (?:{0}\[\d+\]|process \d+)\)"
"""A process that has ended has no name any more; nftables tells it all the same."""
IP, NFT = SOMEBODY.format("ip"), r"\((?:removed|changed|added) by nft\[\d+\]\)"

LOOKS_OFTEN = """
import functools, sys
from wgd import cli, daemon, pacer
pacer.COST, daemon.Pacer = 0.2, functools.partial(pacer.Pacer, resync=0.3)
sys.exit(cli.entry())
"""
"""wgd, whose timer finds what no event tells after a tenth of the usual time."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all: each test leaves it as it was, which is what it is about."""
    host = Host("repairs")
    with host.inside():
        host.write("/etc/wgd/keys/wg0.key", host.run("wg", "genkey"), mode=0o640)
        host.write("/etc/wgd/wg0.toml", FILE + LAPTOP)
        made = Machine(host, tmp_path_factory.mktemp("repairs") / "log", program=("-c", LOOKS_OFTEN))
        made.start()
        assert until(lambda: host.wgd("plan").returncode == 0), made.log.read_text()
        yield made
        assert "Traceback" not in made.log.read_text()
    host.close()


TAMPERINGS = (
    ("nft flush ruleset", "chain inet wgd forward-wg0 was missing, restored", NFT),
    ("nft add rule inet wgd forward-wg0 accept", "chain inet wgd forward-wg0 differed (.*), put right", NFT),
    ("nft delete chain inet wgd forward-wg0", "chain inet wgd forward-wg0 was missing, restored", NFT),
    (
        "nft add chain inet wgd theirs",
        "chain inet wgd theirs did not belong there, removed",
        NFT,
    ),
    ("nft flush chain inet wgd forward-wg0", "chain inet wgd forward-wg0 differed (.*), put right", NFT),
    ("ip route delete 10.11.12.0/24", "route 10.11.12.0/24 dev wg0 was missing, restored", IP),
    ("ip address delete 172.27.0.1/16 dev wg0", "address 172.27.0.1/16 dev wg0 was missing, restored", IP),
    ("ip link set dev wg0 mtu 1400", "link wg0 differed (mtu: 1400, not 1420), put right", ""),
    ("ip link set dev wg0 down", "link wg0 differed (state: down, not up), put right with", ""),
    ("ip link delete wg0", "link wg0 was missing, restored with", ""),
    (
        "wg set wg0 private-key /run/psk",
        "WireGuard settings of wg0 differed (private_key: another, not as in its file), put right",
        "",
    ),
    ("wg set wg0 fwmark 9", "WireGuard settings of wg0 differed (fwmark: 0x9, not 0x0), put right", ""),
    (
        "wg set wg0 listen-port 7",
        "WireGuard settings of wg0 differed (listen_port: 7, not 51820), put right",
        "",
    ),
    (
        f"wg set wg0 peer {KEYS['laptop']} persistent-keepalive 9",
        "peer laptop on wg0 differed (persistent_keepalive: 9, not 0), put right",
        "",
    ),
    (
        f"wg set wg0 peer {KEYS['laptop']} allowed-ips 10.9.0.0/16",
        "peer laptop on wg0 differed (allowed_ips: 10.9.0.0/16, not .*), put right",
        "",
    ),
    (
        f"wg set wg0 peer {KEYS['laptop']} preshared-key /run/psk",
        "peer laptop on wg0 differed (preshared_key: set, not none), put right",
        "",
    ),
    (f"wg set wg0 peer {KEYS['laptop']} remove", "peer laptop on wg0 was missing, restored", ""),
    (f"wg set wg0 peer {KEYS['phone']}", "peer .* on wg0 did not belong there, removed", ""),
    (
        "sysctl -qw net.ipv4.conf.wg0.forwarding=0",
        "sysctl net/ipv4/conf/wg0/forwarding differed (value: 0, not 1), put right",
        "",
    ),
)


@pytest.mark.parametrize(("tampering", "said", "who"), TAMPERINGS, ids=[t[0][:44] for t in TAMPERINGS])
def test_it_is_repaired_and_told(machine: Machine, tampering: str, said: str, who: str) -> None:
    machine.host.write("/run/psk", machine.host.run("wg", "genpsk"))
    before = len(machine.log.read_text())
    machine.host.run(*shlex.split(tampering))
    pattern = re.escape(said).replace(r"\.\*", ".*").replace(r"\ ", " ") + (f".* {who}" if who else "")

    def told() -> bool:
        return re.search(pattern, machine.log.read_text()[before:]) is not None

    assert until(told), machine.log.read_text()[before:]
    assert until(lambda: machine.host.wgd("plan").returncode == 0), machine.host.wgd("plan").stdout


def test_an_edit_is_not_told_as_a_repair(machine: Machine) -> None:
    before = len(machine.log.read_text())
    machine.host.write("/etc/wgd/wg0.toml", FILE + LAPTOP.replace(', "10.13.0.0/16"', ""))
    assert until(lambda: "10.13" not in machine.host.run("ip", "route"))
    machine.host.write("/etc/wgd/wg0.toml", FILE + LAPTOP)
    assert until(lambda: "10.13" in machine.host.run("ip", "route"))
    assert "was missing" not in machine.log.read_text()[before:]
    assert "not belong" not in machine.log.read_text()[before:]


def test_the_last_repairs_outlive_the_daemon(machine: Machine) -> None:
    time.sleep(0.5)  # what is undone while a pass runs is set again by that pass, and no repair
    machine.host.run("ip", "route", "delete", "10.13.0.0/16")
    assert until(lambda: "10.13.0.0/16 dev wg0 was missing" in machine.host.wgd("status").stdout)
    machine.stop()
    machine.start()
    assert "10.13.0.0/16 dev wg0 was missing, restored" in machine.host.wgd("status").stdout


@contextmanager
def hostility(host: Host, *argv: str) -> Iterator[None]:
    """Somebody runs a command again and again."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.02):
            host.attempt(*argv)

    somebody = threading.Thread(target=go_on)
    somebody.start()
    try:
        yield
    finally:
        over.set()
        somebody.join()


@pytest.mark.once
def test_a_fight_slows_down_what_is_fought_over_and_nothing_else(machine: Machine) -> None:
    host, before, started = machine.host, len(machine.log.read_text()), time.monotonic()
    with hostility(host, "ip", "route", "delete", "10.11.12.0/24"):
        assert until(lambda: "fight: route 10.11.12.0/24" in machine.log.read_text()[before:])
        assert until(lambda: "next try in" in host.wgd("status").stdout)
        assert host.wgd("status").returncode != 0
        for _ in range(3):
            host.run("ip", "route", "delete", "10.13.0.0/16")
            assert until(lambda: "10.13.0.0/16" in host.run("ip", "route"), seconds=5)
        time.sleep(5)
        tried = machine.log.read_text()[before:].count("route 10.11.12.0/24 dev wg0 was missing")
        assert 5 <= tried <= 6 + math.log2(time.monotonic() - started), "after 1, 2, 4 … seconds"
        assert "(removed by" in host.wgd("status").stdout + machine.log.read_text()[before:]
    assert until(lambda: "10.11.12.0/24" in host.run("ip", "route"), seconds=20)
    assert until(lambda: "now as it should be" in host.wgd("status").stdout)
    assert host.wgd("plan").returncode == 0
