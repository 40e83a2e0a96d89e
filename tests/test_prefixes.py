"""Set algebra on prefixes against sets of numbers."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configs import networks
from wgd import prefixes
from wgd.prefixes import Ranges

BASE = int(networks("172.27.0.0/26")[0].network_address)


def _prefix(at: int, length: int) -> IPv4Network:
    return IPv4Network((BASE + at, length), strict=False)


SOME = st.lists(st.builds(_prefix, st.integers(0, 63), st.integers(26, 32)), max_size=6)


def addresses(spans: Ranges) -> set[int]:
    return {address for first, last in spans for address in range(first, last + 1)}


def members(nets: list[IPv4Network]) -> set[int]:
    return {int(address) for net in nets for address in net}


def canonical(spans: Ranges) -> bool:
    """Sorted, disjoint, not adjacent."""
    return all(first <= last for first, last in spans) and all(
        one[1] + 1 < other[0] for one, other in pairwise(spans)
    )


@given(SOME)
def test_ranges(nets: list[IPv4Network]) -> None:
    found = prefixes.ranges(nets, 4)
    assert addresses(found) == members(nets) and canonical(found)


@given(SOME, SOME)
def test_union(one: list[IPv4Network], other: list[IPv4Network]) -> None:
    found = prefixes.union(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) | members(other) and canonical(found)


@given(SOME, SOME)
def test_intersection(one: list[IPv4Network], other: list[IPv4Network]) -> None:
    found = prefixes.intersection(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) & members(other) and canonical(found)


@given(SOME, SOME)
def test_difference(one: list[IPv4Network], other: list[IPv4Network]) -> None:
    found = prefixes.difference(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) - members(other) and canonical(found)


@given(SOME)
def test_networks_are_the_fewest_prefixes(nets: list[IPv4Network]) -> None:
    found = prefixes.networks(prefixes.ranges(nets, 4), 4)
    assert list(found) == sorted(collapse_addresses(nets))


VERSIONS = (
    (4, "10.0.0.0/8", "0.0.0.0/0"),
    (6, "fd00::/64", "::/0"),
)


@pytest.mark.parametrize(("version", "own", "all_of_it"), VERSIONS, ids=["IPv4", "IPv6"])
def test_versions_do_not_mix(version: int, own: str, all_of_it: str) -> None:
    both = networks("10.0.0.0/8", "fd00::/64")
    assert prefixes.networks(prefixes.ranges(both, version), version) == networks(own)
    assert prefixes.networks(prefixes.everything(version), version) == networks(all_of_it)


def test_everything_less_a_hole() -> None:
    rest = prefixes.difference(prefixes.everything(4), prefixes.ranges(networks("128.0.0.0/1"), 4))
    assert prefixes.networks(rest, 4) == networks("0.0.0.0/1")
    assert prefixes.difference((), prefixes.everything(4)) == ()
    assert prefixes.difference(prefixes.everything(6), ()) == prefixes.everything(6)
