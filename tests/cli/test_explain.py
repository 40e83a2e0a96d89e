"""Who sends, as it is typed; and that without root it says what it could not see."""

from __future__ import annotations

from argparse import Namespace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import HUB, SPOKE_2, WEBCAMS, config, interface, peer
from wgd.cli.explain import _asked
from wgd.errors import UsageError


def options(address: str, source: str | None = None, port: str | None = None) -> Any:
    return Namespace(address=address, source=source, port=port)


TWO = config(HUB, interface("wg1", "172.28.0.1/16", peers=(peer("office", WEBCAMS, "2001:db8:1::/64"),)))


@pytest.mark.parametrize(
    ("wanted", "files", "target", "source"),
    [
        ("172.27.0.2", TWO, "10.11.12.7", "spoke-1"),
        ("172.27.0.3", TWO, "172.27.0.2", "spoke-2"),
        ("10.11.12.1", TWO, "172.27.0.3", "office"),
        ("2001:db8:1::1", TWO, "2001:db8::1", "office"),
        ("172.27.0.9", TWO, "172.27.0.3", "172.27.0.9"),
        ("172.27.0.1", config(SPOKE_2), "10.11.12.7", "hub-1"),
        ("172.27.0.2", config(SPOKE_2), "172.27.0.1", "hub-1"),
    ],
)
def test_a_peer_sends_from_its_own_address(wanted: str, files: Any, target: str, source: str) -> None:
    """Before one of a range behind it, and never from ours, or from where the packet goes."""
    assert _asked(options(target, source), files).source == ip_address(wanted)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("camera",), "camera is no address"),
        (("10.11.12.7", "nobody"), "--from nobody: no peer of that name, and no address; peers: spoke-1"),
        (("2001:db8::1", "spoke-1"), "--from spoke-1: it has no IPv6 address"),
        (("10.11.12.7", "2001:db8::1"), "not of one IP version"),
        (("10.11.12.7", None, "http"), "--port http: "),
    ],
)
def test_what_cannot_be_asked(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _asked(options(*given), TWO)
