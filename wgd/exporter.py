"""The other side of a peer as a wg-quick file: what a phone or a laptop without wgd needs. Pure.

The text may hold the peer's own private key and its preshared key: it is for the peer alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgd.config import keys, keytext
from wgd.config.document import Config, Endpoint, Interface, Peer
from wgd.errors import UsageError
from wgd.model import Secret
from wgd.prefixes import Prefix, collapsed, within

KEEPALIVE = 25
"""Seconds: shorter than what NAT boxes remember of a silent flow."""


def choose(config: Config, name: str, interface: str | None = None) -> tuple[Interface, Peer]:
    """The peer of that name and its interface. Raises UsageError unless there is exactly one."""
    if interface is not None and interface not in config.interfaces:
        raise UsageError(f"no usable file names {interface}")
    searched = [one for one in config.interfaces.values() if interface in (None, one.name)]
    found = [(one, peer) for one in searched if (peer := one.peer(name))]
    if not found:
        where = f" on {interface}" if interface else ""
        raise UsageError(f"there is no peer {name}{where} in the usable files")
    if len(found) > 1:
        names = ", ".join(one.name for one, _ in found)
        raise UsageError(f"{names} have a peer {name} each: say which with --interface")
    return found[0]


def peer_file(
    interface: Interface, peer: Peer, endpoint: Endpoint | None, private_key: Secret | None = None
) -> str:
    """The text of the peer's wg-quick file.

    `endpoint`: where the peer finds this machine; None is only right for a peer that this machine dials.
    Raises UsageError if the peer has no address of its own, or the private key is not the peer's."""
    if private_key is not None and keys.public_key(private_key) != peer.public_key:
        raise UsageError(f"the private key is not that of {peer.name}: its public key is another one")
    own = _own_addresses(interface, peer)
    lines = [f"# {peer.name}, a peer of {interface.name}"]
    if private_key or peer.preshared_key:
        lines.append(f"# Keep this secret, and remove it once {peer.name} has it.")
    lines += ["[Interface]", _private_key(peer, private_key), f"Address = {_listed(own)}"]
    if peer.endpoint is not None:
        lines.append(f"ListenPort = {peer.endpoint.port}")
    lines += ["", "[Peer]", f"PublicKey = {keytext.encoded(keys.public_key(interface.private_key))}"]
    if peer.preshared_key is not None:
        lines.append(f"PresharedKey = {keytext.encoded(peer.preshared_key.reveal())}")
    lines.append(f"AllowedIPs = {_listed(_reachable(interface, peer, own))}")
    if endpoint is not None:
        lines += [f"Endpoint = {endpoint}", f"PersistentKeepalive = {KEEPALIVE}"]
    return "\n".join(lines) + "\n"


def _private_key(peer: Peer, private_key: Secret | None) -> str:
    if private_key is None:
        public = keytext.encoded(peer.public_key)
        return f"# PrivateKey = …: put the private key of {peer.name} here, that of {public}"
    return f"PrivateKey = {keytext.encoded(private_key.reveal())}"


def _own_addresses(interface: Interface, peer: Peer) -> list[Prefix]:
    """Its single addresses inside the interface's own networks."""
    networks = _networks(interface)
    own = [prefix for prefix in peer.allowed_ips if prefix.single and within(prefix, networks)]
    if not own:
        raise UsageError(
            f"{peer.name} has no address of its own in the networks of {interface.name}: "
            "its allowed_ips need one like 172.27.0.9/32"
        )
    return own


def _reachable(interface: Interface, peer: Peer, addresses: Iterable[Prefix]) -> list[Prefix]:
    """The interface's own networks and what lies behind the other peers, of the versions that it speaks."""
    versions = {address.version for address in addresses}
    own = _networks(interface)
    behind = [
        prefix
        for other in interface.peers
        if other is not peer and other.enabled
        for prefix in other.allowed_ips
        if not within(prefix, own)
    ]
    return [prefix for prefix in (*own, *_collapsed(behind)) if prefix.version in versions]


def _networks(interface: Interface) -> list[Prefix]:
    return _collapsed(interface.own_networks)


def _collapsed(some: Sequence[Prefix]) -> list[Prefix]:
    return [*collapsed(some, 4), *collapsed(some, 6)]


def _listed(networks: Iterable[Prefix]) -> str:
    return ", ".join(map(str, networks))
