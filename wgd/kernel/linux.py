"""The real kernel: which part of this package reads a kind and runs an op.

Only tables and notes here. It keeps nothing between calls but whether this kernel knows WireGuard, and
what the last dumps held, by which it tells what is the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from wgd.access.revoking import Revoke
from wgd.kernel import (
    conntrack,
    devices,
    links,
    nftables,
    passages,
    policy,
    routes,
    rtnetlink,
    sysctl,
    uapi,
    wireguard,
)
from wgd.kernel.notes import STARTS, SYSCTL, Notes
from wgd.kernel.ruleset import Others
from wgd.kernel.whereabouts import WhereaboutNotes
from wgd.kinds.address import AddressAdd, AddressDelete
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.kinds.nftables import NftElements, NftTransaction
from wgd.kinds.passage import PassageDelete, PassageInsert
from wgd.kinds.peer import Peer, PeersSet
from wgd.kinds.policy import PolicyAdd, PolicyDelete
from wgd.kinds.route import RouteDelete, RouteSet
from wgd.kinds.sysctl import SysctlRestore, SysctlSet
from wgd.model import Op

RUN_DIR = Path("/run/wgd")


class LinuxKernel:
    """`wgd.protocols.Kernel` for the network namespace of the calling thread.

    `run_dir` holds the notes; `sockets` is where WireGuard processes listen. `generations` are the nftables
    generations that our own transactions made. `others`: the rules of all other firewalls.
    """

    def __init__(self, run_dir: Path = RUN_DIR, sockets: Path = uapi.SOCKETS) -> None:
        self.generations: set[int] = set()
        self.others = Others()
        self._run_dir = run_dir
        self._sockets = sockets
        self._sysctls = Notes(run_dir, SYSCTL)
        self._whereabouts = WhereaboutNotes(run_dir)
        self._starts = Notes(run_dir, STARTS)
        self._tunnels = devices.Tunnels(sockets)
        self._routes = routes.Routes()
        self._table = nftables.Table(self.generations)
        self._passages = passages.Passages()
        self._dumps: Mapping[str, Callable[[], Iterable[object]]] = {
            "link": lambda: links.dump(sockets, self._starts.read()),
            "address": rtnetlink.addresses,
            "route": self._routes.read,
            "device": self._tunnels.devices,
            "peer": self._peers,
            "sysctl": lambda: sysctl.dump(self._sysctls),
            "nftables": self._table.everything,
            "dropped": self._table.drops,
            "policy": policy.rules,
            "passage": self._passages.read,
            "connection": conntrack.connections,
        }
        self._runs: Mapping[type[Op], Callable[[Any], None]] = {
            LinkCreate: self._create_link,
            LinkSet: self._change_link,
            LinkUp: links.up,
            LinkDelete: self._delete_link,
            AddressAdd: rtnetlink.add_address,
            AddressDelete: rtnetlink.delete_address,
            RouteSet: self._routes.set,
            RouteDelete: self._routes.delete,
            DeviceSet: self._tunnels.set_device,
            PeersSet: self._set_peers,
            SysctlSet: lambda op: sysctl.write(self._sysctls, op),
            SysctlRestore: lambda op: sysctl.restore(self._sysctls, op),
            PolicyAdd: policy.add_rule,
            PolicyDelete: policy.delete_rule,
            PassageInsert: passages.insert,
            PassageDelete: passages.delete,
            NftElements: self._table.change_elements,
            Revoke: conntrack.revoke,
            NftTransaction: self._table.run,
        }

    def dump(self, kind: str) -> Iterable[object]:
        """Every object of that kind there is; of routes and peers the very same list if nothing of
        them is new. Raises KernelError."""
        if kind != "peer":
            self._tunnels.look_again()
        return self._dumps[kind]()

    def backend(self) -> str:
        """Which WireGuard a new interface gets: "kernel" or "userspace"."""
        return self._backend

    def run(self, op: Op) -> None:
        """Do it, or raise KernelError."""
        self._tunnels.look_again()
        self._runs[type(op)](op)
        self.others.pass_over(self.generations)
        self._passages.pass_over(self.generations)

    @cached_property
    def _backend(self) -> str:
        return "kernel" if wireguard.supported() else "userspace"

    def _peers(self) -> list[Peer]:
        return self._whereabouts.annotate(self._tunnels.peers())

    def _set_peers(self, op: PeersSet) -> None:
        failures = self._tunnels.set_peers(op.interface, op.edits)
        refused = {edit.public_key for edit, _ in failures}
        self._whereabouts.note(op.interface, (edit for edit in op.edits if edit.public_key not in refused))
        if failures:
            raise devices.refusal(op, failures)

    def _create_link(self, op: LinkCreate) -> None:
        links.create(op, self._sockets, self._run_dir, self._starts)
        self._starts.drop(op.name)
        self._whereabouts.forget(op.name)

    def _change_link(self, op: LinkSet) -> None:
        links.change(op)
        if op.group is not None:
            self._starts.drop(op.name)

    def _delete_link(self, op: LinkDelete) -> None:
        links.delete(op, self._sockets)
        self._whereabouts.forget(op.name)
