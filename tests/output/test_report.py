from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tests.configs import (
    HUB,
    NOW,
    SPOKE_1,
    SPOKE_2,
    WEBCAMS,
    address,
    config,
    interface,
    key,
    machine,
    peer,
    resolved,
    run,
    side,
)
from tests.fake import FakeKernel
from wgd.config.document import Config, Endpoint, Forwarding, Input, Masquerade
from wgd.endpoints import NOWHERE
from wgd.errors import Problem, Severity
from wgd.kinds.nftables import Dropped
from wgd.kinds.peer import PeerEdit, Stripped
from wgd.kinds.route import RouteSet
from wgd.model import State
from wgd.output import report
from wgd.plan import make_plan
from wgd.reconcile import observe

BROKEN = Problem("wg0.toml", 3, "interface.mtu", "found 1, expected more", "1420")


def seen(kernel: FakeKernel, wanted: Config) -> State:
    return observe(kernel, resolved(wanted), NOW)


def status(kernel: FakeKernel, wanted: Config, **more: Any) -> dict[str, Any]:
    state = seen(kernel, wanted)
    return report.status(wanted, state, make_plan(wanted, state), **more)


def applied(wanted: Config) -> FakeKernel:
    kernel = machine()
    run(kernel, wanted)
    return kernel


def test_in_sync() -> None:
    value = status(applied(config(HUB)), config(HUB))
    assert value["in_sync"]
    assert value["time"] == NOW
    assert [value[name] for name in ("drift", "conflicts", "foreign", "blocked", "failures")] == [[]] * 5
    (wg0,) = value["interfaces"]
    assert {name: wg0[name] for name in ("name", "state", "frozen", "role", "backend", "listen_port")} == {
        "name": "wg0",
        "state": "in sync",
        "frozen": False,
        "role": "hub",
        "backend": "kernel",
        "listen_port": 51820,
    }
    assert [(p["name"], p["state"], p["last_handshake"]) for p in wg0["peers"]] == [
        ("spoke-1", "in sync", None),
        ("spoke-2", "in sync", None),
    ]
    assert wg0["peers"][1]["allowed_ips"] == ["172.27.0.3/32", WEBCAMS]


def test_it_is_json_as_it_stands() -> None:
    value = status(machine(), config(HUB), problems=[BROKEN], frozen=frozenset({"wg0"}))
    assert json.loads(json.dumps(value)) == value


def peers_edited() -> FakeKernel:
    kernel = applied(config(HUB))
    kernel.edit_peer("wg0", PeerEdit(key("spoke-1"), remove=True))
    kernel.edit_peer("wg0", PeerEdit(key("spoke-2"), persistent_keepalive=9))
    kernel.edit_peer("wg0", PeerEdit(key("stranger")))
    return kernel


PEERS = (
    *HUB.peers,
    peer("off", "172.27.0.8/32", enabled=False),
)


def test_peers_say_what_is_the_matter() -> None:
    value = status(peers_edited(), config(replace(HUB, peers=PEERS)))
    assert {p["name"]: p["state"] for p in value["interfaces"][0]["peers"]} == {
        "spoke-1": "missing",
        "spoke-2": "drift",
        "off": "disabled",
        None: "leftover",
    }
    assert {(d["label"], d["verb"]) for d in value["drift"] if d["object"] == "peer"} >= {
        ("spoke-1 on wg0", "create"),
        ("spoke-2 on wg0", "update"),
    }
    fields = next(d["fields"] for d in value["drift"] if d["label"] == "spoke-2 on wg0")
    assert fields == [{"field": "persistent_keepalive", "have": "9", "want": "0"}]


def test_an_endpoint_that_was_stripped() -> None:
    kernel = applied(config(HUB))
    edit = PeerEdit(key("spoke-1"), endpoint=NOWHERE, stripped=Stripped("203.0.113.7:4711", 5.0))
    kernel.edit_peer("wg0", edit)
    first, second = status(kernel, config(HUB))["interfaces"][0]["peers"]
    assert first["stripped"] == {"endpoint": "203.0.113.7:4711", "at": 5.0}
    assert first["state"] == "in sync" and second["stripped"] is None


def test_live_endpoint_with_brackets() -> None:
    kernel = applied(config(HUB))
    kernel.roam("wg0", key("spoke-1"), ("2001:db8::7", 4711))
    assert status(kernel, config(HUB))["interfaces"][0]["peers"][0]["endpoint"] == "[2001:db8::7]:4711"


def not_adopted() -> FakeKernel:
    kernel = machine()
    kernel.add_link("wg0", "wireguard")
    return kernel


@pytest.mark.parametrize(
    ("kernel", "wanted", "more", "state"),
    [
        (machine(), config(HUB), {}, "drift"),
        (not_adopted(), config(HUB), {}, "conflict"),
        (applied(config(HUB)), config(HUB), {"frozen": frozenset({"wg0"})}, "frozen"),
        (machine(), config(replace(HUB, enabled=False)), {}, "disabled"),
        (applied(config(HUB)), config(replace(HUB, enabled=False)), {}, "drift"),
        (machine(), config(held=frozenset({"wg0"})), {}, "held"),
    ],
    ids=["absent", "not adopted", "frozen", "disabled", "disabled but there", "held"],
)
def test_interface_states(kernel: FakeKernel, wanted: Config, more: dict[str, Any], state: str) -> None:
    value = status(kernel, wanted, **more)
    assert value["interfaces"][0]["state"] == state
    assert value["in_sync"] == (state == "disabled")


