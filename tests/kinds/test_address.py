"""Addresses: their mark, and the one order in which IPv6 can change a prefix length."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import HUB, address, config, interface, machine, run
from wgd.kinds.address import Address, AddressAdd, AddressDelete, AddressKind
from wgd.kinds.link import KERNEL, Link, LinkSet
from wgd.model import OURS, State

KIND = AddressKind()
OWNERS = (
    ("ours", OURS, OURS, True),
    ("no mark", 0, OURS, False),
    ("somebody else's link", OURS, 0, False),
)


@pytest.mark.parametrize(("protocol", "group", "ours"), [o[1:] for o in OWNERS], ids=[o[0] for o in OWNERS])
def test_ownership(protocol: int, group: int, ours: bool) -> None:
    seen = State({"link": {"wg0": Link("wg0", KERNEL, group=group)}})
    assert KIND.owns(Address("wg0", address("172.27.0.1/16"), protocol), seen) is ours


def test_an_address_that_stands_without_our_mark_is_as_wanted() -> None:
    """Linux 6.1 does not mark it afterwards."""
    unmarked = Address("wg0", address("172.27.0.1/16"), 0)
    assert KIND.differences(replace(unmarked, protocol=OURS), unmarked) == ()


def test_a_link_local_address_is_the_kernels_own_business() -> None:
    seen = State({})
    assert not KIND.foreign(Address("wg0", address("fe80::1/64"), 0), config(HUB), seen)
    assert KIND.foreign(Address("wg0", address("192.168.1.1/24"), 0), config(HUB), seen)
    assert not KIND.foreign(Address("eth0", address("192.168.1.1/24"), 0), config(HUB), seen)


LENGTHS = (
    ("IPv4: make before break", "172.27.0.1/16", "172.27.0.1/24", [AddressAdd, AddressDelete]),
    ("IPv6: an address is on a link once", "fd00::1/64", "fd00::1/48", [AddressDelete, AddressAdd]),
    ("another IPv6 address", "fd00::1/64", "fd00::2/64", [AddressAdd, AddressDelete]),
)


@pytest.mark.parametrize(("old", "new", "ops"), [row[1:] for row in LENGTHS], ids=[row[0] for row in LENGTHS])
def test_a_changed_address(old: str, new: str, ops: list[type]) -> None:
    kernel = machine()
    run(kernel, config(interface("wg0", old)))
    report = run(kernel, config(interface("wg0", new)))
    assert report.converged and [type(outcome.op) for outcome in report.outcomes] == ops


def test_secondaries_are_kept_when_the_first_goes() -> None:
    kernel = machine()
    run(kernel, config(interface("wg0", "172.27.0.1/16", "172.27.0.2/16")))
    report = run(kernel, config(interface("wg0", "172.27.0.2/16")))
    assert report.converged and [type(outcome.op) for outcome in report.outcomes] == [AddressDelete]


def test_ipv6_addresses_come_back_after_the_link_was_down() -> None:
    kernel, wanted = machine(), config(interface("wg0", "172.27.0.1/16", "fd00::1/64"))
    run(kernel, wanted)
    kernel.set_link_state("wg0", up=False)
    assert run(kernel, wanted).converged
    assert "address fd00::1/64 dev wg0 proto 119" in kernel.as_text()


def test_ipv6_addresses_come_back_after_an_mtu_below_theirs() -> None:
    """The kernel removes them for good."""
    kernel, wanted = machine(), config(interface("wg0", "fd00::1/64", mtu=1380))
    run(kernel, wanted)
    kernel.run(LinkSet(refs=(), name="wg0", mtu=1200))
    assert "fd00::1/64" not in kernel.as_text()
    assert run(kernel, wanted).converged
