"""Which connections go when rules become narrower."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.configs import HUB, NOW, SPOKE_2, WEBCAMS, config, interface, machine, peer, run, side
from tests.fake import FakeKernel
from wgd.access.revoking import Connection, Revoke, allowed
from wgd.config.document import Config, Forward, Forwarding, Masquerade, PortRange
from wgd.errors import KernelError
from wgd.model import Outcome
from wgd.reconcile import observe, reconcile

CAMERA, ONE, TWO, PHONE, ELSEWHERE = "10.11.12.7", "172.27.0.2", "172.27.0.3", "172.27.0.9", "203.0.113.9"


def connection(source: str, target: str, port: int = 80, protocol: int = 6) -> Connection:
    one, other = ip_address(source), ip_address(target)
    return Connection(one.version, int(one), int(other), protocol, port)


OTHER = interface("wg1", "172.28.0.1/16", peers=(peer("phone", "172.28.0.2/32"),))
BOTH = Forward(side("spoke-1", peers=("spoke-1",)), side("172.28.0.2/32"))
RULED = replace(OTHER, forwarding=Forwarding.RULES)
CROWD = tuple(f"172.27.1.{2 * n}/32" for n in range(20))
JUDGED: tuple[tuple[str, Config, Connection, bool], ...] = (
    ("permitted", config(HUB), connection(ONE, CAMERA), False),
    ("another port", config(HUB), connection(ONE, CAMERA, 81), True),
    ("another protocol", config(HUB), connection(ONE, CAMERA, protocol=17), True),
    ("the other way", config(HUB), connection(CAMERA, ONE), True),
    ("another peer", config(HUB), connection(TWO, CAMERA), True),
    ("somebody unknown", config(HUB), connection(PHONE, ELSEWHERE), True),
    ("not through the interface", config(HUB), connection("192.168.5.5", ELSEWHERE), False),
    ("of this machine", config(HUB), connection(ONE, "172.27.0.1", 22), False),
    ("from this machine", config(HUB), connection("172.27.0.1", ONE, 22), False),
    ("without rules", config(replace(HUB, forwarding=Forwarding.UNMANAGED)), connection(CAMERA, ONE), False),
    ("on a gateway, before it is masqueraded", config(SPOKE_2), connection(ONE, CAMERA), False),
    ("both permit", config(replace(HUB, forwards=(BOTH,)), OTHER), connection(ONE, "172.28.0.2"), False),
    ("one does not", config(replace(HUB, forwards=(BOTH,)), RULED), connection(ONE, "172.28.0.2"), True),
    (
        "anybody's ICMP",
        config(replace(HUB, forwards=(Forward(side("any"), side("any"), (PortRange("icmp"),)),))),
        connection(PHONE, ELSEWHERE, 0, 1),
        False,
    ),
    (
        "one of a crowd",
        config(replace(HUB, forwards=(Forward(side(*CROWD), side(WEBCAMS)),))),
        connection("172.27.1.4", CAMERA),
        False,
    ),
    (
        "none of it",
        config(replace(HUB, forwards=(Forward(side(*CROWD), side(WEBCAMS)),))),
        connection("172.27.1.5", CAMERA),
        True,
    ),
    ("another version", config(HUB), connection("fd00::2", "fd00::3"), False),
)


@pytest.mark.parametrize(("wanted", "one", "forbidden"), [j[1:] for j in JUDGED], ids=[j[0] for j in JUDGED])
def test_who_is_forbidden(wanted: Config, one: Connection, forbidden: bool) -> None:
    kernel = machine()
    assert run(kernel, wanted).converged
    assert allowed(wanted, observe(kernel, {}, NOW)).forbids(one) is forbidden


def test_what_a_narrower_rule_forbids_goes_and_nothing_else() -> None:
    kernel = machine()
    wide = replace(HUB, forwards=(Forward(side("any"), side("any")),))
    run(kernel, config(wide))
    kept = {connection(ONE, CAMERA), connection("192.168.5.5", ELSEWHERE), connection(TWO, "172.27.0.1")}
    kernel.connections = {*kept, connection(CAMERA, ONE, 5000, 17), connection(ONE, TWO)}
    run(kernel, config(HUB))
    assert kernel.connections == kept


def test_it_goes_after_the_rules() -> None:
    kernel = machine()
    run(kernel, config(replace(HUB, forwards=(Forward(side("any"), side("any")),))))
    kernel.recover()
    kernel.connections = {connection(ONE, TWO)}
    run(kernel, config(HUB))
    assert isinstance(kernel.ran[-1], Revoke) and len(kernel.ran) > 1


BARE = connection(ONE, CAMERA)
NOT_CONCERNED = {
    "disguised already": BARE._replace(bare=False),
    "elsewhere": connection(ONE, ELSEWHERE),
    "from the LAN": connection("10.0.0.9", CAMERA),
    "to the tunnel": connection("10.0.0.9", ONE),
    "in IPv6": connection("fd00::2", "fd00::3"),
}


@pytest.mark.parametrize("other", NOT_CONCERNED.values(), ids=NOT_CONCERNED)
def test_what_was_born_while_masquerading_was_missing_goes_when_it_is_back(other: Connection) -> None:
    kernel = machine()
    run(kernel, config(SPOKE_2))
    kernel.nft.run(tuple(f"{verb} chain inet wgd masquerade-wg0" for verb in ("flush", "delete")))
    kernel.connections = {BARE, other}
    kernel.recover()
    assert run(kernel, config(SPOKE_2)).converged
    assert kernel.connections == {other}
    assert kernel.ran[-1] == Revoke(refs=kernel.ran[-1].refs, connections=(BARE,))


def test_masquerading_to_anywhere_concerns_what_leaves_by_its_device() -> None:
    kernel = machine()
    run(kernel, config(replace(SPOKE_2, masquerades=())))
    kernel.connections = {connection(ONE, ELSEWHERE), BARE, connection(ONE, TWO)}
    run(kernel, config(replace(SPOKE_2, masquerades=(Masquerade("eth0", side("any")),))))
    assert kernel.connections == {BARE, connection(ONE, TWO)}


def test_nothing_is_told_where_nothing_ends() -> None:
    kernel = machine()
    run(kernel, config(replace(HUB, forwards=(Forward(side("any"), side("any")),))))
    kernel.connections = {connection(ONE, CAMERA)}
    report = run(kernel, config(HUB))
    assert report.outcomes and not any(isinstance(one.op, Revoke) for one in report.outcomes)


def test_it_is_told_that_connections_could_not_be_read() -> None:
    class Deaf(FakeKernel):
        def dump(self, kind: str) -> tuple[object, ...]:
            if kind == "connection":
                raise KernelError("read connections", 1, "as asked")
            return super().dump(kind)

    told: list[Outcome] = []
    report = reconcile(Deaf(), config(HUB), {}, NOW, watch=told.append)
    assert "as asked" in str(told[-1].error) and report.outcomes[-1] == told[-1]
    assert told[-1].op.commands() == ("conntrack --list",)


def many(count: int) -> Config:
    peers = tuple(peer(f"p{n}", f"172.27.1.{2 * n}/32") for n in range(count))
    rules = tuple(Forward(side(p.name, peers=(p.name,)), side(WEBCAMS)) for p in peers)
    return config(replace(HUB, peers=(HUB.peers[1], *peers), forwards=rules))


def test_who_leaves_a_set_is_out_and_who_joins_it_disturbs_nobody() -> None:
    kernel = machine()
    run(kernel, many(20))
    kernel.connections = {connection("172.27.1.38", CAMERA), connection("172.27.1.36", CAMERA)}
    kernel.recover()
    run(kernel, many(21))
    assert not any(isinstance(op, Revoke) for op in kernel.ran)
    run(kernel, many(19))
    assert kernel.connections == {connection("172.27.1.36", CAMERA)}


def test_nothing_is_looked_for_while_nothing_changes() -> None:
    kernel = machine()
    run(kernel, config(HUB))
    kernel.recover()
    run(kernel, config(HUB))
    assert kernel.ran == []
