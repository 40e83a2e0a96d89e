from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.configs import HUB, SPOKE_1, config, interface, peer, private_key
from wgd import exporter
from wgd.config import keys, keytext
from wgd.config.document import Config, Endpoint, Interface, Peer
from wgd.errors import UsageError
from wgd.model import Secret

HUB_KEY = keytext.encoded(keys.public_key(HUB.private_key))
PHONE_PRIVATE = private_key("phone")
PHONE_PUBLIC = keys.public_key(PHONE_PRIVATE)
PHONE = replace(peer("phone", "172.27.0.9/32"), public_key=PHONE_PUBLIC)
PUBLIC = Endpoint("hub.example.org", 51820)


def hub(phone: Peer, *addresses: str) -> Interface:
    return replace(interface("wg0", *(addresses or ("172.27.0.1/16",))), peers=(phone, *HUB.peers))


def test_the_phone_of_the_hub() -> None:
    assert exporter.peer_file(hub(PHONE), PHONE, PUBLIC, PHONE_PRIVATE).splitlines() == [
        "# phone, a peer of wg0",
        "# Keep this secret, and remove it once phone has it.",
        "[Interface]",
        f"PrivateKey = {keytext.encoded(PHONE_PRIVATE.reveal())}",
        "Address = 172.27.0.9/32",
        "",
        "[Peer]",
        f"PublicKey = {HUB_KEY}",
        "AllowedIPs = 172.27.0.0/16, 10.11.12.0/24",
        "Endpoint = hub.example.org:51820",
        "PersistentKeepalive = 25",
    ]


def test_without_its_private_key_there_is_a_place_for_it() -> None:
    lines = exporter.peer_file(hub(PHONE), PHONE, PUBLIC).splitlines()
    assert lines[:3] == [
        "# phone, a peer of wg0",
        "[Interface]",
        f"# PrivateKey = …: put the private key of phone here, that of {keytext.encoded(PHONE_PUBLIC)}",
    ]


def test_the_preshared_key_goes_along() -> None:
    secret = bytes(range(32))
    phone = replace(PHONE, preshared_key=Secret(secret))
    text = exporter.peer_file(hub(phone), phone, PUBLIC)
    assert f"\nPresharedKey = {base64.b64encode(secret).decode()}\n" in text
    assert "Keep this secret" in text


def test_a_peer_that_we_dial_listens_and_dials_nobody() -> None:
    other = SPOKE_1.peers[0]
    narrow = replace(other, allowed_ips=(*PHONE.allowed_ips, *other.allowed_ips))
    text = exporter.peer_file(replace(SPOKE_1, peers=(narrow,)), narrow, None)
    assert "ListenPort = 51820\n" in text
    assert "Endpoint" not in text and "Keepalive" not in text


@pytest.mark.parametrize(
    ("allowed", "addresses", "own", "reachable"),
    [
        (("172.27.0.9/32",), (), "172.27.0.9/32", "172.27.0.0/16, 10.11.12.0/24"),
        (
            ("172.27.0.9/32", "10.9.0.0/24"),
            (),
            "172.27.0.9/32",
            "172.27.0.0/16, 10.11.12.0/24",
        ),
        (
            ("172.27.0.9/32", "fd00:27::9/128"),
            ("172.27.0.1/16", "fd00:27::1/64"),
            "172.27.0.9/32, fd00:27::9/128",
            "172.27.0.0/16, fd00:27::/64, 10.11.12.0/24",
        ),
        (
            ("172.27.0.9/32",),
            ("172.27.0.1/16", "fd00:27::1/64"),
            "172.27.0.9/32",
            "172.27.0.0/16, 10.11.12.0/24",
        ),
    ],
    ids=["one address", "with a range behind it", "both versions", "only one of the versions"],
)
def test_addresses(allowed: tuple[str, ...], addresses: tuple[str, ...], own: str, reachable: str) -> None:
    phone = replace(peer("phone", *allowed), public_key=PHONE_PUBLIC)
    lines = exporter.peer_file(hub(phone, *addresses), phone, PUBLIC).splitlines()
    assert f"Address = {own}" in lines
    assert f"AllowedIPs = {reachable}" in lines


@pytest.mark.parametrize(
    ("phone", "private", "message"),
    [
        (PHONE, private_key("somebody"), "its public key is another one"),
        (peer("site", "10.9.0.0/24"), None, "no address of its own"),
        (peer("site", "172.27.4.0/24"), None, "no address of its own"),
    ],
    ids=["another key", "not inside", "a range"],
)
def test_refused(phone: Peer, private: Secret | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        exporter.peer_file(hub(phone), phone, PUBLIC, private)


def test_messages_never_hold_the_key() -> None:
    with pytest.raises(UsageError) as caught:
        exporter.peer_file(hub(PHONE), PHONE, PUBLIC, private_key("somebody"))
    assert keytext.encoded(private_key("somebody").reveal()) not in str(caught.value)


TWO = config(HUB, replace(HUB, name="wg1"))


@pytest.mark.parametrize(
    ("searched", "name", "on", "found"),
    [
        (config(HUB), "spoke-1", None, ("wg0", "spoke-1")),
        (TWO, "spoke-1", "wg1", ("wg1", "spoke-1")),
        (TWO, "spoke-1", None, "wg0, wg1 have a peer spoke-1 each"),
        (TWO, "nobody", None, "no peer nobody"),
        (TWO, "nobody", "wg1", "no peer nobody on wg1"),
        (TWO, "spoke-1", "wg9", "no usable file names wg9"),
    ],
    ids=["only one", "named", "ambiguous", "unknown", "unknown there", "unknown interface"],
)
def test_choose(searched: Config, name: str, on: str | None, found: tuple[str, str] | str) -> None:
    if isinstance(found, str):
        with pytest.raises(UsageError, match=found):
            exporter.choose(searched, name, on)
    else:
        chosen = exporter.choose(searched, name, on)
        assert (chosen[0].name, chosen[1].name) == found
