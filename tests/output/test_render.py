from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from wgd.output.render import render_result, render_status, summary
from wgd.output.terminal import Page, width

NOW = 1_700_000_000.0

PEER: dict[str, Any] = {
    "name": "spoke-1",
    "public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
    "endpoint": "203.0.113.7:4711",
    "last_handshake": NOW - 12,
    "received": 1258291,
    "sent": 348160,
    "allowed_ips": ["172.27.0.2/32"],
    "state": "in sync",
}
INTERFACE: dict[str, Any] = {
    "name": "wg0",
    "role": "hub",
    "backend": "kernel",
    "public_key": "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
    "listen_port": 51820,
    "mtu": 1420,
    "addresses": ["172.27.0.1/16"],
    "state": "in sync",
    "frozen": False,
    "peers": [PEER],
}
EMPTY: dict[str, Any] = {
    "version": "1",
    "time": NOW - 3,
    "in_sync": True,
    "interfaces": [],
    "drift": [],
    "opens": [],
    "conflicts": [],
    "foreign": [],
    "blocked": [],
    "failures": [],
    "problems": [],
    "warnings": [],
}
QUIET = EMPTY | {"interfaces": [INTERFACE], "pass": {"interval": 10}}
DRIFT = {
    "object": "peer",
    "label": "spoke-1 on wg0",
    "interface": "wg0",
    "verb": "update",
    "fields": [{"field": "persistent_keepalive", "have": "0", "want": "25"}],
}
LOUD = QUIET | {
    "in_sync": False,
    "drift": [
        DRIFT,
        {"object": "route", "label": "10.11.12.0/24 dev wg0", "verb": "create", "fields": []},
        {"object": "nftables", "label": "chain inet wgd x", "verb": "delete", "fields": []},
    ],
    "conflicts": [{"reason": "wg1 exists and was not made by wgd", "hint": "`adopt = true` takes it over"}],
    "blocked": [{"object": "route"}, {"object": "route"}, {"object": "address"}],
    "failures": [{"commands": ["ip route add …"], "error": "EPERM: no", "skipped": None}],
    "foreign": [{"object": "address", "label": "10.9.9.9/32 dev wg0"}],
    "problems": [
        {
            "file": "wg0.toml",
            "line": 3,
            "key": "interface.mtu",
            "message": "found 1, expected more",
            "hint": "1420",
            "severity": "error",
        }
    ],
    "opens": ["wg0"],
    "warnings": ["chain ip filter FORWARD drops"],
}


def test_all_is_well_in_the_first_line() -> None:
    assert render_status(QUIET, NOW, Page()).splitlines() == [
        "✓ everything in sync · 1 interface, 1 peer · seen by the daemon 3 s ago",
        "",
        "wg0  in sync",
        "  172.27.0.1/16 · port 51820 · MTU 1420 · hub · kernel WireGuard",
        "  public key BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
        "",
        "  peer     handshake  endpoint          received     sent  allowed IPs",
        "  spoke-1  12 s ago   203.0.113.7:4711   1.2 MiB  340 KiB  172.27.0.2/32",
    ]


def test_everything_that_is_not_well() -> None:
    assert render_result(LOUD, NOW, Page()).splitlines() == [
        "✗ 3 differences, 1 conflict, 1 error in the files"
        " · 1 interface, 1 peer · seen by the daemon 3 s ago",
        "",
        "differs from the files",
        "  ~ differs    peer spoke-1 on wg0: persistent_keepalive is 0, should be 25",
        "  + missing    route 10.11.12.0/24 dev wg0",
        "  - left over  chain inet wgd x",
        "",
        "conflicts, left alone",
        "  ! wg1 exists and was not made by wgd",
        "    hint: `adopt = true` takes it over",
        "",
        "waits until a conflict is solved",
        "  2 routes, 1 address",
        "",
        "failed",
        "  ip route add …",
        "    failed: EPERM: no",
        "",
        "foreign, left alone",
        "  address 10.9.9.9/32 dev wg0",
        "",
        "in the files",
        "  wg0.toml:3: error: interface.mtu: found 1, expected more",
        "      hint: 1420",
        "",
        "warnings",
        "  ! OPENS: what is forwarded through wg0 will no longer be restricted",
        "  ! chain ip filter FORWARD drops",
    ]


