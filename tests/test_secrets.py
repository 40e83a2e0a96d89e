"""No text ever shows a secret: no repr, no command, no field, no JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.configs import HUB, NOW, config, interface, machine, peer, private_key, resolved, run
from wgd.config.document import Config
from wgd.model import Plan, Report, Secret
from wgd.output import report
from wgd.plan import make_plan
from wgd.reconcile import observe

PRIVATE, OLD_PRIVATE = private_key("wg0"), private_key("old")
PSK, OLD_PSK = Secret(bytes(range(32, 64))), Secret(bytes(range(64, 96)))
SECRETS = {"private key": PRIVATE, "old private key": OLD_PRIVATE, "psk": PSK, "old psk": OLD_PSK}


def wanted(private: Secret, preshared: Secret) -> Config:
    phone = peer("phone", "172.27.0.4/32", preshared_key=preshared)
    return config(interface("wg0", "172.27.0.1/16", private_key=private, peers=(phone, *HUB.peers)))


NEW, OLD = wanted(PRIVATE, PSK), wanted(OLD_PRIVATE, OLD_PSK)


def edited() -> Report:
    """A pass that changes both keys."""
    kernel = machine()
    run(kernel, OLD)
    return run(kernel, NEW)


def plans() -> tuple[Plan, ...]:
    """Creation, edit, removal."""
    kernel = machine()
    seen = [observe(kernel, resolved(NEW), NOW)]
    run(kernel, OLD)
    seen.append(observe(kernel, resolved(NEW), NOW))
    return make_plan(NEW, seen[0]), make_plan(NEW, seen[1]), make_plan(Config(), seen[1])


def commands() -> str:
    return "\n".join(command for plan in plans() for op in plan.ops for command in op.commands())


def fields() -> str:
    return "\n".join(f"{change.label} {change.fields} {change.ref}" for p in plans() for change in p.changes)


def as_json() -> str:
    """Of everything a plan holds, with the default text for what JSON does not know."""
    return "\n".join(
        json.dumps([dataclasses.asdict(op) for op in plan.ops], default=repr) for plan in plans()
    )


def reported() -> str:
    values = [report.plan_value(plan) for plan in plans()]
    return json.dumps([*values, report.outcome_values(edited().outcomes)], default=repr)


TEXTS: dict[str, Callable[[], str]] = {
    "config": lambda: repr(NEW) + repr(OLD),
    "plan": lambda: repr(plans()),
    "report": lambda: repr(edited()) + str(edited()),
    "commands": commands,
    "fields": fields,
    "json": as_json,
    "report as JSON": reported,
    "secret": lambda: "".join(f"{s!r} {s} {s:} {s!s}" for s in SECRETS.values()),
}


def forms(secret: bytes) -> set[str]:
    """The ways in which bytes become text, and enough of each to be worth having."""
    plain = repr(secret)[2:-1]
    encoded = {base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()}
    return {plain[:24], secret.hex()[:16], str(list(secret))[1:-1][:24], *(text[:12] for text in encoded)}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("text", TEXTS)
def test_no_text_shows_a_secret(text: str, secret: str) -> None:
    shown = TEXTS[text]()
    assert shown
    assert [form for form in forms(SECRETS[secret].reveal()) if form in shown] == []


def test_the_forms_would_be_found() -> None:
    """The test above sees what it looks for."""
    raw = PSK.reveal()
    for leak in (repr(raw), raw.hex(), base64.b64encode(raw).decode(), repr(list(raw))):
        assert any(form in leak for form in forms(raw)), leak


def test_the_plans_do_handle_secrets() -> None:
    def inside(value: Any) -> set[Secret]:
        if isinstance(value, Secret):
            return {value}
        if dataclasses.is_dataclass(value):
            return {s for f in dataclasses.fields(value) for s in inside(getattr(value, f.name))}
        return {s for item in value for s in inside(item)} if isinstance(value, tuple) else set()

    assert {PRIVATE, PSK, OLD_PRIVATE, OLD_PSK} <= inside(plans())


def test_equality_and_hash_go_by_the_bytes() -> None:
    assert Secret(b"x" * 32) == Secret(b"x" * 32) != Secret(b"y" * 32)
    assert hash(Secret(b"x" * 32)) == hash(Secret(b"x" * 32))
    assert Secret(b"x") != b"x"
