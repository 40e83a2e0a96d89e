"""Endpoints on real packets: what a hub that forgot one sends, keeps and answers; names without an answer."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.host import Host
from integration.street import HUB, INITIATION, PORT, RESPONSE, Street, ping, tapped, until_quiet
from wgd.endpoints import NOWHERE, SILENT
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.peer import Peer, PeerEdit, PeersSet

HUB_FILE = f"""\
[interface]
role = "hub"
addresses = ["172.27.0.1/16"]
listen_port = {PORT}
{{more}}

[peers.spoke]
public_key = "{{spoke}}"
allowed_ips = ["172.27.0.2/32"]
"""
SPOKE_FILE = f"""\
[interface]
addresses = ["172.27.0.2/16"]
listen_port = {PORT}

[peers.hub]
public_key = "{{hub}}"
endpoint = "{HUB}:{PORT}"
allowed_ips = ["172.27.0.1/32"]
"""


@pytest.fixture
def street() -> Iterator[Street]:
    with Street() as made:
        keys = made.make_keys()
        made.hub.write("/etc/wgd/wg0.toml", HUB_FILE.format(**keys, more=""))
        made.spoke.write("/etc/wgd/wg0.toml", SPOKE_FILE.format(**keys))
        for host in (made.hub, made.spoke):
            done = host.wgd("apply")
            assert done.returncode == 0, done.stdout + done.stderr
        yield made


def peer(host: Host) -> Peer:
    with host.inside():
        (found,) = LinuxKernel().dump("peer")
    assert isinstance(found, Peer)
    return found


def edit(host: Host, *edits: PeerEdit) -> None:
    with host.inside():
        LinuxKernel().run(PeersSet(refs=(), interface="wg0", edits=edits))


def strip(hub: Host) -> None:
    edit(hub, PeerEdit(peer(hub).public_key, only_existing=True, endpoint=NOWHERE))


def without_ipv6(host: Host) -> None:
    host.write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")


@pytest.mark.parametrize("prepare", [lambda _: None, without_ipv6], ids=["IPv6 everywhere", "IPv6 off"])
def test_a_hub_that_forgot_an_endpoint_sends_nothing_and_keeps_all_else(
    street: Street, prepare: Callable[[Host], None]
) -> None:
    prepare(street.hub)
    assert ping(street.spoke, "172.27.0.1", 3) == 0
    before = peer(street.hub)
    strip(street.hub)
    with tapped(street.hub) as tap:
        assert ping(street.hub, "172.27.0.2", 3, patience=1) == 3
        assert until_quiet(tap, 0.5) == []
    assert peer(street.hub) == dataclasses.replace(before, endpoint=None)


def test_it_sends_nothing_without_a_session_either(street: Street) -> None:
    """Then it is the handshake that has nowhere to go."""
    strip(street.hub)
    with tapped(street.hub) as tap:
        ping(street.hub, "172.27.0.2", 3, patience=1)
        assert until_quiet(tap, 6) == [], "a handshake is repeated after 5 s"
    assert peer(street.hub).sent == 0


def test_a_live_spoke_returns_without_a_lost_packet(street: Street) -> None:
    assert ping(street.spoke, "172.27.0.1", 3) == 0
    before = peer(street.hub)
    for _ in range(10):
        strip(street.hub)
        assert peer(street.hub).endpoint is None
        assert ping(street.spoke, "172.27.0.1", 5) == 0
    after = peer(street.hub)
    assert (after.endpoint, after.last_handshake) == (before.endpoint, before.last_handshake)


def test_a_replayed_handshake_gets_no_answer(street: Street) -> None:
    with tapped(street.stranger) as tap:
        assert ping(street.spoke, "172.27.0.1", 3) == 0
        captured = tap.messages(INITIATION)[0]
    strip(street.hub)
    assert street.replay(captured) is None
    assert peer(street.hub).endpoint is None
    assert ping(street.spoke, "172.27.0.1", 3) == 0


def test_it_would_get_one_had_the_peer_been_made_again(street: Street) -> None:
    """Why a peer is never removed to clear its endpoint: the floor against replays goes with it."""
    with tapped(street.stranger) as tap:
        assert ping(street.spoke, "172.27.0.1", 3) == 0
        captured = tap.messages(INITIATION)[0]
    have = peer(street.hub)
    edit(street.hub, PeerEdit(have.public_key, remove=True))
    edit(street.hub, PeerEdit(have.public_key, add_allowed_ips=tuple(have.allowed_ips)))
    answer = street.replay(captured, seconds=10)
    assert answer is not None and (answer[0], len(answer)) == RESPONSE
    made = peer(street.hub)
    assert made.endpoint is not None and made.endpoint[0] == "198.51.100.66"


def until(holds: Callable[[], bool], seconds: float = 90) -> bool:
    """Whether it comes true in time; an emulated machine looks twice a minute, for 1 % of its core."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def running(host: Host, log: Path, *program: str) -> Iterator[None]:
    """The daemon runs on the host, and has had its first look."""
    daemon = host.popen(sys.executable, *(program or ("-m", "wgd")), "run", log=log)
    try:
        assert until(lambda: status(host).get("pass", {}).get("pid") == daemon.pid), log.read_text()
        yield
    finally:
        daemon.terminate()
        daemon.wait(10)