@pytest.mark.parametrize("value", [QUIET, LOUD], ids=["quiet", "loud"])
def test_colour_adds_nothing_but_colour(value: dict[str, Any]) -> None:
    coloured = render_status(value, NOW, Page(colour=True, width=80))
    assert "\033[" in coloured
    assert re.sub(r"\033\[[0-9;]*m", "", coloured) == render_status(value, NOW, Page(width=80))


@pytest.mark.parametrize("cells", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(cells: int) -> None:
    crowd = [PEER | {"name": "a-peer-with-a-name-of-sixty-three-characters", "state": "missing"}, PEER]
    value = LOUD | {"interfaces": [INTERFACE | {"peers": crowd}]}
    assert all(width(line) <= cells for line in render_status(value, NOW, Page(width=cells)).splitlines())


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"daemon": {"state": "runs"}}, None),
        (
            {"daemon": {"state": "hangs", "pid": 7, "silent": 333}},
            "! the daemon (process 7) has not reported for 5 min: it hangs, or cannot write (see its log)",
        ),
        (
            {"daemon": {"state": "dead"}},
            "! the daemon is not running: nothing is mended by itself (systemctl start wgd)",
        ),
    ],
    ids=["runs", "hangs", "dead"],
)
def test_it_says_how_the_daemon_is(more: dict[str, Any], line: str | None) -> None:
    assert ((render_status(QUIET | more, NOW, Page()).splitlines()[1]) or None) == line


@pytest.mark.parametrize(
    ("peer", "cells"),
    [
        ({"last_handshake": None, "endpoint": None}, "spoke-1  never      –"),
        ({"last_handshake": None}, "172.27.0.2/32  never seen"),
        ({"last_handshake": NOW - 180}, "172.27.0.2/32  no session"),
        ({"name": None, "state": "leftover"}, "AAAAAAAAAAAA…  12 s ago"),
        ({"state": "missing"}, "172.27.0.2/32  not in the kernel"),
        (
            {"endpoint": None, "stripped": {"endpoint": "203.0.113.7:4711", "at": NOW - 300}},
            "172.27.0.2/32  203.0.113.7:4711 stripped 5 min ago",
        ),
        ({"allowed_ips": [f"10.0.{i}.0/24" for i in range(3000)]}, "10.0.0.0/24, 10.0.1.0/24 and 2,998 more"),
        ({"name": "a\033[2Jb"}, "a\\x1b[2Jb  "),
    ],
    ids=[
        "never heard from",
        "never seen",
        "silent",
        "nameless",
        "missing",
        "stripped",
        "many prefixes",
        "hostile name",
    ],
)
def test_a_peer(peer: dict[str, Any], cells: str) -> None:
    value = QUIET | {"interfaces": [INTERFACE | {"peers": [PEER | peer]}]}
    assert cells in render_status(value, NOW, Page()).splitlines()[-1]


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        ({"peers": []}, "\n  no peers"),
        (
            {"backend": None, "state": "drift"},
            "wg0  differs from its file\n  not in the kernel · 172.27.0.1/16",
        ),
        ({"backend": "userspace"}, "· userspace WireGuard\n"),
        ({"state": "drift", "frozen": True}, "wg0  differs from its file, frozen\n"),
        ({"state": "held", "addresses": []}, "  wg0: nothing of it is touched, since no accepted copy"),
        ({"state": "frozen", "frozen": True}, "  wg0: runs as its files were last accepted"),
    ],
    ids=["no peers", "absent", "userspace", "drift and frozen", "held", "frozen"],
)
def test_an_interface(interface: dict[str, Any], text: str) -> None:
    assert text in render_status(QUIET | {"interfaces": [INTERFACE | interface]}, NOW, Page())


def crowd() -> dict[str, Any]:
    peers = [
        PEER | {"name": f"spoke-{i}", "last_handshake": NOW - i if i % 2 else None} for i in range(10_000)
    ]
    peers[5_000] |= {"state": "missing"}
    return deepcopy(QUIET) | {"interfaces": [INTERFACE | {"peers": peers}]}


