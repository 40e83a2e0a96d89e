"""What is closed while our nftables rules are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import HUB, NOW, SPOKE_2, config, interface, machine, peer, run, side
from wgd.config.document import Config, Forward
from wgd.kinds.nftables import NftTransaction
from wgd.kinds.policy import PolicyAdd, PolicyDelete, PolicyKind
from wgd.reconcile import observe

CLOSED = replace(SPOKE_2, fail_closed=True)
SIX = interface(
    "wg0",
    "fd00::1/64",
    peers=(peer("a", "fd00::2/128"),),
    forwards=(Forward(side("any"), side("2001:db8:1::/64"), outgoing="wlp0s0f0"),),
    fail_closed=True,
)
WANTED: tuple[tuple[str, Config, set[str]], ...] = (
    ("nobody asks", config(SPOKE_2), set()),
    ("a gateway", config(CLOSED), {"4 wg0 119", "6 wg0 119", "4 wlp0s0f0 120"}),
    ("a hub", config(replace(HUB, fail_closed=True)), {"4 wg0 119", "6 wg0 119"}),
    (
        "one of two",
        config(interface("wg1", "172.28.0.1/16"), CLOSED),
        {"4 wg0 119", "6 wg0 119", "4 wlp0s0f0 120"},
    ),
    ("IPv6 forwards everywhere", config(SIX), {"4 wg0 119", "6 wg0 119", "6 wlp0s0f0 120"}),
    ("a disabled one", config(replace(CLOSED, enabled=False)), set()),
)


@pytest.mark.parametrize(("wanted", "expected"), [w[1:] for w in WANTED], ids=[w[0] for w in WANTED])
def test_by_which_devices_nothing_passes_unmarked(wanted: Config, expected: set[str]) -> None:
    """Ours, and those that forward only because of us."""
    found = PolicyKind().desired(wanted, observe(machine(), {}, NOW))
    assert {f"{one.version} {one.device} {one.priority}" for one in found} == expected


def test_a_router_that_was_one_before_goes_on_for_others() -> None:
    kernel = machine()
    kernel.write_sysctl("net/ipv4/conf/all/forwarding", "1")
    found = PolicyKind().desired(config(CLOSED), observe(kernel, {}, NOW))
    assert {one.device for one in found} == {"wg0"}


def test_a_mark_is_there_before_and_after_the_rule_that_asks_for_it() -> None:
    kernel = machine()
    run(kernel, config(CLOSED))
    made = [type(op) for op in kernel.ran if isinstance(op, NftTransaction | PolicyAdd)]
    assert made == [NftTransaction, PolicyAdd, PolicyAdd, PolicyAdd]
    kernel.recover()
    run(kernel, Config())
    gone = [type(op) for op in kernel.ran if isinstance(op, NftTransaction | PolicyDelete) and op.deletes]
    assert gone[:4] == [PolicyDelete] * 3 + [NftTransaction]


@pytest.mark.parametrize("wanted", [config(SPOKE_2), Config()], ids=["switched off", "gone"])
def test_marks_stay_while_a_rule_that_asks_for_them_cannot_be_deleted(wanted: Config) -> None:
    kernel = machine()
    run(kernel, config(CLOSED))
    before = kernel.nft.rules("gate-wg0")
    kernel.fail_next(PolicyDelete, 1)
    assert not run(kernel, wanted).converged
    assert kernel.nft.rules("gate-wg0") == before and len(kernel.dump("policy")) == 1
    assert run(kernel, wanted).converged and kernel.dump("policy") == ()


def test_a_rule_is_not_set_where_its_mark_could_not_be() -> None:
    kernel = machine()
    kernel.fail_next(NftTransaction, 1)
    report = run(kernel, config(CLOSED))
    assert kernel.dump("policy") == () and not report.converged
    assert run(kernel, config(CLOSED)).converged
