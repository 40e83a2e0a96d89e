"""The drafts of one interface → its `Interface`, and every problem that its files have together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from wgd.config import overlap, x25519
from wgd.config.across import Footprint
from wgd.config.document import (
    MTU_AUTO,
    Endpoint,
    Forward,
    Forwarding,
    Interface,
    IPNetwork,
    Masquerade,
    Peer,
    Role,
)
from wgd.config.draft import Draft, InterfaceDraft, PeerDraft
from wgd.config.keys import KeyFileError
from wgd.config.overlap import Allowed
from wgd.config.resolve import Names
from wgd.config.source import Placed, Where
from wgd.errors import Problem
from wgd.model import Secret

ReadKey = Callable[[str, bool], Secret]
"""(file name as in the TOML, whether it is a private key) → the key; raises `KeyFileError`."""

_IPV6_MTU = 1280


@dataclass(frozen=True, slots=True)
class Assembled:
    """`interface` is None when something in it is broken beyond a value; `lacking`: it uses a name
    that a broken file may have defined."""

    interface: Interface | None
    footprint: Footprint | None
    problems: tuple[Problem, ...]
    lacking: bool = False


def assemble(
    name: str, drafts: Sequence[Draft], shared: Draft | None, read_key: ReadKey, now: float
) -> Assembled:
    """One interface out of its main file (the first draft), its drop-ins and wgd.toml."""
    main = drafts[0].interface
    problems: list[Problem] = []
    own = tuple(address.network for address, _ in main.addresses) if main and main.sound else None
    names = Names(shared, drafts, own, problems)
    if main is None:
        _rules(drafts, names)
        return Assembled(None, None, tuple(problems), names.lacking)
    return _Assembly(name, main, drafts, names, problems, read_key, now).result()


def _rules(drafts: Sequence[Draft], names: Names) -> tuple[tuple[Forward, ...], tuple[Masquerade, ...]]:
    forwards = tuple(
        Forward(names.side(rule.source), names.side(rule.target), rule.ports, rule.incoming, rule.outgoing)
        for draft in drafts
        for rule in draft.forwards
    )
    masquerades = tuple(
        Masquerade(rule.out or "", names.side(rule.target)) for draft in drafts for rule in draft.masquerades
    )
    return forwards, masquerades


def _hides_forwards(draft: Draft) -> bool:
    """Whether a `[[forward]]` may have been meant in a file, but could not be read."""
    return not draft.readable or any(problem.key.startswith("forward") for problem in draft.problems)


@dataclass
class _Assembly:
    """One interface being put together."""

    name: str
    main: InterfaceDraft
    drafts: Sequence[Draft]
    names: Names
    problems: list[Problem]
    read_key: ReadKey
    now: float
    peers: list[PeerDraft] = field(init=False)

    def __post_init__(self) -> None:
        self.peers = [peer for draft in self.drafts for peer in draft.peers]

    def result(self) -> Assembled:
        private_key = self._private_key()
        peers = tuple(peer for draft in self.peers if (peer := self._peer(draft)))
        forwards, masquerades = _rules(self.drafts, self.names)
        self._check_peers(private_key)
        self.problems.extend(self._check_addresses())
        self.problems.extend(self._check_mtu())
        self.problems.extend(self._check_rules())
        interface = self._interface(private_key, peers, forwards, masquerades) if private_key else None
        return Assembled(interface, self._footprint(), tuple(self.problems), self.names.lacking)

    def _interface(
        self,
        private_key: Secret,
        peers: tuple[Peer, ...],
        forwards: tuple[Forward, ...],
        masquerades: tuple[Masquerade, ...],
    ) -> Interface:
        main = self.main
        return Interface(
            name=self.name,
            private_key=private_key,
            addresses=tuple(address for address, _ in main.addresses),
            role=main.role,
            listen_port=main.listen_port,
            mtu=main.mtu,
            fwmark=main.fwmark,
            adopt=main.adopt,
            enabled=main.enabled,
            forwarding=main.forwarding or (Forwarding.RULES if forwards else Forwarding.UNMANAGED),
            networks=self.names.networks(),
            peers=peers,
            forwards=forwards,
            masquerades=masquerades,
            strip_after=main.strip_after,
        )

    def _private_key(self) -> Secret | None:
        where = self.main.where / "private_key_file"
        default = f"keys/{self.name}.key"
        file = self.main.private_key_file or default
        hint = f"`wgd genkey {self.name}` makes one"
        if file != default:
            hint = f"save your key there, mode 0640; without this line `wgd genkey {self.name}` makes one"
        return self._key(file, True, where, hint)

    def _key(self, file: str, private: bool, where: Where, if_missing: str) -> Secret | None:
        try:
            return self.read_key(file, private)
        except KeyFileError as error:
            hint = if_missing if error.missing else error.hint
            self.problems.append(where.error(error.message, hint))
            return None

    def _peer(self, draft: PeerDraft) -> Peer | None:
        endpoint = self._endpoint(draft)
        preshared_key = None
        if draft.preshared_key_file:
            where = draft.where / "preshared_key_file"
            hint = f"`wg genpsk` makes one; save it as {draft.preshared_key_file} on both machines, mode 0640"
            preshared_key = self._key(draft.preshared_key_file, False, where, hint)
        if draft.public_key is None:
            return None
        allowed = (network for network, _ in self.names.allowed_ips(draft))
        return Peer(
            name=draft.name,
            public_key=draft.public_key,
            allowed_ips=tuple(dict.fromkeys(allowed)),
            endpoint=endpoint,
            persistent_keepalive=draft.persistent_keepalive,
            preshared_key=preshared_key,
            routes=draft.routes,
            enabled=draft.enabled,
            expires=draft.expires,
        )

    def _endpoint(self, draft: PeerDraft) -> Endpoint | None:
        """On a hub an endpoint counts only together with a keepalive."""
        dialled, kept_alive = draft.endpoint is not None, draft.persistent_keepalive > 0
        if self.main.role is Role.SPOKE:
            if draft.sound and not dialled and self.main.listen_port is None:
                hint = "add an endpoint to the peer, or listen_port to [interface]"
                message = "has no endpoint, and this spoke has no listen_port: neither can find the other"
                self.problems.append(draft.where.warning(message, hint))
            return draft.endpoint
        if dialled and not kept_alive:
            message = "is left out on a hub: what a hub sees as an endpoint is a hole in some NAT box"
            hint = "delete the line; for a peer that this hub dials on purpose add persistent_keepalive"
            self.problems.append((draft.where / "endpoint").warning(message, hint))
            return None
        if kept_alive and not dialled:
            message = "on a hub calls for ever after spokes that are gone"
            hint = "delete the line; the spoke keeps its NAT open, with its own persistent_keepalive"
            self.problems.append((draft.where / "persistent_keepalive").warning(message, hint))
        return draft.endpoint

    def _counting(self) -> list[PeerDraft]:
        """The peers that are neither disabled nor expired."""
        return [
            peer
            for peer in self.peers
            if peer.enabled and (peer.expires is None or peer.expires.timestamp() > self.now)
        ]

    def _allowed(self) -> list[Allowed]:
        return [(peer, placed) for peer in self._counting() for placed in self.names.allowed_ips(peer)]

    def _check_peers(self, private_key: Secret | None) -> None:
        own_key = x25519.public(private_key.reveal()) if private_key else None
        peers, allowed = self._counting(), self._allowed()
        self.problems.extend(overlap.same_keys(peers, own_key))
        self.problems.extend(overlap.same_prefixes(allowed))
        self.problems.extend(overlap.nested_prefixes(allowed))
        self.problems.extend(overlap.own_addresses(allowed, self.main.addresses))
        if not self.main.fwmark:
            self.problems.extend(overlap.loops(peers, allowed))
        for peer in peers:
            if peer.sound and not peer.allowed_ips:
                message = "is empty: nothing can be sent to this peer or come from it"
                self.problems.append((peer.where / "allowed_ips").warning(message))

    def _check_addresses(self) -> Iterator[Problem]:
        for address, where in self.main.addresses:
            network = address.network
            ends = (network.network_address, network.broadcast_address)
            if network.version == 4 and network.prefixlen < 31 and address.ip in ends:
                hint = f"write this machine's: {network.network_address + 1}/{network.prefixlen} or another"
                yield where.warning(f"{address.ip} stands for the whole network, not for a machine", hint)

    def _check_mtu(self) -> Iterator[Problem]:
        mtu, where = self.main.mtu, self.main.where / "mtu"
        if mtu is None or mtu == MTU_AUTO or mtu >= _IPV6_MTU:
            return
        six = [place for address, place in self.main.addresses if address.version == 6]
        six += [place for _, (network, place) in self._allowed() if network.version == 6]
        if six:
            message = f"found {mtu}, but {six[0]} is IPv6, which needs at least {_IPV6_MTU}"
            hint = "the kernel takes IPv6 away from an interface with a smaller MTU"
            yield where.error(message, hint, also=tuple(place.file for place in six))

    def _check_rules(self) -> Iterator[Problem]:
        forwards = [rule for draft in self.drafts for rule in draft.forwards]
        masquerades = [rule for draft in self.drafts for rule in draft.masquerades]
        if masquerades and not forwards and not any(map(_hides_forwards, self.drafts)):
            message = "masquerades what no [[forward]] lets pass"
            hint = 'add a [[forward]] with from = […] and the same "to"'
            yield masquerades[0].where.error(message, hint)
        if self.main.forwarding is Forwarding.UNMANAGED and (forwards or masquerades):
            rule = forwards[0].where if forwards else masquerades[0].where
            message = f'found "unmanaged", but there is a rule at {rule}'
            yield (self.main.where / "forwarding").error(
                message, 'write "rules", or delete the line', also=(rule.file,)
            )
        bound = [(rule.where / "in", rule.incoming) for rule in forwards]
        bound += [(rule.where / "out", rule.outgoing) for rule in forwards]
        bound += [(rule.where / "out", rule.out) for rule in masquerades]
        for where, device in bound:
            if device == self.name:
                message = f"is {self.name} itself, expected the device on the other side, such as eth0"
                hint = f"delete it: what lives behind {self.name} is bound to {self.name} anyway"
                yield where.error(message, hint)

    def _footprint(self) -> Footprint | None:
        """What an enabled interface occupies: its addresses' networks and its peers' routes."""
        main = self.main
        if not main.enabled:
            return None
        routes: dict[IPNetwork, Where] = {address.network: where for address, where in main.addresses}
        for peer, (network, where) in self._allowed():
            if peer.routes:
                routes.setdefault(network, where)
        port = Placed(main.listen_port, main.where / "listen_port") if main.listen_port else None
        return Footprint(self.name, main.addresses, port, routes)
