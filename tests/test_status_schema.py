"""docs/status.schema.json against what is really said, of every kind of finding there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.configs import HUB, NOW, SEED, address, config, machine, peer, resolved, run
from tests.json_schema import fits
from tests.test_mending import Machine
from wgd.config.document import Config, Forwarding
from wgd.errors import Problem
from wgd.firewalls.obstacles import Obstacle
from wgd.kinds.link import LinkCreate
from wgd.kinds.nftables import Dropped
from wgd.model import Outcome, Ref
from wgd.output import report
from wgd.plan import make_plan
from wgd.reconcile import observe
from wgd.sources.trials import told
from wgd.trial import Phase, Trial

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[1] / "docs/status.schema.json").read_text())
LINK = LinkCreate(refs=(Ref("link", "wg0"),), name="wg0", mtu=None, userspace=False)
PASS = {"pid": 7, "count": 3, "reloads": 1, "seconds": 0.1, "interval": 3.0}
DAEMONS: tuple[dict[str, Any], ...] = (
    {"state": "runs", "pid": 7},
    {"state": "hangs", "pid": 7, "silent": 60.0},
    {"state": "dead", "pid": None},
)
EXTRA: tuple[dict[str, Any], ...] = (
    {},
    {"problems": [Problem("wg0.toml", 3, "interface.mtu", "found 1", "1420")], "frozen": frozenset({"wg0"})},
    {"failures": [Outcome(LINK, error="EPERM"), Outcome(LINK, skipped=Ref("link", "wg0"))]},
    {"warnings": ["x"], "trial": told(Trial(Phase.RUNNING, 60.0, "b", 99.0), "", NOW)},
    {"trial": told(None, "No space left on device", NOW)},
    {
        "obstacles": [
            Obstacle("wg0", ("udp/51820",), "eth0", "", True, "ufw", "ip filter INPUT", "policy", ())
        ]
    },
    {"dropped": [Dropped("fence", 7)]},
)


def values() -> Iterator[dict[str, Any]]:
    """Status values of machines in all sorts of states."""
    wanted = config(replace(HUB, peers=(*HUB.peers, peer("gone", "172.27.0.77/32"))))
    before, stranger = machine(), machine()
    run(before, SEED["hub-1"])
    before.add_address("wg0", address("192.0.2.9/32"))
    unrestricted = config(replace(HUB, forwards=(), forwarding=Forwarding.UNMANAGED))
    stranger.add_link("wg0", "dummy", up=True)
    for kernel in (machine(), before, stranger):
        for files in (wanted, unrestricted, Config(), Config({}, frozenset({"wg0"})), SEED["spoke-2"]):
            seen = observe(kernel, resolved(files), NOW)
            for extra in EXTRA:
                yield report.status(files, seen, make_plan(files, seen), **extra)


@pytest.mark.parametrize("daemon", DAEMONS, ids=lambda daemon: daemon["state"])
def test_what_is_said_fits(daemon: dict[str, Any]) -> None:
    said = {key: 0 for key in SCHEMA["properties"]}
    for value in values():
        more = {"pass": PASS, **Machine().mending.values(0.0, NOW), "daemon": daemon}
        for told_ in (value, value | more):
            as_read = json.loads(json.dumps(told_))
            assert fits(as_read, SCHEMA), as_read
            for key in told_:
                said[key] += bool(told_[key])
    rest = {"repairs", "fights"}
    assert {key for key, count in said.items() if not count} <= rest, "each is tried with something in it"


def test_repairs_and_fights_fit() -> None:
    host = Machine()
    host.fight()
    found = host.mending.values(5.0, NOW + 5)
    assert found["repairs"] and found["fights"]
    assert fits({**next(values()), **found}, SCHEMA)


@pytest.mark.parametrize("way", ["more", "less", "wrong"])
def test_the_schema_is_strict(way: str) -> None:
    value = next(values())
    assert fits(value, SCHEMA)
    interface = deepcopy(value["interfaces"][0])
    if way == "more":
        interface["colour"] = "red"
    elif way == "less":
        del interface["mtu"]
    else:
        interface["state"] = "fine"
    assert not fits(value | {"interfaces": [interface]}, SCHEMA)
