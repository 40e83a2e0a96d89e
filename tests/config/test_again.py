"""Decoding after any edits says what decoding for the first time says, and keeps what is equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.support import NOW, key, secret
from tests.sources.test_loading import mains, others, peers, rules
from wgd import listing
from wgd.config import piecewise
from wgd.config.again import Decoder
from wgd.config.decode import decode
from wgd.config.document import Config
from wgd.config.keys import KeyReader
from wgd.listing import touched
from wgd.model import Secret

Tables = dict[str, list[str]]
"""File → its tables."""


class Keys(KeyReader):
    """A key for every file."""

    def __init__(self) -> None:
        super().__init__(Path())

    def __call__(self, file: str, private: bool) -> Secret:
        return secret(file, private)


@pytest.fixture(autouse=True)
def every_file_is_worth_it() -> Iterator[None]:
    with mock.patch.object(piecewise, "LEAST", 0):
        yield


def _files(tables: Tables) -> dict[str, bytes]:
    return {file: "".join(tables[file]).encode() for file in sorted(tables)}


def _same_objects(before: Config, now: Config) -> None:
    """What is equal is identical."""
    for name in before.interfaces.keys() & now.interfaces.keys():
        old, new = before.interfaces[name], now.interfaces[name]
        assert new is old or new != old
        known = {peer.name: peer for peer in old.peers}
        assert all(peer is known[peer.name] for peer in new.peers if peer == known.get(peer.name))
        assert new.peers is old.peers or new.peers != old.peers
        if len(set(map(repr, new.forwards))) == len(new.forwards):  # of two alike, one may be new
            assert all(
                any(rule is one for one in old.forwards) for rule in new.forwards if rule in old.forwards
            )


def _hub(more: str = "") -> str:
    return f'[interface]\nrole = "hub"\naddresses = ["10.0.0.1/16"]\nlisten_port = 51820\n{more}\n'


def _peer(n: int, more: str = "", prefix: str = "10.0.1.{}/32") -> str:
    allowed = prefix.format(n)
    return f'[peers.p{n}]\npublic_key = "{key(f"p{n}")}"\nallowed_ips = ["{allowed}"]\n{more}\n'


plain_peers = st.builds(
    _peer,
    st.integers(0, 12),
    st.sampled_from(("", "# so\n", "routes = false\n", "persistent_keepalive = 25\n", "enabled = false\n")),
    st.sampled_from(("10.0.1.{}/32",) * 6 + ("10.0.1.0/28", "10.8.{}.0/24", "10.8.0.0/16", "fd00::{}/128")),
)
plain_rules = st.builds(
    '[[forward]]\nfrom = ["p{}"]\nto = ["{}"]\n'.format,
    st.integers(0, 3),
    st.sampled_from(("10.9.0.0/16", "p4", "any")),
)
tables = st.one_of(plain_peers, plain_peers, plain_peers, plain_rules, peers, peers, rules, others)
FILES = ("wg0.toml", "wg0.toml", "wg0.d/a.toml", "wg0.d/b.toml", "wg1.toml", "wg1.d/a.toml", "wgd.toml")
places = st.integers(0, 8)
edits = st.lists(
    st.tuples(st.sampled_from(FILES), places, st.integers(0, 2), st.lists(tables, max_size=2)),
    min_size=1,
    max_size=2,
)
steps = st.lists(
    st.tuples(edits, st.integers(0, 4), st.sampled_from((0.0, 0.0, 0.0, 20.0, -30.0))), min_size=1, max_size=8
)
own = st.sampled_from((_hub(), _hub(), _hub(), _hub("mtu = 1200"), _hub("fwmark = 7"))) | mains
starts = st.builds(
    lambda main, some, more: {
        "wg0.toml": [main, *dict.fromkeys(some)],
        **({"wg1.toml": [MAIN_1, *more]} if more else {}),
    },
    own,
    st.lists(plain_peers, max_size=8, unique_by=lambda table: table.split("\n")[0]),
    st.lists(peers, max_size=1),
)
MAIN_1 = '[interface]\naddresses = ["10.1.0.1/16"]\nlisten_port = 51821\n'

Step = tuple[list[tuple[str, int, int, list[str]]], int, float]


def _edited(tables: Tables, step: Step) -> Tables:
    now = {file: [*some] for file, some in tables.items()}
    for file, at, gone, come in step[0]:
        some = now.setdefault(file, [])
        at += file in ("wg0.toml", "wg1.toml")
        some[at : at + gone] = come
        if not some:
            del now[file]
    return now


@given(starts, steps)
@settings(max_examples=10 * settings.default.max_examples)
def test_any_edits_decode_as_if_for_the_first_time(tables: Tables, steps: list[Step]) -> None:
    """Most edits mend first what the ones before broke."""
    decoder, now, clean, links = Decoder(Keys()), NOW, tables, frozenset({"lo", "eth0"})
    for step in [*steps, ([], 0, 0.0)]:
        files, before = _files(tables), Config(dict(decoder._known))
        decoder.begin(now, lambda: links)
        decoded = decoder(files)
        assert decoded == decode(files, secret, now, links)
        assert decoder(files) == decoded
        if step[1] % 2:
            decoder.prepare()
        _same_objects(before, decoded.config)
        clean = tables if not decoded.broken else clean
        tables = _edited(clean if step[1] else tables, step)
        now += step[2]


DIALLED = 'endpoint = "203.0.113.5:1"\npersistent_keepalive = 25\n'
HUB = {
    "wg0.toml": [
        _hub("mtu = 1200"),
        *(_peer(n) for n in range(2)),
        _peer(2, DIALLED),
        '[[forward]]\nfrom = ["p1"]\nto = ["any"]\n',
    ],
    "wg0.d/a.toml": [_peer(7, "persistent_keepalive = 25\n")],
    "wg1.toml": [MAIN_1, _peer(9).replace("10.0.1.9/32", "10.1.0.9/32")],
}
SMALL: dict[str, Step] = {
    "a peer changes": ([("wg0.toml", 0, 1, [_peer(0, "routes = false\n")])], 0, 0.0),
    "a peer that a rule names changes": ([("wg0.toml", 1, 1, [_peer(1, "routes = false\n")])], 0, 0.0),
    "a peer comes": ([("wg0.toml", 1, 0, [_peer(5)])], 0, 0.0),
    "a peer goes": ([("wg0.toml", 2, 1, [])], 0, 0.0),
    "a rule comes": ([("wg0.toml", 3, 0, ['[[forward]]\nfrom = ["p2"]\nto = ["p7"]\n'])], 0, 0.0),
    "a comment comes": ([("wg0.toml", 1, 0, ["# so\n"])], 0, 0.0),
    "a drop-in changes": ([("wg0.d/a.toml", 0, 1, [_peer(7)])], 0, 0.0),
    "a drop-in comes": ([("wg0.d/b.toml", 0, 0, [_peer(6)])], 0, 0.0),
    "a drop-in goes": ([("wg0.d/a.toml", 0, 1, [])], 0, 0.0),
    "two files change": ([("wg0.d/a.toml", 0, 1, [_peer(8)]), ("wg0.toml", 2, 1, [_peer(4)])], 0, 0.0),
    "another interface's peer changes": ([("wg1.toml", 0, 1, [])], 0, 0.0),
}


@pytest.mark.parametrize("step", SMALL.values(), ids=SMALL)
def test_a_small_edit_looks_at_nothing_else(step: Step) -> None:
    decoder = Decoder(Keys())
    before = decoder(_files(HUB)).config.interfaces
    now = _files(_edited(HUB, step))
    with mock.patch.object(decoder, "_whole", side_effect=AssertionError):
        decoded = decoder(now)
    with mock.patch.object(listing, "window", side_effect=AssertionError):  # what differs is known
        for one, other in zip(before.values(), decoded.config.interfaces.values(), strict=True):
            if one is not other:
                touched(one.peers, other.peers)
                touched(one.forwards, other.forwards)
    assert decoded == decode(now, secret, 0.0)


CONCERNING: dict[str, Step] = {
    "a name is taken": ([("wg0.d/b.toml", 0, 0, [_peer(0).replace(key("p0"), key("x"))])], 0, 0.0),
    "a key is taken": ([("wg0.d/b.toml", 0, 0, [_peer(5).replace(key("p5"), key("p0"))])], 0, 0.0),
    "a prefix is taken": ([("wg0.d/b.toml", 0, 0, [_peer(5).replace("1.5/32", "1.0/32")])], 0, 0.0),
    "a prefix covers others": ([("wg0.d/b.toml", 0, 0, [_peer(5).replace("1.5/32", "1.0/24")])], 0, 0.0),
    "a prefix is the interface's": ([("wg0.d/b.toml", 0, 0, [_peer(5).replace("1.5/32", "0.1/32")])], 0, 0.0),
    "another interface has the route": (
        [("wg0.d/b.toml", 0, 0, [_peer(5).replace("10.0.1.5/32", "10.1.0.9/32")])],
        0,
        0.0,
    ),
    "a rule names what is gone": ([("wg0.toml", 1, 1, [])], 0, 0.0),
    "a rule names nobody": ([("wg0.toml", 3, 0, ['[[forward]]\nfrom = ["q"]\nto = ["any"]\n'])], 0, 0.0),
    "a rule names a device": (
        [("wg0.toml", 3, 0, ['[[forward]]\nfrom = ["p0"]\nto = ["any"]\nout = "wg0"\n'])],
        0,
        0.0,
    ),
    "a rule names who moves elsewhere": (
        [("wg0.toml", 1, 1, [_peer(1).replace("10.0.1.1/32", "10.20.0.1/32")])],
        0,
        0.0,
    ),
    "IPv6 needs a larger MTU": ([("wg0.d/b.toml", 0, 0, [_peer(5, prefix="fd00::{}/128")])], 0, 0.0),
    "an endpoint is in another's prefix": (
        [("wg0.d/b.toml", 0, 0, [_peer(5, DIALLED.replace("203.0.113.5", "10.0.1.0"))])],
        0,
        0.0,
    ),
    "another's endpoint is in a prefix": (
        [("wg0.d/b.toml", 0, 0, [_peer(5, prefix="203.0.113.0/24")])],
        0,
        0.0,
    ),
    "an endpoint is in the peer's own prefix": (
        [("wg0.d/b.toml", 0, 0, [_peer(5, DIALLED, "203.0.113.4/31")])],
        0,
        0.0,
    ),
    "the last rule goes": ([("wg0.toml", 3, 1, [])], 0, 0.0),
}


@pytest.mark.parametrize("step", CONCERNING.values(), ids=CONCERNING)
def test_an_edit_that_concerns_others_is_decoded_as_a_whole(step: Step) -> None:
    decoder = Decoder(Keys())
    decoder(_files(HUB))
    now = _files(_edited(HUB, step))
    with mock.patch.object(decoder, "_whole", wraps=decoder._whole) as whole:
        assert decoder(now) == decode(now, secret, 0.0)
    assert whole.called


COVERING = _peer(5, prefix="10.0.1.0/31")
STARTS: dict[str, tuple[list[str], Step]] = {
    "what is covered goes": ([COVERING], ([("wg0.toml", 0, 1, [])], 0, 0.0)),
    "what covers moves a line": (
        [COVERING],
        ([("wg0.d/b.toml", 0, 1, ["# so\n" + COVERING])], 0, 0.0),
    ),
    "an endpoint was in a prefix": (
        [_peer(5, DIALLED.replace("203.0.113.5", "10.0.1.0"))],
        ([("wg0.toml", 0, 1, [])], 0, 0.0),
    ),
}


@pytest.mark.parametrize(("start", "step"), STARTS.values(), ids=STARTS)
def test_a_warning_that_concerns_others_goes_with_its_cause(start: list[str], step: Step) -> None:
    decoder, tables = Decoder(Keys()), {**HUB, "wg0.d/b.toml": start}
    assert len(decoder(_files(tables)).problems) > len(decode(_files(HUB), secret, 0.0).problems)
    now = _files(_edited(tables, step))
    assert decoder(now) == decode(now, secret, 0.0)


def test_settings_that_change_are_seen() -> None:
    decoder, now = Decoder(Keys()), {**HUB, "wg0.toml": [_hub("fwmark = 7"), *HUB["wg0.toml"][1:]]}
    decoder(_files(HUB))
    assert decoder(_files(now)) == decode(_files(now), secret, 0.0)


def test_who_came_with_an_edit_expires_in_time() -> None:
    decoder = Decoder(Keys())
    decoder.begin(NOW, frozenset)
    decoder(_files(HUB))
    now = _files(_edited(HUB, ([("wg0.toml", 0, 0, [_peer(5, "expires = 2030-03-17T17:46:50Z")])], 0, 0.0)))
    assert decoder(now) == decode(now, secret, NOW)
    assert decoder.still(NOW + 9, frozenset) and not decoder.still(NOW + 20, frozenset)


def test_a_prefix_that_a_rule_repeats_at_the_end_of_a_large_file_is_one_object() -> None:
    """Of ten thousand peers that is 3 MB, and a sixth of the time."""
    hosts = [f"172.27.{number >> 8}.{number & 255}/32" for number in range(2, 402)]
    peers = [
        f'[peers.p{number}]\npublic_key = "{key(str(number))}"\nallowed_ips = ["{host}"]\n'
        for number, host in enumerate(hosts)
    ]
    rules = [f'[[forward]]\nfrom = ["{host}"]\nto = ["172.27.0.2/32"]\n' for host in hosts]
    (hub,) = Decoder(Keys())(_files({"wg0.toml": [_hub(), *peers, *rules]})).config.interfaces.values()
    own = {peer.allowed_ips[0]: peer.allowed_ips[0] for peer in hub.peers}
    assert len(hub.forwards) == 400
    assert all(rule.source.networks[0] is own[rule.source.networks[0]] for rule in hub.forwards)
