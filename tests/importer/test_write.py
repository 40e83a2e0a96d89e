"""What the files look like, and how roles, names and rules come out."""

from __future__ import annotations

import ipaddress
import tomllib
from typing import Any

import pytest

from tests.config.support import key as key_text
from tests.importer.support import Case, cases, imported, public_text, toml
from wgd.config.document import Role
from wgd.importer.sources import from_quick

BY_NAME = {case.name: case for case in cases()}


def table(name: str) -> dict[str, Any]:
    return tomllib.loads(toml(imported(BY_NAME[name])))


def test_the_whole_text_of_a_hub() -> None:
    case = BY_NAME["masquerading without a word about forwarding"]
    assert toml(imported(case)).splitlines() == [
        "# wg0, imported from a file. The comment behind a value is where it stood.",
        "",
        "[interface]",
        'role = "hub"  # it has a port, and calls no peer',
        'addresses = ["10.0.0.1/24"]  # wg0.conf:2',
        "listen_port = 51820  # wg0.conf:3",
        "adopt = true  # takes over the interface that is up, without dropping a session; later it may go",
        "# The key is in keys/wg0.key, from wg0.conf:4.",
        "",
        "[peers.peer-1]",
        f'public_key = "{key_text("a")}"  # wg0.conf:8',
        'allowed_ips = ["10.0.0.2/32"]  # wg0.conf:9',
        "",
        "# As soon as there is one [[forward]], nothing else passes.",
        "[[forward]]",
        'from = ["any"]  # wg0.conf:5: nothing said who may pass, so everything may, as before: narrow it',
        'to = ["any"]',
        "",
        "[[masquerade]]",
        'out = "eth0"  # wg0.conf:5',
        'to = ["any"]',
    ]


HUBS = {
    "a hub as in every tutorial",
    "saved by wg-quick itself",
    "a hub that was somewhere once",
    "comments behind everything",
}
SPOKES = {
    "a spoke as in every tutorial",
    "site to site, both listen and both call",
    "a hub that calls one peer on purpose",
    "odd case",
}


@pytest.mark.parametrize(("name", "role"), [*((n, "hub") for n in HUBS), *((n, "spoke") for n in SPOKES)])
def test_roles(name: str, role: str) -> None:
    assert table(name)["interface"]["role"] == role


def test_a_role_that_is_said_counts() -> None:
    case = BY_NAME["site to site, both listen and both call"]
    peers = tomllib.loads(toml(from_quick("wg0", "wg0.conf", case.content, Role.HUB)))["peers"]
    assert "endpoint" not in peers["Vienna"]


@pytest.mark.parametrize(
    ("name", "peers"),
    [
        ("a script's hub, client names marked with ###", ["alice"]),
        ("a script's hub with BEGIN_PEER and END_PEER", ["laptop", "phone"]),
        ("begin and end in hashes", ["anna", "bert"]),
        ("a web interface's hub with numbers in names", ["Phone-of-Carla"]),
        ("comments behind everything", ["Annchen-s-laptop"]),
        ("comments that are settings", ["dora"]),
        ("names above, with blank lines between", ["erna", "franz"]),
        (
            "names of all sorts",
            ["Muller-s-iPad", "cafe", "peer-internet", "peer-10.0.0.5", "peer-5", "cafe-2", "peer-7"],
        ),
    ],
)
def test_names(name: str, peers: list[str]) -> None:
    assert list(table(name)["peers"]) == peers


ANY = ["any"]
TUNNEL = ["10.0.0.0/24"]