def test_a_conflict_says_what_waits_for_it() -> None:
    value = status(not_adopted(), config(HUB))
    (conflict,) = value["conflicts"]
    assert (conflict["object"], conflict["interface"]) == ("link", "wg0")
    assert "adopt = true" in conflict["hint"]
    assert {"object": "route", "label": f"{WEBCAMS} 0"} in value["blocked"]


def test_foreign_objects_are_no_drift() -> None:
    kernel = applied(config(HUB))
    kernel.add_address("wg0", address("10.9.9.9/32"))
    value = status(kernel, config(HUB))
    assert value["in_sync"]
    assert value["foreign"] == [{"object": "address", "label": "10.9.9.9/32 dev wg0", "interface": "wg0"}]


def test_only_failures_are_kept() -> None:
    kernel = machine()
    kernel.fail_next(RouteSet, 1)
    done = run(kernel, config(HUB))
    value = status(kernel, config(HUB), failures=done.outcomes)
    (failure,) = value["failures"]
    assert failure["commands"] == [f"ip route add {WEBCAMS} dev wg0 proto 119"]
    assert "EPERM" in failure["error"]


@pytest.mark.parametrize(("severity", "in_sync"), [(Severity.ERROR, False), (Severity.WARNING, True)])
def test_only_errors_of_the_files_count(severity: Severity, in_sync: bool) -> None:
    value = status(applied(config(HUB)), config(HUB), problems=[replace(BROKEN, severity=severity)])
    assert value["in_sync"] == in_sync
    assert value["problems"][0]["severity"] == severity


def test_a_name_without_address_is_told() -> None:
    hub = replace(SPOKE_1.peers[0], endpoint=Endpoint("hub.example.org", 51820))
    wanted = config(replace(SPOKE_1, peers=(hub,)))
    state = replace(seen(machine(), config()), resolved={"hub.example.org:51820": ()})
    value = report.status(wanted, state, make_plan(wanted, state))
    assert value["warnings"] == [
        "DNS gives no address for hub.example.org:51820, the endpoint of hub-1 on wg0"
    ]


def test_a_rule_for_what_nobody_has_is_told() -> None:
    """The cameras' peer was taken out, and only the default route would lead to them."""
    kernel = machine()
    kernel.delete_link("wlp0s0f0")
    wanted = config(replace(HUB, peers=HUB.peers[:1]))
    (warning,) = report.status(wanted, seen(kernel, wanted), make_plan(wanted, seen(kernel, wanted)))[
        "warnings"
    ]
    assert warning.startswith("the rule spoke-1 → webcams of wg0 permits nothing for 10.11.12.0/24: no peer")


@pytest.mark.parametrize(("own", "told"), [("192.0.2.2", 0), ("192.0.2.7", 1)])
def test_a_masquerade_with_an_address_of_nobody_here_is_told(own: str, told: int) -> None:
    wanted = config(replace(SPOKE_2, masquerades=(Masquerade("eth0", side("any"), ip_address(own)),)))
    warnings = status(machine(), wanted)["warnings"]
    text = f"no interface of this machine has {own}: what wg0 masquerades to any as {own} may get no answers"
    assert warnings == [text] * told


def test_what_the_rules_dropped_is_told_by_interface() -> None:
    dropped = [Dropped("forward-wg0", 60), Dropped("fence", 7), Dropped("input-wg9", 3)]
    (wg0,) = status(applied(config(HUB)), config(HUB), dropped=dropped)["interfaces"]
    assert wg0["dropped"] == {"forward": 60, "input": None}


@pytest.mark.parametrize(("chain", "told"), [("fence", 7), ("forward-wg0", None)])
def test_what_was_kept_from_going_elsewhere_is_told(chain: str, told: int | None) -> None:
    assert status(applied(config(HUB)), config(HUB), dropped=[Dropped(chain, 7)])["fenced"] == told


RELAXED = replace(HUB, forwards=(), forwarding=Forwarding.UNMANAGED)


@pytest.mark.parametrize(
    ("wanted", "opens"),
    [(config(RELAXED), ["wg0"]), (config(), []), (config(HUB), [])],
    ids=["unmanaged", "removed", "as it was"],
)
def test_opening_is_announced(wanted: Config, opens: list[str]) -> None:
    assert status(applied(config(HUB)), wanted)["opens"] == opens


def test_the_last_input_that_goes_is_announced() -> None:
    guarded = replace(HUB, inputs=(Input(side("any")),))
    assert status(applied(config(guarded)), config(guarded))["warnings"] == []
    (warning,) = status(applied(config(guarded)), config(HUB))["warnings"]
    assert warning == "OPENS: what comes in to this machine through wg0 will no longer be restricted"


def test_plan_value_has_the_commands() -> None:
    wanted = config(interface("wg0", "172.27.0.1/16"))
    value = report.plan_value(make_plan(wanted, seen(machine(), wanted)))
    assert not value["in_sync"]
    assert "ip link set dev wg0 up" in value["commands"]
    assert {change["verb"] for change in value["changes"]} == {"create"}
