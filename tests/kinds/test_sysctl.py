"""Forwarding: no more than the rules need, noted, and given back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.configs import HUB, NOW, SEED, SPOKE_2, WEBCAMS, config, interface, machine, peer, run, side
from tests.fake import FakeKernel
from wgd.config.document import Config, Forward, Masquerade
from wgd.kinds.sysctl import Sysctl, SysctlKind, fenced
from wgd.model import State
from wgd.reconcile import observe

KIND = SysctlKind()


def raised(wanted: Config, kernel: FakeKernel | None = None) -> set[str]:
    """What is wanted besides keeping secondary addresses, without `net/` and `/forwarding`."""
    seen = observe(kernel or machine(), {}, NOW)
    return {
        f"{sysctl.path.removeprefix('net/').replace('conf/', '').removesuffix('/forwarding')}={sysctl.value}"
        for sysctl in KIND.desired(wanted, seen)
        if not sysctl.path.endswith("/promote_secondaries")
    }


def out(*targets: str, **more: Any) -> Config:
    """A gateway on wg0 that lets its peer out to the targets."""
    rule = Forward(side("hub-1", peers=("hub-1",)), side(*targets))
    return config(replace(SPOKE_2, forwards=(rule,), **more))


V6_PEERS = (peer("a", "fd00::2/128"),)
V6 = config(
    interface("wg0", "fd00::1/64", peers=V6_PEERS, forwards=(Forward(side("any"), side("2001:db8:1::/64")),))
)
NEEDS: tuple[tuple[str, Config, set[str]], ...] = (
    ("no rules", SEED["spoke-1"], set()),
    ("the hub: wg0 alone", SEED["hub-1"], {"ipv4/wg0=1"}),
    ("spoke-2: wg0, and wlp0s0f0 for the replies", SEED["spoke-2"], {"ipv4/wg0=1", "ipv4/wlp0s0f0=1"}),
    ("by the routing table", out(WEBCAMS, masquerades=()), {"ipv4/wg0=1", "ipv4/wlp0s0f0=1"}),
    ("by the default route", out("internet", masquerades=()), {"ipv4/wg0=1", "ipv4/eth0=1"}),
    (
        "a name instead of the routing table",
        out(WEBCAMS, masquerades=(Masquerade("eth0", side(WEBCAMS)),)),
        {"ipv4/wg0=1", "ipv4/eth0=1"},
    ),
    (
        "a masquerade elsewhere is no answer",
        out(WEBCAMS, masquerades=(Masquerade("eth0", side("192.168.0.0/16")),)),
        {"ipv4/wg0=1", "ipv4/wlp0s0f0=1"},
    ),
    ("IPv6: everywhere, and router advertisements stay heard", V6, {"ipv6/all=1"}),
)


@pytest.mark.parametrize(("wanted", "expected"), [n[1:] for n in NEEDS], ids=[n[0] for n in NEEDS])
def test_needs(wanted: Config, expected: set[str]) -> None:
    assert {path for path in raised(wanted) if "accept_ra" not in path} == expected


def test_any_on_an_ipv4_interface_opens_no_ipv6() -> None:
    rule = Forward(side("any"), side("any"))
    assert not any("ipv6" in path for path in raised(config(replace(HUB, forwards=(rule,)))))


def test_router_advertisements_stay_heard() -> None:
    """Forwarding would make the host deaf to them, and its own default route would go with the next one."""
    kernel = machine()
    kernel.write_sysctl("net/ipv6/conf/wlp0s0f0/accept_ra", "0")
    heard = {path for path in raised(V6, kernel) if "accept_ra" in path}
    assert "ipv6/eth0/accept_ra=2" in heard and "ipv6/wlp0s0f0/accept_ra=2" not in heard


def test_a_device_that_is_not_plugged_in_is_opened_when_it_comes() -> None:
    kernel = machine()
    kernel.delete_link("wlp0s0f0")
    assert run(kernel, SEED["spoke-2"]).converged
    kernel.add_link("wlp0s0f0", "veth", up=True)
    assert run(kernel, SEED["spoke-2"]).converged
    assert "sysctl net/ipv4/conf/wlp0s0f0/forwarding = 1" in kernel.as_text()
    assert fenced(SEED["spoke-2"], observe(kernel, {}, NOW)) == (((4, "wlp0s0f0"),), False)


def test_newer_kernels_open_ipv6_by_device() -> None:
    kernel = machine(force_forwarding=True)
    assert raised(V6, kernel) == {"ipv6/wg0/force_forwarding=1"}


@pytest.mark.parametrize("wanted", [SEED["hub-1"], SEED["spoke-2"], V6], ids=["hub-1", "spoke-2", "IPv6"])
@pytest.mark.parametrize("newer", [False, True], ids=["6.1", "6.17"])
def test_everything_is_given_back(wanted: Config, newer: bool) -> None:
    kernel = machine(force_forwarding=newer)
    before = sysctls(kernel)
    assert run(kernel, wanted).converged
    assert run(kernel, Config()).converged
    assert sysctls(kernel) == before


def sysctls(kernel: FakeKernel) -> list[str]:
    return [line for line in kernel.as_text().splitlines() if line.startswith("sysctl")]


def test_what_somebody_else_opened_stays_open() -> None:
    kernel = machine()
    kernel.write_sysctl("net/ipv4/conf/wlp0s0f0/forwarding", "1")
    run(kernel, SEED["spoke-2"])
    run(kernel, Config())
    assert "sysctl net/ipv4/conf/wlp0s0f0/forwarding = 1" in kernel.as_text()


def test_a_second_raise_keeps_the_first_note() -> None:
    kernel = machine()
    run(kernel, SEED["spoke-2"])
    kernel.write_sysctl("net/ipv4/conf/wlp0s0f0/forwarding", "0")
    report = run(kernel, SEED["spoke-2"])
    assert report.converged and "note net/ipv4/conf/wlp0s0f0/forwarding was 0" in kernel.as_text()


def test_only_a_note_makes_it_ours() -> None:
    assert not KIND.owns(Sysctl("net/ipv4/conf/eth0/forwarding", "1"), State({}))
    assert KIND.owns(Sysctl("net/ipv4/conf/eth0/forwarding", "1", "0"), State({}))


def test_the_path_names_its_device_whatever_its_name() -> None:
    assert Sysctl("net/ipv4/conf/eth0.7/forwarding", "1").device == "eth0.7"


def test_what_is_fenced_is_what_we_opened() -> None:
    kernel = machine()
    kernel.write_sysctl("net/ipv4/conf/eth0/forwarding", "1")
    both = out(WEBCAMS, "internet", masquerades=())
    assert fenced(both, observe(kernel, {}, NOW)) == (((4, "wlp0s0f0"),), False)


def test_an_old_rule_keeps_its_fence_until_forwarding_is_off() -> None:
    kernel = machine()
    run(kernel, SEED["spoke-2"])
    assert fenced(SEED["spoke-1"], observe(kernel, {}, NOW)) == (((4, "wlp0s0f0"),), False)
