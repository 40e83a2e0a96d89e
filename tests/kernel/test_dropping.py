"""A prefix leaves a peer by name where the kernel can, over a dummy peer where it cannot."""

from __future__ import annotations

import pytest

from tests.configs import key, networks
from wgd.kernel.dropping import by_name, over_dummy
from wgd.kinds.peer import PeerEdit

RELEASES = (
    ("6.1.0-56-amd64", False),
    ("6.12.117+deb12-rt-amd64", False),
    ("6.15.11", False),
    ("6.16.0", True),
    ("6.16-rc1", True),
    ("7.0.3-1-generic", True),
    ("10.0", True),
    ("unheard of", False),
)


@pytest.mark.parametrize(("release", "expected"), RELEASES, ids=[r[0] for r in RELEASES])
def test_by_name(release: str, expected: bool) -> None:
    assert by_name(release) is expected


A, B = key("a"), key("b")
ONE, TWO, THREE = (networks(text) for text in ("10.0.0.0/8", "172.27.0.2/32", "fd00::/64"))


def test_nothing_goes() -> None:
    edits = [PeerEdit(A, add_allowed_ips=ONE), PeerEdit(B, remove=True)]
    assert over_dummy("wg0", edits) == edits


def test_what_goes_is_taken_by_a_dummy_that_goes() -> None:
    stays = PeerEdit(A, "a", only_existing=True, remove_allowed_ips=ONE)
    changes = PeerEdit(B, "b", only_existing=True, add_allowed_ips=TWO, remove_allowed_ips=THREE)
    first, took, went = over_dummy("wg0", [stays, changes])
    assert first == PeerEdit(B, "b", only_existing=True, add_allowed_ips=TWO)
    assert took.add_allowed_ips == ONE + THREE and not took.only_existing
    assert went == PeerEdit(took.public_key, remove=True)


def test_each_interface_has_its_own_dummy() -> None:
    """Two that are seen at once, after a crash, are told apart."""
    edit = PeerEdit(A, remove_allowed_ips=ONE)
    assert over_dummy("wg0", [edit])[-1] != over_dummy("wg1", [edit])[-1]
