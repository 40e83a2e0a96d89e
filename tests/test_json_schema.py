"""docs/wgd.schema.json against the decoder: the same keys, and it refuses nothing that the decoder takes."""

from __future__ import annotations

import copy
import datetime
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tests.config.support import ETC, key
from tests.json_schema import fits
from wgd.config.schema import draft
from wgd.config.vocabulary import KEYS, Section

SCHEMA: dict[str, Any] = json.loads((ETC.parent / "docs/wgd.schema.json").read_text())

PLACES: dict[Section, dict[str, Any]] = {
    Section.TOP: SCHEMA,
    Section.INTERFACE: SCHEMA["properties"]["interface"],
    Section.PEER: SCHEMA["properties"]["peers"]["additionalProperties"],
    Section.FORWARD: SCHEMA["properties"]["forward"]["items"],
    Section.INPUT: SCHEMA["properties"]["input"]["items"],
    Section.MASQUERADE: SCHEMA["properties"]["masquerade"]["items"],
}


@pytest.mark.parametrize("section", Section)
def test_the_keys_are_the_decoders(section: Section) -> None:
    assert set(PLACES[section]["properties"]) == set(KEYS[section])
    assert PLACES[section]["additionalProperties"] is False


@pytest.mark.parametrize("file", sorted(ETC.rglob("*.toml")), ids=lambda file: file.parent.name)
def test_the_examples_fit(file: Path) -> None:
    assert fits(tomllib.loads(file.read_text()), SCHEMA)


RIGHT: dict[str, Any] = {
    "interface": {"addresses": ["172.27.0.1/16"], "role": "hub", "mtu": "auto"},
    "networks": {"webcams": ["10.11.12.0/24"], "lan": "fd00::/64"},
    "peers": {"spoke-1": {"public_key": key("a"), "allowed_ips": ["172.27.0.2/32", "webcams"]}},
    "forward": [{"from": ["spoke-1"], "to": ["any"], "ports": ["tcp/80", "icmp"], "out": "eth0"}],
    "input": [{"from": ["spoke-1"], "ports": ["tcp/22"]}],
    "masquerade": [{"out": "eth0", "to": ["webcams"]}],
}
POOL: tuple[Any, ...] = (
    *(True, False, 0, 1, 576, 1280, 51820, 65536, 2**31, 2**32, -1, "", "auto", "hub", "rules", "unmanaged"),
    *(
        "10.0.0.0/8",
        "10.0.0.1/8",
        "fd00::1/64",
        "::ffff:10.0.0.1",
        "10.0.0.7",
        "any",
        "internet",
        "webcams",
        "eth0",
    ),
    *("tcp/80", "udp/5-7", "icmp", "tcp", "vpn.example.org:51820", "[::1]:1", "keys/x.key", "ä", key("b")),
    *([], ["10.0.0.0/8"], ["any"], [1], ["tcp/80"], ["fd00::1/64", "10.0.0.1/8"], {}, {"a": 1}, [{}]),
    datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2090, 1, 1),
)
WAYS = st.tuples(
    st.sampled_from(Section),
    st.sampled_from(sorted({key for keys in KEYS.values() for key in keys} | {"nonsense"})),
    st.one_of(st.none(), st.sampled_from(POOL)),
)


def changed(section: Section, name: str, value: Any) -> dict[str, Any]:
    """The right document with one key set, or (None) taken away."""
    document = copy.deepcopy(RIGHT)
    into = {
        Section.TOP: document,
        Section.INTERFACE: document["interface"],
        Section.PEER: document["peers"]["spoke-1"],
        Section.FORWARD: document["forward"][0],
        Section.INPUT: document["input"][0],
        Section.MASQUERADE: document["masquerade"][0],
    }[section]
    into[name] = value
    if value is None:
        del into[name]
    return document


def taken(document: dict[str, Any]) -> bool:
    return draft("wg0.toml", tomli_w.dumps(document).encode()).problems == ()


def test_the_right_one_is_right() -> None:
    assert taken(RIGHT) and fits(RIGHT, SCHEMA)


@given(WAYS)
def test_what_the_decoder_takes_fits(way: tuple[Section, str, Any]) -> None:
    document = changed(*way)
    assert fits(document, SCHEMA) or not taken(document)


@pytest.mark.parametrize("section", Section)
def test_what_the_decoder_takes_fits_for_every_key_and_value(section: Section) -> None:
    """The same, of all there are; and wrong types and unknown keys are refused by both."""
    for name in (*KEYS[section], "nonsense"):
        for value in (None, *POOL):
            document = changed(section, name, value)
            assert fits(document, SCHEMA) or not taken(document), (section, name, value)
            if name == "nonsense" and value is not None:
                assert not fits(document, SCHEMA) and not taken(document)


WRONG: tuple[tuple[Section, str, Any], ...] = (
    (Section.TOP, "forward", {}),
    (Section.TOP, "peers", []),
    (Section.INTERFACE, "addresses", "10.0.0.1/8"),
    (Section.INTERFACE, "addresses", None),
    (Section.INTERFACE, "role", "rules"),
    (Section.INTERFACE, "listen_port", 0),
    (Section.INTERFACE, "listen_port", True),
    (Section.INTERFACE, "mtu", 1),
    (Section.INTERFACE, "enabled", "auto"),
    (Section.PEER, "public_key", "any"),
    (Section.PEER, "allowed_ips", None),
    (Section.PEER, "endpoint", "any"),
    (Section.PEER, "persistent_keepalive", 65536),
    (Section.FORWARD, "from", []),
    (Section.FORWARD, "ports", ["any"]),
    (Section.FORWARD, "in", "ä"),
    (Section.INPUT, "from", None),
    (Section.MASQUERADE, "out", None),
    (Section.MASQUERADE, "snat", "eth0"),
)


@pytest.mark.parametrize("way", WRONG, ids=lambda way: f"{way[0].name} {way[1]} {way[2]}")
def test_what_is_wrong_in_itself_is_marked(way: tuple[Section, str, Any]) -> None:
    document = changed(*way)
    assert not fits(document, SCHEMA) and not taken(document)
