from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, interface, key, networks, peer
from wgd import members
from wgd.config.document import Interface
from wgd.config.schema import draft
from wgd.errors import UsageError


def free(of: Interface) -> list[str]:
    return [str(net) for net in members.free_addresses(of)]


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (HUB, ["172.27.0.4/32"]),
        (interface("wg0", "10.0.0.2/24"), ["10.0.0.1/32"]),
        (interface("wg0", "10.0.0.1/24", "fd00::1/64"), ["10.0.0.2/32", "fd00::2/128"]),
        (interface("wg0", "fd00::/64"), ["fd00::1/128"]),
        (interface("wg0", "10.0.0.1/24", "10.1.0.1/24"), ["10.0.0.2/32"]),
        (interface("wg0", "10.0.0.1/32", "10.1.0.1/24"), ["10.1.0.2/32"]),
        (
            interface("wg0", "10.0.0.1/24", peers=(peer("gone", "10.0.0.2/32", enabled=False),)),
            ["10.0.0.3/32"],
        ),
        (interface("wg0", "10.0.0.1/24", peers=(peer("wide", "10.0.0.0/28"),)), ["10.0.0.16/32"]),
        (
            interface("wg0", "10.0.0.1/24", networks={"lan": networks("10.0.0.0/30")}),
            ["10.0.0.4/32"],
        ),
    ],
    ids=[
        "the next",
        "a gap",
        "both versions",
        "not the network's own address",
        "the first network only",
        "not a single address",
        "a disabled peer keeps its own",
        "not inside a range",
        "not inside a named network",
    ],
)
def test_the_next_free_address(of: Interface, wanted: list[str]) -> None:
    assert free(of) == wanted


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (interface("wg0", "10.0.0.1/32"), "no room for a second machine"),
        (interface("wg0", "10.0.0.1/30", peers=(peer("a", "10.0.0.2/32"),)), "every address is taken"),
        (interface("wg0", "10.0.0.1/24", peers=(peer("hub", "10.0.0.0/24"),)), "every address is taken"),
        (interface("wg0"), "has no address"),
    ],
    ids=["alone", "full", "all of it is a peer's", "no address"],
)
def test_no_free_address(of: Interface, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        members.free_addresses(of)


@given(st.sets(st.integers(2, 30)))
def test_an_address_is_never_given_twice(taken: set[int]) -> None:
    peers = tuple(peer(f"p{n}", f"10.0.0.{n}/32") for n in sorted(taken))
    of = interface("wg0", "10.0.0.1/27", peers=peers)
    for _ in range(29 - len(taken)):
        (found,) = members.free_addresses(of)
        assert found not in {net for one in of.peers for net in one.allowed_ips}
        assert str(found) not in ("10.0.0.0/32", "10.0.0.1/32", "10.0.0.31/32")
        of = replace(of, peers=(*of.peers, peer(f"n{len(of.peers)}", str(found))))
    with pytest.raises(UsageError):
        members.free_addresses(of)


def test_the_text_is_a_drop_in_that_says_who_wrote_it() -> None:
    table = members.member(key("phone"), networks("172.27.0.4/32"))
    text = members.text({"a.phone": table})
    read = draft("wg0.d/phone.toml", text.encode())
    assert read.problems == () and [one.name for one in read.peers] == ["a.phone"]
    assert members.is_ours(text.encode())
    assert not members.is_ours(b"# mine\n" + text.encode())
    assert tomllib.loads(text) == {"peers": {"a.phone": table}}
