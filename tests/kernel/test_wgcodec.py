"""WireGuard's messages: what is written, within the kernel's limits."""

from __future__ import annotations

import socket
from socket import AF_INET6, inet_ntop

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgd.endpoints import NOWHERE
from wgd.kernel.netlink import U16, U32, attribute, attributes, elements, nest
from wgd.kernel.peerdump import PeerDump, parse_endpoint
from wgd.kernel.wgcodec import (
    pack_endpoint,
    parse_device,
    set_device,
    set_peers,
)
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit
from wgd.model import Secret
from wgd.prefixes import Prefix, ordered

PEERS, PEER_FLAGS, ALLOWED_IPS = 8, 3, 9
REMOVE_ME, UPDATE_ONLY = 1, 4
GENERIC = 4
KEY, OTHER_KEY, PSK = b"k" * 32, b"o" * 32, b"p" * 32


def head(key: bytes = KEY) -> list[bytes]:
    """A peer's key alone."""
    return [attribute(1, key)]


def dump(*peers: bytes) -> bytes:
    return bytes(GENERIC) + nest(PEERS, *peers)


ENDPOINTS = (
    ("IPv4", ("198.51.100.15", 51820), ("198.51.100.15", 51820)),
    ("IPv6", ("2001:db8::1", 1), ("2001:db8::1", 1)),
    ("neutralised, IPv6", ("::", 0), None),
    ("neutralised by us", NOWHERE, None),
    ("neutralised, IPv4", ("0.0.0.0", 0), None),
    ("link-local: the scope is written, not read", ("fe80::1%lo", 51820), ("fe80::1", 51820)),
)


@pytest.mark.parametrize(("endpoint", "read"), [e[1:] for e in ENDPOINTS], ids=[e[0] for e in ENDPOINTS])
def test_endpoint(endpoint: tuple[str, int], read: tuple[str, int] | None) -> None:
    packed = pack_endpoint(endpoint)
    assert len(packed) == (28 if ":" in endpoint[0] else 16)
    assert parse_endpoint(packed) == read


def test_the_scope_is_an_interface_number_in_host_order() -> None:
    assert pack_endpoint(("fe80::1%lo", 1))[24:] == U32.pack(socket.if_nametoindex("lo"))


def test_device() -> None:
    message = bytes(GENERIC) + b"".join(
        (
            attribute(4, KEY),
            attribute(3, PSK),
            attribute(6, U16.pack(51820)),
            attribute(7, U32.pack(7)),
            attribute(2, b"wg0\0"),
        )
    )
    found = parse_device("wg0", [message, dump(nest(0, *head()))])
    assert found == Device("wg0", Secret(PSK), 51820, 7)
    assert found.public_key == KEY


def test_a_device_without_a_key() -> None:
    assert parse_device("wg0", [bytes(GENERIC) + attribute(3, bytes(32))]) == Device("wg0", None, 0, 0)


DEVICE_SETS = (
    ("nothing", DeviceSet(refs=(), interface="wg0"), {2}),
    ("the key alone", DeviceSet(refs=(), interface="wg0", private_key=Secret(PSK)), {2, 3}),
    ("port and mark, also zero", DeviceSet(refs=(), interface="wg0", listen_port=0, fwmark=0), {2, 6, 7}),
)


@pytest.mark.parametrize(("op", "sent"), [d[1:] for d in DEVICE_SETS], ids=[d[0] for d in DEVICE_SETS])
def test_only_what_the_op_names_is_sent(op: DeviceSet, sent: set[int]) -> None:
    assert set(attributes(set_device(op), GENERIC)) == sent


def entries(messages: list[bytes]) -> list[dict[int, bytes]]:
    return [attributes(one) for m in messages for one in elements(attributes(m, GENERIC)[PEERS])]


EDITS = (
    ("remove wins", PeerEdit(KEY, remove=True, persistent_keepalive=25), REMOVE_ME, {1, 3}),
    ("new", PeerEdit(KEY), None, {1}),
    ("only if it is there", PeerEdit(KEY, only_existing=True), UPDATE_ONLY, {1, 3}),
    ("keepalive off", PeerEdit(KEY, persistent_keepalive=0), None, {1, 5}),
    ("no preshared key", PeerEdit(KEY, preshared_key=NO_PRESHARED_KEY), None, {1, 2}),
    ("an endpoint", PeerEdit(KEY, endpoint=("::", 0)), None, {1, 4}),
    ("allowed IPs", PeerEdit(KEY, add_allowed_ips=(Prefix.parse("10.0.0.0/8"),)), None, {1, 9}),
)


