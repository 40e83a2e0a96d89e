"""wgd beside the real systemd-networkd and NetworkManager; the real udev tells them what is wgd's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.systemd.conftest import Installed, Tunnel
from integration.systemd.machine import CHANGES, CONFIG, Journal, Ping, eventually, is_up, run

DROP_INS = (Path("/etc/udev/rules.d/85-wgd.rules"), Path("/etc/systemd/network/05-wgd.network"))
LEAVE_IT = {"NM_UNMANAGED=1", "ID_NET_MANAGED_BY=wgd", "WGD=1"}
UNITS = (
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-networkd.service",
)


@dataclass(frozen=True, slots=True)
class Program:
    """One that looks after interfaces, and would after wg0.

    `file`, `text`: its configuration. `orders`: what an administrator asks of it, once it has come to rest.
    `state`: what shows an interface as managed or not, the interface's name left out.
    """

    units: Sequence[str]
    file: Path
    text: str
    orders: Sequence[str]
    state: str

    def shows(self, interface: str) -> str:
        return run(*self.state.split(), interface)


NETWORKD = Program(
    ("systemd-networkd", "systemd-networkd.socket"),
    Path("/etc/systemd/network/50-everything.network"),
    "[Match]\nType=wireguard\n\n[Network]\nLinkLocalAddressing=no\n",
    ("networkctl reload", "networkctl reconfigure wg0"),
    "networkctl --no-legend --no-pager list",
)
NETWORK_MANAGER = Program(
    ("NetworkManager", "systemd-hostnamed"),  # it starts the second, which would leave a folder behind
    Path("/etc/NetworkManager/conf.d/only-wireguard.conf"),  # else it takes the machine's cable down, too
    "[keyfile]\nunmanaged-devices=*,except:type:wireguard\n",
    ("nm-online -s -q", "nmcli networking off", "nmcli networking on"),
    "nmcli -g GENERAL.STATE device show",
)
both = pytest.mark.parametrize("program", [NETWORKD, NETWORK_MANAGER], ids=["networkd", "NetworkManager"])


@pytest.fixture(scope="module")
def udev(installed: Installed) -> None:
    """The real one runs, from here to the end."""
    if not (shutil.which("udevadm") and shutil.which("NetworkManager")):
        pytest.skip("no NetworkManager or udev: integration/lanes/fetch could not fetch Debian's")
    run("systemctl", "reload", "dbus")
    run("systemctl", "unmask", *UNITS)
    run("systemctl", "start", "systemd-udevd")
    look_again()


def look_again() -> None:
    """udev, at all interfaces."""
    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--settle", "--action=add", "--subsystem-match=net")


@contextmanager
def running(program: Program) -> Iterator[None]:
    program.file.write_text(program.text)
    try:
        run("systemctl", "start", program.units[0])
        for order in program.orders:
            run(*order.split())
        yield
    finally:
        run("systemctl", "stop", *program.units)
        program.file.unlink()


@contextmanager
def untold() -> Iterator[None]:
    """Without what wgd's installation tells the other programs."""
    kept = [(file, file.read_text()) for file in DROP_INS]
    for file in DROP_INS:
        file.unlink()
    try:
        look_again()
        yield
    finally:
        for file, text in kept:
            file.write_text(text)
        look_again()


@contextmanager
def one_more_interface() -> Iterator[str]:
    """wg3, which wgd makes now."""
    file = CONFIG / "wg3.toml"
    run("wgd", "genkey", "wg3")
    file.write_text(text := '[interface]\naddresses = ["172.29.0.1/16"]\n')
    try:
        eventually(lambda: is_up("wg3"))
        yield "wg3"
    finally:
        file.write_text(f"{text}enabled = false\n")
        eventually(lambda: not is_up("wg3"))
        file.unlink()
        (CONFIG / "keys/wg3.key").unlink()


def network_of(interface: str) -> str:
    """Link, addresses and routes."""
    wanted = ("-d address show", "-4 route show table all", "-6 route show table all")
    return "".join(run("ip", *words.split(), "dev", interface) for words in wanted)


def test_udev_marks_what_wgd_made(wg0: Tunnel, udev: None) -> None:
    def told(interface: str) -> set[str]:
        return LEAVE_IT & set(
            run("udevadm", "info", "--query=property", f"/sys/class/net/{interface}").split()
        )

    assert (told("wg0"), told("eth1")) == (LEAVE_IT, set())


@both
def test_it_leaves_alone_what_wgd_made(wg0: Tunnel, udev: None, program: Program) -> None:
    before, journal = network_of("wg0"), Journal()
    with ExitStack() as ending:
        ping = ending.enter_context(Ping(wg0.peer))
        ending.enter_context(running(program))
        made_later = ending.enter_context(one_more_interface())
        eventually(lambda: "172.29.0.1" in network_of(made_later))
        assert "unmanaged" in program.shows("wg0")
        assert "unmanaged" in program.shows(made_later)
    assert network_of("wg0") == before
    assert ping.lost == 0
    repaired = [line for line in journal.text().splitlines() if CHANGES.match(line) and "wg0" in line]
    assert repaired == []


@both
def test_untold_it_takes_the_addresses_away(wg0: Tunnel, udev: None, program: Program) -> None:
    """So it is the drop-ins that keep it off, and not its own reserve."""
    before = network_of("wg0")
    run("systemctl", "stop", "wgd")
    with untold(), running(program):
        assert "unmanaged" not in program.shows("wg0")
        eventually(lambda: "172.27.0.1" not in network_of("wg0"))
    run("systemctl", "start", "wgd")
    eventually(lambda: network_of("wg0") == before)
