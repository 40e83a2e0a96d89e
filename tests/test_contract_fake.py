"""The contract suite on `FakeKernel`."""

from __future__ import annotations

import pytest

from tests.configs import address, network
from tests.contract import SCENARIOS, World
from tests.fake import FakeKernel
from tests.way_fake import ask
from wgd.explain.sight import Lookup, Way
from wgd.kinds.link import KERNEL, USERSPACE, LinkSet
from wgd.kinds.policy import Policy


class FakeWorld(World):
    """A second administrator works on the fake through its own methods."""

    def __init__(self, fake: FakeKernel) -> None:
        self.fake = self.kernel = fake

    def add_device(self, name: str, *addresses: str) -> None:
        self.fake.add_link(name, "dummy", up=True)
        for text in addresses:
            self.add_address(name, text)

    def add_wireguard(self, name: str) -> None:
        self.fake.add_link(name, USERSPACE if self.fake.backend() == "userspace" else KERNEL, 1420)

    def delete_link(self, name: str) -> None:
        self.fake.delete_link(name)

    def set_link(self, name: str, up: bool) -> None:
        self.fake.set_link_state(name, up)

    def set_mtu(self, name: str, mtu: int) -> None:
        self.fake.run(LinkSet(refs=(), name=name, mtu=mtu))

    def add_address(self, device: str, text: str) -> None:
        self.fake.add_address(device, address(text))

    def delete_address(self, device: str, text: str) -> None:
        self.fake.delete_address(device, address(text))

    def add_route(self, destination: str, device: str) -> None:
        self.fake.add_route(network(destination), device)

    def delete_route(self, destination: str) -> None:
        self.fake.delete_route(network(destination))

    def write_sysctl(self, path: str, value: str) -> None:
        self.fake.write_sysctl(path, value)

    def delete_policies(self, priority: int) -> None:
        here = [one for one in self.fake.dump("policy") if isinstance(one, Policy)]
        self.fake.delete_policies(*(one for one in here if (one.version, one.priority) == (4, priority)))

    def start_docker(self) -> None:
        for chain in ("FORWARD", "DOCKER-USER"):
            self.fake.add_iptables_chain(4, chain)

    def flush_rules(self) -> None:
        self.fake.nft.flush_ruleset()

    def ask(self, question: Lookup) -> Way:
        return ask(self.fake, question)

    def insert_rule(self, chain: str, rule: str) -> None:
        self.fake.nft.insert(chain, rule)


@pytest.mark.parametrize("backend", ["kernel", "userspace"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_contract(name: str, backend: str) -> None:
    SCENARIOS[name](FakeWorld(FakeKernel(backend)))
