"""The WireGuard side of every interface, whichever WireGuard it has: the kernel's or a process's.

Here is the choice between the two, and what becomes of an edit that is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import ECONNREFUSED, ENODEV, ENOENT
from functools import partial
from pathlib import Path

from wgd.config import keytext
from wgd.errors import KernelError, PartialFailure
from wgd.kernel import links, netlink, uapi, wireguard
from wgd.kernel.netlink import Kept, absent_is_done
from wgd.kernel.uapi import ProcessTunnel
from wgd.kernel.wireguard import KernelTunnel
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.link import KERNEL, USERSPACE, Link
from wgd.kinds.peer import Peer, PeerEdit, PeersSet
from wgd.model import Ref

_GONE_SINCE = (ENODEV, ENOENT, ECONNREFUSED)
"""How an interface that went after it was listed says so."""

Failure = tuple[PeerEdit, KernelError]


class Tunnels:
    """Reads and sets every WireGuard device; reads it once for the two kinds of objects that it tells.

    So `devices` and then `peers` are one look. `look_again` ends it: what was read is never older than that.
    """

    def __init__(self, sockets: Path) -> None:
        self._sockets, self._kept = sockets, Kept(netlink.GENERIC)
        self._tunnels: dict[tuple[str, str], KernelTunnel | ProcessTunnel] = {}
        self._peers: list[Peer] = []
        self._looked = False

    def devices(self) -> list[Device]:
        """Every WireGuard device."""
        self._look()
        return [tunnel.device for tunnel in self._tunnels.values()]

    def peers(self) -> list[Peer]:
        """Every peer of every WireGuard device; the very same list if none of them is another."""
        if not self._looked:
            self._look()
        self._looked = False
        peers = [peer for tunnel in self._tunnels.values() for peer in tunnel.peers]
        if peers != self._peers:
            self._peers = peers
        return self._peers

    def look_again(self) -> None:
        """What was read may be out of date."""
        self._looked = False

    def _look(self) -> None:
        known, self._tunnels = self._tunnels, {}
        for link in links.dump(self._sockets):
            if link.kind in (KERNEL, USERSPACE):
                place = link.name, link.kind
                tunnel = known.get(place) or self._tunnel(link)
                with absent_is_done(*_GONE_SINCE):
                    tunnel.read()
                    self._tunnels[place] = tunnel
        self._looked = True

    def _tunnel(self, link: Link) -> KernelTunnel | ProcessTunnel:
        if link.kind == KERNEL:
            return KernelTunnel(self._kept, link.name)
        return ProcessTunnel(self._sockets, link.name)

    def set_device(self, op: DeviceSet) -> None:
        """Sets what the op names."""
        if _is_process(self._sockets, op.interface):
            uapi.set_device(self._sockets, op)
        else:
            wireguard.set_device(self._kept, op)

    def set_peers(self, interface: str, edits: Sequence[PeerEdit]) -> list[Failure]:
        """Applies the edits in order, and returns those that were refused."""
        if _is_process(self._sockets, interface):
            return deliver(edits, partial(uapi.set_peers, self._sockets, interface))
        return deliver(edits, partial(wireguard.set_peers, self._kept, interface))


def _is_process(sockets: Path, interface: str) -> bool:
    if wireguard.family() is not None and not uapi.path(sockets, interface).exists():
        return False  # the kernel knows whether there is one
    link = links.find(interface, sockets)
    if link is None:
        raise KernelError(f"set up {interface}", ENODEV, "there is no interface of that name")
    return link.kind == USERSPACE


def deliver(edits: Sequence[PeerEdit], send: Callable[[Sequence[PeerEdit]], None]) -> list[Failure]:
    """All at once; if that is refused, each half by itself, down to the one at fault, since nobody says which
    it is. So the others are done; to repeat an edit does no harm."""
    try:
        send(edits)
    except KernelError as error:
        if len(edits) == 1 or error.denied or error.errno in _GONE_SINCE:
            return [(edit, error) for edit in edits]
        half = len(edits) // 2
        return [*deliver(edits[:half], send), *deliver(edits[half:], send)]
    return []


def refusal(op: PeersSet, failures: Sequence[Failure]) -> KernelError:
    """The error that says which of the op's peers were refused."""
    errors = {edit.public_key: _named(op.interface, edit, error) for edit, error in failures}
    refused = {Ref("peer", (op.interface, key)): str(error) for key, error in errors.items()}
    failed = {at: refused[ref] for at, ref in enumerate(op.refs) if ref in refused}
    return PartialFailure([*errors.values()], failed)


def _named(interface: str, edit: PeerEdit, error: KernelError) -> KernelError:
    name = edit.name or keytext.encoded(edit.public_key)
    return KernelError(f"set peer {name} of {interface}", error.errno, error.detail)