def status(host: Host) -> dict[str, Any]:
    """What the daemon said last."""
    try:
        value: dict[str, Any] = json.loads(host.read("/run/wgd/status.json"))
    except (FileNotFoundError, ValueError):
        return {"interfaces": [{"peers": [{}]}]}
    return value


def test_the_daemon_strips_what_is_silent_and_says_so(street: Street, tmp_path: Path) -> None:
    file = street.hub.read("/etc/wgd/wg0.toml")
    street.hub.write("/etc/wgd/wg0.toml", file.replace("[peers.spoke]", "strip_after = 2\n[peers.spoke]"))
    assert ping(street.spoke, "172.27.0.1", 3) == 0

    def said() -> dict[str, Any]:
        found: dict[str, Any] = status(street.hub)["interfaces"][0]["peers"][0]
        return found

    with running(street.hub, tmp_path / "log"):
        assert until(lambda: bool(said().get("stripped"))), (tmp_path / "log").read_text()
        assert said()["stripped"]["endpoint"] == f"198.51.100.2:{PORT}"
        assert said()["endpoint"] is None and status(street.hub)["in_sync"]
        assert f"198.51.100.2:{PORT} stripped" in street.hub.wgd("status").stdout
        assert "endpoint [::%lo]:0  # spoke" in (tmp_path / "log").read_text()
        assert ping(street.spoke, "172.27.0.1", 50) == 0
        assert until(lambda: said().get("endpoint") == f"198.51.100.2:{PORT}" and not said()["stripped"])


OTHER = """
[peers.other]
public_key = "b3RoZXIgcGVlcidzIHB1YmxpYyBrZXksIDMyIGIuLi4="
endpoint = "nowhere.invalid:51820"
allowed_ips = ["172.27.0.9/32"]
"""


ASKS_OFTEN = """
import sys
from wgd import cli
from wgd.sources import dns
dns.RETRY = 1.0
sys.exit(cli.entry())
"""
"""wgd, which asks for a name again after a second, not after fifteen."""


@pytest.mark.once
def test_a_name_that_does_not_resolve_delays_only_its_own_peer(street: Street, tmp_path: Path) -> None:
    assert street.spoke.wgd("down").returncode == 0
    street.spoke.write("/etc/wgd/wg0.toml", street.spoke.read("/etc/wgd/wg0.toml") + OTHER)
    with running(street.spoke, tmp_path / "log", "-c", ASKS_OFTEN):
        assert until(lambda: ping(street.spoke, "172.27.0.1", 1, patience=1) == 0), (
            tmp_path / "log"
        ).read_text()
        assert until(lambda: any("nowhere.invalid" in text for text in status(street.spoke)["warnings"]))
        (tmp_path / "hosts").write_text("203.0.113.77 nowhere.invalid\n")
        street.spoke.run("mount", "--bind", str(tmp_path / "hosts"), "/etc/hosts")
        found = "203.0.113.77:51820"
        assert until(lambda: found in street.spoke.run("wg", "show", "wg0", "endpoints"))


def stray(street: Street, hosts: Path) -> str:
    """Somebody sets an endpoint at which nobody answers; the right one is in the file."""
    (public_key,) = street.spoke.run("wg", "show", "wg0", "peers").split()
    street.spoke.run("wg", "set", "wg0", "peer", public_key, "endpoint", f"198.51.100.66:{PORT}")
    return f"{HUB}:{PORT}"


def moved(street: Street, hosts: Path) -> str:
    """The hub goes to another address, and its name with it."""
    street.hub.ip(f"address delete {HUB}/24 dev eth0\naddress add 198.51.100.16/24 dev eth0")
    hosts.write_text("198.51.100.16 hub.invalid\n")
    return f"198.51.100.16:{PORT}"


@pytest.mark.thorough  # it takes the time that it is about
@pytest.mark.parametrize(("endpoint", "go_astray"), [(HUB, stray), ("hub.invalid", moved)])
def test_a_silent_peer_is_looked_for_after_135_seconds_of_calling(
    street: Street, tmp_path: Path, endpoint: str, go_astray: Callable[[Street, Path], str]
) -> None:
    """Not earlier, nor much later: WireGuard itself would call there for ever."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{HUB} hub.invalid\n")
    street.spoke.run("mount", "--bind", str(hosts), "/etc/hosts")
    file = street.spoke.read("/etc/wgd/wg0.toml")
    street.spoke.write("/etc/wgd/wg0.toml", file.replace(f"{HUB}:", f"{endpoint}:"))
    with running(street.spoke, tmp_path / "log"):
        assert ping(street.spoke, "172.27.0.1", 3) == 0
        strip(street.hub)  # or it would call after 15 s, since its last answer was not answered
        right, started = go_astray(street, hosts), time.monotonic()
        caller = street.spoke.popen("ping", "-n", "-q", "172.27.0.1")
        assert until(lambda: right in street.spoke.run("wg", "show", "wg0", "endpoints"), SILENT + 60)
        assert time.monotonic() - started >= SILENT
        assert until(lambda: ping(street.spoke, "172.27.0.1", 1, patience=1) == 0)
        caller.terminate()
        caller.communicate(timeout=10)
