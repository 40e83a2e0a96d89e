"""What is said of others who look after an interface."""

from __future__ import annotations

from tests.configs import HUB, NOW, config, machine, resolved
from wgd.model import Conflict, Ref
from wgd.output.report import status
from wgd.plan import make_plan
from wgd.reconcile import observe
from wgd.rivals import Rival, named, warnings

RIVAL = Rival("wg0", "wg-quick@wg0.service", "enabled", "`systemctl disable wg-quick@wg0`")
SAID = "wg0 is looked after by wg-quick@wg0.service, too (enabled): `systemctl disable wg-quick@wg0`"
LINK = Conflict(Ref("link", "wg0"), "wg0", "wg0", "wg0 exists", "adopt it")
ROUTE = Conflict(Ref("route", "10.0.0.0/8"), "wg0", "10.0.0.0/8", "it leads elsewhere", "delete it")


def test_a_conflict_over_the_link_names_them() -> None:
    assert [conflict.hint for conflict in named([LINK, ROUTE], [RIVAL])] == [f"adopt it; {SAID}", "delete it"]
    assert named([LINK], []) == (LINK,)


def test_elsewhere_it_is_a_warning() -> None:
    assert warnings([ROUTE], [RIVAL]) == (SAID,)
    assert warnings([LINK], [RIVAL]) == ()


def test_the_status_has_both() -> None:
    kernel, wanted = machine(), config(HUB)
    kernel.add_link("wg0", "wireguard")
    seen = observe(kernel, resolved(wanted), NOW)
    others = (RIVAL, RIVAL._replace(interface="wg1"))
    value = status(wanted, seen, make_plan(wanted, seen), rivals=others)
    assert SAID in value["conflicts"][0]["hint"]
    assert any(text.startswith("wg1 is looked after by") for text in value["warnings"])
