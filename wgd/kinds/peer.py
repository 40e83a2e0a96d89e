"""Kind `peer`: who may talk to the interface, and which addresses are theirs.

Marker: its link; a peer on a link of ours that no file lists is a leftover.
Quirks: re-adding a peer loses its session, counters, endpoint and the replay floor of its handshakes, so a
    peer is only ever edited. REPLACE_ALLOWEDIPS leaves a gap, so prefixes come and go one by one. Adding a
    prefix to another peer moves it there. A configured endpoint is a hint, see `wgd.endpoints`.
Deletes when: it stands on a link of ours and no enabled, unexpired peer has its public key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from operator import attrgetter
from typing import ClassVar

from wgd.config import keytext
from wgd.config.document import Config, Interface, Role, host_and_port
from wgd.config.document import Peer as ConfiguredPeer
from wgd.endpoints import NOWHERE, Leads, SocketAddress, Whereabouts, lost, stale, target
from wgd.kinds.route import Route, lookup
from wgd.model import OURS, Change, Later, Op, Ref, Secret, Silence, Stage, State
from wgd.per_peer import PerPeer
from wgd.prefixes import Prefix, ordered
from wgd.protocols import Kind
from wgd.values import replace, value


@value
class Stripped:
    """An endpoint that was taken away, as text, and when, in seconds since the epoch."""

    endpoint: str
    at: float


@value
class Peer:
    """One peer of a device.

    Wanted: `endpoint` is where to start looking (None: wait for the peer; NOWHERE: forget it), `configured`
    the text it comes from, `lost` whether it is to replace a live one. Observed: `endpoint` is the live one,
    `pushed` the configured text that wgd last set (this boot), `stripped` the endpoint it had until wgd took
    it away, `last_handshake` seconds since the epoch (0: never), `received`/`sent` bytes. `allowed_ips` has
    each prefix once, ascending.
    """

    interface: str
    public_key: bytes
    allowed_ips: tuple[Prefix, ...]
    preshared_key: Secret | None = None
    persistent_keepalive: int = 0
    name: str = ""
    endpoint: SocketAddress | None = None
    configured: str | None = None
    lost: bool = False
    pushed: str | None = None
    stripped: Stripped | None = None
    last_handshake: float = 0.0
    received: int = 0
    sent: int = 0


@value
class PeerEdit:
    """What to change of one peer; None leaves a thing as it is.

    `add_allowed_ips` are appended (and taken from whoever has them), `remove_allowed_ips` taken away if it is
    this peer that has them. `preshared_key`: 32 zero bytes remove it. `only_existing`: do not make the peer
    if it is gone. `remove` wins over everything else. To be noted: `configured`, the endpoint text that is
    pushed or leads there already; `stripped`, what an endpoint of NOWHERE takes away.
    """

    public_key: bytes
    name: str = ""
    remove: bool = False
    only_existing: bool = False
    preshared_key: Secret | None = None
    persistent_keepalive: int | None = None
    endpoint: SocketAddress | None = None
    configured: str | None = None
    stripped: Stripped | None = None
    add_allowed_ips: tuple[Prefix, ...] = ()
    remove_allowed_ips: tuple[Prefix, ...] = ()


NO_PRESHARED_KEY = Secret(bytes(32))
_CONFIGURED = attrgetter("configured")


@value(kw_only=True)
class PeersSet(Op):
    """Apply the edits to one device, in order."""

    stage: ClassVar[Stage] = Stage.PEER
    interface: str
    edits: tuple[PeerEdit, ...]

    def commands(self) -> Sequence[str]:
        return Later(partial(_command, self.interface), self.edits)


def _command(interface: str, edit: PeerEdit) -> str:
    if edit == PeerEdit(edit.public_key, edit.name, only_existing=True, configured=edit.configured):
        return f"# {edit.name} is at {edit.configured} already"
    words = ["wg", "set", interface, "peer", keytext.encoded(edit.public_key)]
    if edit.remove:
        words.append("remove")
    if edit.preshared_key is not None:
        words += ["preshared-key", "/dev/null" if edit.preshared_key == NO_PRESHARED_KEY else "…"]
    if edit.endpoint is not None:
        words += ["endpoint", _endpoint(edit.endpoint)]
    if edit.persistent_keepalive is not None:
        words += ["persistent-keepalive", str(edit.persistent_keepalive or "off")]
    changed = [f"+{prefix}" for prefix in edit.add_allowed_ips]
    changed += [f"-{prefix}" for prefix in edit.remove_allowed_ips]
    if changed:
        words += ["allowed-ips", ",".join(changed)]
    return " ".join(words) + (f"  # {edit.name}" if edit.name else "")


class PeerKind(Kind[Peer]):
    name = "peer"
    privileged = True

    def __init__(self) -> None:
        self._plain = PerPeer[Peer]()

    def key(self, spec: Peer) -> Hashable:
        return (spec.interface, spec.public_key)

    def desired(self, config: Config, seen: State) -> Iterable[Peer]:
        self._plain.begin()
        for interface in config.enabled():
            yield from _settle(interface, self._plain.of(interface, seen.now, _plain(interface.name)), seen)

    def owns(self, have: Peer, seen: State) -> bool:
        link = seen.of("link").get(have.interface)
        return link is not None and link.group == OURS

    def differences(self, want: Peer, have: Peer) -> tuple[tuple[str, str, str], ...]:
        found = []
        if want.allowed_ips != have.allowed_ips:
            found.append(("allowed_ips", _prefixes(have.allowed_ips), _prefixes(want.allowed_ips)))
        if want.preshared_key != have.preshared_key:
            found.append(("preshared_key", _psk(have.preshared_key), _psk(want.preshared_key)))
        if want.persistent_keepalive != have.persistent_keepalive:
            found.append(
                ("persistent_keepalive", str(have.persistent_keepalive), str(want.persistent_keepalive))
            )
        if pushes_endpoint(want, have):
            wanted = "none" if want.endpoint == NOWHERE else _endpoint(want.endpoint)
            found.append(("endpoint", _endpoint(have.endpoint), wanted))
        elif notes_endpoint(want, have):
            found.append(("endpoint in the file", str(have.pushed), str(want.configured)))
        return tuple(found)

    def interface(self, spec: Peer) -> str | None:
        return spec.interface

    def label(self, spec: Peer) -> str:
        return f"{spec.name or keytext.encoded(spec.public_key)} on {spec.interface}"

    def needs(self, spec: Peer) -> tuple[Ref, ...]:
        return (Ref("device", spec.interface),)

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        of: dict[str, list[Change]] = {}
        for change in changes:
            of.setdefault(str(change.interface), []).append(change)
        for interface, some in sorted(of.items()):
            yield PeersSet(
                refs=tuple([change.ref for change in some]),
                needs=self.missing(some[0].after or some[0].before, seen),
                interface=interface,
                edits=tuple(_edits(some, seen.now)),
            )


def pushes_endpoint(want: Peer, have: Peer) -> bool:
    """Whether the endpoint must be set: the peer has none or is lost, or the configuration changed."""
    if want.endpoint is None or want.endpoint == have.endpoint:
        return False
    return have.endpoint is None or want.lost or have.pushed not in (None, want.configured)


def notes_endpoint(want: Peer, have: Peer) -> bool:
    """Whether another text in the configuration leads to where the peer is: that is only noted, or the text
    would be pushed as a new one once the peer has moved on."""
    there = want.endpoint is not None and want.endpoint == have.endpoint
    return there and have.pushed not in (None, want.configured)


def _plain(interface: str) -> Callable[[ConfiguredPeer], Peer]:
    """Makes the peer as it is wanted wherever it is."""

    def plain(peer: ConfiguredPeer) -> Peer:
        return Peer(
            interface,
            peer.public_key,
            ordered(peer.allowed_ips),
            peer.preshared_key,
            peer.persistent_keepalive,
            name=peer.name,
            configured=str(peer.endpoint) if peer.endpoint else None,
        )

    return plain


def _settle(interface: Interface, plain: list[Peer], seen: State) -> list[Peer]:
    """The peers, those that are called with where to look for them, the others with what to forget."""
    silent = _silent(interface, seen)
    if not silent and not any(map(_CONFIGURED, plain)):
        return plain
    peers, settled = seen.of("peer"), []
    for peer in plain:
        if peer.configured is not None:
            key = (peer.interface, peer.public_key)
            peer = _located(peer, peers.get(key), seen.silence.get(key), seen)
        elif peer.public_key in silent:
            peer = replace(peer, endpoint=NOWHERE, lost=True)
        settled.append(peer)
    return settled


def _silent(interface: Interface, seen: State) -> set[bytes]:
    """Those of whom a hub is to forget where they were, if they are not called."""
    if interface.role is not Role.HUB:
        return set()
    peers: Mapping[Hashable, Peer] = seen.of("peer")
    latest = seen.steady - interface.strip_after
    quiet = [key for key, silence in seen.silence.items() if silence.heard <= latest]
    here = (have for key in quiet if (have := peers.get(key)) and have.interface == interface.name)
    return {
        have.public_key
        for have in here
        if have.endpoint
        and stale(interface, False, seen.silence[have.interface, have.public_key], seen.steady)
    }


def _located(plain: Peer, have: Peer | None, silence: Silence | None, seen: State) -> Peer:
    """The peer, and where to look for it."""
    there = Whereabouts(have.endpoint, have.last_handshake > 0, silence) if have else Whereabouts()
    addresses, leads = seen.resolved.get(plain.configured or "", ()), _leads(plain.interface, seen)
    return replace(
        plain,
        endpoint=target(addresses, there, leads, seen.steady),
        lost=lost(addresses, there, leads, seen.steady),
    )


def _leads(own: str, seen: State) -> Leads:
    def leads(address: SocketAddress) -> bool:
        routes: Iterable[Route] = seen.of("route").values()
        return lookup(ipaddress.ip_address(address[0]), routes, without=own) is not None

    return leads


def _edits(changes: Sequence[Change], now: float) -> Iterator[PeerEdit]:
    """First those that stay: what is added to one need not be taken from another. Then those that go."""
    added = {p for change in changes if change.after for p in change.after.allowed_ips}
    for change in changes:
        if change.after is None:
            continue
        edit = _edit(change.before, change.after, added, now)
        if change.before is None or edit != PeerEdit(edit.public_key, name=edit.name, only_existing=True):
            yield edit
    for change in changes:
        if change.after is None:
            yield PeerEdit(change.before.public_key, name=change.before.name, remove=True)


def _edit(have: Peer | None, want: Peer, added: Set[Prefix], now: float) -> PeerEdit:
    if have is None:
        return PeerEdit(
            want.public_key,
            name=want.name,
            preshared_key=want.preshared_key,
            persistent_keepalive=want.persistent_keepalive or None,
            endpoint=want.endpoint,
            configured=want.configured if want.endpoint else None,
            add_allowed_ips=want.allowed_ips,
        )
    push = pushes_endpoint(want, have)
    psk = want.preshared_key or NO_PRESHARED_KEY
    keepalive = want.persistent_keepalive
    strips = push and want.endpoint == NOWHERE
    return PeerEdit(
        want.public_key,
        name=want.name,
        only_existing=True,
        preshared_key=psk if want.preshared_key != have.preshared_key else None,
        persistent_keepalive=keepalive if keepalive != have.persistent_keepalive else None,
        endpoint=want.endpoint if push else None,
        configured=want.configured if push or notes_endpoint(want, have) else None,
        stripped=Stripped(_endpoint(have.endpoint), now) if strips else None,
        add_allowed_ips=ordered({*want.allowed_ips}.difference(have.allowed_ips)),
        remove_allowed_ips=ordered({*have.allowed_ips}.difference(want.allowed_ips, added)),
    )


def _prefixes(prefixes: Iterable[Prefix]) -> str:
    return ", ".join(map(str, prefixes)) or "none"


def _psk(key: Secret | None) -> str:
    return "set" if key else "none"


def _endpoint(endpoint: SocketAddress | None) -> str:
    return host_and_port(*endpoint) if endpoint else "none"
