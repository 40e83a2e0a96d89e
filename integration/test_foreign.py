"""The option `foreign`: wgd keeps rules in iptables' own chains that let pass what its own rules permit, and
touches nothing else there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

import pytest

from integration.firewall_setups import BLOCKED, Setup, docker, obstacles, prepared, typed
from integration.host import Host
from integration.lab import Lab
from integration.other_firewalls import clear, said, start_docker
from integration.packets import settled
from wgd.kernel import passages
from wgd.kernel.linux import LinuxKernel
from wgd.kinds.nftables import NftTransaction

pytestmark = pytest.mark.lane("userspace")  # the user-mode kernel has too few extensions of iptables


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with prepared() as made:
        yield made


MARK = "wgd:wg0"
"""The comment of our rules in iptables."""


def theirs(host: Host) -> dict[str, str]:
    """What the tools say, but for our own rules."""
    return {
        command: "\n".join(line for line in text.splitlines() if MARK not in line)
        for command, text in said(host).items()
    }


OPTIONS = {
    "Docker": ("spoke-2", docker(20), "docker-user"),
    "Docker 28": ("spoke-2", docker(28), "docker-user"),
    "Docker on a hub": ("hub-1", docker(20), "docker-user"),
    "iptables": ("spoke-2", typed("iptables -P FORWARD DROP"), "iptables-forward"),
}


@pytest.mark.parametrize(("name", "setup", "word"), OPTIONS.values(), ids=OPTIONS)
def test_the_option_opens_the_path_and_touches_nothing_else(
    lab: Lab, name: str, setup: Setup, word: str
) -> None:
    """It comes back after the chain was emptied, and goes with the line."""
    host, file = lab.hosts[name], "/etc/wgd/wg0.toml"
    text = host.read(file)
    chain = "DOCKER-USER" if word == "docker-user" else "FORWARD"
    asking = text.replace("[interface]", f'[interface]\nforeign = "{word}"', 1)
    try:
        with setup(host):
            before = said(host)
            assert lab.page(BLOCKED) is None
            assert f'foreign = "{word}" in [interface]' in host.wgd("status").stdout
            host.write(file, asking)
            assert f"iptables -w -I {chain} " in host.wgd("plan").stdout
            settled(host, asking)
            assert lab.page(5)
            assert obstacles(host) == ()
            assert theirs(host) == before and said(host) != before
            opened = {name: set(text.split("\n")) for name, text in said(host).items()}
            host.run("iptables", "-F", chain)
            assert lab.page(BLOCKED) is None
            settled(host)
            assert lab.page(5)
            clear(host)
        with setup(host):
            assert lab.page(BLOCKED) is None
            settled(host)
            assert lab.page(5)
            assert {name: set(text.split("\n")) for name, text in said(host).items()} == opened
            settled(host, text)
            assert said(host) == before and lab.page(BLOCKED) is None
    finally:
        clear(host)
        settled(host, text)


def test_the_option_goes_with_the_interface(lab: Lab) -> None:
    host, file = lab.spoke_2, "/etc/wgd/wg0.toml"
    text = host.read(file)
    try:
        start_docker(host, 20)
        before = said(host)
        settled(host, text.replace("[interface]", '[interface]\nforeign = "docker-user"', 1))
        assert said(host) != before
        host.wgd("down", "wg0")
        assert said(host) == before
    finally:
        clear(host)
        settled(host, text)
        assert lab.page(5)


def test_iptables_is_asked_only_after_somebody_changed_something(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = passages._run

    def listening(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        asked.append(command[0])
        return run(command)

    monkeypatch.setattr(passages, "_run", listening)
    host = lab.spoke_2
    try:
        with host.inside():
            kernel = LinuxKernel()
            first = kernel.dump("passage")
            assert first == [] and asked == []  # there is no table of iptables
            start_docker(host, 20)
            second = kernel.dump("passage")
            assert asked == ["iptables-save"]
            kernel.run(NftTransaction(refs=(), lines=("add chain inet wgd theirs",)))
            kernel.run(NftTransaction(refs=(), lines=("delete chain inet wgd theirs",)))
            assert kernel.dump("passage") is second and asked == ["iptables-save"]
            host.run("iptables", "-F", "DOCKER-USER")
            assert kernel.dump("passage") == second and asked == ["iptables-save"] * 2
    finally:
        clear(host)
