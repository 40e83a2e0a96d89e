"""`FakeKernel`: a network namespace that enforces what the kernel enforces.

Its public methods besides those of `wgd.protocols.Kernel` are what a second administrator can do, in the
kernel's terms and without our marks. It must never be kinder than the kernel; a contract compares the two.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.nft_fake import NftFake
from wgd.access.revoking import Connection, Revoke
from wgd.config.document import IPInterface
from wgd.errors import KernelError
from wgd.kinds.address import Address, AddressAdd, AddressDelete
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.link import KERNEL, USERSPACE, Link, LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.kinds.nftables import Dropped, NftElements, NftTransaction
from wgd.kinds.passage import ForeignChain, Passage, PassageDelete, PassageInsert
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit, PeersSet
from wgd.kinds.policy import Policy, PolicyAdd, PolicyDelete
from wgd.kinds.route import Route, RouteDelete, RouteSet
from wgd.kinds.sysctl import Sysctl, SysctlRestore, SysctlSet
from wgd.model import OURS, Op, Secret
from wgd.prefixes import Prefix, ordered

BY_KERNEL = 2
BY_HAND = 3
"""The route protocols of connected prefixes, and of routes that a person adds."""

_SWITCHES = (
    "ipv4/conf/{}/forwarding",
    "ipv4/conf/{}/promote_secondaries",
    "ipv6/conf/{}/forwarding",
    "ipv6/conf/{}/accept_ra",
)
_FORCE = "ipv6/conf/{}/force_forwarding"
_IPV6_MIN_MTU = 1280


class Crash(BaseException):
    """The program was killed here."""


class FakeKernel:
    """One network namespace. `force_forwarding`: as from Linux 6.17."""

    def __init__(self, backend: str = "kernel", force_forwarding: bool = False) -> None:
        self.nft = NftFake()
        self.ran: list[Op] = []
        self.connections: set[Connection] = set()
        self.dropped: tuple[Dropped, ...] = ()
        self._backend = backend
        self._switches = (*_SWITCHES, _FORCE) if force_forwarding else _SWITCHES
        self._links: dict[str, Link] = {}
        self._devices: dict[str, Device] = {}
        self._peers: dict[tuple[str, bytes], Peer] = {}
        self._addresses: list[Address] = []
        self._routes: dict[tuple[Prefix, int], Route] = {}
        self._policies: list[Policy] = []
        self._iptables: dict[tuple[int, str], list[Passage]] = {}
        self._sysctls: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._indexes = 0
        self._fail: dict[type[Op], int] = {}
        self._crash: tuple[int, bool] | None = None
        for scope in ("all", "default"):
            self._new_switches(scope)
        self.add_link("lo", "loopback", up=True)

    # What wgd sees of it.

    def backend(self) -> str:
        return self._backend

    def dump(self, kind: str) -> tuple[object, ...]:
        tables: dict[str, Callable[[], Iterable[object]]] = {
            "link": lambda: self._links.values(),
            "device": lambda: self._devices.values(),
            "peer": lambda: self._peers.values(),
            "address": lambda: self._addresses,
            "route": lambda: self._routes.values(),
            "nftables": self.nft.everything,
            "dropped": lambda: self.dropped,
            "policy": lambda: self._policies,
            "passage": self._passages,
            "connection": lambda: self.connections,
            "sysctl": lambda: (Sysctl(p, v, self._notes.get(p)) for p, v in self._sysctls.items()),
        }
        return tuple(tables[kind]())

    def run(self, op: Op) -> None:
        at, before = self._crash or (-1, True)
        if at == len(self.ran) and before:
            raise Crash
        self.ran.append(op)
        if code := self._fail.pop(type(op), 0):
            raise KernelError(op.commands()[0], code, "as asked")
        self._do(op)
        if at == len(self.ran) - 1:
            raise Crash

    def fail_next(self, op_type: type[Op], code: int) -> None:
        """The next op of that type fails with that errno, and does nothing."""
        self._fail[op_type] = code

    def crash_at(self, number: int, before: bool) -> None:
        """Die before or after the op of that number, counted from 0 from now on."""
        self.ran.clear()
        self._crash = (number, before)

    def recover(self) -> None:
        """No failures any more."""
        self.ran.clear()
        self._crash = None
        self._fail.clear()

    def _do(self, op: Op) -> None:  # noqa: C901  one line a type
        match op:
            case NftTransaction():
                self.nft.run(op.lines)
            case NftElements():
                self.nft.change_elements(op.edits)
            case Revoke():
                self.connections = self.connections.difference(op.connections)
            case LinkCreate():
                self.add_link(op.name, USERSPACE if op.userspace else KERNEL, op.mtu or 1420, OURS)
            case LinkSet():
                self._link(op.name)
                self._set_link(op.name, op.mtu, op.group)
            case LinkUp():
                self.set_link_state(op.name, up=True)
            case LinkDelete():
                if self.has_link(op.name):
                    self.delete_link(op.name)
            case DeviceSet():
                self._set_device(op)
            case PeersSet():
                for edit in op.edits:
                    self.edit_peer(op.interface, edit)
            case AddressAdd():
                self.add_address(op.interface, op.address, OURS)
            case AddressDelete():
                if (op.interface, op.address) in [(a.interface, a.address) for a in self._addresses]:
                    self.delete_address(op.interface, op.address)
            case RouteSet():
                self._each(op.routes, lambda route: self._add_route(route, op.replace))
            case RouteDelete():
                self._each(op.routes, self._delete_route)
            case PolicyAdd():
                if op.policy in self._policies:
                    raise KernelError("add a routing rule", errno.EEXIST)
                self._policies.append(op.policy)
            case PolicyDelete():
                self.delete_policies(op.policy)
            case PassageInsert():
                rules = self._iptables.get((op.passage.version, op.passage.chain))
                if rules is None:
                    raise KernelError(op.passage.command("-I"), 0, "No chain by that name")
                if op.passage not in rules:
                    rules.insert(0, op.passage)
            case PassageDelete():
                rules = self._iptables.get((op.passage.version, op.passage.chain), [])
                rules[:] = [rule for rule in rules if rule != op.passage]
            case SysctlSet():
                self._raise_sysctl(op.path, op.value)
            case SysctlRestore():
                self._notes.pop(op.path, None)
                if op.path in self._sysctls:
                    self.write_sysctl(op.path, op.value)
            case _:
                raise NotImplementedError(type(op).__name__)

    def _each(self, routes: Iterable[Route], do: Callable[[Route], None]) -> None:
        """A batch: one that fails does not keep the others from being done."""
        errors = []
        for route in routes:
            try:
                do(route)
            except KernelError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    # iptables.

    def add_iptables_chain(self, version: int, chain: str) -> None:
        self._iptables[version, chain] = []

    def empty_iptables_chain(self, version: int, chain: str) -> None:
        """If it is there."""
        self._iptables.get((version, chain), []).clear()

    def _passages(self) -> Iterable[object]:
        for (version, chain), rules in self._iptables.items():
            yield ForeignChain(version, chain)
            yield from rules

    # Links.

    def add_link(self, name: str, kind: str, mtu: int = 1500, group: int = 0, up: bool = False) -> None:
        if name in self._links:
            raise KernelError(f"add link {name}", errno.EEXIST)
        self._indexes += 1
        self._links[name] = Link(name, kind, mtu, up, group, self._indexes)
        self._new_switches(name)
        if kind in (KERNEL, USERSPACE):
            self._devices[name] = Device(name, None, 0)

    def has_link(self, name: str) -> bool:
        return name in self._links

    def delete_link(self, name: str) -> None:
        self._link(name)
        for address in [a for a in self._addresses if a.interface == name]:
            self._addresses.remove(address)
        self._drop_routes(name)
        self._devices.pop(name, None)
        for key in [key for key in self._peers if key[0] == name]:
            del self._peers[key]
        for switch in self._switches:
            self._sysctls.pop("net/" + switch.format(name), None)
        del self._links[name]

    def set_link_state(self, name: str, up: bool) -> None:
        """Down takes routes and IPv6 addresses along; up brings the connected prefixes of the rest."""
        was = self._link(name)
        self._links[name] = replace(was, up=up)
        if up and not was.up:
            for address in self._addresses:
                if address.interface == name:
                    self._connect(address)
        if not up:
            self._drop_routes(name)
            self._drop_ipv6_addresses(name)

    def _link(self, name: str | None) -> Link:
        link = self._links.get(name or "")
        if link is None:
            raise KernelError(f"device {name}", errno.ENODEV)
        return link

    def _set_link(self, name: str, mtu: int | None, group: int | None) -> None:
        link = self._links[name]
        self._links[name] = replace(
            link, mtu=link.mtu if mtu is None else mtu, group=link.group if group is None else group
        )
        if mtu is not None and mtu < _IPV6_MIN_MTU:
            self._drop_ipv6_addresses(name)
            self._drop_routes(name, version=6)

    def _drop_ipv6_addresses(self, name: str) -> None:
        self._addresses = [a for a in self._addresses if a.interface != name or a.address.version == 4]

    def _drop_routes(self, name: str, version: int | None = None) -> None:
        for key, route in tuple(self._routes.items()):
            if route.device == name and version in (None, route.destination.version):
                del self._routes[key]

    # WireGuard.

    def _set_device(self, op: DeviceSet) -> None:
        have = self._device(op.interface)
        self._devices[op.interface] = Device(
            op.interface,
            have.private_key if op.private_key is None else op.private_key,
            have.listen_port if op.listen_port is None else op.listen_port,
            have.fwmark if op.fwmark is None else op.fwmark,
        )

    def _device(self, name: str) -> Device:
        if name not in self._devices:
            raise KernelError(f"WireGuard device {name}", errno.ENODEV)
        return self._devices[name]

    def edit_peer(self, interface: str, edit: PeerEdit) -> None:
        """As one peer of a SET_DEVICE message; an allowed IP that another peer has moves."""
        self._device(interface)
        key = (interface, edit.public_key)
        if edit.remove or (edit.only_existing and key not in self._peers):
            self._peers.pop(key, None)
            return
        moving = frozenset(edit.add_allowed_ips)
        for other, peer in self._peers.items():
            if other[0] == interface and not moving.isdisjoint(peer.allowed_ips):
                self._peers[other] = replace(
                    peer, allowed_ips=ordered({*peer.allowed_ips}.difference(moving))
                )
        have = self._peers.get(key, Peer(interface, edit.public_key, ()))
        keepalive = edit.persistent_keepalive
        self._peers[key] = replace(
            have,
            allowed_ips=ordered(
                {*have.allowed_ips, *edit.add_allowed_ips}.difference(edit.remove_allowed_ips)
            ),
            preshared_key=_preshared(edit.preshared_key, have.preshared_key),
            persistent_keepalive=have.persistent_keepalive if keepalive is None else keepalive,
            endpoint=_live(edit.endpoint or have.endpoint),
            pushed=edit.configured or have.pushed,
            stripped=edit.stripped or (None if edit.endpoint else have.stripped),
        )

    def roam(self, interface: str, public_key: bytes, endpoint: tuple[str, int]) -> None:
        """The peer was heard from another address."""
        have = self._peers[interface, public_key]
        heard = replace(have, endpoint=endpoint, received=have.received + 32, stripped=None)
        self._peers[interface, public_key] = heard

    def shake_hands(self, interface: str, public_key: bytes, wall: float) -> None:
        """A handshake with the peer, by a wall clock that may be wrong."""
        have = self._peers[interface, public_key]
        self._peers[interface, public_key] = replace(have, last_handshake=wall, received=have.received + 92)

    def call(self, interface: str, public_key: bytes, size: int = 148) -> None:
        """Bytes go to the peer; without an endpoint they do not."""
        have = self._peers[interface, public_key]
        if have.endpoint is not None:
            self._peers[interface, public_key] = replace(have, sent=have.sent + size)

    # Addresses and routes.

    def add_address(self, interface: str, address: IPInterface, protocol: int = 0) -> None:
        link = self._link(interface)
        same = [a for a in self._addresses if a.interface == interface and a.address.ip == address.ip]
        if any(a.address == address or address.version == 6 for a in same):
            raise KernelError(f"add address {address}", errno.EEXIST)
        if address.version == 6 and (link.mtu or 0) < _IPV6_MIN_MTU:
            raise KernelError(f"add address {address}", errno.ENOBUFS)
        self._addresses.append(Address(interface, address, protocol))
        self._connect(self._addresses[-1])

    def delete_address(self, interface: str, address: IPInterface) -> None:
        """The first of a subnet takes the others along, unless promoted; the last one all IPv4 routes."""
        link = self._link(interface)
        found = [a for a in self._addresses if (a.interface, a.address) == (interface, address)]
        if not found:
            raise KernelError(f"delete address {address}", errno.EADDRNOTAVAIL)
        network = found[0].network
        siblings = [a for a in self._addresses if a.interface == interface and a.network == network]
        self._addresses.remove(found[0])
        if address.version == 4 and siblings[0] is found[0] and not self._promotes(link.name):
            self._addresses = [a for a in self._addresses if a not in siblings]
        left = {a.network for a in self._addresses if a.interface == interface}
        if network not in left:
            self._disconnect(interface, network)
        if address.version == 4 and not any(other.version == 4 for other in left):
            self._drop_routes(interface, version=4)

    def add_route(self, destination: Prefix, device: str, metric: int = 0, gateway: bool = False) -> None:
        self._add_route(Route(destination, device, metric, BY_HAND, gateway), replacing=False)

    def delete_route(self, destination: Prefix) -> None:
        """Whoever made it."""
        for key in [key for key in self._routes if key[0] == destination]:
            del self._routes[key]

    def _add_route(self, route: Route, replacing: bool) -> None:
        if not self._link(route.device).up:
            raise KernelError(f"add route {route.destination}", errno.ENETDOWN)
        key = (route.destination, route.metric)
        if key in self._routes and not replacing:
            raise KernelError(f"add route {route.destination}", errno.EEXIST)
        self._routes[key] = route

    def _delete_route(self, route: Route) -> None:
        """Only if protocol and device are as given; gone already is as good."""
        have = self._routes.get((route.destination, route.metric))
        if have is not None and (have.protocol, have.device) == (route.protocol, route.device):
            del self._routes[route.destination, route.metric]

    def _connect(self, address: Address) -> None:
        """The kernel's own route to what an address is in."""
        network = address.network
        single = network.version == 4 and network.single
        if self._links[address.interface].up and not single:
            metric = 0 if network.version == 4 else 256
            route = Route(network, address.interface, metric, BY_KERNEL)
            self._routes.setdefault((network, metric), route)

    def _disconnect(self, interface: str, network: Prefix) -> None:
        for key, route in tuple(self._routes.items()):
            if (route.destination, route.device, route.protocol) == (network, interface, BY_KERNEL):
                del self._routes[key]

    # Routing rules that carry our mark.

    def delete_policies(self, *some: Policy) -> None:
        """Gone already is as good; none named: all."""
        self._policies = [one for one in self._policies if some and one not in some]

    # Sysctls.

    def write_sysctl(self, path: str, value: str) -> None:
        if path not in self._sysctls:
            raise KernelError(f"write {path}", errno.ENOENT)
        self._sysctls[path] = value
        _, family, _, scope, switch = path.split("/")
        if scope == "all" and switch == "forwarding":
            for other in self._sysctls:
                if other.startswith(f"net/{family}/conf/") and other.endswith("/forwarding"):
                    self._sysctls[other] = value

    def _raise_sysctl(self, path: str, value: str) -> None:
        """With a note of what was there; a note whose device is gone means nothing any more."""
        before = self._sysctls.get(path)
        self.write_sysctl(path, value)
        self._notes = {noted: was for noted, was in self._notes.items() if noted in self._sysctls}
        if before is not None and before != value:
            self._notes.setdefault(path, before)

    def _new_switches(self, scope: str) -> None:
        """A new link's switches start as `default` has them."""
        for switch in self._switches:
            start = "1" if switch.endswith("accept_ra") else "0"
            path, default = ("net/" + switch.format(name) for name in (scope, "default"))
            self._sysctls[path] = self._sysctls.get(default, start)

    def _promotes(self, name: str) -> bool:
        paths = (f"net/ipv4/conf/{scope}/promote_secondaries" for scope in (name, "all"))
        return any(self._sysctls[path] == "1" for path in paths)

    def as_text(self) -> str:
        """Everything in it, a line an object, sorted where the order means nothing."""
        lines = [
            f"link {x.name} {x.kind} mtu {x.mtu} group {x.group} {_state(x)}" for x in self._links.values()
        ]
        lines += [
            f"device {d.interface} port {d.listen_port} fwmark {d.fwmark}" for d in self._devices.values()
        ]
        lines += sorted(_peer_text(peer) for peer in self._peers.values())
        lines += [f"address {a.address} dev {a.interface} proto {a.protocol}" for a in self._addresses]
        lines += sorted(
            f"route {r.destination} dev {r.device} metric {r.metric} proto {r.protocol}"
            for r in self._routes.values()
        )
        lines += sorted(map(str, self._policies))
        lines += sorted(f"sysctl {path} = {value}" for path, value in self._sysctls.items())
        lines += sorted(f"note {path} was {value}" for path, value in self._notes.items())
        return "\n".join([*lines, self.nft.as_text()])


def _live(endpoint: tuple[str, int] | None) -> tuple[str, int] | None:
    return endpoint if endpoint and endpoint[1] else None


def _preshared(edit: Secret | None, have: Secret | None) -> Secret | None:
    if edit is None:
        return have
    return None if edit == NO_PRESHARED_KEY else edit


def _state(link: Link) -> str:
    return "up" if link.up else "down"


def _peer_text(peer: Peer) -> str:
    prefixes = ",".join(sorted(map(str, peer.allowed_ips)))
    keepalive, psk = peer.persistent_keepalive, "psk" if peer.preshared_key else "no psk"
    key = peer.public_key.hex()[:8]
    return f"peer {peer.interface} {key} [{prefixes}] keepalive {keepalive} {psk} endpoint {peer.endpoint}"
