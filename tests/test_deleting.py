"""Deleting is the dangerous verb: what no file and no accepted copy explains stays where it is."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from tests.configs import NOW, SEED, interface, machine, resolved, run
from tests.fake import FakeKernel
from wgd.config.document import Config
from wgd.kinds.link import LinkDelete
from wgd.model import Ref
from wgd.plan import make_plan
from wgd.reconcile import deletes_more, observe
from wgd.sources.files import Directories, Loaded, accept, load

NOTHING_IS_KNOWN = Config(explained=frozenset())


def running(host: str) -> FakeKernel:
    kernel = machine()
    assert run(kernel, SEED[host]).converged
    kernel.recover()
    return kernel


@pytest.mark.parametrize("host", SEED)
def test_a_lost_state_deletes_nothing(host: str) -> None:
    """Not what belongs to the host as a whole, either."""
    kernel = running(host)
    before = kernel.as_text()
    report = run(kernel, NOTHING_IS_KNOWN)
    assert report.converged and report.outcomes == () and kernel.as_text() == before
    (left,) = report.plan.foreign
    assert left.ref == Ref("link", "wg0") and "`wgd down wg0`" in left.label


def test_another_interface_is_served_beside_one_that_is_left_over() -> None:
    kernel = running("spoke-2")
    before = [line for line in kernel.as_text().splitlines() if "forwards for wgd only" not in line]
    other = interface("wg1", "172.28.0.1/16")
    assert run(kernel, replace(NOTHING_IS_KNOWN, interfaces={"wg1": other})).converged
    assert kernel.has_link("wg1") and set(before) <= set(kernel.as_text().splitlines())


@pytest.mark.parametrize(
    "wanted",
    [Config(), Config(explained=frozenset({"wg0"})), Config(explained=frozenset({"wg0", "wg7"}))],
    ids=["down", "accepted", "accepted with another"],
)
def test_what_is_explained_goes(wanted: Config) -> None:
    kernel = running("spoke-2")
    assert run(kernel, wanted).converged
    assert not kernel.has_link("wg0") and kernel.nft.everything() == ()


def test_the_copies_of_an_interface_are_kept_until_it_has_gone() -> None:
    kernel = running("hub-1")
    kernel.fail_next(LinkDelete, errno.EBUSY)
    assert deletes_more(run(kernel, Config(explained=frozenset({"wg0"}))))
    kernel.recover()
    assert not deletes_more(run(kernel, Config(explained=frozenset({"wg0"}))))


def test_the_accepted_copies_explain(tmp_path: Path) -> None:
    places = Directories(tmp_path / "conf", tmp_path / "run", tmp_path / "state")
    places.config.mkdir()
    files = {"wg0.toml": b"", "wg1.d/phone.toml": b"", "wgd.toml": b""}
    accept(places, Loaded(files=files))
    assert load(places, NOW).config.explained == {"wg0", "wg1"}
    assert load(places, NOW, accepted=False).config.explained == set()


def test_a_plan_says_the_same() -> None:
    kernel = running("hub-1")
    plan = make_plan(NOTHING_IS_KNOWN, observe(kernel, resolved(NOTHING_IS_KNOWN), NOW))
    assert plan.in_sync and plan.ops == ()
