"""status.json: what is written is the value, whatever was written before."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, NOW, SEED, config, machine, run
from wgd.plan import make_plan
from wgd.reconcile import observe
from wgd.report import PeerValues, status
from wgd.sources.statusfile import NAME, StatusFile

peers = st.lists(st.dictionaries(st.sampled_from(("name", "sent", 'é"')), st.integers() | st.text()))


@given(st.lists(st.lists(peers, max_size=3), min_size=1, max_size=4), st.data())
def test_what_is_read_is_the_value(values: list[list[list[dict[str, Any]]]], data: st.DataObject) -> None:
    """Also where peers are the very objects of the value before."""
    file = StatusFile(Path("/nowhere"))
    before: list[dict[str, Any]] = []
    for interfaces in values:
        told = [{"name": "wg0", "peers": [*one, *before], "up": True} for one in interfaces]
        value = {"version": "1", "interfaces": told, "time": 1.5}
        assert json.loads(file._text(value)) == value
        before = [peer for one in told for peer in one["peers"] if data.draw(st.booleans())][:5]


def test_it_is_for_owner_and_group_only(tmp_path: Path) -> None:
    StatusFile(tmp_path).write({"version": "1", "interfaces": []})
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) & 0o137 == 0
    assert json.loads((tmp_path / NAME).read_text()) == {"version": "1", "interfaces": []}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_of_the_same_peers_the_same_is_said_and_nothing_old_is_kept() -> None:
    kernel, told = machine(), PeerValues()
    run(kernel, SEED["hub-1"])
    seen = observe(kernel, {}, NOW)
    wanted = config(HUB)

    def value() -> Any:
        return status(wanted, seen, make_plan(wanted, seen), told=told)["interfaces"][0]["peers"]

    first, second = value(), value()
    assert [*map(id, first)] == [*map(id, second)]
    kernel.roam("wg0", HUB.peers[0].public_key, ("203.0.113.77", 1234))
    seen = observe(kernel, {}, NOW, seen)
    third = value()
    assert third == status(wanted, seen, make_plan(wanted, seen))["interfaces"][0]["peers"]
    assert third[0]["endpoint"] == "203.0.113.77:1234" and third[1] is second[1]
    assert len(told._last) == len(HUB.peers)
