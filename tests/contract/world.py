"""A kernel, and the hands of a second administrator on the same machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tests.configs import NOW, resolved
from wgd.config.document import Config
from wgd.errors import KernelError
from wgd.explain.sight import Lookup, Way
from wgd.kinds.address import Address
from wgd.kinds.device import Device
from wgd.kinds.link import Link
from wgd.kinds.nftables import Chain
from wgd.kinds.peer import Peer
from wgd.kinds.route import Route
from wgd.kinds.sysctl import Sysctl
from wgd.model import Op, Plan, Report
from wgd.nftset import NamedSet
from wgd.plan import make_plan
from wgd.protocols import Kernel
from wgd.reconcile import observe, reconcile


class World(ABC):
    """A fresh network with `lo` alone. Everything a scenario says of it goes through `kernel`, or here."""

    kernel: Kernel

    @abstractmethod
    def add_device(self, name: str, *addresses: str) -> None:
        """An ordinary device, up."""

    @abstractmethod
    def add_wireguard(self, name: str) -> None:
        """A WireGuard interface, down, without our marks."""

    @abstractmethod
    def delete_link(self, name: str) -> None: ...

    @abstractmethod
    def set_link(self, name: str, up: bool) -> None: ...

    @abstractmethod
    def set_mtu(self, name: str, mtu: int) -> None: ...

    @abstractmethod
    def add_address(self, device: str, address: str) -> None: ...

    @abstractmethod
    def delete_address(self, device: str, address: str) -> None: ...

    @abstractmethod
    def add_route(self, destination: str, device: str) -> None: ...

    @abstractmethod
    def delete_route(self, destination: str) -> None: ...

    @abstractmethod
    def write_sysctl(self, path: str, value: str) -> None: ...

    @abstractmethod
    def delete_policies(self, priority: int) -> None:
        """The IPv4 routing rules of that priority."""

    @abstractmethod
    def start_docker(self) -> None:
        """Its chain DOCKER-USER in iptables for IPv4 is there, and empty, as after each of its starts. The
        chains that iptables has by itself come with it."""

    @abstractmethod
    def flush_rules(self) -> None: ...

    @abstractmethod
    def insert_rule(self, chain: str, rule: str) -> None:
        """At the head of a chain of our table, which is made if it is not there."""

    @abstractmethod
    def ask(self, question: Lookup) -> Way:
        """Where a packet would go."""

    def apply(self, config: Config) -> Report:
        """One pass."""
        return reconcile(self.kernel, config, resolved(config), NOW)

    def reach(self, config: Config) -> Report:
        """One pass that must do it, and a plan after it that must be empty."""
        report = self.apply(config)
        assert all(outcome.ok for outcome in report.outcomes), report.outcomes
        assert report.converged, report.residue
        assert self.plan(config) == Plan(foreign=report.residue.foreign)
        return report

    def plan(self, config: Config) -> Plan:
        return make_plan(config, observe(self.kernel, resolved(config), NOW))

    def refuses(self, op: Op) -> int | None:
        """The errno of the refusal; None if there was none."""
        try:
            self.kernel.run(op)
        except KernelError as error:
            return error.errno
        return None

    def link(self, name: str) -> Link | None:
        return next((link for link in self._all("link") if link.name == name), None)

    def device(self, name: str) -> Device:
        found: list[Device] = self._all("device")
        return next(device for device in found if device.interface == name)

    def peer(self, name: str, public_key: bytes) -> Peer:
        return self.peers(name)[public_key]

    def peers(self, name: str) -> dict[bytes, Peer]:
        return {peer.public_key: peer for peer in self._all("peer") if peer.interface == name}

    def addresses(self, name: str) -> dict[str, int]:
        """The device's addresses and who they say they are from; link-local ones left out."""
        found: list[Address] = self._all("address")
        return {
            str(a.address): a.protocol for a in found if a.interface == name and not a.address.is_link_local
        }

    def routes(self, name: str) -> dict[str, int]:
        """Where the device leads, and by whose doing; link-local left out."""
        found: list[Route] = self._all("route")
        here = [
            route for route in found if route.device == name and not route.destination.address.is_link_local
        ]
        return {str(route.destination): route.protocol for route in here}

    def sysctl(self, path: str) -> str | None:
        """The value; None: there is no such switch."""
        found = self._sysctl(path)
        return found.value if found else None

    def noted(self, path: str) -> str | None:
        """What the note says that it was."""
        found = self._sysctl(path)
        return found.original if found else None

    def chains(self) -> dict[str, int]:
        """Our table's chains, and how many rules each has."""
        found = [one for one in self._all("nftables") if isinstance(one, Chain)]
        return {chain.name: len(chain.rules) for chain in found}

    def sets(self) -> dict[str, frozenset[bytes]]:
        """Our table's sets, and their elements."""
        return {one.name: one.elements for one in self._all("nftables") if isinstance(one, NamedSet)}

    def everything(self) -> dict[str, set[Any]]:
        """What there is, to be compared."""
        kinds = ("link", "device", "peer", "address", "route", "nftables", "policy", "passage", "sysctl")
        return {kind: set(self._all(kind)) for kind in kinds}

    def _sysctl(self, path: str) -> Sysctl | None:
        return next((sysctl for sysctl in self._all("sysctl") if sysctl.path == path), None)

    def _all(self, kind: str) -> list[Any]:
        return list(self.kernel.dump(kind))


Scenario = Callable[[World], None]
