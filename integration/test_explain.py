"""`wgd explain` on the mission's network: right where packets pass; where not, by the right name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from integration.host import Host
from integration.lab import CAMERA, PAGE, Lab
from integration.packets import settled
from integration.test_network import NECESSARY
from wgd.kinds import KINDS


@dataclass(frozen=True)
class Told:
    """What explain says: its exit status, and the step that is `wrong`: what a probe found, else the first,
    else one that is not known to be right, unless that is only what cannot be seen from here."""

    status: int
    value: dict[str, Any]

    @property
    def wrong(self) -> dict[str, Any] | None:
        bad = [step for step in self.value["steps"] if step["mark"] != "right" and step["step"] != "beyond"]
        wrong = [step for step in bad if step["mark"] == "wrong"] or bad
        return next((step for step in wrong if step["step"] == "probe"), wrong[0] if wrong else None)

    @property
    def diagnosis(self) -> str:
        return str(self.wrong["diagnosis"]) if self.wrong else ""

    @property
    def mend(self) -> str:
        """Where, and what to type."""
        mend = self.wrong["mend"] if self.wrong else None
        return "\n".join((mend["host"], mend["file"], *mend["lines"])) if mend else ""


def explained(host: Host, *words: str) -> Told:
    done = host.wgd("explain", *words, "--json")
    assert done.returncode in (0, 1), done.stderr
    return Told(done.returncode, json.loads(done.stdout))


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[Lab, dict[str, str]]]:
    """Healthy: everybody has spoken."""
    with Lab() as lab:
        keys = lab.seed()
        for host in lab:
            settled(host)
        assert lab.spoke_2.ping("172.27.0.1"), "spoke-2 must speak first: the hub knows no endpoint"
        assert lab.page(10) == PAGE
        yield lab, keys


ADDRESSES = ("172.27.0.1", "172.27.0.2", "172.27.0.3", CAMERA, "198.51.100.15", "203.0.113.10", "192.0.2.20")
HOSTS = ("hub-1", "spoke-1", "spoke-2")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("name", HOSTS)
def test_of_every_pair_it_says_what_a_ping_says(
    network: tuple[Lab, dict[str, str]], name: str, address: str
) -> None:
    """What the hub's rules forbid is told on the hub; on the spoke everything is as it should be."""
    lab, _ = network
    host = lab.hosts[name]
    told = explained(host, address)
    assert (told.status, told.diagnosis) == (0, "")
    if (name, address) == ("spoke-2", "172.27.0.2"):
        assert not host.ping(address, 0.5)
        over = explained(lab.hub_1, address, "--from", "spoke-2")
        assert over.diagnosis == "rule-goes-the-other-way"
    elif "172.27" in address or address == CAMERA:
        assert host.ping(address, 5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hub-1", (CAMERA, "--from", "spoke-1")),
        ("hub-1", (CAMERA, "--from", "spoke-1", "--port", "tcp/80")),
        ("hub-1", ("172.27.0.3", "--from", "spoke-1")),
        ("hub-1", ("172.27.0.1", "--from", "spoke-1")),
        ("spoke-1", ("172.27.0.2", "--from", "hub-1")),
        ("spoke-2", (CAMERA, "--from", "hub-1")),
        ("spoke-2", (CAMERA, "--from", "172.27.0.2")),
    ],
)
def test_nothing_is_wrong_with_what_passes_through(
    network: tuple[Lab, dict[str, str]], name: str, words: tuple[str, ...]
) -> None:
    told = explained(network[0].hosts[name], *words)
    assert (told.status, told.diagnosis) == (0, "")


@pytest.mark.parametrize(
    ("name", "words"), [("hub-1", (CAMERA, "--from", "172.27.0.2")), ("spoke-1", (CAMERA,))]
)
def test_without_privilege_it_says_what_it_could_not_see(
    network: tuple[Lab, dict[str, str]], name: str, words: tuple[str, ...]
) -> None:
    """And takes nothing that it cannot see for missing."""
    host = network[0].hosts[name]
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-m", "wgd")
    done = host.attempt(*bare, "explain", *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads(done.stdout)["steps"]
    assert {step["step"] for step in steps if "only root" in step["fact"]} >= {"settings"}
    assert not [step for step in steps if step["mark"] == "wrong"]
    assert "route" in [step["step"] for step in steps if step["mark"] == "right"]


READ = """
from wgd.errors import KernelError
from wgd.kernel.linux import LinuxKernel
from wgd.kinds import KINDS
kernel = LinuxKernel()
for kind in KINDS:
    try:
        list(kernel.dump(kind.name))
    except KernelError as error:
        assert error.denied or kind.privileged, (kind.name, error)
        print(kind.name)
"""


def test_the_kernel_shows_to_root_only_what_the_kinds_say(
    network: tuple[Lab, dict[str, str]], lane: str
) -> None:
    """wireguard-go answers whoever its socket belongs to, here somebody of root's name without its rights."""
    code = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", READ)
    refused = network[0].hosts["hub-1"].run(*code).split()
    told = {"device", "peer"} if lane == "userspace" else set()
    assert set(refused) == {kind.name for kind in KINDS if kind.privileged} - told


SEVEN = {
    "spoke_allowed_ip": ("allowed-ip-is-missing", (CAMERA,)),
    "spoke_route": ("route-is-missing", (CAMERA,)),
    "hub_allowed_ip": ("allowed-ip-is-missing", (CAMERA, "--from", "spoke-1")),
    "hub_route": ("route-is-missing", (CAMERA, "--from", "spoke-1")),
    "hub_forwarding": ("forwarding-is-off", (CAMERA, "--from", "spoke-1")),
    "spoke_2_forwarding": ("forwarding-is-off", (CAMERA, "--from", "172.27.0.2")),
    "spoke_2_masquerade": ("masquerade-is-gone", (CAMERA, "--from", "172.27.0.2")),
}


@pytest.mark.parametrize("remove", NECESSARY, ids=lambda remove: remove.__name__.replace("_", "-"))
def test_each_of_the_seven_is_named_and_mended(
    network: tuple[Lab, dict[str, str]], remove: Callable[..., Host]
) -> None:
    lab, keys = network
    diagnosis, words = SEVEN[remove.__name__]
    host = remove(lab, keys)
    assert lab.page(0.5) is None
    told = explained(host, *words)
    assert (told.status, told.diagnosis) == (1, diagnosis)
    mend(host, told)
    assert lab.page(5) == PAGE
    assert explained(host, *words).status == 0


def mend(host: Host, told: Told) -> None:
    """Does what is told to type."""
    found = told.wrong and told.wrong["mend"]
    assert found and not found["file"] and not found["host"], told
    for line in found["lines"]:
        done = host.wgd(*line.split()[1:]) if line.startswith("wgd ") else host.attempt("sh", "-c", line)
        assert done.returncode == 0, done.stdout + done.stderr
