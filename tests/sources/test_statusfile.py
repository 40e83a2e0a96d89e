"""status.json: what is written is the value, whatever was written before."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.configs import HUB, NOW, SEED, config, machine, peer, run
from wgd.output.peer_report import PeerTexts
from wgd.output.report import status
from wgd.plan import make_plan
from wgd.reconcile import observe
from wgd.sources.statusfile import NAME, as_json, write_status

peers = st.lists(st.dictionaries(st.sampled_from(("name", "sent", 'é"')), st.integers() | st.text()))


@given(st.lists(peers, max_size=3))
def test_what_is_read_is_the_value(told: list[list[dict[str, Any]]]) -> None:
    interfaces = [{"name": "wg0", "peers": one, "up": True} for one in told]
    texts = [{**one, "peers": [*map(json.dumps, one["peers"])]} for one in interfaces]  # type: ignore[call-overload]
    value = {"version": "1", "time": 1.5}
    assert json.loads(as_json({**value, "interfaces": texts})) == {**value, "interfaces": interfaces}


def test_it_is_for_owner_and_group_only(tmp_path: Path) -> None:
    write_status(tmp_path, {"version": "1", "interfaces": []})
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) & 0o137 == 0
    assert json.loads((tmp_path / NAME).read_text()) == {"version": "1", "interfaces": []}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_texts_of_peers_are_their_values() -> None:
    """Whoever came, went, was heard or is in no file since the status before."""
    kernel, texts, wanted = machine(), PeerTexts(), config(HUB)

    def told(**how: Any) -> list[Any]:
        seen = observe(kernel, {}, NOW)
        values = status(wanted, seen, make_plan(wanted, seen), **how)["interfaces"]
        return [one for interface in values for one in interface["peers"]]

    def both() -> tuple[list[Any], list[Any]]:
        return [*map(json.loads, told(texts=texts))], told()

    first, second = both()
    assert first == second and all(one["state"] == "missing" for one in first)
    run(kernel, SEED["hub-1"])
    kernel.roam("wg0", HUB.peers[0].public_key, ("203.0.113.77", 1234))
    first, second = both()
    assert first == second and first[0]["endpoint"] == "203.0.113.77:1234"
    gone = replace(peer("gone", "172.28.0.9/32"), enabled=False)
    wanted = config(replace(HUB, peers=(gone, HUB.peers[1])))
    first, second = both()
    assert first == second and [one["state"] for one in first] == ["disabled", "in sync", "leftover"]
