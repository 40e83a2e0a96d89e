"""What a source says → one file that wgd takes: contradictions settled as WireGuard settles them.

Whatever `wgd check` would refuse is left out here, and accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from wgd.config import keytext, x25519
from wgd.config.document import IPInterface, Role
from wgd.importer import names
from wgd.importer.found import (
    Fate,
    Found,
    FoundPeer,
    KeyFile,
    KeyPlace,
    Ledger,
    Line,
    Raw,
    RawPeer,
    Said,
    Table,
    Toml,
    Value,
    hidden,
)
from wgd.importer.rules import Rules
from wgd.model import Secret
from wgd.prefixes import Prefix, collapsed

T = TypeVar("T")

_IPV6_MTU = 1280


def settle(raw: Raw, ledger: Ledger, rules_of: Rules, role: Role | None = None) -> Found:
    """The file. `rules_of` holds the rules by then; `role` None: as the file looks like."""
    settled = _Settling(raw, ledger)
    return settled.found(rules_of, role or guessed_role(raw))


def guessed_role(raw: Raw) -> Role:
    """A hub has a port of its own and waits for its peers: it calls nobody on purpose.

    Wrong the one way, old endpoints stay in a file; wrong the other way, nobody calls any more. So there has
    to be a peer that calls, and no endpoint that is kept alive or is a name, as no machine writes it down."""
    called = [peer for peer in raw.peers if peer.endpoint]
    meant = [
        peer for peer in called if peer.keepalive or (peer.endpoint and peer.endpoint.value.address is None)
    ]
    waits = len(called) < len(raw.peers) or (raw.saved and len(raw.peers) > 1)
    if raw.listen_port and not meant and (waits or not raw.peers):
        return Role.HUB
    return Role.SPOKE


def clean(raw: Raw, ledger: Ledger) -> None:
    """Leave out what cannot stand in a file of wgd's: broken peers, and what two of them share."""
    own_key = _own_key(raw)
    raw.peers = [peer for peer in _merged(raw.peers, ledger) if _is_sound(peer, own_key, ledger)]
    raw.addresses = _own_addresses(raw, ledger)
    _single_owners(raw, ledger)
    _check_mtu(raw, ledger)


def behind(raw: Raw, version: int) -> tuple[Prefix, ...]:
    """What lives behind the interface: its own networks, and its peers' allowed IPs."""
    own = [one for said in raw.addresses if (one := Prefix.of(said.value.network)).size > 1]
    allowed = [said.value for peer in raw.peers for said in peer.allowed_ips]
    return collapsed([*own, *allowed], version)


def _merged(peers: Iterable[RawPeer], ledger: Ledger) -> list[RawPeer]:
    """A key that stands there twice is one peer to WireGuard: the later section changes the earlier one."""
    by_key: dict[bytes, RawPeer] = {}
    found = []
    for peer in peers:
        earlier = by_key.get(peer.public_key.value) if peer.public_key else None
        if earlier is None or peer.public_key is None:
            found.append(peer)
            if peer.public_key:
                by_key[peer.public_key.value] = peer
            continue
        _add(earlier, peer, ledger)
    return found


def _add(earlier: RawPeer, later: RawPeer, ledger: Ledger) -> None:
    why = f"{later.head.origin} begins the same peer again, and the last one counts"
    for said in earlier.allowed_ips:
        ledger.stripped(said.line, why)
    for name in ("public_key", "preshared_key", "endpoint", "keepalive"):
        new, old = getattr(later, name), getattr(earlier, name)
        if new and old:
            ledger.stripped(old.line, why)
        if new:
            setattr(earlier, name, new)
    earlier.allowed_ips = later.allowed_ips
    earlier.names += later.names
    earlier.comments += later.comments


def _is_sound(peer: RawPeer, own_key: bytes | None, ledger: Ledger) -> bool:
    why = ""
    if peer.public_key is None:
        why = "the peer has no public key that could be read"
    elif peer.public_key.value == own_key:
        why = "the peer is this machine itself, by its public key"
    if why:
        for line in peer.lines or [peer.head]:
            if all(entry.fate is Fate.CARRIED for entry in ledger.of(line)):
                ledger.missed(line, why)
    return not why


def _own_key(raw: Raw) -> bytes | None:
    """The interface's public key, if its private one is here."""
    place = raw.private_key.value if raw.private_key else None
    return x25519.public(x25519.clamp(place.reveal())) if isinstance(place, Secret) else None


def _own_addresses(raw: Raw, ledger: Ledger) -> list[Said[IPInterface]]:
    kept: dict[object, Said[IPInterface]] = {}
    for said in raw.addresses:
        first = kept.setdefault(said.value.ip, said)
        if first.value != said.value:
            ledger.missed(said.line, f"{said.value.ip} is there already, as {first.value}")
        elif first is not said:
            ledger.stripped(said.line, f"{said.value} stands there twice")
    return list(kept.values())


