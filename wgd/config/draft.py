"""What one file says, taken by itself: values canonical, names not yet looked up, places kept.

A draft depends on nothing but its file's bytes. Whatever was wrong in the file is in its `problems`.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from wgd.config.document import Endpoint, Forwarding, IPInterface, Opens, PortRange, Role
from wgd.config.layout import Layout, Shift
from wgd.config.source import Where
from wgd.errors import Problem
from wgd.prefixes import IPAddress, Prefix
from wgd.values import field, value

Words = tuple[Prefix | str, ...]
"""CIDRs, and names still to be looked up."""


@value
class InterfaceDraft:
    """One `[interface]`, `sound` when nothing in it was wrong. `private_key_file` None: the default."""

    where: Where
    sound: bool
    addresses: tuple[IPInterface, ...]
    role: Role
    listen_port: int | None
    private_key_file: str | None
    mtu: int | None
    fwmark: int
    adopt: bool
    enabled: bool
    forwarding: Forwarding | None
    strip_after: int
    clamp_mss: bool | None
    fail_closed: bool
    log_drops: bool
    foreign: Opens | None

    @property
    def own_networks(self) -> tuple[Prefix, ...]:
        """Those that its addresses are in."""
        return tuple([Prefix.of(address.network) for address in self.addresses])


@value
class NetworkDraft:
    """One line of `[networks]`; `ranges` empty when it is wrong."""

    name: str
    where: Where
    ranges: tuple[Prefix, ...]


@value
class PeerDraft:
    """One `[peers.NAME]`; `sound` when nothing in it was wrong."""

    name: str
    where: Where
    sound: bool
    public_key: bytes | None
    allowed_ips: Words
    endpoint: Endpoint | None = None
    persistent_keepalive: int = 0
    preshared_key_file: str | None = None
    routes: bool = True
    enabled: bool = True
    expires: datetime.datetime | None = None


@value
class ForwardDraft:
    """One `[[forward]]`."""

    where: Where
    source: Words
    target: Words
    ports: tuple[PortRange, ...]
    incoming: str | None
    outgoing: str | None


@value
class InputDraft:
    """One `[[input]]`."""

    where: Where
    source: Words
    ports: tuple[PortRange, ...]


@value
class MasqueradeDraft:
    """One `[[masquerade]]`."""

    where: Where
    out: str | None
    target: Words
    snat: IPAddress | None


@value
class Draft:
    """One file. `readable` is False when it was no TOML at all, so that any name may have stood in it.
    `confirm_required`: whether each save is to be on trial (`wgd.trial`); of wgd.toml only.

    `layout`: where its tables stand, if it has many and each can be read by itself. `shift`: how its lines
    differ from those of the draft that it was made from."""

    file: str
    readable: bool = True
    problems: tuple[Problem, ...] = ()
    interface: InterfaceDraft | None = None
    networks: tuple[NetworkDraft, ...] = field(default=())
    peers: Sequence[PeerDraft] = ()
    forwards: Sequence[ForwardDraft] = ()
    masquerades: Sequence[MasqueradeDraft] = ()
    inputs: Sequence[InputDraft] = ()
    confirm_required: bool = False
    layout: Layout | None = None
    shift: Shift | None = None
