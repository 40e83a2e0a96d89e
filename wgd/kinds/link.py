"""Kind `link`: the WireGuard interface itself.

Marker: link group 119; for a process that a wgd started and could not mark, a note of its number.
Quirks: a TUN device (wireguard-go) takes its group only after it was made; an MTU below 1280 removes IPv6
    addresses for good; taking a link down drops its routes without a word.
Deletes when: it carries the group and no enabled file claims its name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from wgd.access.flows import door, guard
from wgd.config.document import MTU_AUTO, Config, Interface
from wgd.kinds.route import Route, lookup
from wgd.model import OURS, Change, Op, Ref, Stage, State, Verb
from wgd.protocols import Kind
from wgd.values import value

KERNEL = "wireguard"
USERSPACE = "userspace wireguard"
DEFAULT_MTU = 1420
OVERHEAD = 80
"""Bytes WireGuard adds to a packet: 40 (IPv6) + 8 (UDP) + 32 (message header and tag)."""
LEAST_IPV6_MTU = 1280


@value
class Link:
    """A network interface. `mtu` None: not managed. `kind` is `KERNEL`, `USERSPACE` (a TUN device with a
    WireGuard socket), or whatever else rtnetlink calls it. `up` is the administrative state.
    `unfinished`: its process was started by a wgd that died before it could set the group."""

    name: str
    kind: str
    mtu: int | None = None
    up: bool = True
    group: int = OURS
    index: int = 0
    unfinished: bool = False

    @property
    def wireguard(self) -> bool:
        return self.kind in (KERNEL, USERSPACE)


@value(kw_only=True)
class LinkCreate(Op):
    """Make the interface, down; `userspace`: by starting a WireGuard process for it."""

    stage: ClassVar[Stage] = Stage.LINK
    name: str
    mtu: int | None
    userspace: bool

    def commands(self) -> Sequence[str]:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        if self.userspace:
            return (f"wireguard-go {self.name}", f"ip link set dev {self.name} group {OURS}{mtu}")
        return (f"ip link add dev {self.name} group {OURS}{mtu} type wireguard",)


@value(kw_only=True)
class LinkSet(Op):
    """Change attributes; None leaves one as it is."""

    stage: ClassVar[Stage] = Stage.LINK
    name: str
    mtu: int | None = None
    group: int | None = None

    def commands(self) -> Sequence[str]:
        group = f" group {self.group}" if self.group is not None else ""
        mtu = f" mtu {self.mtu}" if self.mtu is not None else ""
        return (f"ip link set dev {self.name}{group}{mtu}",)


@value(kw_only=True)
class LinkUp(Op):
    """Take the interface up."""

    stage: ClassVar[Stage] = Stage.UP
    name: str

    def commands(self) -> Sequence[str]:
        return (f"ip link set dev {self.name} up",)


@value(kw_only=True)
class LinkDelete(Op):
    """Remove the interface, with all that hangs on it."""

    stage: ClassVar[Stage] = Stage.LINK
    name: str

    def commands(self) -> Sequence[str]:
        return (f"ip link delete dev {self.name}",)


class LinkKind(Kind[Link]):
    name = "link"

    def key(self, spec: Link) -> Hashable:
        return spec.name

    def desired(self, config: Config, seen: State) -> Iterable[Link]:
        kind = USERSPACE if seen.backend == "userspace" else KERNEL
        for interface in config.enabled():
            yield Link(interface.name, kind, wanted_mtu(interface, seen))

    def owns(self, have: Link, seen: State) -> bool:
        return (have.group == OURS or have.unfinished) and have.wireguard

    def differences(self, want: Link, have: Link) -> tuple[tuple[str, str, str], ...]:
        found = []
        if not have.wireguard:
            found.append(("kind", have.kind, want.kind))
        if want.mtu is not None and want.mtu != have.mtu:
            found.append(("mtu", str(have.mtu), str(want.mtu)))
        if want.group != have.group:
            found.append(("group", str(have.group), str(want.group)))
        if not have.up:
            found.append(("state", "down", "up"))
        return tuple(found)

    def conflict(self, want: Link, have: Link, config: Config, seen: State) -> tuple[str, str] | None:
        if not have.wireguard:
            return (
                f"{have.name} exists and is no WireGuard interface ({have.kind or 'a device'})",
                "rename the file, or the device",
            )
        if self.owns(have, seen) or config.interfaces[want.name].adopt:
            return None
        return (
            f"{have.name} exists and was not made by wgd",
            f"`adopt = true` under [interface] in {have.name}.toml takes it over without dropping a session",
        )

    def interface(self, spec: Link) -> str | None:
        return spec.name

    def label(self, spec: Link) -> str:
        return spec.name

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        for change in changes:
            refs = (change.ref,)
            if change.verb is Verb.DELETE:
                yield LinkDelete(refs=refs, name=change.before.name, deletes=True)
                continue
            want: Link = change.after
            if change.verb is Verb.CREATE:
                yield LinkCreate(refs=refs, name=want.name, mtu=want.mtu, userspace=want.kind == USERSPACE)
                yield LinkUp(refs=refs, needs=(*refs, *_rules(want)), name=want.name)
                continue
            yield from _update(change.before, want, refs)


def _update(have: Link, want: Link, refs: tuple[Ref, ...]) -> Iterable[Op]:
    mtu = want.mtu if want.mtu != have.mtu else None
    group = want.group if want.group != have.group else None
    if mtu is not None or group is not None:
        yield LinkSet(refs=refs, name=want.name, mtu=mtu, group=group)
    if not have.up:
        yield LinkUp(refs=refs, needs=_rules(want), name=want.name)


def _rules(want: Link) -> tuple[Ref, ...]:
    """Fail closed: no packet flows through a link whose rules could not be set."""
    return tuple(Ref("nftables", chain(want.name)) for chain in (guard, door))


def wanted_mtu(interface: Interface, seen: State) -> int | None:
    """The MTU to set: a number, None to leave it, or for "auto" what the way to every endpoint allows."""
    if interface.mtu != MTU_AUTO:
        return interface.mtu
    routes: list[Route] = list(seen.of("route").values())
    found = [
        mtu
        for peer in interface.peers
        if peer.active(seen.now) and peer.endpoint is not None
        for address, _ in seen.resolved.get(str(peer.endpoint), ())
        if (mtu := _path_mtu(address, interface.name, routes, seen)) is not None
    ]
    least = LEAST_IPV6_MTU if any(address.version == 6 for address in interface.addresses) else 0
    return max(min(found) - OVERHEAD, least) if found else DEFAULT_MTU


def _path_mtu(address: str, own: str, routes: list[Route], seen: State) -> int | None:
    route = lookup(ipaddress.ip_address(address), routes, without=own)
    if route is None or route.device is None:
        return None
    link = seen.of("link").get(route.device)
    return route.mtu or (link.mtu if link else None)