def test_of_ten_thousand_peers_the_remarkable_ones() -> None:
    lines = render_status(crowd(), NOW, Page(), whole=False).splitlines()
    assert len(lines) == 28
    assert lines[7].startswith("  spoke-5000  never") and lines[7].endswith("not in the kernel")
    assert lines[8].startswith("  spoke-1 ")
    assert lines[-1] == (
        "  … and 9,980 more. Of all 10,000, 90 were heard from in the last 3 min, 4,910 before that, "
        "5,000 never. `wgd status wg0` lists them."
    )


def test_all_ten_thousand_if_asked_for() -> None:
    assert len(render_status(crowd(), NOW, Page()).splitlines()) == 10_007


def test_a_long_list_of_differences_is_cut() -> None:
    text = render_result(LOUD | {"drift": [DRIFT] * 1000}, NOW, Page())
    assert "\n  … and 980 more\n" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (QUIET, "in sync: 1 interface, 1 peer"),
        (LOUD, "3 differences, 1 conflict, 1 error in the files"),
        (QUIET | {"in_sync": False}, "not in sync"),
    ],
    ids=["quiet", "loud", "frozen"],
)
def test_summary(value: dict[str, Any], text: str) -> None:
    assert summary(value) == text


def test_nothing_to_look_after() -> None:
    assert render_status(EMPTY, NOW, Page()) == (
        "✓ nothing to look after: no file names an interface · read from the kernel 3 s ago"
    )


REPAIRED = [
    {"time": NOW - old, "what": f"route {old} was missing, restored"} for old in (90000, 600, 70, 12, 5)
]
FIGHT = {"what": "route A repaired 7 times in the last minute", "by": "removed by NetworkManager[812]"}


def test_the_last_repairs_are_told_for_a_day() -> None:
    assert render_result(EMPTY | {"repairs": REPAIRED[:2]}, NOW, Page()).splitlines()[1:] == [
        "",
        "repaired lately",
        "  10 min ago: route 600 was missing, restored",
    ]
    told = render_result(EMPTY | {"repairs": REPAIRED}, NOW, Page()).splitlines()
    assert [line.split(" ago")[0] for line in told[3:]] == ["  5 s", "  12 s", "  1 min"]


@pytest.mark.parametrize(
    ("next_try", "by", "said"),
    [
        (NOW + 16, FIGHT["by"], ", removed by NetworkManager[812]; next try in 16 s"),
        (NOW + 16, None, "; next try in 16 s"),
        (None, None, "; now as it should be"),
    ],
    ids=["waits", "nobody knows with whom", "stands"],
)
def test_a_fight(next_try: float | None, by: str | None, said: str) -> None:
    fights = [FIGHT | {"next": next_try, "by": by}]
    told = render_result(EMPTY | {"fights": fights}, NOW, Page()).splitlines()
    assert told[-2:] == [
        "somebody keeps changing it back",
        f"  ! fight: route A repaired 7 times in the last minute{said}",
    ]


def test_what_the_rules_dropped() -> None:
    def told(**dropped: int | None) -> list[str]:
        value = QUIET | {"interfaces": [INTERFACE | {"dropped": dropped}]}
        return [line for line in render_status(value, NOW, Page()).splitlines() if "dropped" in line]

    assert told(forward=0, input=None) == []
    assert told(forward=1234, input=5) == [
        "  packets that its rules dropped: 1,234 on their way through, 5 to this machine"
    ]


@pytest.mark.parametrize(
    ("number", "told"), [(None, []), (0, []), (1, ["1 packet dropped"]), (1234, ["1,234 packets dropped"])]
)
def test_what_was_kept_from_going_elsewhere_is_told(number: int | None, told: list[str]) -> None:
    lines = render_status(QUIET | {"fenced": number}, NOW, Page()).splitlines()
    why = " that devices which forward only for wgd would have let go elsewhere"
    assert [line.removesuffix(why) for line in lines if line.endswith(why)] == told
