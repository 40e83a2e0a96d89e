"""The real kernel: which part of this package reads a kind and runs an op.

Only tables and notes here. It keeps nothing between calls but whether this kernel knows WireGuard.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from wgd.kernel import devices, links, nftables, routes, rtnetlink, sysctl, uapi, wireguard
from wgd.kernel.notes import ENDPOINTS, SYSCTL, Notes
from wgd.kinds.address import AddressAdd, AddressDelete
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.kinds.nftables import NftTransaction
from wgd.kinds.peer import Peer, PeersSet
from wgd.kinds.route import RouteDelete, RouteSet
from wgd.kinds.sysctl import SysctlRestore, SysctlSet
from wgd.model import Op

RUN_DIR = Path("/run/wgd")


class LinuxKernel:
    """`wgd.protocols.Kernel` for the network namespace of the calling thread.

    `run_dir` holds the notes; `sockets` is where WireGuard processes listen. `generations` are the nftables
    generations that our own transactions made.
    """

    def __init__(self, run_dir: Path = RUN_DIR, sockets: Path = uapi.SOCKETS) -> None:
        self.generations: set[int] = set()
        self._run_dir = run_dir
        self._sockets = sockets
        self._sysctls = Notes(run_dir, SYSCTL)
        self._endpoints = Notes(run_dir, ENDPOINTS)
        self._dumps: Mapping[str, Callable[[], Iterable[object]]] = {
            "link": lambda: links.dump(sockets),
            "address": rtnetlink.addresses,
            "route": routes.routes,
            "device": lambda: devices.devices(sockets),
            "peer": self._peers,
            "sysctl": lambda: sysctl.dump(self._sysctls),
            "nftables": nftables.chains,
        }
        self._runs: Mapping[type[Op], Callable[[Any], None]] = {
            LinkCreate: self._create_link,
            LinkSet: links.change,
            LinkUp: links.up,
            LinkDelete: self._delete_link,
            AddressAdd: rtnetlink.add_address,
            AddressDelete: rtnetlink.delete_address,
            RouteSet: routes.set_routes,
            RouteDelete: routes.delete_routes,
            DeviceSet: lambda op: devices.set_device(sockets, op),
            PeersSet: self._set_peers,
            SysctlSet: lambda op: sysctl.write(self._sysctls, op),
            SysctlRestore: lambda op: sysctl.restore(self._sysctls, op),
            NftTransaction: lambda op: nftables.run(op, self.generations),
        }

    def dump(self, kind: str) -> Iterable[object]:
        """Every object of that kind there is. Raises KernelError."""
        return self._dumps[kind]()

    def backend(self) -> str:
        """Which WireGuard a new interface gets: "kernel" or "userspace"."""
        return self._backend

    def run(self, op: Op) -> None:
        """Do it, or raise KernelError."""
        self._runs[type(op)](op)

    @cached_property
    def _backend(self) -> str:
        return "kernel" if wireguard.supported() else "userspace"

    def _peers(self) -> list[Peer]:
        pushed = self._endpoints.read()
        found = devices.peers(self._sockets)
        if not pushed:
            return found
        return [
            dataclasses.replace(peer, pushed=pushed[note])
            if (note := _note(peer.interface, peer.public_key)) in pushed
            else peer
            for peer in found
        ]

    def _set_peers(self, op: PeersSet) -> None:
        failures = devices.set_peers(self._sockets, op.interface, op.edits)
        refused = {edit.public_key for edit, _ in failures}
        done = [edit for edit in op.edits if edit.public_key not in refused]
        removed = {_note(op.interface, edit.public_key) for edit in done if edit.remove}
        pushed = {
            _note(op.interface, edit.public_key): edit.configured
            for edit in done
            if edit.endpoint is not None and edit.configured is not None and not edit.remove
        }
        self._note_endpoints(lambda note: note not in removed, pushed)
        if failures:
            raise devices.refusal(op.interface, failures)

    def _create_link(self, op: LinkCreate) -> None:
        links.create(op, self._sockets, self._run_dir)
        self._forget_endpoints(op.name)

    def _delete_link(self, op: LinkDelete) -> None:
        links.delete(op, self._sockets)
        self._forget_endpoints(op.name)

    def _forget_endpoints(self, interface: str) -> None:
        self._note_endpoints(lambda note: not note.startswith(f"{interface} "), {})

    def _note_endpoints(self, keep: Callable[[str], bool], new: Mapping[str, str]) -> None:
        old = self._endpoints.read()
        notes = {note: configured for note, configured in old.items() if keep(note)} | dict(new)
        if notes != old:
            self._endpoints.write(notes)


def _note(interface: str, public_key: bytes) -> str:
    return f"{interface} {base64.b64encode(public_key).decode()}"
