from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import HUB, NOW, SPOKE_2, WEBCAMS, config, interface, machine, peer, resolved, run, side
from tests.fake import FakeKernel
from wgd.access.revoking import Connection, Revoke
from wgd.config.document import Config, Forward, Forwarding, Masquerade, PortRange, Side
from wgd.kinds.route import RouteSet
from wgd.output import report
from wgd.output.script import render_outcome, render_plan, render_rules
from wgd.output.terminal import Page
from wgd.plan import make_plan
from wgd.reconcile import observe

ALONE = interface("wg0", "172.27.0.1/16", listen_port=51820)


def text(kernel: FakeKernel, wanted: Config, **more: Any) -> str:
    seen = observe(kernel, resolved(wanted), NOW)
    plan = make_plan(wanted, seen)
    return render_plan(plan, report.status(wanted, seen, plan, **more), Page())


def applied(wanted: Config) -> FakeKernel:
    kernel = machine()
    run(kernel, wanted)
    return kernel


def test_a_plan_reads_as_a_script() -> None:
    assert text(machine(), config(ALONE)).splitlines() == [
        "# interfaces",
        "ip link add dev wg0 group 119 type wireguard",
        "# WireGuard settings",
        "wg set wg0 private-key … listen-port 51820",
        "# addresses",
        "ip address add 172.27.0.1/16 dev wg0 proto 119",
        "# switches of the kernel",
        "sysctl -w net/ipv4/conf/wg0/promote_secondaries=1",
        "# interfaces up",
        "ip link set dev wg0 up",
    ]


def test_what_goes_is_said_to_be_unwanted() -> None:
    assert text(applied(config(ALONE)), config()).splitlines() == [
        "# interfaces, no longer wanted",
        "ip link delete dev wg0",
    ]


def test_nothing_to_do() -> None:
    assert text(applied(config(HUB)), config(HUB)) == "# nothing to do"


def test_nothing_can_be_done() -> None:
    kernel = machine()
    kernel.add_link("wg0", "wireguard")
    assert text(kernel, config(ALONE)).splitlines()[:4] == [
        "# nothing can be done",
        "",
        "conflicts, left alone",
        "  ! wg0 exists and was not made by wgd",
    ]


def test_opening_is_announced() -> None:
    relaxed = replace(HUB, forwards=(), forwarding=Forwarding.UNMANAGED)
    assert "OPENS: what is forwarded through wg0" in text(applied(config(HUB)), config(relaxed))


def test_a_frozen_interface_is_named() -> None:
    shown = text(applied(config(HUB)), config(HUB), frozen=frozenset({"wg0"}))
    assert shown.endswith(
        "stays as it is until its files are mended\n  wg0: runs as its files were last accepted"
    )


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        pytest.param(config(ALONE), [], id="no rules"),
        pytest.param(
            config(HUB),
            [
                "# wg0 forwards spoke-1 → webcams",
                f"#   in by wg0 from 172.27.0.2/32, out by wg0 to {WEBCAMS}: tcp/80, tcp/554",
            ],
            id="hub",
        ),
        pytest.param(
            config(SPOKE_2),
            [
                "# wg0 forwards hub-1 → webcams",
                f"#   in by wg0 from 172.27.0.0/16, out by wlp0s0f0 to {WEBCAMS}",
                "# wg0 masquerades to webcams as wlp0s0f0",
                f"#   in by wg0, out by wlp0s0f0 to {WEBCAMS}: with the address of wlp0s0f0",
            ],
            id="gateway",
        ),
        pytest.param(
            config(
                replace(
                    SPOKE_2,
                    forwards=(Forward(side("any"), side("any"), (PortRange("icmp"),), outgoing="eth0"),),
                    masquerades=(Masquerade("eth0", side("any")),),
                )
            ),
            [
                "# wg0 forwards any → any",
                "#   in by wg0, out by eth0: icmp",
                "# wg0 masquerades to any as eth0",
                "#   in by wg0, out by eth0: with the address of eth0",
            ],
            id="any",
        ),
        pytest.param(
            config(replace(SPOKE_2, masquerades=(Masquerade("eth0", side("any"), ip_address("192.0.2.7")),))),
            [
                "# wg0 forwards hub-1 → webcams",
                f"#   in by wg0 from 172.27.0.0/16, out by wlp0s0f0 to {WEBCAMS}",
                "# wg0 masquerades to any as 192.0.2.7",
                "#   in by wg0, out by eth0: with the address 192.0.2.7",
            ],
            id="an address of its own",
        ),
        pytest.param(
            config(replace(HUB, peers=tuple(replace(peer, enabled=False) for peer in HUB.peers))),
            ["# wg0 forwards spoke-1 → webcams", "#   nothing: one side is nobody, or nowhere"],
            id="nobody",
        ),
    ],
)
def test_rules_are_told_in_addresses(wanted: Config, lines: list[str]) -> None:
    assert render_rules(wanted, observe(machine(), {}, NOW), Page()).splitlines() == lines


