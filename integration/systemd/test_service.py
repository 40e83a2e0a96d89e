"""The unit under systemd: the daemon works in its confinement, and the network outlives what befalls it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.systemd.conftest import Tunnel
from integration.systemd.machine import (
    CHANGES,
    CONFIG,
    Far,
    Journal,
    Ping,
    answers,
    attempt,
    eventually,
    interface_file,
    is_up,
    main_pid,
    make,
    run,
    shown,
    status,
    wait_for_report,
)

CAP_NET_ADMIN = 1 << 12
RULES = """
[networks]
lan = ["10.11.12.0/24"]

[[forward]]
from = ["far"]
to = ["lan"]

[[masquerade]]
out = "eth1"
to = ["lan"]
"""


@contextmanager
def drop_in(text: str) -> Iterator[None]:
    """The service, restarted with these lines under [Service], and restarted without them."""
    file = Path("/run/systemd/system/wgd.service.d/test.conf")
    file.parent.mkdir(parents=True)
    file.write_text(f"[Service]\n{text}")
    try:
        _restart_anew()
        yield
    finally:
        file.unlink()
        file.parent.rmdir()
        _restart_anew()


def _restart_anew() -> None:
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "wgd")


def test_start_brings_the_network_up(wg0: Tunnel) -> None:
    assert shown("ActiveState") == "active"
    assert shown("UnitFileState") == "enabled"
    assert shown("StatusText").startswith("in sync")


def test_it_is_confined(wg0: Tunnel) -> None:
    lines = Path(f"/proc/{main_pid()}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines)
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {CAP_NET_ADMIN}
    assert "0" not in fields["Uid"].split()
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_confined_it_reads_what_iptables_says(wg0: Tunnel) -> None:
    """By iptables-save, a process of its own: nftables' listing does not tell what `conntrack` asks for."""
    rule = ("FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")
    wg0.file.write_text(wg0.text + RULES)
    run("iptables", "-A", *rule)
    try:
        eventually(lambda: [one["by"] for one in status()["obstacles"]] == [" ".join(("-A", *rule))])
        assert status()["obstacles"][0]["certain"]
    finally:
        run("iptables", "-D", *rule)
        run("nft", "delete", "table", "ip", "filter")  # which iptables leaves behind
    eventually(lambda: not status()["obstacles"])


def test_exposure(wg0: Tunnel) -> None:
    run("systemd-analyze", "security", "--threshold=25", "wgd.service")


def test_saved_file_is_applied(wg0: Tunnel) -> None:
    """Inside the confinement: watching the files, nftables, and the sysctls of the network."""
    forwarding = Path("/proc/sys/net/ipv4/conf/eth1/forwarding")
    assert forwarding.read_text() == "0\n"
    with Ping(wg0.peer) as ping:
        wg0.file.write_text(wg0.text + RULES)
        eventually(lambda: forwarding.read_text() == "1\n")
        assert "masquerade" in run("nft", "list", "table", "inet", "wgd")
        wg0.file.write_text(wg0.text)
        eventually(lambda: forwarding.read_text() == "0\n")
    assert ping.lost == 0


def test_reload(wg0: Tunnel) -> None:
    before = status()["pass"]["reloads"]
    run("systemctl", "reload", "wgd")
    eventually(lambda: status()["pass"]["reloads"] == before + 1 and shown("ActiveState") == "active")
    assert shown("SubState") == "running"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT], ids=lambda sign: sign.name)
def test_whoever_ends_it_it_comes_back(wg0: Tunnel, sign: signal.Signals) -> None:
    """And finds the network as it should be: no packet lost, nothing to change."""
    journal, before, restarts = Journal(), main_pid(), int(shown("NRestarts"))
    with Ping(wg0.peer) as ping:
        os.kill(before, sign)
        eventually(lambda: int(shown("NRestarts")) > restarts)
        wait_for_report()
    assert ping.lost == 0
    assert not CHANGES.search(journal.text())
    if sign is signal.SIGABRT:
        assert "wgd/daemon.py" in journal.text(), "what the watchdog sends makes Python say where it hangs"


