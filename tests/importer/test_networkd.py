"""A .netdev and its .network: the same account, line by line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.support import key as key_text
from tests.importer.support import MARKS, decoded, toml
from wgd.errors import Severity
from wgd.importer import write
from wgd.importer.found import Fate
from wgd.importer.sources import Imported, from_networkd

HUB = (
    """
+ # the office
+ [NetDev]
+ Name=wg0
- Kind=wireguard
+ Description=WireGuard of the office
+ MTUBytes=1400

+ [WireGuard]
+ PrivateKeyFile=/etc/systemd/network/wg0.key
+ ListenPort=51820
+ FirewallMark=0x8888

+ ; alice
+ [WireGuardPeer]
+ PublicKey=KEY(alice)
+ PresharedKey=KEY(psk)
+ AllowedIPs=10.0.0.2/32
+ AllowedIPs=192.168.1.0/24,fd00::/64

+ [WireGuardPeer]
+ PublicKey=KEY(bob)
+ PresharedKeyFile=/etc/systemd/network/bob.psk
+ AllowedIPs=10.0.0.3/32
""",
    """
+ [Match]
+ Name=wg*

+ [Network]
+ Address=10.0.0.1/24
! DNS=10.0.0.53
! Domains=~corp.example.org
- IPForward=yes
! IPMasquerade=ipv4
! LLMNR=no

+ [Route]
- Destination=192.168.1.0/24
- Scope=link
! Metric=50

+ [Route]
- Destination=fd00::/64
+ [Route]
! Destination=10.99.0.0/16
""",
)
SPOKE = (
    """
+ [NetDev]
+ Name=wg0
- Kind=wireguard
+ [WireGuard]
+ PrivateKey=KEY(own)
- ListenPort=auto
+ RouteTable=main
! RouteMetric=10
+ [WireGuardPeer]
+ PublicKey=KEY(hub)
+ Endpoint=vpn.example.org:51820
- AllowedIPs=10.9.9.0/24
- AllowedIPs=
+ AllowedIPs=10.0.0.0/24 \\
+  10.1.0.0/16
+ PersistentKeepalive=25
""",
    """
+ [Match]
+ Name=wg0
! Name=wg7
+ [Address]
+ Address=10.0.0.2/24
! Peer=10.0.0.1
""",
)
OTHERS = (
    """
+ [NetDev]
+ Name=wg0
- Kind=wireguard
+ [WireGuard]
! PrivateKey=@wg0.private
! RouteTable=1000
! FwMark=red
+ [WireGuardPeer]
+ PublicKey=KEY(a)
! PresharedKey=@psk
+! AllowedIPs=0.0.0.0/0, 10.5.0.0/16
! RouteTable=1001
+ [WireGuardPeer]
! PublicKey=@key
! AllowedIPs=10.6.0.0/16
""",
    """
+ [Network]
+ Address=10.0.0.2
! IPForward=perhaps
- IPv6Forwarding=no
+ [RoutingPolicyRule]
! Table=1000
""",
)
PAIRS = pytest.mark.parametrize("pair", [HUB, SPOKE, OTHERS], ids=["hub", "spoke", "others"])
Pair = tuple[str, str]


def plain(marked: str) -> str:
    text = re.sub(r"^[-+!]{1,2} ", "", marked.strip("\n"), flags=re.M)
    return re.sub(r"KEY\((\w+)\)", lambda match: key_text(match[1]), text)


def imported(pair: Pair) -> Imported:
    files = zip(("wg0.netdev", "wg0.network"), pair, strict=True)
    return from_networkd("wg0", [(name, plain(marked).encode()) for name, marked in files])


def table(pair: Pair) -> dict[str, Any]:
    return tomllib.loads(toml(imported(pair)))


@PAIRS
def test_each_line_is_accounted_for(pair: Pair) -> None:
    of = imported(pair)
    marked = [line for part in pair for line in part.strip("\n").split("\n")]
    assert len(of.lines) == len(marked)
    for line, mark in zip(of.lines, marked, strict=True):
        if line.text:
            wanted = {MARKS[char] for char in mark.partition(" ")[0]}
            got = {entry.fate for entry in of.entries if entry.line is line}
            assert got == wanted, f"{line.origin}: {mark}\n" + "\n".join(map(write.account, of.entries))


@PAIRS
def test_the_result_passes_check(pair: Pair) -> None:
    found = decoded(imported(pair))
    assert [problem for problem in found.problems if problem.severity is Severity.ERROR] == []
    assert list(found.config.interfaces) == ["wg0"]


def test_a_hub() -> None:
    assert table(HUB) == {
        "interface": {
            "role": "hub",
            "addresses": ["10.0.0.1/24"],
            "listen_port": 51820,
            "mtu": 1400,
            "fwmark": 0x8888,
            "adopt": True,
        },
        "peers": {
            "alice": {
                "public_key": key_text("alice"),
                "preshared_key_file": "keys/wg0-alice.psk",
                "allowed_ips": ["10.0.0.2/32", "192.168.1.0/24", "fd00::/64"],
            },
            "peer-2": {
                "public_key": key_text("bob"),
                "preshared_key_file": "keys/wg0-peer-2.psk",
                "allowed_ips": ["10.0.0.3/32"],
            },
        },
        "forward": [{"from": ["any"], "to": ["any"]}],
    }
    places = {key.file: key.key for key in imported(HUB).found.keys}
    assert list(places) == ["keys/wg0.key", "keys/wg0-alice.psk", "keys/wg0-peer-2.psk"]
    assert places["keys/wg0.key"] == "/etc/systemd/network/wg0.key"
    assert places["keys/wg0-peer-2.psk"] == "/etc/systemd/network/bob.psk"


def test_routes_are_made_where_networkd_makes_them() -> None:
    """RouteTable=main does, [Route] does, and nothing else."""
    assert "routes" not in table(SPOKE)["peers"]["peer-1"]
    assert "routes" not in table(HUB)["peers"]["alice"]
    without = (SPOKE[0].replace("+ RouteTable=main\n", ""), SPOKE[1])
    assert table(without)["peers"]["peer-1"]["routes"] is False
    assert table(OTHERS)["peers"]["peer-1"]["routes"] is False


def test_an_empty_assignment_begins_a_list_anew() -> None:
    assert table(SPOKE)["peers"]["peer-1"]["allowed_ips"] == ["10.0.0.0/24", "10.1.0.0/16"]


LINES = sorted({line for pair in (HUB, SPOKE, OTHERS) for part in pair for line in plain(part).split("\n")})
SOME = st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=30)), max_size=25)


@given(SOME, SOME)
def test_any_lines_in_any_order_are_accounted_for(netdev: list[str], network: list[str]) -> None:
    files = [("a.netdev", netdev), ("a.network", network)]
    of = from_networkd("wg0", [(name, "\n".join(lines).encode("utf-8", "replace")) for name, lines in files])
    told = {id(entry.line) for entry in of.entries}
    assert [line.text for line in of.lines if not line.blank and id(line) not in told] == []
    assert [p for p in decoded(of).problems if p.severity is Severity.ERROR] == [], toml(of)
    assert all(entry.words or entry.fate is Fate.CARRIED for entry in of.entries)
