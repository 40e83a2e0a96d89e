"""What wg-quick has made is a conflict until the file says `adopt = true`; then it is wgd's, unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.host import Host
from integration.test_daemon import KEYS, Machine, until

CONF = """\
[Interface]
PrivateKey = {key}
ListenPort = 51820
Address = 172.27.0.1/16
MTU = 1420

[Peer]
PublicKey = {peer}
AllowedIPs = 172.27.0.2/32, 10.11.12.0/24
"""
FILE = """\
[interface]
addresses = ["172.27.0.1/16"]
listen_port = 51820
mtu = 1420

[peers.laptop]
public_key = "{peer}"
allowed_ips = ["172.27.0.2/32", "10.11.12.0/24"]
"""
SEEN = (("wg", "show", "wg0", "dump"), ("ip", "address", "show", "dev", "wg0"), ("ip", "route"))


@pytest.fixture
def made_by_wg_quick(namespace: Host) -> Host:
    key = namespace.run("wg", "genkey")
    namespace.write("/run/wg0.conf", CONF.format(key=key.strip(), peer=KEYS["laptop"]), mode=0o600)
    namespace.run("wg-quick", "up", "/run/wg0.conf")
    namespace.write("/etc/wgd/keys/wg0.key", key, mode=0o640)
    namespace.write("/etc/wgd/wg0.toml", FILE.format(peer=KEYS["laptop"]))
    return namespace


def shown(host: Host) -> list[str]:
    """The network, but for what marks it as wgd's."""
    text = [host.run(*argv) for argv in SEEN]
    return [part.replace(" group default", "").replace(" group 119", "") for part in text]


def test_it_is_a_conflict_until_it_is_adopted(made_by_wg_quick: Host, tmp_path: Path) -> None:
    host, machine = made_by_wg_quick, Machine(made_by_wg_quick, tmp_path / "log")
    host.write("/run/systemd/units/invocation:wg-quick@wg0.service", "")
    before = host.snapshot()
    machine.start()
    told = host.wgd("status").stdout
    assert "wg0 exists and was not made by wgd" in told
    assert "`adopt = true`" in told
    assert "wg-quick@wg0.service" in told and "systemctl disable wg-quick@wg0" in told
    assert host.snapshot() == before
    network = shown(host)
    adopting = FILE.format(peer=KEYS["laptop"]).replace("[interface]", "[interface]\nadopt = true")
    host.write("/etc/wgd/wg0.toml", adopting)
    assert until(lambda: host.wgd("plan").returncode == 0), host.wgd("plan").stdout
    assert [part.replace(" proto 119", "").replace(" proto wgd", "") for part in shown(host)] == network
    assert "wg-quick@wg0.service" in host.wgd("status").stdout, "it would still come at the next boot"
    said = machine.log.read_text()
    assert "wg set" not in said and "ip address" not in said, said
    machine.stop()
