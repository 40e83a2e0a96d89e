"""What the peers of one interface may not share: keys, allowed IPs, and the interface's own of both.

WireGuard takes a prefix silently away from the peer that had it, and ignores its own key in silence.
Only peers that count now are compared: neither disabled nor expired ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, starmap

from wgd.config.document import IPInterface
from wgd.config.draft import PeerDraft
from wgd.config.names import SHARED
from wgd.config.source import Placed, Where
from wgd.config.wording import listed
from wgd.errors import Problem
from wgd.prefixes import BITS, Prefix

IPV6_MTU = 1280
"""The least that IPv6 needs."""

Allowed = tuple[PeerDraft, Placed[Prefix]]
"""An allowed IP and whose it is."""


def same_keys(peers: Sequence[PeerDraft], own_key: bytes | None) -> Iterator[Problem]:
    """One public key for two peers, or the interface's own."""
    first: dict[bytes, PeerDraft] = {}
    for peer in peers:
        if peer.public_key is None:
            continue
        if peer.public_key == own_key:
            where = peer.where / "public_key"
            hint = "write the key of the other machine: what `wgd pubkey` prints there"
            yield where.error("is this interface's own public key, expected a peer's", hint)
        other = first.setdefault(peer.public_key, peer)
        if other is not peer:
            where = peer.where / "public_key"
            message = f"is the public key of {other.name} too ({other.where / 'public_key'})"
            hint = "every machine has a key of its own; or set enabled = false on one of the two"
            yield where.error(message, hint, also=(other.where.file,))


def disjoint(prefixes: Iterable[Prefix]) -> bool:
    """Whether none of them covers another, or is there twice: then the next two have nothing to say."""
    return not any(starmap(Prefix.covers, pairwise(sorted(prefixes))))


def same_prefixes(allowed: Iterable[Allowed]) -> Iterator[Problem]:
    """One prefix for two peers."""
    first: dict[Prefix, Allowed] = {}
    for peer, placed in allowed:
        other, place = first.setdefault(placed.value, (peer, placed))
        if place is placed:
            continue
        network, where = placed
        if other is not peer:
            message = f"{network} is already an allowed IP of {other.name} ({place.where})"
            hint = "a prefix belongs to one peer: WireGuard would move it silently to the last"
            yield where.error(message, hint, also=(other.where.file, SHARED))
        elif place.where is not where:
            yield where.warning(
                f"{network} stands twice in the allowed IPs of {peer.name}", "keep one of the two"
            )


def nested_prefixes(allowed: Iterable[Allowed]) -> Iterator[Problem]:
    """A prefix that covers prefixes of other peers: legal, and worth knowing."""
    outer: list[tuple[int, Allowed, list[str]]] = []
    version = 0
    for peer, placed in sorted(allowed, key=_prefix_of):
        own_version, start, _ = placed.value
        while outer and (own_version != version or outer[-1][0] < start):
            yield from _covering(outer.pop())
        version = own_version
        for _, (owner, around), covered in outer:
            if owner is not peer and around.value != placed.value and peer.name not in covered[-1:]:
                covered.append(peer.name)
        outer.append((placed.value.last, (peer, placed), []))
    for entry in reversed(outer):
        yield from _covering(entry)


def _prefix_of(one: Allowed) -> Prefix:
    return one[1].value


def _covering(entry: tuple[int, Allowed, list[str]]) -> Iterator[Problem]:
    _, (peer, (network, where)), covered = entry
    names = list(dict.fromkeys(covered))
    if names:
        message = f"{network} of {peer.name} covers allowed IPs of {listed(names)}"
        yield where.warning(message, "legal: the longest prefix wins; check that it is meant")


def own_addresses(allowed: Iterable[Allowed], addresses: Iterable[Placed[IPInterface]]) -> Iterator[Problem]:
    """An address of this machine as a peer's."""
    own: dict[tuple[int, int], Where] = {
        (address.version, int(address.ip)): place for address, place in addresses
    }
    for _, (network, where) in allowed:
        if network.single:
            place = own.get((network.version, network.first))
            if place:
                message = f"{network.address} is this interface's own address ({place})"
                hint = "write the peer's address, not this machine's"
                yield where.error(message, hint, also=(place.file, SHARED))


def loops(peers: Sequence[PeerDraft], allowed: Iterable[Allowed]) -> Iterator[Problem]:
    """An endpoint that lies in what is routed into the tunnel: its packets would go round in circles."""
    routed: dict[tuple[int, int], dict[int, Where]] = {}
    for peer, (network, where) in allowed:
        if peer.routes:
            version, first, length = network
            shift = BITS[version] - length
            routed.setdefault((version, shift), {})[first >> shift] = where
    for peer in peers:
        address = peer.endpoint.address if peer.endpoint else None
        if address is None:
            continue
        for (version, shift), places in routed.items():
            place = places.get(int(address) >> shift) if version == address.version else None
            if place:
                message = f"{address} is routed into the tunnel itself, by the allowed IP at {place}"
                yield (peer.where / "endpoint").warning(
                    message, "leave the endpoint's address out of the allowed IPs"
                )
                break
