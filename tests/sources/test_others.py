"""Which files show that somebody else looks after an interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgd.sources.others import rivals

WANTS = "etc/systemd/system/multi-user.target.wants"
NETDEV = "[NetDev]\nName = wg0\nKind=wireguard\n"
STATE = ("run/systemd/netif/state", "")

FILES = (
    ("nobody", {}, []),
    ("wg-quick enabled", {f"{WANTS}/wg-quick@wg0.service": ""}, ["enabled"]),
    ("wg-quick of another", {f"{WANTS}/wg-quick@wg1.service": ""}, []),
    ("wg-quick active", {"run/systemd/units/invocation:wg-quick@wg0.service": ""}, ["active"]),
    (
        "wg-quick both",
        {
            f"{WANTS}/wg-quick@wg0.service": "",
            "run/systemd/units/invocation:wg-quick@wg0.service": "",
        },
        ["active and enabled"],
    ),
    (
        "networkd",
        {"run/systemd/netif/links/7": "ADMIN_STATE=configured\nNETWORK_FILE=/etc/a.network\n"},
        ["/etc/a.network"],
    ),
    (
        "networkd told to leave it",
        {"run/systemd/netif/links/7": "ADMIN_STATE=unmanaged\nNETWORK_FILE=/etc/a.network\n"},
        [],
    ),
    ("networkd elsewhere", {"run/systemd/netif/links/8": "NETWORK_FILE=/etc/a.network\n"}, []),
    (
        "networkd's device",
        dict([STATE, ("etc/systemd/network/50-wg.netdev", NETDEV)]),
        ["/etc/systemd/network/50-wg.netdev"],
    ),
    ("networkd does not run", {"etc/systemd/network/50-wg.netdev": NETDEV}, []),
    (
        "NetworkManager",
        {"run/NetworkManager/devices/7": "[device]\nmanaged=true\n"},
        ["it manages the device"],
    ),
    ("NetworkManager keeps away", {"run/NetworkManager/devices/7": "[device]\nmanaged=false\n"}, []),
    (
        "a connection of NetworkManager",
        {"etc/NetworkManager/system-connections/home.nmconnection": "[connection]\ninterface-name=wg0\n"},
        ["/etc/NetworkManager/system-connections/home.nmconnection"],
    ),
)


@pytest.mark.parametrize(("files", "signs"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_who_is_found(tmp_path: Path, files: dict[str, str], signs: list[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [rival.sign for rival in rivals({"wg0": 7}, tmp_path)] == signs


def test_a_link_without_a_target_is_a_sign_too(tmp_path: Path) -> None:
    units = tmp_path / "run/systemd/units"
    units.mkdir(parents=True)
    (units / "invocation:wg-quick@wg0.service").symlink_to("0123456789abcdef")
    (found,) = rivals({"wg0": 0}, tmp_path)
    assert found.who == "wg-quick@wg0.service" and "--now" in found.remedy


def test_what_is_no_text_is_no_sign(tmp_path: Path) -> None:
    folder = tmp_path / "etc/NetworkManager/system-connections"
    (folder / "a.nmconnection").mkdir(parents=True)
    (folder / "b.nmconnection").write_bytes(b"\xff\xfe\0")
    assert rivals({"wg0": 7}, tmp_path) == ()
