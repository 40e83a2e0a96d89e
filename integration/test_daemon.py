"""The daemon under real editors' ways of saving, mistakes, signals and deaths."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.host import Host

FILE = "/etc/wgd/wg0.toml"
INTERFACE = """\
[interface]
addresses = ["172.27.0.1/16"]
listen_port = 51820

[networks]
webcams = ["10.11.12.0/24"]
"""
# Each way of saving adds this peer; the dummy key is any 32 bytes.
PEER = """
[peers.laptop]
public_key = "{key}"
allowed_ips = ["172.27.0.2/32"]
"""
KEYS = {name: subprocess.run(("wg", "genpsk"), capture_output=True, text=True, check=True).stdout.strip()
        for name in ("laptop", "phone")}  # fmt: skip
LAPTOP = PEER.format(key=KEYS["laptop"])
PHONE = PEER.format(key=KEYS["phone"]).replace("laptop", "phone").replace("0.2/32", "0.3/32")


def until(holds: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it comes true in time: where a pass takes long, the timer's looks are far between."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Machine:
    """A host with one interface, and the daemon that looks after it."""

    host: Host
    log: Path
    daemon: subprocess.Popen[str] | None = None
    program: tuple[str, str] = ("-m", "wgd")

    def start(self) -> None:
        self.daemon = self.host.popen(sys.executable, *self.program, "run", log=self.log)
        assert until(self.reports), self.log.read_text()

    def reports(self) -> bool:
        """Whether the daemon that was started last has reported."""
        assert self.daemon is not None
        return bool(self.status()) and self.status()["pass"]["pid"] == self.daemon.pid

    def send(self, number: signal.Signals) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(number)
        return self.daemon.wait(10)

    def status(self) -> dict[str, dict[str, int]]:
        try:
            value: dict[str, dict[str, int]] = json.loads(self.host.read("/run/wgd/status.json"))
        except (FileNotFoundError, ValueError):
            return {}
        return value

    def peers(self) -> set[str]:
        said = self.host.attempt("wg", "show", "wg0", "peers").stdout
        return {name for name, key in KEYS.items() if key in said}

    def settles(self, *peers: str) -> bool:
        """Whether the interface comes to have exactly these peers."""
        return until(lambda: self.peers() == set(peers))

    def says(self, text: str, before: str = "") -> bool:
        """Whether it comes to stand in the log, after what stood there `before`."""
        return until(lambda: text in self.log.read_text().removeprefix(before))

    def does(self, before: str) -> list[str]:
        """What the log tells of what was done to the peers since: a command is told after it took effect."""
        self.says("wg set", before)
        said = self.log.read_text().removeprefix(before).splitlines()
        return [line for line in said if "<6>" in line and "files are all right" not in line]


@pytest.fixture
def machine(namespace: Host, tmp_path: Path) -> Iterator[Machine]:
    namespace.write("/etc/wgd/keys/wg0.key", namespace.run("wg", "genkey"), mode=0o640)
    namespace.write(FILE, INTERFACE)
    made = Machine(namespace, tmp_path / "log")
    made.start()
    yield made
    assert "Traceback" not in made.log.read_text()


def truncate_and_write_slowly(host: Host) -> None:
    with Path(FILE).open("w") as file:
        for line in (INTERFACE + LAPTOP).splitlines(keepends=True):
            file.write(line)
            file.flush()
            time.sleep(0.05)


def write_beside_and_rename(host: Host) -> None:
    host.write(FILE + ".new", INTERFACE + LAPTOP)
    host.run("mv", FILE + ".new", FILE)


def remove_and_write_again(host: Host) -> None:
    host.run("rm", FILE)
    time.sleep(0.5)
    host.write(FILE, INTERFACE + LAPTOP)


def vim(host: Host) -> None:
    host.write("/run/addition", LAPTOP)
    host.run("vim.tiny", "-u", "NONE", "-es", "-c", "$r /run/addition", "-c", "wq", FILE)


def vim_with_backup(host: Host) -> None:
    host.write("/run/addition", LAPTOP)
    settings = "set backup backupcopy=no"
    host.run("vim.tiny", "-u", "NONE", "-es", "-c", settings, "-c", "$r /run/addition", "-c", "wq", FILE)


def nano(host: Host) -> None:
    """Typed on a terminal: Alt-/ to the end, the text, ^O and Return to save, ^X to leave."""
    command = f"TERM=xterm nano --ignorercfiles {FILE}"
    typing = subprocess.Popen(
        ("script", "--quiet", "--command", command, "/dev/null"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert typing.stdin is not None
    for keys in ("", "\x1b/", *LAPTOP.splitlines(keepends=True), "\x0f", "\r", "\x18"):
        time.sleep(0.3)
        typing.stdin.write(keys.replace("\n", "\r"))  # what the Return key sends
        typing.stdin.flush()
    assert typing.wait(10) == 0


def sed(host: Host) -> None:
    text = LAPTOP.strip().replace("\n", "\\n")
    host.run("sed", "-i", f"$ a {text}", FILE)


def swap_a_link(host: Host) -> None:
    """As Kubernetes does it: the name is a link into a directory that is swapped whole."""
    host.write("/etc/wgd/..2/wg0.toml", INTERFACE + LAPTOP)
    host.run("ln", "-s", "..2", "/etc/wgd/..data")
    host.run("ln", "-sf", "..data/wg0.toml", FILE)


def drop_in(host: Host) -> None:
    host.write("/etc/wgd/wg0.d/laptop.toml", LAPTOP)


SAVES = (
    truncate_and_write_slowly,
    write_beside_and_rename,
    remove_and_write_again,
    vim,
    vim_with_backup,
    nano,
    sed,
    swap_a_link,
    drop_in,
)


@pytest.mark.once
@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
def test_a_save_is_applied_and_nothing_else_happens(machine: Machine, save: Callable[..., None]) -> None:
    before = machine.log.read_text()
    save(machine.host)
    assert machine.settles("laptop"), machine.log.read_text()
    done = machine.does(before)
    assert len(done) == 1 and "wg set wg0 peer" in done[0], machine.log.read_text()


@pytest.mark.once
def test_a_directory_removed_and_made_again_is_watched(machine: Machine) -> None:
    machine.host.run("mkdir", "-p", "/etc/wgd/wg0.d")
    machine.host.write("/etc/wgd/wg0.d/laptop.toml", LAPTOP)
    assert machine.settles("laptop")
    machine.host.run("rm", "-r", "/etc/wgd/wg0.d")
    machine.host.write("/etc/wgd/wg0.d/laptop.toml", LAPTOP)
    machine.host.write("/etc/wgd/wg0.d/phone.toml", PHONE)
    assert machine.settles("laptop", "phone")


@pytest.mark.once
def test_drop_ins_behind_a_link_are_watched(machine: Machine) -> None:
    machine.host.write("/run/peers/laptop.toml", LAPTOP)
    machine.host.run("ln", "-s", "/run/peers", "/etc/wgd/wg0.d")
    assert machine.settles("laptop")
    machine.host.write("/run/peers/phone.toml", PHONE)
    assert machine.settles("laptop", "phone")


@pytest.mark.once
def test_half_a_file_is_not_read_while_somebody_writes_it(machine: Machine) -> None:
    before = machine.log.read_text()
    with Path(FILE).open("w") as file:
        file.write(INTERFACE + LAPTOP[:40])
        file.flush()
        machine.host.run("ip", "address", "delete", "172.27.0.1/16", "dev", "wg0")
        assert machine.says("172.27.0.1/16", before), "a pass runs meanwhile"
        time.sleep(0.5)
        file.write(LAPTOP[40:])
    assert machine.settles("laptop")
    assert "as last accepted" not in machine.log.read_text()


@pytest.mark.once
def test_a_drop_in_that_is_gone_takes_its_peer_along_after_the_grace_time(machine: Machine) -> None:
    drop_in(machine.host)
    assert machine.settles("laptop")
    machine.host.run("rm", "/etc/wgd/wg0.d/laptop.toml")
    time.sleep(1)
    assert machine.peers() == {"laptop"}
    assert machine.settles()


@pytest.mark.once
def test_a_broken_file_freezes_its_interface_until_it_is_mended(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP)
    assert machine.settles("laptop")
    machine.host.write(FILE, INTERFACE + PHONE.replace("0.3/32", "0.3/33"))
    assert machine.says("0.3/33")
    assert machine.says("wg0 stays as last accepted")
    assert machine.peers() == {"laptop"}
    assert machine.host.wgd("status").returncode == 2
    machine.host.write(FILE, INTERFACE + PHONE)
    assert machine.settles("phone")


def test_a_broken_file_and_a_reboot_lock_nobody_out(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP)
    assert machine.settles("laptop")
    machine.host.write(FILE, "this is no TOML")
    assert machine.says("wg0 stays as last accepted")
    machine.stop(signal.SIGKILL)
    machine.host.run("ip", "link", "delete", "wg0")
    machine.host.run("nft", "flush", "ruleset")
    machine.host.run("sh", "-c", "rm -rf /run/wgd/*")
    machine.start()
    assert machine.settles("laptop")


@pytest.mark.once
def test_a_broken_drop_in_does_not_keep_another_peer_from_being_revoked(machine: Machine) -> None:
    machine.host.write("/etc/wgd/wg0.d/phone.toml", PHONE)
    drop_in(machine.host)
    assert machine.settles("laptop", "phone")
    machine.host.write("/etc/wgd/wg0.d/laptop.toml", "half a fi")
    machine.host.run("rm", "/etc/wgd/wg0.d/phone.toml")
    assert machine.settles("laptop")


def test_a_death_changes_nothing_and_the_next_start_repairs_nothing(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP)
    assert machine.settles("laptop")
    machine.stop(signal.SIGKILL)
    before = machine.host.snapshot()
    machine.log.write_text("")
    machine.start()
    assert machine.host.snapshot() == before
    assert "wg set" not in machine.log.read_text()


@pytest.mark.once
def test_the_log_says_what_changed_and_why_also_when_nobody_runs(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP.replace('0.2/32"', '0.2/32", "webcams"'))
    assert machine.settles("laptop")
    assert until(lambda: machine.host.wgd("plan").returncode == 0)
    machine.host.run("ip", "route", "delete", "10.11.12.0/24")
    assert machine.says("10.11.12.0/24 dev wg0 was missing")
    machine.stop(signal.SIGKILL)
    said = machine.host.wgd("log").stdout
    started, saved, repaired = (
        said.index(text) for text in ("the daemon started", "saved: wg0.toml", "was missing, restored")
    )
    assert started < saved < repaired
    assert "wg set wg0 peer" in said[saved:repaired] and "ip route" in said[repaired:]


def test_a_term_signal_leaves_the_network_up(machine: Machine) -> None:
    before = machine.host.snapshot()
    assert machine.stop() == 0
    assert machine.host.snapshot() == before


def test_a_second_writer_refuses(machine: Machine) -> None:
    assert machine.daemon is not None
    second = machine.host.wgd("run")
    assert second.returncode == 2
    assert str(machine.daemon.pid) in second.stderr
    down = machine.host.wgd("down")
    assert down.returncode == 2
    assert "enabled = false" in down.stderr


def test_apply_beside_the_daemon_waits_for_its_report(machine: Machine) -> None:
    machine.host.write(FILE, INTERFACE + LAPTOP)
    done = machine.host.wgd("apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.peers() == {"laptop"}


@pytest.mark.once
def test_status_says_when_the_daemon_hangs_or_is_dead(machine: Machine) -> None:
    machine.send(signal.SIGSTOP)
    assert until(lambda: "hangs" in machine.host.wgd("status").stdout, seconds=20)
    machine.stop(signal.SIGKILL)
    assert "not running" in machine.host.wgd("status").stdout


@pytest.mark.parametrize(
    "tampering",
    [
        "ip route delete 10.11.12.0/24",
        "ip link set dev wg0 down",
        "ip address delete 172.27.0.1/16 dev wg0",
        "ip link delete wg0",
        "nft flush ruleset",
        "nft add rule inet wgd forward-wg0 accept",
        "nft delete chain inet wgd forward-wg0",
        "sysctl -qw net.ipv4.conf.wg0.forwarding=0",
    ],
    ids=shlex.quote,
)
def test_what_a_stranger_changes_is_repaired(machine: Machine, tampering: str) -> None:
    rule = '\n[[forward]]\nfrom = ["laptop"]\nto = ["webcams"]\n'
    cameras = LAPTOP.replace('0.2/32"', '0.2/32", "webcams"')
    machine.host.write(FILE, INTERFACE + cameras + rule)
    assert until(lambda: machine.host.wgd("plan").returncode == 0)
    # The table's rules are numbered anew by each repair.
    machine.host.run(*shlex.split(tampering))
    assert until(lambda: machine.host.wgd("plan").returncode == 0), machine.log.read_text()


@pytest.mark.once
def test_a_name_that_does_not_resolve_delays_nothing_else(machine: Machine) -> None:
    unknown = 'endpoint = "nowhere.invalid:51820"\npersistent_keepalive = 25\n'
    machine.host.write(FILE, INTERFACE + LAPTOP + unknown + PHONE)
    assert machine.settles("laptop", "phone")
    assert until(lambda: "nowhere.invalid" in machine.host.wgd("status").stdout)


def test_a_key_that_is_gone_leaves_its_interface_alone(machine: Machine) -> None:
    before = machine.host.snapshot()
    machine.host.run("mv", "/etc/wgd/keys/wg0.key", "/run/kept.key")
    assert machine.says("wg0 is left alone")
    assert machine.host.snapshot() == before
    machine.host.run("mv", "/run/kept.key", "/etc/wgd/keys/wg0.key")
    assert until(lambda: machine.host.wgd("status").returncode == 0)


@pytest.mark.once
def test_a_directory_that_is_not_there_yet_is_waited_for(namespace: Host, tmp_path: Path) -> None:
    log = tmp_path / "log"
    namespace.popen(sys.executable, "-m", "wgd", "--config-dir", "/run/conf", "run", log=log)
    assert until(lambda: "cannot be read" in log.read_text())
    namespace.write("/run/conf/keys/wg0.key", namespace.run("wg", "genkey"), mode=0o640)
    namespace.write("/run/conf/wg0.toml", INTERFACE)
    assert until(lambda: namespace.attempt("ip", "link", "show", "wg0").returncode == 0), log.read_text()


@pytest.mark.once
@pytest.mark.parametrize("way", ["mv /run/conf /run/last; mv /run/next /run/conf", "ln -sfn next /run/conf"])
def test_another_directory_in_the_place_of_the_whole_configuration_is_watched(
    namespace: Host, tmp_path: Path, way: str
) -> None:
    """As who prepares a new one beside it, and saves there from then on."""
    namespace.write("/run/first/keys/wg0.key", namespace.run("wg", "genkey"), mode=0o640)
    namespace.write("/run/first/wg0.toml", INTERFACE)
    namespace.run("cp", "-a", "/run/first", "/run/next")
    namespace.write("/run/next/wg0.d/laptop.toml", LAPTOP)
    namespace.run("sh", "-c", "mv /run/first /run/conf" if way.startswith("mv") else "ln -s first /run/conf")
    machine = Machine(namespace, tmp_path / "log")
    namespace.popen(sys.executable, "-m", "wgd", "--config-dir", "/run/conf", "run", log=machine.log)
    assert until(lambda: bool(machine.status())), machine.log.read_text()
    namespace.run("sh", "-c", way)
    assert machine.settles("laptop"), machine.log.read_text()
    namespace.write("/run/conf/wg0.d/phone.toml", PHONE)
    assert machine.settles("laptop", "phone"), machine.log.read_text()
