"""Who may reach what, all at once, with real packets: it holds in whatever order the files came to say so."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from integration import probes
from integration.access import (
    ANSWERS,
    BEFORE,
    CAMERA6,
    COPIER,
    EDITS,
    MAIN,
    OTHER,
    PRINTER,
    REQUESTS,
    Row,
    rule,
)
from integration.host import Host
from integration.lab import PAGE, Lab
from integration.packets import SETTLED, settled
from integration.probes import Probe
from integration.seed import HUB_ENDPOINT
from tests.configs import resolved
from wgd.config.document import Config
from wgd.edit import edit_plan
from wgd.kernel.linux import LinuxKernel
from wgd.plan import Memo
from wgd.reconcile import reconcile, run_ahead
from wgd.sources.files import ConfigFiles, Directories

WATCHERS = ("hub-1", "spoke-1", "spoke-2", "camera", "internet")
ORDERS = 8
SPOKE = """\
[interface]
addresses = ["172.27.0.{number}/16", "fd00:27::{number}/64"]

[peers.hub-1]
public_key = "{hub-1}"
endpoint = "{endpoint}"
persistent_keepalive = 25
allowed_ips = ["172.27.0.0/16", "fd00:27::/64", {more}]
"""
BEYOND_HUB = '"10.11.12.0/23", "fd00:cafe::/64", "192.0.2.0/24", "10.98.0.0/24", "10.99.0.0/24"'
BEYOND_GATEWAY = '"192.168.9.0/24", "172.29.0.0/16"'
LAN = "10.11.12.0/24 fd00:cafe::/64 10.11.13.0/24"
TUNNEL = "172.27.0.0/16 172.29.0.0/16 fd00:27::/64 192.168.9.0/24"
GATEWAY = rule(TUNNEL, LAN) + rule(LAN, TUNNEL) + '[[masquerade]]\nout = "wlp0s0f0"\nto = ["10.11.12.0/24"]\n'


@dataclass
class Hub:
    """What the daemon does after each save, with all that it remembers between them."""

    host: Host
    _files: ConfigFiles = field(init=False)
    _kernel: LinuxKernel = field(init=False)
    _memo: Memo = field(default_factory=Memo)
    _settled: Config | None = None

    def __post_init__(self) -> None:
        with self.host.inside():
            self._files, self._kernel = ConfigFiles(Directories(), grace=0, remember=False), LinuxKernel()

    def save(self, *edits: tuple[str, str | None]) -> None:
        for file, text in edits:
            if text is None:
                self.host.run("rm", "-f", f"/etc/wgd/{file}")
            else:
                self.host.write(f"/etc/wgd/{file}", text)
        now = time.time()
        with self.host.inside():
            loaded = self._files.load(now, 0.0, frozenset(file for file, _ in edits))
            config = loaded.config
            assert not loaded.frozen and not config.held, loaded.problems
            ahead = None
            if self._settled and self._memo.seen:
                plan = edit_plan(self._settled, config, replace(self._memo.seen, now=now))
                ahead = run_ahead(self._kernel, plan) if plan else None
            report = reconcile(self._kernel, config, resolved(config), now, memo=self._memo, ahead=ahead)
        assert report.residue.in_sync, (report.residue, [one for one in report.outcomes if not one.ok])
        self._settled = config


@dataclass
class Net:
    """The lab with wgd on its hosts; the hub's files are the tests'."""

    lab: Lab
    hub: Hub
    keys: dict[str, str]
    _number: int = 2000

    def start_over(self, order: Sequence[tuple[str, str | None]] = ()) -> None:
        """From the files before, by edits one after the other, each with its pass."""
        gone = [(file, None) for file, _ in EDITS if file not in BEFORE]
        before = [(file, self.filled(text)) for file, text in BEFORE.items()]
        self.hub.save(*gone, *before)
        for file, text in order:
            self.hub.save((file, text and self.filled(text)))

    def gateway(self, more: str) -> None:
        text = SPOKE.format(**self.keys, number=3, endpoint=HUB_ENDPOINT, more=BEYOND_GATEWAY)
        settled(self.lab.spoke_2, text.replace("[peers", f"{more}[peers", 1) + GATEWAY)

    def filled(self, text: str) -> str:
        return text.format(**self.keys) if "public_key" in text else text

    def seen(self) -> dict[str, tuple[str, ...]]:
        """Where each row's packet was seen besides its sender, by the row's name."""
        rows, numbers = (*REQUESTS, *ANSWERS), {}
        for row in rows:
            self._number += 1
            numbers[row.name] = self._number
        found = {
            row.name: Probe(
                numbers[row.name], row.source, row.target, row.what, row.sort, numbers.get(row.about, 0)
            )
            for row in rows
        }
        with self._watched([*found.values()]) as counts:
            for several in (REQUESTS, ANSWERS):
                for sender in dict.fromkeys(row.sender for row in several):
                    here = (found[row.name] for row in several if row.sender == sender)
                    probes.send(self.lab.hosts[sender], here)
                time.sleep(SETTLED)
            came = {host: counts(host) for host in WATCHERS}
        return {
            row.name: tuple(h for h in WATCHERS if h != row.sender and numbers[row.name] in came[h])
            for row in rows
        }

    @contextmanager
    def _watched(self, all_: list[Probe]) -> Iterator[Callable[[str], set[int]]]:
        """Counts them where they come in, on the hub behind its rules; nobody ever answers by himself."""
        ours = "udp sport 51820 accept\nudp dport 51820 accept\n"  # what carries them may have any number
        counting, ending = probes.counters(all_), "".join(f"{one.match()} drop\n" for one in all_)
        for name in WATCHERS:
            where = "input priority 10" if name == "hub-1" else "prerouting priority raw"
            self.lab.hosts[name].nft(
                f"table inet watch {{\nchain seen {{\ntype filter hook {where};\n{ours}{counting}}}\n"
                f"chain end {{\ntype filter hook input priority 20;\n{ours}{ending}}}\n}}\n"
            )

        def counts(name: str) -> set[int]:
            listed = self.lab.hosts[name].run("nft", "list", "chain", "inet", "watch", "seen")
            return {
                int(number) for number in re.findall(r'packets [1-9]\d* bytes \d+ comment "(\d+)"', listed)
            }

        try:
            yield counts
        finally:
            for name in WATCHERS:
                self.lab.hosts[name].run("nft", "delete", "table", "inet", "watch")


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Lab() as lab:
        hub, neighbour, camera = lab.hub_1, lab.hosts["internet"], lab.camera
        hub.write("/proc/sys/net/ipv4/ip_forward", "1")
        for host, device in ((hub, "eth0"), (neighbour, "to-hub"), (lab.spoke_2, "wlp0s0f0")):
            for name in ("all", device):
                host.write(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "0")
        hub.ip(f"address add {OTHER}/32 dev lo")
        neighbour.ip("route add 172.27.0.0/16 via 198.51.100.15\nroute add 172.29.0.0/16 via 198.51.100.15")
        lab.spoke_2.ip("address add fd00:cafe::3/64 dev wlp0s0f0")
        camera.ip(f"""
            address add {CAMERA6}/64 dev eth0
            address add {PRINTER}/32 dev eth0
            address add {COPIER}/32 dev eth0
            route add 172.27.0.0/16 via 10.0.0.3
            route add 172.29.0.0/16 via 10.0.0.3
            route add fd00:27::/64 via fd00:cafe::3
            """)
        keys = lab.make_keys() | {"ghost": lab.hub_1.run("wg", "genpsk").strip()}
        made = Net(lab, Hub(hub), keys)
        made.start_over()
        settled(lab.spoke_1, SPOKE.format(**keys, number=2, endpoint=HUB_ENDPOINT, more=BEYOND_HUB))
        made.gateway("")
        for spoke in (lab.spoke_1, lab.spoke_2):
            assert spoke.ping("172.27.0.1"), "a spoke speaks first"
        yield made


def expected(row: Row, rules: bool = True) -> tuple[str, ...]:
    """Where its packet is seen: all the way, or as far as the hub."""
    stops = row.barred or (rules and not row.passes)
    way = tuple(host for host in row.path if not stops or (host == "spoke-2" and row.sender == "camera"))
    return tuple(host for host in WATCHERS if host in way and host != row.sender)


def differing(found: dict[str, tuple[str, ...]], rules: bool = True) -> dict[str, str]:
    rows = {row.name: expected(row, rules) for row in (*REQUESTS, *ANSWERS)}
    return {name: f"seen {found[name]}, not {rows[name]}" for name in rows if found[name] != rows[name]}


def test_it_is_a_table_of_different_things() -> None:
    rows = (*REQUESTS, *ANSWERS)
    assert len({row.name for row in rows}) == len(rows) == len({row[1:] for row in rows}) >= 60
    assert min(sum(row.passes for row in rows), sum(not row.passes for row in rows)) >= 30


def shuffled(number: int) -> list[tuple[str, str | None]]:
    """The edits in another order: of one file they keep theirs, of others they come as it falls."""
    files = [file for file, _ in EDITS]
    random.Random(number).shuffle(files)
    left = {file: [edit for edit in EDITS if edit[0] == file] for file in files}
    return [left[file].pop(0) for file in files]


@pytest.mark.parametrize("number", range(ORDERS))
def test_the_table_holds_after_every_order_of_the_same_edits(net: Net, number: int) -> None:
    net.start_over(shuffled(number))
    assert differing(net.seen()) == {}
    assert net.lab.page() == PAGE


def test_nothing_passes_while_the_rules_are_missing(net: Net) -> None:
    """With `fail_closed`, and nobody there to repair them. The hub itself can still be reached."""
    net.start_over(EDITS)
    text = MAIN.replace("[peers.spoke-1]", "fail_closed = true\n\n[peers.spoke-1]", 1)
    net.hub.save(("wg0.toml", net.filled(text)))
    assert differing(net.seen()) == {}
    net.lab.hub_1.nft("flush ruleset")
    found = net.seen()
    for row in (*REQUESTS, *ANSWERS):
        if row.sender != "internet":  # what comes in elsewhere is not the tunnel's
            reached = ("hub-1",) if row.path[-1:] == ("hub-1",) and not row.barred else ()
            passed = ("spoke-2",) if row.sender == "camera" else ()
            assert set(found[row.name]) == {*reached, *passed}, row
    assert net.lab.spoke_1.ping("172.27.0.1") and net.lab.hub_1.ping("172.27.0.2")
    net.hub.save()
    assert differing(net.seen()) == {}


def test_a_gateway_opens_neither_side_while_its_rules_are_missing(net: Net) -> None:
    """Its LAN's device forwards because of wgd alone, so that it is closed as well."""
    net.start_over(EDITS)
    net.gateway("fail_closed = true\n")
    assert differing(net.seen()) == {}
    net.lab.spoke_2.nft("flush ruleset")
    found = net.seen()
    through = [row for row in (*REQUESTS, *ANSWERS) if "camera" in (row.sender, *row.path)]
    assert len(through) > 20
    for row in through:
        assert "camera" not in found[row.name] or row.sender == "camera", row
        assert {"hub-1", "spoke-1"}.isdisjoint(found[row.name]) or row.sender != "camera", row
    assert net.lab.camera.ping("10.0.0.3")
    net.gateway("")
    assert differing(net.seen()) == {}
    assert "119" not in net.lab.spoke_2.run("ip", "rule") + net.lab.spoke_2.run("ip", "-6", "rule")


def test_but_for_the_rules_all_would_pass_that_wireguard_lets_through(net: Net) -> None:
    """What the table forbids is possible on this network."""
    net.start_over(EDITS)
    for chain in ("forward-wg0", "input-wg0"):
        net.lab.hub_1.nft(f"insert rule inet wgd {chain} accept")
    assert differing(net.seen(), rules=False) == {}
    net.hub.save()
    assert differing(net.seen()) == {}
