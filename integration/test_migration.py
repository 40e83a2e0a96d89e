"""The README's way from wg-quick to wgd, played: each command does what it is for, and nobody notices."""

from __future__ import annotations

from integration.lab import Lab
from integration.migration import play


def test_the_readme_moves_a_hub_and_a_spoke(lab: Lab) -> None:
    told = play(lab)
    assert told.lost == 0 and told.pings > 100
    assert list(told.chapters) == ["hub-1", "spoke-1"]
    for host in (lab.hub_1, lab.spoke_1):
        assert "group 119" in host.run("ip", "-d", "link", "show", "wg0"), "wgd looks after it"
        secret = host.read("/etc/wgd/keys/wg0.key").strip()
        assert secret not in str(told.chapters)
