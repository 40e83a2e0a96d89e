"""A `.netdev` and a `.network` of systemd-networkd → what they say about a WireGuard interface.

networkd makes routes of allowed IPs only where `RouteTable=` says so; elsewhere its `[Route]` sections count.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from wgd.config.source import Unfit
from wgd.importer import names, readers
from wgd.importer.acts import Act, Do
from wgd.importer.found import Ledger, Line, Raw, RawPeer, Said, hidden
from wgd.importer.reading import Reading
from wgd.prefixes import Prefix, within

_DESCRIBES = "wgd needs no description of the kind"
_WITHOUT = "wgd has no such setting"
_ROUTED = "routes follow the allowed IPs"


class Networkd(Reading):
    """The lines of both files, those of the .netdev first. `acts`: what they forward and masquerade."""

    def __init__(self, name: str, lines: Iterable[Line], ledger: Ledger) -> None:
        super().__init__(ledger)
        self.raw = Raw(name)
        self.acts: list[Act] = []
        self._peer: RawPeer | None = None
        self._destinations: list[Said[Prefix]] = []
        self._comments: list[Line] = []
        self._default: Said[bool] | None = None
        for line in lines:
            self._line(line)
        self._flush(self.raw)
        self._settle_routes()

    def _line(self, line: Line) -> None:
        if line.only_comment:
            self._comments.append(line)
        elif line.header:
            self.ledger.carried(line)
            self._peer = None
            if line.section == "wireguardpeer":
                self._peer = RawPeer(line)
                self.raw.peers.append(self._peer)
            self._flush(self._peer or self.raw)
        elif line.key:
            self._flush(self._peer or self.raw)
            self._assignment(line)

    def _flush(self, into: Raw | RawPeer) -> None:
        texts = [line.comment for line in self._comments]
        for line in self._comments:
            self.ledger.carried(line, "as a comment")
        self._comments.clear()
        into.comments.extend(map(hidden, texts))
        if isinstance(into, RawPeer):
            into.names.extend(names.called(reversed(texts)))

    def _assignment(self, line: Line) -> None:
        if self._peer:
            self._peer.lines.append(line)
            self._of_peer(self._peer, line)
            return
        match line.section:
            case "netdev" | "link" | "match":
                self._of_device(line)
            case "wireguard":
                self._of_wireguard(line)
            case "network" | "address":
                self._of_network(line)
            case "route":
                self._of_route(line)

    def _of_device(self, line: Line) -> None:
        match line.key:
            case "name" if fnmatch.fnmatchcase(self.raw.name, line.value):
                self.ledger.carried(line, "as the name of the file")
            case "name":
                self.ledger.missed(line, f"it is not {self.raw.name}")
            case "kind" if line.value.casefold() == "wireguard":
                self.ledger.stripped(line, "everything here is WireGuard")
            case "description":
                self.raw.comments.append(hidden(line.value))
                self.ledger.carried(line, "as a comment")
            case "mtubytes":
                self.mtu(self.raw, line)
            case _:
                self.ledger.missed(line, _WITHOUT)

    def _of_wireguard(self, line: Line) -> None:
        match line.key:
            case "privatekey" if not line.value.startswith("@"):
                self.put(self.raw, "private_key", line, readers.secret)
            case "privatekeyfile":
                self.key_file(self.raw, "private_key", line, line.value)
            case "listenport" if line.value.casefold() == "auto":
                self.ledger.stripped(line, "without listen_port the kernel chooses")
            case "listenport":
                self.port(self.raw, line)
            case "firewallmark" | "fwmark":
                self.fwmark(self.raw, line)
            case "routetable":
                self._default = self._table(line)
            case _:
                self.ledger.missed(line, _WITHOUT)

    def _of_peer(self, peer: RawPeer, line: Line) -> None:
        match line.key:
            case "publickey" if not line.value.startswith("@"):
                self.put(peer, "public_key", line, readers.public_key)
            case "presharedkey" if not line.value.startswith("@"):
                self.put(peer, "preshared_key", line, readers.secret)
            case "presharedkeyfile":
                self.key_file(peer, "preshared_key", line, line.value)
            case "allowedips" if not line.value:
                for said in peer.allowed_ips:
                    self.ledger.stripped(said.line, f"{line.origin} begins the list anew")
                peer.allowed_ips.clear()
                self.ledger.stripped(line, "it begins the list anew")
            case "allowedips":
                self.extend(peer.allowed_ips, line, readers.allowed_ip)
            case "endpoint":
                self.put(peer, "endpoint", line, readers.endpoint)
            case "persistentkeepalive":
                self.keepalive(peer, line)
            case "routetable":
                peer.routes = self._table(line)
            case _:
                self.ledger.missed(line, _WITHOUT)

    def _table(self, line: Line) -> Said[bool] | None:
        if line.value.casefold() in ("main", "254"):
            self.ledger.carried(line, _ROUTED)
            return Said(True, line)
        if line.value.casefold() not in ("off", "no", "false", ""):
            self.ledger.missed(
                line, "wgd has routes in the main table only; with routes = false it makes none"
            )
        return Said(False, line)

    def _of_network(self, line: Line) -> None:
        match line.key:
            case "address":
                self.extend(self.raw.addresses, line, readers.interface_address)
            case "ipforward" | "ipv4forwarding" | "ipv6forwarding":
                self._forwarding(line)
            case "ipmasquerade":
                self.ledger.missed(
                    line, 'wgd wants the device: [[masquerade]] with out = "…", and to = ["any"]'
                )
            case "description":
                self.ledger.stripped(line, _DESCRIBES)
            case "dns" | "domains":
                verb = "dns" if line.key == "dns" else "domain"
                self.ledger.missed(line, f"wgd sets no DNS: resolvectl {verb} {self.raw.name} {line.value}")
            case _:
                self.ledger.missed(line, _WITHOUT)

    def _forwarding(self, line: Line) -> None:
        word = line.value.casefold()
        versions = {"ipv4": (4,), "ipv6": (6,)}.get(
            word, (4, 6) if line.key == "ipforward" else (int(line.key[3]),)
        )
        try:
            if word in ("ipv4", "ipv6") or readers.boolean(word):
                self.acts += [Act(Do.SWITCH, line, version) for version in versions]
            else:
                self.ledger.stripped(line, "forwarding is off unless a [[forward]] needs it")
        except Unfit as unfit:
            self.ledger.missed(line, unfit.message)

    def _of_route(self, line: Line) -> None:
        match line.key:
            case "destination":
                try:
                    self._destinations.append(Said(readers.allowed_ip(line.value), line))
                except Unfit as unfit:
                    self.ledger.missed(line, unfit.message)
            case "scope" if line.value.casefold() == "link":
                self.ledger.stripped(line, "every route into WireGuard is of this scope")
            case "table" if line.value.casefold() in ("main", "254"):
                self.ledger.stripped(line, "routes go to the main table anyway")
            case _:
                self.ledger.missed(line, _WITHOUT)

    def _settle_routes(self) -> None:
        """A peer gets routes if RouteTable= says so, or if the [Route] sections cover what it may have."""
        wanted = {said.value for said in self._destinations}
        listed = {said.value for peer in self.raw.peers for said in peer.allowed_ips}
        for said in self._destinations:
            if said.value in listed:
                self.ledger.stripped(said.line, _ROUTED)
            else:
                self.ledger.missed(said.line, "no peer has exactly this among its allowed IPs")
        connected = [Prefix.of(said.value.network) for said in self.raw.addresses]
        for peer in self.raw.peers:
            if peer.routes or self._default:
                peer.routes = peer.routes or self._default
                continue
            outside = [one.value for one in peer.allowed_ips if not within(one.value, connected)]
            if outside and not wanted.intersection(outside):
                peer.routes = Said(False, peer.head)
            for net in outside if wanted.intersection(outside) else ():
                if net not in wanted:
                    self.ledger.missed(peer.head, f"wgd will make the route to {net}, which networkd did not")
