"""An interface that is up → what it says: observed objects in, nothing read here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wgd.config import keytext
from wgd.config.document import host_and_port
from wgd.config.source import Unfit
from wgd.importer import readers
from wgd.importer.found import Ledger, Line, Raw, RawPeer, Said
from wgd.kinds.address import Address
from wgd.kinds.device import Device
from wgd.kinds.link import DEFAULT_MTU, Link
from wgd.kinds.peer import Peer
from wgd.kinds.route import Route
from wgd.prefixes import Prefix, within
from wgd.values import value

_CONNECTED = 2
"""The protocol of the routes that come with addresses."""


@value
class Seen:
    """What the kernel has of one interface: its link, its WireGuard side, its peers, addresses and routes."""

    link: Link
    device: Device
    peers: tuple[Peer, ...]
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


def seen(name: str, dumps: Mapping[str, Iterable[object]]) -> Seen | None:
    """The part of the dumps, by kind, that is about the interface; None if it is no WireGuard interface."""
    link = next((one for one in dumps["link"] if isinstance(one, Link) and one.name == name), None)
    device = next((one for one in dumps["device"] if isinstance(one, Device) and one.interface == name), None)
    if link is None or device is None:
        return None
    peers = (one for one in dumps["peer"] if isinstance(one, Peer) and one.interface == name)
    addresses = (one for one in dumps["address"] if isinstance(one, Address) and one.interface == name)
    routes = (one for one in dumps["route"] if isinstance(one, Route) and one.device == name)
    return Seen(link, device, tuple(peers), tuple(addresses), tuple(routes))


class Live:
    """What is there, as `Raw`. `lines` are the facts, all of them."""

    def __init__(self, there: Seen, ledger: Ledger) -> None:
        self.raw = Raw(there.link.name, saved=True, picked_port=True)
        self.lines: list[Line] = []
        self._there, self._ledger = there, ledger
        self._device()
        for peer in there.peers:
            self.raw.peers.append(self._peer(peer))
        self._routes()

    def _fact(self, text: str) -> Line:
        line = Line("the kernel", 0, text)
        self.lines.append(line)
        return line

    def _device(self) -> None:
        raw, device, link = self.raw, self._there.device, self._there.link
        if device.private_key:
            raw.private_key = Said(device.private_key, self._fact("private key"))
        if device.listen_port:
            raw.listen_port = Said(device.listen_port, self._fact(f"listen port {device.listen_port}"))
        if device.fwmark:
            raw.fwmark = Said(device.fwmark, self._fact(f"fwmark {hex(device.fwmark)}"))
        if link.mtu and link.mtu != DEFAULT_MTU:
            raw.mtu = Said(link.mtu, self._fact(f"mtu {link.mtu}"))
        for one in self._there.addresses:
            if one.address.version == 6 and one.address.is_link_local:
                self._ledger.stripped(self._fact(f"address {one.address}"), "the kernel's own business")
            else:
                raw.addresses.append(Said(one.address, self._fact(f"address {one.address}")))

    def _peer(self, peer: Peer) -> RawPeer:
        name = f"peer {keytext.encoded(peer.public_key)[:8]}…"
        made = RawPeer(self._fact(name))
        made.lines.append(made.head)
        made.public_key = Said(peer.public_key, made.head)
        if peer.preshared_key:
            made.preshared_key = Said(peer.preshared_key, self._fact(f"{name} preshared key"))
        for net in sorted(peer.allowed_ips, key=lambda net: (net.version, net)):
            self._allowed(made, net, self._fact(f"{name} allowed ip {net}"))
        if peer.endpoint:
            where = host_and_port(*peer.endpoint)
            self._endpoint(made, where, self._fact(f"{name} endpoint {where}"))
        if peer.persistent_keepalive:
            seconds = peer.persistent_keepalive
            made.keepalive = Said(seconds, self._fact(f"{name} persistent keepalive {seconds}"))
        return made

    def _allowed(self, made: RawPeer, net: Prefix, line: Line) -> None:
        try:
            made.allowed_ips.append(Said(readers.allowed_ip(str(net)), line))
        except Unfit as unfit:
            self._ledger.missed(line, unfit.message)

    def _endpoint(self, made: RawPeer, where: str, line: Line) -> None:
        try:
            made.endpoint = Said(readers.endpoint(where), line)
        except Unfit as unfit:
            self._ledger.missed(line, unfit.message)

    def _routes(self) -> None:
        """Which peers have routes, and what leads here that no peer asks for."""
        networks = [one.network for one in self._there.addresses]
        there = {route.destination for route in self._there.routes}
        listed = set()
        for peer in self.raw.peers:
            wanted = {said.value for said in peer.allowed_ips}
            wanted = {net for net in wanted if not within(net, networks)}
            listed |= wanted
            if wanted and not wanted & there:
                peer.routes = Said(False, self._fact(f"{peer.head.text}: no routes"))
            elif not wanted <= there:
                missing = ", ".join(sorted(map(str, wanted - there)))
                why = "wgd makes one for each allowed IP, or none of the peer's with routes = false"
                self._ledger.missed(self._fact(f"{peer.head.text}: no route to {missing}"), why)
        for route in self._there.routes:
            if route.protocol != _CONNECTED and route.destination not in listed:
                why = "no peer has it among its allowed IPs; wgd leaves it alone"
                self._ledger.missed(self._fact(f"route {route.destination}"), why)