def test_restart(wg0: Tunnel) -> None:
    journal = Journal()
    with Ping(wg0.peer) as ping:
        run("systemctl", "restart", "wgd")
        wait_for_report()
    assert ping.lost == 0
    assert not CHANGES.search(journal.text())


def test_upgrade_waits_for_a_restart(wg0: Tunnel) -> None:
    before = main_pid()
    with Ping(wg0.peer) as ping:
        assert "systemctl restart wgd" in make("install")
    assert (main_pid(), ping.lost) == (before, 0)


def test_hanging_it_is_restarted(wg0: Tunnel) -> None:
    with drop_in("WatchdogSec=1\nTimeoutAbortSec=1\n"):
        restarts = int(shown("NRestarts"))
        time.sleep(2.5)
        assert int(shown("NRestarts")) == restarts, "while it lives it says so"
        os.kill(main_pid(), signal.SIGSTOP)
        eventually(lambda: int(shown("NRestarts")) > restarts)


def test_stop_leaves_the_network(wg0: Tunnel) -> None:
    with Ping(wg0.peer) as ping:
        run("systemctl", "stop", "wgd")
        assert shown("Result") == "success"
        assert "not running" in attempt("wgd", "status").stdout
    assert ping.lost == 0


def test_broken_file_changes_nothing(wg0: Tunnel) -> None:
    journal = Journal()
    with Ping(wg0.peer) as ping:
        wg0.file.write_text("[interface]\naddresses = nonsense\n")
        eventually(lambda: "wg0.toml:2" in journal.text())
        run("systemctl", "restart", "wgd")
        assert shown("ActiveState") == "active"
        assert attempt("wgd", "status").returncode == 2
    assert ping.lost == 0


def test_broken_file_and_a_reboot(wg0: Tunnel, far: Far) -> None:
    """What a reboot leaves is /var/lib/wgd: wg0 comes up from its accepted copy."""
    run("systemctl", "stop", "wgd")
    run("wgd", "down")
    run("rm", "-r", "/run/wgd", "/run/wireguard")
    wg0.file.write_text("[interface]\naddresses = nonsense\n")
    run("systemctl", "start", "wgd")
    far.hurry("wg0")
    eventually(lambda: answers(wg0.peer))


def test_trial_goes_back_in_its_confinement(wg0: Tunnel) -> None:
    """Root's word reaches the daemon, whose user keeps the trial in its own directory."""
    assert "what is saved next" in run("wgd", "try", "--timeout", "5s")
    wg0.file.write_text(wg0.text.replace("172.27.0.2/32", "172.27.0.22/32"))
    eventually(lambda: not answers(wg0.peer))
    eventually(lambda: answers(wg0.peer))
    assert "NOT in force" in attempt("wgd", "status").stdout
    assert shown("StatusText") == "the files are not in force"
    wg0.file.write_text(wg0.text)
    eventually(lambda: attempt("wgd", "status").returncode == 0)


def test_trial_and_a_reboot(wg0: Tunnel, far: Far) -> None:
    """Ten minutes are left of it, and no session to confirm it with."""
    run("wgd", "try", "--timeout", "10m")
    wg0.file.write_text(wg0.text.replace("172.27.0.2/32", "172.27.0.22/32"))
    eventually(lambda: not answers(wg0.peer))
    run("systemctl", "stop", "wgd")
    run("wgd", "down")
    run("rm", "-r", "/run/wgd", "/run/wireguard")
    other = Path("/run/boot_id")  # what tells one boot from the next, besides what is lost
    other.write_text("00000000-0000-4000-8000-000000000000\n")
    with drop_in(f"BindReadOnlyPaths={other}:/proc/sys/kernel/random/boot_id\n"):
        far.hurry("wg0")
        eventually(lambda: answers(wg0.peer))
        assert "NOT in force" in attempt("wgd", "status").stdout
    other.unlink()


