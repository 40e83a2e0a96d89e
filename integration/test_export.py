"""What `wgd export` prints is read by the real wg-quick, and the peer that it configures talks at once."""

from __future__ import annotations

import pytest

from integration.lab import Lab
from integration.packets import settled
from integration.seed import HUB_1

PSK = 'allowed_ips = ["172.27.0.2/32"]\npreshared_key_file = "keys/spoke-1.psk"\n'


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "preshared"])
def test_wg_quick_takes_what_export_prints(lab: Lab, secret: bool) -> None:
    keys = lab.make_keys()
    text = HUB_1.format(**keys)
    if secret:
        text = text.replace('allowed_ips = ["172.27.0.2/32"]\n', PSK, 1)
        lab.hub_1.write("/etc/wgd/keys/spoke-1.psk", lab.hub_1.run("wg", "genpsk"), mode=0o640)
    settled(lab.hub_1, text)
    lab.hub_1.write("/run/spoke-1.key", lab.spoke_1.read("/etc/wgd/keys/wg0.key"), mode=0o600)
    told = ("export", "spoke-1", "--endpoint", "198.51.100.15", "--private-key-file", "/run/spoke-1.key")
    done = lab.hub_1.wgd(*told)
    assert done.returncode == 0, done.stderr
    lab.spoke_1.write("/run/wg0.conf", done.stdout, mode=0o600)
    lab.spoke_1.run("wg-quick", "up", "/run/wg0.conf")
    assert lab.spoke_1.ping("172.27.0.1")
    shown = lab.spoke_1.run("wg", "show", "wg0", "allowed-ips").split()
    assert shown == [keys["hub-1"], "172.27.0.0/16", "10.11.12.0/24"]
    back = lab.spoke_1.wgd("import", "/run/wg0.conf", "--write")
    assert back.returncode == 0, back.stdout + back.stderr
    assert lab.spoke_1.wgd("check").returncode == 0
    assert lab.spoke_1.wgd("apply").returncode == 0
    assert lab.spoke_1.ping("172.27.0.1"), "and wgd takes over from it"
