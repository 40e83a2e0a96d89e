"""docs/migration.md is what the README's commands did, played by `make migration`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integration.migration import CHAPTER, NotAsTold, commands

ROOT = Path(__file__).parents[1]
README, PAGE = ((ROOT / name).read_text() for name in ("README.md", "docs/migration.md"))


def test_the_commands_are_those_of_the_readme() -> None:
    found = commands(README)
    assert found[0].startswith("wgd import") and any("systemctl enable --now wgd" in one for one in found)
    with pytest.raises(NotAsTold):
        commands(README.replace(CHAPTER, ""))


@pytest.mark.parametrize("host", ["hub-1", "spoke-1"])
def test_the_page_shows_each_of_them_in_order(host: str) -> None:
    typed = re.findall(rf"^{host}# (.*)$", PAGE, re.M)
    assert typed == ["cat /etc/wireguard/wg0.conf", *commands(README), "wgd status"]


def test_the_page_holds_no_key() -> None:
    assert not re.search(r"[A-Za-z0-9+/]{43}=", PAGE)
    assert re.search(r"\*\*[0-9,]+ pings were sent, 0 were lost\.\*\*", PAGE)
