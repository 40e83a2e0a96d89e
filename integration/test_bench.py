"""`make bench`, in little: both sides do everything once, and end up with the same network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from integration.bench import words
from integration.bench.element import changes
from integration.bench.network import BEHIND, Crowd
from integration.bench.ours import Ours
from integration.bench.rounds import Findings, Round
from integration.bench.theirs import Theirs
from integration.host import Host

PEERS = 10
pytestmark = pytest.mark.lane("kernel")


@pytest.fixture
def script() -> Iterator[Theirs]:
    with closing(Theirs(PEERS)) as theirs:
        theirs.cold()
        yield theirs


def network_of(host: Host) -> tuple[set[str], set[str]]:
    """What `wg` and `ip` show: allowed IPs and routes."""
    peers = {line.split("\t")[1] for line in host.run("wg", "show", "wg0", "allowed-ips").splitlines()}
    routes = {line.split()[0] for line in host.run("ip", "route", "show", "dev", "wg0").splitlines()}
    return peers, routes


def wanted(crowd: Crowd) -> tuple[set[str], set[str]]:
    addresses = {member.address for member in crowd.members.values()}
    return {BEHIND, *(f"{address}/32" for address in addresses)}, {BEHIND, *addresses}


@pytest.mark.parametrize("who", words.OURS)
def test_wgd_is_timed_until_the_network_is_as_wanted(who: str) -> None:
    with closing(Ours(who, PEERS)) as ours:
        started = ours.cold()
        assert 0 < started.changed < started.ready
        for edits in (Crowd.readdress, Crowd.leave):
            took, _ = ours.edit(edits(ours.crowd))
            assert took > 0
            assert network_of(ours.host) == wanted(ours.crowd)
        assert ours.nothing()[0] > 0
        assert ours.drift(next(iter(ours.crowd.members.values())).address) > 0
        assert network_of(ours.host) == wanted(ours.crowd)
        ours.stop()
        assert len([took for took in changes(ours, 2) if took > 0]) == 2


def test_the_script_and_the_hand_make_the_same(script: Theirs) -> None:
    for do in (script.script, script.by_hand):
        for edits in (Crowd.readdress, Crowd.leave):
            do(edits(script.crowd))
            assert network_of(script.host) == wanted(script.crowd)
    elements = script.host.run("nft", "list", "set", "inet", "by-hand", "members")
    assert all(member.address in elements for member in script.crowd.members.values())


def test_wg_quick_goes_as_far_as_peers(script: Theirs) -> None:
    script.quick_up()
    assert network_of(script.host) == wanted(script.crowd)
    script.quick_sync(script.crowd.readdress())
    assert network_of(script.host)[0] == wanted(script.crowd)[0]


def test_a_step_that_fails_is_told_of_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise AssertionError("no luck")

    steps = ("cold", "nothing", "edits", "many", "drift", "restart", "commands", "idle", "element")
    for step in (*steps, "pyroute2", "networkd"):
        monkeypatch.setattr(Round, f"_{step}", fail)
    monkeypatch.setattr(Round, "_quick", lambda self: self._repeat(lambda: None))
    fail.__name__ = "_cold"
    findings = Findings()
    with ExitStack() as ending:
        Round(PEERS, findings, tmp_path, ending).run()
    assert len(findings.left_out) == 11
    assert "no luck" in findings.left_out[0]
    assert findings.samples.figure(words.START, words.SCRIPT, PEERS)