def test_the_internet_is_told_in_short() -> None:
    wanted = config(replace(HUB, forwards=(Forward(side("spoke-1", peers=("spoke-1",)), side("internet")),)))
    (line,) = render_rules(wanted, observe(machine(), {}, NOW), Page()).splitlines()[1:]
    assert " more" in line and len(line) < 300


def test_a_plan_tells_which_connections_end() -> None:
    ending = Revoke(refs=(), connections=(Connection(4, 0x0A000001, 0x0A000002, 6, 80),))
    seen = observe(machine(), {}, NOW)
    plan = make_plan(config(HUB), seen)
    told = render_plan(
        replace(plan, ops=(*plan.ops, ending)), report.status(config(HUB), seen, plan), Page()
    ).splitlines()
    at = told.index("# connections that the rules no longer allow, or no longer leave as they are, end")
    assert told[at + 1] == ending.commands()[0]


def test_an_outcome_shows_its_commands_and_why_they_failed() -> None:
    kernel = machine()
    kernel.fail_next(RouteSet, 1)
    outcomes = run(kernel, config(HUB)).outcomes
    failed = next(outcome for outcome in outcomes if not outcome.ok)
    assert render_outcome(failed, Page()).splitlines()[0] == f"  ip route add {WEBCAMS} dev wg0 proto 119"
    assert render_outcome(failed, Page()).splitlines()[1].startswith("    failed: ")
    skipped = replace(failed, error=None, skipped=failed.op.needs[0])
    assert render_outcome(skipped, Page()).splitlines()[1] == "    skipped: it needs link wg0"


def test_of_many_commands_and_rules_a_terminal_shows_the_first() -> None:
    """A pipe gets them all."""
    peers = [peer(f"peer-{n}", f"172.28.0.{n}/32") for n in range(1, 101)]
    rules = tuple(Forward(Side((one.name,), peers=(one.name,)), side("10.11.12.0/24")) for one in peers)
    wanted = config(replace(HUB, peers=tuple(peers), forwards=rules))
    seen = observe(machine(), {}, NOW)
    plan = make_plan(wanted, seen)
    status = report.status(wanted, seen, plan)
    whole = render_plan(plan, status, Page()).splitlines()
    short = render_plan(plan, status, Page(), whole=False).splitlines()
    adding = [line for line in whole if line.startswith("wg set wg0 peer")]
    assert len(adding) == 100
    assert [line for line in short if line in adding] == adding[:20]
    assert "# … and 80 more commands; `wgd plan | less` shows them all" in short
    told = render_rules(wanted, seen, Page(), whole=False)
    assert told.endswith("# … and 80 more rules; `wgd plan | less` shows them all")
    assert render_rules(wanted, seen, Page()).startswith(told[: told.index("# …")])