@pytest.mark.parametrize(
    ("name", "forwards", "masquerades"),
    [
        ("only the switch", [{"from": ANY, "to": ANY}], []),
        ("the switch by echo", [{"from": TUNNEL, "to": TUNNEL}], []),
        (
            "hooks before everything, and down before up",
            [{"from": TUNNEL, "to": ANY}],
            [{"out": "ens3", "to": ANY}],
        ),
        (
            "replies and comments in rules",
            [{"from": TUNNEL, "to": ANY, "out": "eth0"}],
            [{"out": "eth0", "to": ANY}],
        ),
        (
            "ports and addresses",
            [
                {"from": TUNNEL, "to": ["192.168.1.10/32"], "ports": ["tcp/80"]},
                {
                    "from": ["10.0.0.2/32"],
                    "to": ["192.168.1.0/24"],
                    "ports": ["tcp/80", "tcp/443", "tcp/8000-8010"],
                },
                {"from": TUNNEL, "to": ANY, "ports": ["icmp"]},
                {"from": TUNNEL, "to": ANY, "ports": ["udp/1-65535"]},
            ],
            [],
        ),
        ("rules that only permit cannot forbid", [], []),
        (
            "nft, one command a line",
            [{"from": TUNNEL, "to": ANY}],
            [{"out": "eth0", "to": ANY}],
        ),
        (
            "nft, all in one line",
            [
                {"from": [*TUNNEL, "fd00:1::/64"], "to": ANY, "ports": ["tcp/80", "tcp/443"]},
                {"from": ["10.0.0.2/32"], "to": ["192.168.1.0/24"]},
            ],
            [],
        ),
        ("ufw", [{"from": TUNNEL, "to": ANY, "out": "eth0"}], [{"out": "eth0", "to": ANY}]),
        (
            "a rule for somebody else",
            [
                {"from": ANY, "to": TUNNEL},
                {"from": ANY, "to": TUNNEL, "in": "eth1"},
                {"from": TUNNEL, "to": ANY, "out": "eth2"},
                {"from": ANY, "to": ANY},
            ],
            [],
        ),
        (
            "a script's hub, client names marked with ###",
            [
                {"from": ANY, "to": ["10.66.66.0/24"], "in": "eth0"},
                {"from": ["10.66.66.0/24", "fd42:42:42::/64"], "to": ANY},
            ],
            [{"out": "eth0", "to": ANY}],
        ),
    ],
)
def test_rules(name: str, forwards: list[object], masquerades: list[object]) -> None:
    found = table(name)
    assert found.get("forward", []) == forwards
    assert found.get("masquerade", []) == masquerades


def test_masquerading_of_one_version_does_not_become_that_of_both() -> None:
    text = BY_NAME["replies and comments in rules"].text.replace("10.0.0.1/24", "10.0.0.1/24, fd00::1/64")
    found = tomllib.loads(toml(imported(Case("both", text, ()))))
    assert found["masquerade"] == [{"out": "eth0", "to": ["0.0.0.0/1", "128.0.0.0/1"]}]
    nets = [ipaddress.IPv4Network(word) for word in found["masquerade"][0]["to"]]
    assert list(ipaddress.collapse_addresses(nets)) == [ipaddress.IPv4Network("0.0.0.0/0")]


def test_the_mtu_is_taken_as_wg_quick_takes_it() -> None:
    assert table("a spoke as in every tutorial")["interface"]["mtu"] == "auto"
    assert table("odd case")["interface"]["mtu"] == 1380
    assert "mtu" not in table("a hub as in every tutorial")["interface"]


def test_where_the_table_was_off_there_are_no_routes() -> None:
    assert table("no routes")["peers"]["peer-1"]["routes"] is False
    assert table("a table of its own")["peers"]["peer-1"]["routes"] is False
    assert "routes" not in table("the table that it is anyway")["peers"]["peer-1"]


def test_dns_is_told_as_the_command_that_sets_it() -> None:
    text = toml(imported(BY_NAME["servers and search domains"]))
    assert "resolvectl dns wg0 10.0.0.1 fd00::53" in text
    assert "resolvectl domain wg0 corp.example.org example.net" in text


def test_keys_go_to_files_and_only_their_places_to_the_text() -> None:
    of = imported(BY_NAME["a script's hub with BEGIN_PEER and END_PEER"])
    assert [key.file for key in of.found.keys] == [
        "keys/wg0.key",
        "keys/wg0-laptop.psk",
        "keys/wg0-phone.psk",
    ]
    assert 'preshared_key_file = "keys/wg0-phone.psk"' in toml(of)
    from_file = imported(BY_NAME["the key comes from a file"]).found.keys
    assert [(key.file, key.key) for key in from_file] == [("keys/wg0.key", "/etc/wireguard/wg0.key")]


def test_the_cases_know_their_own_key() -> None:
    """`PUBLIC(own)` in the table is what makes a peer this machine."""
    case = BY_NAME["this machine among its peers"]
    assert f"PublicKey = {public_text(key_text('own'))}" in case.text


def test_comments_cannot_leave_their_line() -> None:
    of = from_quick("wg0", "wg0.conf", "[Interface]\n# a\x00\x1b[2J b\u2028c\n".encode())
    text = toml(of)
    assert tomllib.loads(text) and "\x1b" not in text
