"""Peers that wgd itself adds to an interface: which address is free, and the text of their drop-ins. Pure.

A file that wgd wrote says so in its first line; no other is ever rewritten: tomli-w keeps no comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tomli_w

from wgd import prefixes
from wgd.config import keytext
from wgd.config.document import Interface
from wgd.config.draft import Draft, PeerDraft
from wgd.config.names import Part, claim
from wgd.errors import UsageError
from wgd.prefixes import Prefix

MARK = "# wgd wrote this file; `wgd disable`, `enable` and `remove` write it anew, without other comments."


def drop_in(interface: str, name: str) -> str:
    """The file of a peer, relative to the config directory."""
    return f"{interface}.d/{name}.toml"


def is_ours(content: bytes) -> bool:
    """Whether wgd wrote it."""
    return content.startswith(f"{MARK}\n".encode())


def text(peers: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a drop-in, from `[peers.NAME]` tables as TOML has them."""
    return f"{MARK}\n\n" + tomli_w.dumps({"peers": peers})


def member(public_key: bytes, addresses: Iterable[Prefix]) -> dict[str, Any]:
    """The table of a new peer."""
    return {"public_key": keytext.encoded(public_key), "allowed_ips": [str(address) for address in addresses]}


def free_addresses(interface: Interface) -> tuple[Prefix, ...]:
    """The next free address in the interface's first network of each IP version, as single-address prefixes.

    Free is what is neither its own, nor of a peer (disabled ones, too), nor of a network with a name.
    Raises UsageError if there is no such network, or a network is full."""
    found = []
    for version in (4, 6):
        own = [network for network in interface.own_networks if network.version == version]
        if own:
            found.append(_free(interface, next((net for net in own if net.size > 2), own[0])))
    if not found:
        raise UsageError(f"{interface.name} has no address: a peer needs one in the same network")
    return tuple(found)


def _free(interface: Interface, network: Prefix) -> Prefix:
    version = network.version
    taken = [net for peer in interface.peers for net in peer.allowed_ips]
    taken += [net for named in interface.networks.values() for net in named]
    taken += [Prefix.alone(address.ip) for address in interface.addresses]
    ends = ((network.first, network.first), (network.last, network.last))
    left = prefixes.difference(
        prefixes.ranges((network,), version), prefixes.union(prefixes.ranges(taken, version), ends)
    )
    if not left:
        alone = network.size <= 2
        why = "it has no room for a second machine" if alone else "every address is taken"
        raise UsageError(f"{network} of {interface.name}: {why}; say another with --address")
    return prefixes.networks(((left[0][0], left[0][0]),), version)[0]


def find(drafts: Sequence[Draft], name: str, interface: str | None) -> tuple[Draft, PeerDraft]:
    """The file that has the peer. Raises UsageError unless exactly one interface has it."""
    found = [
        (draft, peer)
        for draft in drafts
        for peer in draft.peers
        if peer.name == name and interface in (None, home(draft.file))
    ]
    if not found:
        where = f" on {interface}" if interface else ""
        raise UsageError(f"there is no peer {name}{where} in the readable files")
    if len({home(draft.file) for draft, _ in found}) > 1:
        raise UsageError(
            f"{', '.join(home(draft.file) for draft, _ in found)} have a peer {name} each: "
            "say which with --interface"
        )
    if len(found) > 1:
        raise UsageError(f"{name} stands twice, at {' and at '.join(str(peer.where) for _, peer in found)}")
    return found[0]


def home(file: str) -> str:
    """The interface that a file is about; "" for none."""
    claimed = claim(file)
    return claimed.interface or "" if claimed and claimed.part in (Part.MAIN, Part.DROP_IN) else ""