def test_group_sees_the_status_and_no_key(wg0: Tunnel) -> None:
    eventually(lambda: status()["in_sync"])
    run("useradd", "--system", "--groups", "wgd", "alice")
    try:
        assert "in sync" in run("runuser", "-u", "alice", "--", "wgd", "status")
        assert attempt("runuser", "-u", "alice", "--", "cat", f"{CONFIG}/keys/wg0.key").returncode != 0
    finally:
        run("userdel", "alice")


def test_others_are_told_how_to_see_it(wg0: Tunnel) -> None:
    refused = attempt("runuser", "-u", "nobody", "--", "wgd", "status")
    assert (refused.returncode, "usermod -aG wgd" in refused.stdout) == (2, True)


def test_key_as_root_makes_it_by_hand(wg0: Tunnel) -> None:
    """`wg genkey > key` leaves a key that the daemon cannot read; the journal says what to type."""
    key, journal = CONFIG / "keys/wg1.key", Journal()
    run("sh", "-c", f"umask 077; wg genkey > {key}; chgrp root {key}")
    mend = f"chgrp wgd-keys {key}; chmod 0640 {key}"
    file = CONFIG / "wg1.toml"
    file.write_text(text := '[interface]\naddresses = ["172.29.0.1/16"]\n')
    try:
        eventually(lambda: mend in journal.text())
        assert mend in attempt("wgd", "check").stdout
        assert answers(wg0.peer)
        run("sh", "-c", mend)
        run("systemctl", "reload", "wgd")
        eventually(lambda: is_up("wg1"))
        file.write_text(f"{text}enabled = false\n")
        eventually(lambda: not is_up("wg1"))
    finally:
        file.unlink()
        key.unlink()


@pytest.mark.parametrize("directories", ["there", "gone"])
def test_root_applies_before_the_daemon(wg0: Tunnel, directories: str) -> None:
    """What root leaves behind is the daemon's once it starts: it reports, and reads what root accepted."""
    run("systemctl", "stop", "wgd")
    run("wgd", "down")
    run("sh", "-c", "rm -rf /run/wgd/* /var/lib/wgd/*")
    if directories == "gone":
        run("rmdir", "/run/wgd", "/run/wireguard", "/var/lib/wgd")
    run("wgd", "apply")
    assert "in sync" in run("wgd", "status")
    wg0.file.write_text("[interface]\naddresses = nonsense\n")
    journal = Journal()
    run("systemctl", "start", "wgd")
    wait_for_report()
    assert not CHANGES.search(journal.text())
    assert "wg0 stays as last accepted" in journal.text()
    wg0.file.write_text(wg0.text)
    eventually(lambda: status()["in_sync"])


def test_wireguard_as_a_process(wg0: Tunnel, far: Far) -> None:
    """The unit lets wireguard-go work, and it outlives the daemon."""
    no_kernel = Path("/usr/local/lib/no-wireguard/sitecustomize.py")
    no_kernel.parent.mkdir()
    no_kernel.write_text("from wgd.kernel import wireguard\nwireguard.supported = lambda: False\n")
    file = CONFIG / "wg2.toml"
    public_key = run("wgd", "genkey", "wg2").strip()
    text = interface_file(51822, "172.28", far.connect("wg2", public_key, 51822, "172.28"))
    try:
        with drop_in(f"Environment=PYTHONPATH={no_kernel.parent}\n"):
            file.write_text(text)
            eventually(lambda: is_up("wg2"))
            far.hurry("wg2")
            eventually(lambda: answers("172.28.0.2"))
            process = run("pgrep", "--exact", "wireguard-go")
            with Ping("172.28.0.2") as ping:
                run("systemctl", "restart", "wgd")
                wait_for_report()
            assert ping.lost == 0
            assert run("pgrep", "--exact", "wireguard-go") == process
            file.write_text(text.replace("[peers", "enabled = false\n[peers"))
            eventually(lambda: attempt("pgrep", "--exact", "wireguard-go").returncode == 1)
    finally:
        file.unlink(missing_ok=True)
        no_kernel.unlink()
        no_kernel.parent.rmdir()
