"""Every rule that wgd writes is one that nft takes, and that comes back as the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from integration.host import Host
from tests.configs import HUB, NOW, SEED, config, interface, machine, peer, resolved, run, side
from tests.fake import FakeKernel
from tests.strategies import configs
from tests.test_golden import GOLDEN, config_in
from wgd.config.document import Config, Forward, Input, Masquerade, PortRange
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.nftables import NftElements, NftTransaction
from wgd.model import Op
from wgd.plan import make_plan
from wgd.reconcile import observe

GOLDEN_CASES = {path.parent.name: path.parent for path in sorted(GOLDEN.glob("*/plan.txt"))}
ALL_PORTS = tuple(
    PortRange(protocol, first, last)
    for protocol in ("tcp", "udp")
    for first, last in ((1, 1), (80, 90), (443, 443), (65535, 65535))
)
CROWD = {"crowd": tuple(f"172.27.1.{number}/32" for number in range(1, 40, 2))}
CROWD6 = {"crowd": tuple(f"fd00::1:{number:x}/128" for number in range(1, 40, 2))}
AWKWARD: dict[str, Config] = {
    "sets of every type": config(
        interface(
            "wg0",
            "172.27.0.1/16",
            "fd00::1/64",
            forwards=tuple(
                Forward(side(*source, **crowd), side(*target, **crowd))
                for crowd, whole in ((CROWD, "172.27.0.0/16"), (CROWD6, "fd00::/64"))
                for source, target in (
                    (("crowd",), (whole,)),
                    ((whole,), ("crowd",)),
                    (("crowd",), (crowd["crowd"][0],)),
                    (tuple(f"10.{number}.0.0/24" for number in range(20)), (whole,)),
                    (tuple(f"fd00:{number}::/32" for number in range(1, 20)), (whole,)),
                )
            ),
        )
    ),
    "who comes in": config(
        interface(
            "wg0",
            "172.27.0.1/16",
            "fd00::1/64",
            inputs=(
                Input(side("any"), (PortRange("icmp"), PortRange("udp", 53, 53))),
                Input(side("crowd", **CROWD), ALL_PORTS),
                Input(side("crowd", **CROWD6)),
            ),
        )
    ),
    "intervals up to the first and the last address": config(
        replace(
            HUB,
            forwards=(
                Forward(
                    side("0.0.0.0/8", "224.0.0.0/3", *(f"10.{number}.0.0/24" for number in range(20))),
                    side("any"),
                ),
            ),
        )
    ),
    "every port": config(
        replace(HUB, forwards=(Forward(side("any"), side("any"), (*ALL_PORTS, PortRange("icmp"))),))
    ),
    "the longest name": config(interface("a.b-c_d.e-f_g.h", "172.27.0.1/16", forwards=HUB.forwards)),
    "a name that is a word of nft": config(interface("drop", "172.27.0.1/16", forwards=HUB.forwards)),
    "many words": config(
        replace(HUB, forwards=(Forward(side(*(f"192.168.{i}.0/24" for i in range(99))), side("any")),))
    ),
    "the internet": config(
        interface(
            "wg0",
            "172.27.0.1/16",
            "fd00::1/64",
            peers=(peer("one", "172.27.0.2/32", "fd00::2/128"),),
            forwards=(Forward(side("one", peers=("one",)), side("internet")),),
            masquerades=(Masquerade("eth0", side("internet")),),
        )
    ),
    "addresses of their own": config(
        interface(
            "wg0",
            "172.27.0.1/16",
            "fd00::1/64",
            forwards=(Forward(side("any"), side("any")),),
            masquerades=(
                Masquerade("eth0", side("any"), ip_address("192.0.2.7")),
                Masquerade("eth0", side("internet"), ip_address("2001:db8::7")),
            ),
        )
    ),
    "everything": config(
        interface(
            "wg0",
            "172.27.0.1/16",
            peers=(peer("one", "172.27.0.2/32"),),
            forwards=(Forward(side("0.0.0.0/0"), side("0.0.0.0/0")),),
            masquerades=(Masquerade("eth0", side("0.0.0.0/0")),),
        )
    ),
}


def said(fake: FakeKernel, wanted: Config) -> list[tuple[NftTransaction | NftElements, str]]:
    """What is done to nftables on the way to the config, on a machine that forwards nothing yet, and the same
    in words."""
    fake.recover()
    report = run(fake, wanted)
    assert report.converged
    ops = [op for op in fake.ran if isinstance(op, NftTransaction | NftElements)]
    return [(op, "\n".join(c.removeprefix("nft '").removesuffix("'") for c in op.commands())) for op in ops]


def taken(host: Host, wanted: Config) -> None:
    """There and back again: by what wgd does itself, and through nft's own program."""
    kernel = LinuxKernel()
    for by_hand in (False, True):
        fake = machine()
        for goal in (wanted, Config()):
            for op, words in said(fake, goal):
                if by_hand:
                    host.nft(words)
                else:
                    kernel.run(op)
            assert {*kernel.dump("nftables")} == {*fake.dump("nftables")}
        assert host.run("nft", "list", "ruleset") == ""


@pytest.mark.parametrize("wanted", SEED.values(), ids=SEED)
def test_the_three_hosts(namespace: Host, wanted: Config) -> None:
    taken(namespace, wanted)


@pytest.mark.parametrize("case", GOLDEN_CASES.values(), ids=GOLDEN_CASES)
def test_the_golden_folders(namespace: Host, case: Path) -> None:
    taken(namespace, config_in(case))


@pytest.mark.parametrize("wanted", AWKWARD.values(), ids=AWKWARD)
def test_awkward_ones(namespace: Host, wanted: Config) -> None:
    taken(namespace, wanted)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=configs())
def test_random_ones(namespace: Host, wanted: Config) -> None:
    taken(namespace, wanted)


def test_the_commands_of_a_plan_can_be_typed(namespace: Host) -> None:
    """As `wgd plan` shows them, into a shell."""
    wanted = SEED["spoke-2"]
    plan = make_plan(wanted, observe(machine(), resolved(wanted), NOW))
    ops: list[Op] = [op for op in plan.ops if isinstance(op, NftTransaction)]
    namespace.run("sh", "-e", stdin="\n".join(command for op in ops for command in op.commands()))
    assert len([*LinuxKernel().dump("nftables")]) == 4
