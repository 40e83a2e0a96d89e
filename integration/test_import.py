"""A hub and a spoke of wg-quick's, moved to wgd with `import`, `check` and `apply`: no session notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.host import Host
from integration.lab import Lab
from integration.packets import pinging
from integration.seed import HUB_ENDPOINT

HUB_ADDRESS = "172.27.0.1"
HUB = """\
[Interface]
# the one in the data centre
Address = 172.27.0.1/16
ListenPort = 51820
PrivateKey = {hub_private}
PostUp = sysctl -w net.ipv4.ip_forward=1
PostUp = iptables -A FORWARD -i %i -j ACCEPT || nft add table ip unused
SaveConfig = false

### Client spoke-1
[Peer]
PublicKey = {spoke}
PresharedKey = {psk}
AllowedIPs = 172.27.0.2/32, 10.9.0.0/16
"""
SPOKE = """\
[Interface]
Address = 172.27.0.2/16
PrivateKey = {spoke_private}

[Peer] # hub-1
PublicKey = {hub}
PresharedKey = {psk}
AllowedIPs = 172.27.0.0/16, 10.11.12.0/24
Endpoint = {endpoint}
PersistentKeepalive = 25
"""
SEEN = (("wg", "show", "wg0", "dump"), ("ip", "-o", "address", "show", "dev", "wg0"), ("ip", "route"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Both are up, by wg-quick, and talk."""
    with Lab() as lab:
        keys: dict[str, str] = {"endpoint": HUB_ENDPOINT, "psk": lab.hub_1.run("wg", "genpsk").strip()}
        for name in ("hub", "spoke"):
            keys[f"{name}_private"] = lab.hub_1.run("wg", "genkey").strip()
            keys[name] = lab.hub_1.run("wg", "pubkey", stdin=keys[f"{name}_private"]).strip()
        for host, text in ((lab.hub_1, HUB), (lab.spoke_1, SPOKE)):
            host.write("/run/wg0.conf", text.format(**keys), mode=0o600)
            host.run("wg-quick", "up", "/run/wg0.conf")
        assert lab.spoke_1.ping(HUB_ADDRESS)
        yield lab


def shown(host: Host) -> list[str]:
    """The network, but for what marks it as wgd's, and what time changes."""
    dump, *rest = (host.run(*argv) for argv in SEEN)
    peers = [line.split("\t")[:4] + line.split("\t")[7:] for line in dump.splitlines()[1:]]
    marks = (" group default", " group 119", " proto 119", " proto wgd")
    for mark in marks:
        rest = [part.replace(mark, "") for part in rest]
    return [dump.splitlines()[0], str(peers), *rest]


@pytest.mark.parametrize("source", ["/run/wg0.conf", "wg0"], ids=["from its file", "as it is up"])
@pytest.mark.parametrize("which", ["hub-1", "spoke-1"])
def test_moving_to_wgd_loses_no_packet(lab: Lab, which: str, source: str) -> None:
    host = lab.hub_1 if which == "hub-1" else lab.spoke_1
    before = shown(host)
    role = "hub" if which == "hub-1" else "spoke"
    done = host.wgd("import", source, "--write", *(("--role", role) if source == "wg0" else ()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"a {role} with 1 peer" in done.stdout
    assert host.wgd("check").returncode == 0
    planned = [line.strip() for line in host.wgd("plan").stdout.splitlines()]
    assert "ip link set dev wg0 group 119" in planned
    assert not [line for line in planned if line.startswith(("wg set", "ip address"))]
    with pinging(lab.spoke_1, HUB_ADDRESS):
        applied = host.wgd("apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert shown(host) == before
