"""The text protocol of a WireGuard process."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.configs import networks
from wgd.endpoints import NOWHERE
from wgd.errors import KernelError
from wgd.kernel.uapi import (
    ProcessTunnel,
    accepted,
    answers,
    device_text,
    parse_device,
    parse_endpoint,
    peers_text,
)
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit
from wgd.model import Secret
from wgd.prefixes import Prefix, ordered

KEY, OTHER_KEY, PSK = b"k" * 32, b"o" * 32, b"p" * 32
PRIVATE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645a8d7aebe0b6ea2a7d8a6a0b5a1f0b068")

ANSWER = f"""\
private_key={PRIVATE.hex()}
listen_port=51820
fwmark=7
public_key={KEY.hex()}
preshared_key={bytes(32).hex()}
protocol_version=1
endpoint=198.51.100.15:51820
last_handshake_time_sec=1700000000
last_handshake_time_nsec=500000000
tx_bytes=1099511627776
rx_bytes=7
persistent_keepalive_interval=25
allowed_ip=172.27.0.2/32
allowed_ip=fd00::/64
public_key={OTHER_KEY.hex()}
preshared_key={PSK.hex()}
protocol_version=1
endpoint=[::]:0
last_handshake_time_sec=0
last_handshake_time_nsec=0
tx_bytes=0
rx_bytes=0
persistent_keepalive_interval=0
errno=0

"""


def taken(answer: str) -> ProcessTunnel:
    tunnel = ProcessTunnel(Path(), "wg0")
    tunnel.take(accepted("read wg0", answer))
    return tunnel


def test_device() -> None:
    found = parse_device("wg0", ANSWER.split("public_key")[0])
    assert found == Device("wg0", Secret(PRIVATE), 51820, 7)
    assert len(found.public_key) == 32


def test_a_device_that_nobody_set_up() -> None:
    assert parse_device("wg0", "") == Device("wg0", None, 0, 0)


def test_peers() -> None:
    first, second = taken(ANSWER).peers
    assert first == Peer(
        "wg0",
        KEY,
        ordered({Prefix.parse("172.27.0.2/32"), Prefix.parse("fd00::/64")}),
        None,
        25,
        endpoint=("198.51.100.15", 51820),
        last_handshake=1700000000.5,
        received=7,
        sent=1 << 40,
    )
    assert second == Peer("wg0", OTHER_KEY, (), Secret(PSK))


def test_the_same_words_are_the_same_objects() -> None:
    tunnel = taken(ANSWER)
    peers = tunnel.peers
    said = accepted("read wg0", ANSWER)
    about, first, second = said.split("public_key=")
    tunnel.take("public_key=".join((about, second, first)))
    assert tunnel.peers is peers, "in another order"
    tunnel.take(said.replace("rx_bytes=7", "rx_bytes=8"))
    assert tunnel.peers == [replace(peers[0], received=8), peers[1]]
    assert tunnel.peers[1] is peers[1]
    assert tunnel.peers[0].allowed_ips is peers[0].allowed_ips
    tunnel.take(said.replace("fd00::/64", "fd01::/64"))
    assert tunnel.peers[0].allowed_ips == networks("172.27.0.2/32", "fd01::/64")


ENDPOINTS = (
    ("198.51.100.15:51820", ("198.51.100.15", 51820)),
    ("[2001:db8::1]:1", ("2001:db8::1", 1)),
    ("[fe80::1%eth0]:1", ("fe80::1", 1)),
    ("[::]:0", None),
    ("0.0.0.0:0", None),
)


@pytest.mark.parametrize(("text", "expected"), ENDPOINTS, ids=[e[0] for e in ENDPOINTS])
def test_endpoint(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_endpoint(text) == expected


REFUSALS = (
    ("Go writes it negative", "errno=-98\n\n", errno.EADDRINUSE),
    ("C writes it positive", "errno=98\n\n", errno.EADDRINUSE),
    ("hung up", "", errno.EPROTO),
    ("hung up in the middle", "listen_port=5", errno.EPROTO),
)


@pytest.mark.parametrize(("answer", "number"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_refused(answer: str, number: int) -> None:
    with pytest.raises(KernelError) as caught:
        accepted("set up wg0", answer)
    assert caught.value.errno == number


DEVICE_SETS = (
    ("nothing", DeviceSet(refs=(), interface="wg0"), "set=1\n"),
    (
        "key",
        DeviceSet(refs=(), interface="wg0", private_key=Secret(KEY)),
        f"set=1\nprivate_key={KEY.hex()}\n",
    ),
    (
        "port and mark, also zero",
        DeviceSet(refs=(), interface="wg0", listen_port=0, fwmark=0),
        "set=1\nlisten_port=0\nfwmark=0\n",
    ),
)


@pytest.mark.parametrize(("op", "text"), [d[1:] for d in DEVICE_SETS], ids=[d[0] for d in DEVICE_SETS])
def test_only_what_the_op_names_is_sent(op: DeviceSet, text: str) -> None:
    assert device_text(op) == text


EDITS: tuple[tuple[str, PeerEdit, list[str]], ...] = (
    ("remove wins", PeerEdit(KEY, remove=True, persistent_keepalive=25), ["remove=true"]),
    ("new", PeerEdit(KEY), []),
    (
        "only if it is there, before all else",
        PeerEdit(KEY, only_existing=True, persistent_keepalive=0),
        ["update_only=true", "persistent_keepalive_interval=0"],
    ),
    (
        "no preshared key",
        PeerEdit(KEY, preshared_key=NO_PRESHARED_KEY),
        [f"preshared_key={bytes(32).hex()}"],
    ),
    ("IPv4 endpoint", PeerEdit(KEY, endpoint=("192.0.2.1", 1)), ["endpoint=192.0.2.1:1"]),
    ("IPv6 endpoint", PeerEdit(KEY, endpoint=("2001:db8::1", 1)), ["endpoint=[2001:db8::1]:1"]),
    ("no endpoint", PeerEdit(KEY, endpoint=NOWHERE), ["endpoint=[::%lo]:0"]),
    (
        "allowed IPs",
        PeerEdit(KEY, add_allowed_ips=(Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/64"))),
        ["allowed_ip=10.0.0.0/8", "allowed_ip=fd00::/64"],
    ),
)


@pytest.mark.parametrize(("edit", "lines"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_edit(edit: PeerEdit, lines: list[str]) -> None:
    assert peers_text([edit]).splitlines() == ["set=1", f"public_key={KEY.hex()}", *lines]


def test_a_socket_that_a_dead_process_left_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "wg0.sock"))
        listening.listen()
        assert answers(tmp_path, "wg0")
    assert (tmp_path / "wg0.sock").exists()
    assert not answers(tmp_path, "wg0")
    assert not answers(tmp_path, "wg1")
