"""Set algebra on prefixes against sets of numbers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.configs import networks
from wgd import prefixes
from wgd.prefixes import Prefix, Ranges

BASE = networks("172.27.0.0/26")[0].first


def _prefix(at: int, length: int) -> Prefix:
    return Prefix.of(IPv4Network((BASE + at, length), strict=False))


SOME = st.lists(st.builds(_prefix, st.integers(0, 63), st.integers(26, 32)), max_size=6)

NETWORKS: st.SearchStrategy[IPv4Network | IPv6Network] = st.one_of(
    st.builds(
        lambda at, length: IPv4Network((at, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda at, length: IPv6Network((at, length), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)
NEAR = st.builds(
    lambda at, length: IPv4Network((at, length), strict=False), st.integers(0, 7), st.integers(28, 32)
)


@given(NETWORKS)
def test_a_prefix_is_what_ipaddress_says_of_it(network: IPv4Network | IPv6Network) -> None:
    made = Prefix.of(network)
    assert str(made) == str(network) and Prefix.parse(str(network)) == made
    assert (made.version, made.length, made.size) == (
        network.version,
        network.prefixlen,
        network.num_addresses,
    )
    assert made.address == network.network_address and made.packed == network.network_address.packed
    assert (
        made.last == int(network.broadcast_address) and made.packed_last == network.broadcast_address.packed
    )
    assert made.single is (network.prefixlen == network.max_prefixlen)
    assert Prefix.parse(made.short) == made and ("/" in made.short) is not made.single
    assert Prefix.alone(made.address) == Prefix.of(ip_network(network.network_address))


@given(NEAR, NEAR, st.integers(0, 40))
def test_prefixes_meet_as_those_of_ipaddress(one: IPv4Network, other: IPv4Network, at: int) -> None:
    mine, theirs, address = Prefix.of(one), Prefix.of(other), IPv4Address(at)
    assert mine.covers(theirs) is other.subnet_of(one)
    assert prefixes.within(theirs, (Prefix(6, 0, 0), mine)) is mine.covers(theirs)
    assert mine.meets(theirs) is one.overlaps(other)
    assert (address in mine) is (address in one)
    assert IPv6Address(at) not in mine and not mine.covers(Prefix(6, at, 128))


@given(NETWORKS, NETWORKS)
def test_prefixes_sort_by_version_and_address(
    one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network
) -> None:
    def key(net: IPv4Network | IPv6Network) -> tuple[int, int, int]:
        return net.version, int(net.network_address), net.prefixlen

    assert (Prefix.of(one) < Prefix.of(other)) is (key(one) < key(other))


PIECES = (
    *(
        "0",
        "01",
        "10",
        "255",
        "256",
        ".",
        "..",
        ":",
        "::",
        "/",
        "/8",
        "/32",
        "/33",
        "/08",
        "/129",
        "/255.0.0.0",
    ),
    *(
        "ffff",
        "fffff",
        "1.2.3.4",
        "10.0.0.0",
        "fd00::",
        "%eth0",
        " ",
        "+",
        "-1",
        "_",
        "\0",
        "é",
        "\u0661",
        "\u00b2",
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=5).map("".join))
@example("10.0.0.0/8")
@example("1.2.3.4.5/32")
@example("1.2.3/32")
@example("10.0.0.0/-1")
@example("10.0.0.1/8")
@example("fd00::1.2.3.4/128")
@example("::ffff:1.2.3.4")
def test_parse_takes_what_ipaddress_takes(text: str) -> None:
    try:
        wanted = Prefix.of(ip_network(text))
    except ValueError:
        with pytest.raises(
            ValueError,
            match=r"^",
        ):
            Prefix.parse(text)
    else:
        assert Prefix.parse(text) == wanted


def addresses(spans: Ranges) -> set[int]:
    return {address for first, last in spans for address in range(first, last + 1)}


def members(nets: list[Prefix]) -> set[int]:
    return {address for net in nets for address in range(net.first, net.last + 1)}


def canonical(spans: Ranges) -> bool:
    """Sorted, disjoint, not adjacent."""
    return all(first <= last for first, last in spans) and all(
        one[1] + 1 < other[0] for one, other in pairwise(spans)
    )


@given(SOME)
def test_ranges(nets: list[Prefix]) -> None:
    found = prefixes.ranges(nets, 4)
    assert addresses(found) == members(nets) and canonical(found)


@given(SOME, SOME)
def test_union(one: list[Prefix], other: list[Prefix]) -> None:
    found = prefixes.union(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) | members(other) and canonical(found)


@given(SOME, SOME)
def test_intersection(one: list[Prefix], other: list[Prefix]) -> None:
    found = prefixes.intersection(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) & members(other) and canonical(found)


@given(SOME, SOME)
def test_difference(one: list[Prefix], other: list[Prefix]) -> None:
    found = prefixes.difference(prefixes.ranges(one, 4), prefixes.ranges(other, 4))
    assert addresses(found) == members(one) - members(other) and canonical(found)


@given(SOME)
def test_networks_are_the_fewest_prefixes(nets: list[Prefix]) -> None:
    found = prefixes.networks(prefixes.ranges(nets, 4), 4)
    listed = [IPv4Network((net.first, net.length)) for net in nets]
    assert list(found) == sorted(map(Prefix.of, collapse_addresses(listed)))


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
