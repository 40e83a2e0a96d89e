"""The contract suite of `tests/contract` on the real kernel: what the fake claims, the kernel does."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.host import Host
from integration.test_daemon import until
from tests.contract import SCENARIOS, World
from wgd.explain.sight import Lookup, Way
from wgd.kernel import lookup
from wgd.kernel.linux import LinuxKernel

CHAIN_OF_A_STRANGER = "add table inet wgd; add chain inet wgd {chain}; insert rule inet wgd {chain} {rule}"


class RealWorld(World):
    """A second administrator types `ip`, `nft` and `sysctl`."""

    def __init__(self, host: Host, lane: str) -> None:
        self.kernel = LinuxKernel()
        self._host, self._lane = host, lane

    def add_device(self, name: str, *addresses: str) -> None:
        self._ip(f"link add {name} type veth peer name far-{name}")
        for end in (name, f"far-{name}"):
            self._ip(
                f"link set {end} addrgenmode none"
            )  # or an address comes by itself, up to a second later
        self._ip(f"link set far-{name} up")
        for address in addresses:
            self.add_address(name, address)
        self._ip(f"link set {name} up")

    def add_wireguard(self, name: str) -> None:
        if self._lane == "userspace":
            self._host.run("wireguard-go", name)
            self._host.run("wg", "show", name)  # once it answers it changes nothing more by itself
        else:
            self._ip(f"link add {name} type wireguard")

    def delete_link(self, name: str) -> None:
        self._ip(f"link delete {name}")
        # Its process ends a little later; until then another one finds the socket in use.
        assert until(lambda: not Path(f"/run/wireguard/{name}.sock").exists())

    def set_link(self, name: str, up: bool) -> None:
        self._ip(f"link set {name} {'up' if up else 'down'}")

    def set_mtu(self, name: str, mtu: int) -> None:
        self._ip(f"link set {name} mtu {mtu}")

    def add_address(self, device: str, address: str) -> None:
        self._ip(f"address add {address} dev {device}")

    def delete_address(self, device: str, address: str) -> None:
        self._ip(f"address delete {address} dev {device}")

    def add_route(self, destination: str, device: str) -> None:
        self._ip(f"route add {destination} dev {device}")

    def delete_route(self, destination: str) -> None:
        self._ip(f"route delete {destination}")

    def write_sysctl(self, path: str, value: str) -> None:
        self._host.write(f"/proc/sys/{path}", value)

    def delete_policies(self, priority: int) -> None:
        while self._host.attempt("ip", "rule", "delete", "pref", str(priority)).returncode == 0:
            pass

    def start_docker(self) -> None:
        if self._lane != "userspace":
            pytest.skip("the user-mode kernel has too few extensions of iptables")
        self._host.attempt("iptables", "-N", "DOCKER-USER")
        self.empty_iptables_chain("DOCKER-USER")

    def empty_iptables_chain(self, chain: str) -> None:
        self._host.run("iptables", "-F", chain)

    def flush_rules(self) -> None:
        self._host.nft("flush ruleset")

    def insert_rule(self, chain: str, rule: str) -> None:
        self._host.nft(CHAIN_OF_A_STRANGER.format(chain=chain, rule=rule))

    def ask(self, question: Lookup) -> Way:
        return lookup.ask(question)

    def add_set(self, name: str) -> None:
        self._host.nft(f"add table inet wgd; add set inet wgd {name} {{ type ipv4_addr; }}")

    def _ip(self, command: str) -> None:
        self._host.run("ip", *command.split())


@pytest.mark.parametrize("name", SCENARIOS)
def test_contract(name: str, namespace: Host, lane: str) -> None:
    SCENARIOS[name](RealWorld(namespace, lane))
