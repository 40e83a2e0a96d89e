"""The peers of an interface, kept up as some come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.configs import peer
from wgd import prefixes
from wgd.access.cover import Cover
from wgd.access.crowd import NOBODY, Crowd, crowd
from wgd.config.document import Peer
from wgd.versions import Version

PREFIXES = (
    "172.27.0.2/32",
    "172.27.0.3/32",
    "172.27.0.0/30",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "fd00::2/128",
    "fd00::/64",
)
EVERYBODY = tuple(
    peer(f"p{number}", *PREFIXES[number % 7 :: 1 + number % 3], enabled=number % 4 > 0)
    for number in range(12)
)
some = st.lists(st.sampled_from(EVERYBODY), unique_by=id).map(tuple)


def anew(peers: tuple[Peer, ...]) -> Crowd:
    found = [prefix for one in peers for prefix in one.allowed_ips]
    covers = {
        v: Cover(
            Version(sorted(prefixes.span(p) for p in found if p.version == v)), prefixes.ranges(found, v)
        )
        for v in (4, 6)
    }
    passing = {one.name: one for one in peers if one.expires or not one.enabled}
    return Crowd(peers, {one.name: one for one in peers}, covers, passing)


@given(st.lists(some))
def test_it_is_what_it_would_be_anew(steps: list[tuple[Peer, ...]]) -> None:
    """Also where two peers cover the same addresses and one of them goes."""
    kept = NOBODY
    for peers in steps:
        kept = crowd(peers, kept)
        assert kept == anew(peers)


def test_a_thousand_at_once() -> None:
    many = tuple(peer(f"p{n}", f"172.27.{n // 250}.{n % 250}/32") for n in range(1000))
    assert crowd(many[::-1], crowd(EVERYBODY)) == anew(many[::-1])
    assert crowd(EVERYBODY, crowd(many)) == anew(EVERYBODY)


def test_the_same_peers_are_the_same_crowd() -> None:
    one = crowd(EVERYBODY)
    assert crowd(EVERYBODY, one) is one