@pytest.mark.parametrize(("edit", "flags", "sent"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_edit(edit: PeerEdit, flags: int | None, sent: set[int]) -> None:
    (entry,) = entries(list(set_peers("wg0", [edit])))
    assert set(entry) == sent
    assert (U32.unpack(entry[PEER_FLAGS])[0] if PEER_FLAGS in entry else None) == flags


def test_a_prefix_is_removed_by_name_and_the_others_stay() -> None:
    """WGALLOWEDIP_F_REMOVE_ME, on that prefix alone; the peer has no flag that replaces all."""
    come, go = Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/64")
    edit = PeerEdit(KEY, only_existing=True, add_allowed_ips=(come,), remove_allowed_ips=(go,))
    (entry,) = entries(list(set_peers("wg0", [edit])))
    assert U32.unpack(entry[PEER_FLAGS])[0] == UPDATE_ONLY
    first, second = map(attributes, elements(entry[ALLOWED_IPS]))
    assert (first[2], first.get(4)) == (come.packed, None)
    assert (second[2], second.get(4)) == (go.packed, U32.pack(1))


def test_thousands_of_removals_fit_into_messages() -> None:
    messages = list(set_peers("wg0", [PeerEdit(KEY, remove_allowed_ips=many(3000))]))
    assert all(len(message) < 65_000 for message in messages)


def test_no_edits_no_message() -> None:
    assert list(set_peers("wg0", [])) == []


def many(count: int, base: int = 0x0A000000) -> tuple[Prefix, ...]:
    return tuple(Prefix(4, base + number, 32) for number in range(count))


def test_messages_are_split_below_64_kib_and_keep_the_order() -> None:
    keys = [number.to_bytes(4, "big") * 8 for number in range(3000)]
    messages = list(set_peers("wg0", [PeerEdit(key, add_allowed_ips=many(2)) for key in keys]))
    assert len(messages) > 1
    assert all(len(message) < 65_000 for message in messages)
    assert [entry[1] for entry in entries(messages)] == keys


def test_a_peer_with_more_allowed_ips_than_fit_is_made_once_and_then_edited() -> None:
    wide = tuple(Prefix(6, 0xFD << 120 | number << 64, 64) for number in range(2500))
    prefixes = (*many(2500), *wide)
    messages = list(set_peers("wg0", [PeerEdit(KEY, persistent_keepalive=25, add_allowed_ips=prefixes)]))
    assert all(len(message) < 65_000 for message in messages)
    first, *others = entries(messages)
    assert PEER_FLAGS not in first
    assert all(set(other) == {1, PEER_FLAGS, ALLOWED_IPS} for other in others)
    assert all(U32.unpack(other[PEER_FLAGS])[0] == UPDATE_ONLY for other in others)
    (peer,) = PeerDump("wg0").parse(messages)
    assert peer.allowed_ips == ordered(prefixes)


NETWORKS = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: Prefix(4, n, 32)),
    st.integers(0, 2**16 - 1).map(lambda n: Prefix(4, n << 16, 16)),
    st.integers(0, 2**64 - 1).map(lambda n: Prefix(6, n << 64, 64)),
)
HOSTS = st.one_of(
    st.none(),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: inet_ntop(AF_INET6, address.packed)),  # ::ffff:1.2.3.4
)
PEER_EDITS = st.builds(
    lambda key, psk, keepalive, host, prefixes: PeerEdit(
        key,
        preshared_key=Secret(psk),
        persistent_keepalive=keepalive,
        endpoint=(host, 51820) if host else None,
        add_allowed_ips=tuple(prefixes),
    ),
    st.binary(min_size=32, max_size=32),
    st.sampled_from([PSK, bytes(32)]),
    st.integers(0, 65535),
    HOSTS,
    st.sets(NETWORKS, max_size=5),
)


@given(st.lists(PEER_EDITS, unique_by=lambda edit: edit.public_key, max_size=5))
def test_what_is_written_is_read_again(edits: list[PeerEdit]) -> None:
    found = PeerDump("wg0").parse(list(set_peers("wg0", edits)))
    assert found == [
        Peer(
            "wg0",
            edit.public_key,
            ordered(edit.add_allowed_ips),
            None if edit.preshared_key == NO_PRESHARED_KEY else edit.preshared_key,
            edit.persistent_keepalive or 0,
            endpoint=edit.endpoint,
        )
        for edit in edits
    ]