def _single_owners(raw: Raw, ledger: Ledger) -> None:
    """WireGuard gives a prefix to the last peer that lists it, and nothing to itself."""
    owner = {said.value: peer for peer in raw.peers for said in peer.allowed_ips}
    here = {said.value.ip for said in raw.addresses}
    for peer in raw.peers:
        kept: dict[Prefix, Said[Prefix]] = {}
        for said in peer.allowed_ips:
            if owner[said.value] is not peer:
                ledger.stripped(said.line, f"{said.value} goes to a later peer, as WireGuard does it")
            elif said.value.single and said.value.address in here:
                ledger.missed(said.line, f"{said.value.address} is this machine's own address")
            elif said.value in kept:
                ledger.stripped(said.line, f"{said.value} stands there twice")
            else:
                kept[said.value] = said
        peer.allowed_ips = list(kept.values())


def _check_mtu(raw: Raw, ledger: Ledger) -> None:
    addresses = [said.value.version for said in raw.addresses]
    six = 6 in addresses or any(said.value.version == 6 for peer in raw.peers for said in peer.allowed_ips)
    if raw.mtu and raw.mtu.value < _IPV6_MTU and six:
        ledger.missed(raw.mtu.line, f"IPv6 needs an MTU of {_IPV6_MTU} at least")
        raw.mtu = None


class _Settling:
    """One cleaned `Raw` on its way to a `Found`."""

    def __init__(self, raw: Raw, ledger: Ledger) -> None:
        self._raw, self._ledger = raw, ledger
        self._keys: list[KeyFile] = []

    def found(self, made: Rules, role: Role) -> Found:
        raw = self._raw
        interface = self._interface(role)
        taken: dict[str, int] = {}
        peers = []
        for number, peer in enumerate(raw.peers, 1):
            name = names.unlike(next(iter(peer.names), f"peer-{number}"), taken)
            peers.append(FoundPeer(name, tuple(dict.fromkeys(peer.comments)), self._peer(peer, name, role)))
        comments = tuple(dict.fromkeys(raw.comments))
        return Found(
            raw.name, comments, interface, tuple(peers), tuple(self._keys), made.forwards, made.masquerades
        )

    def _interface(self, role: Role) -> Table:
        raw = self._raw
        values = [Value("role", str(role), _why(role))]
        values.append(Value("addresses", *self._all(raw.addresses)))
        calls = any(peer.endpoint and peer.keepalive for peer in raw.peers)
        if raw.listen_port and role is Role.SPOKE and raw.picked_port and calls:
            self._ledger.stripped(raw.listen_port.line, "a spoke needs no port of its own: it stays as it is")
        elif raw.listen_port:
            values.append(self._one("listen_port", raw.listen_port, int))
        if raw.mtu:
            values.append(self._one("mtu", raw.mtu, int))
        elif raw.mtu_by_route and role is Role.SPOKE and any(peer.endpoint for peer in raw.peers):
            values.append(Value("mtu", "auto", "as wg-quick does: from the route to the endpoint"))
        if raw.fwmark:
            values.append(self._one("fwmark", raw.fwmark, int))
        if raw.private_key:
            self._key(f"keys/{raw.name}.key", raw.private_key)
        return tuple(values)

    def _peer(self, peer: RawPeer, name: str, role: Role) -> Table:
        values = [self._one("public_key", peer.public_key, keytext.encoded)] if peer.public_key else []
        if peer.preshared_key:
            file = f"keys/{self._raw.name}-{name}.psk"
            self._key(file, peer.preshared_key)
            values.append(Value("preshared_key_file", file, _origin(peer.preshared_key.line)))
        values.append(Value("allowed_ips", *self._all(peer.allowed_ips)))
        if peer.endpoint and role is Role.HUB and not peer.keepalive:
            why = "a hub waits for its peers; to call this one, give it endpoint and persistent_keepalive"
            self._ledger.stripped(peer.endpoint.line, why)
        elif peer.endpoint:
            values.append(self._one("endpoint", peer.endpoint, str))
        if peer.keepalive:
            values.append(self._one("persistent_keepalive", peer.keepalive, int))
        routes = peer.routes or self._raw.routes
        if routes and not routes.value and peer.allowed_ips:
            values.append(Value("routes", False, _origin(routes.line)))
        if routes and not self._ledger.of(routes.line):
            self._ledger.carried(routes.line, "as routes = false of each peer")
        return tuple(values)

    def _key(self, file: str, place: Said[KeyPlace]) -> None:
        self._ledger.carried(place.line, f"to {file}")
        self._keys.append(KeyFile(file, place.value, place.line))

    def _one(self, key: str, said: Said[T], shown: Callable[[T], Toml]) -> Value:
        self._ledger.carried(said.line)
        return Value(key, shown(said.value), _origin(said.line))

    def _all(self, said: Sequence[Said[object]]) -> tuple[tuple[str, ...], str]:
        for one in said:
            self._ledger.carried(one.line)
        origins = dict.fromkeys(_origin(one.line) for one in said)
        return tuple(str(one.value) for one in said), ", ".join(origins)


def _why(role: Role) -> str:
    if role is Role.HUB:
        return "it has a port, and calls no peer"
    return "it calls a peer, or has no port to be called at"


def _origin(line: Line) -> str:
    return f"{line.origin}: {hidden(line.comment)}" if line.comment and line.key else line.origin
