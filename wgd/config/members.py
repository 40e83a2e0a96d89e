"""The peers and rules of one interface, one by one: draft → value, and what is wrong with each by itself."""

from __future__ import annotations

from collections.abc import Callable

from wgd.config.document import Endpoint, Forward, Input, Masquerade, Peer, Role
from wgd.config.draft import ForwardDraft, InputDraft, InterfaceDraft, MasqueradeDraft, PeerDraft
from wgd.config.keys import KeyFileError
from wgd.config.resolve import Names
from wgd.config.source import Where
from wgd.errors import Problem
from wgd.model import Secret
from wgd.values import value

ReadKey = Callable[[str, bool], Secret]
"""(file name as in the TOML, whether it is a private key) → the key; raises `KeyFileError`."""


def counts(peer: PeerDraft, now: float) -> bool:
    """Whether it is neither disabled nor expired."""
    return peer.enabled and (peer.expires is None or peer.expires.timestamp() > now)


@value
class Members:
    """What peers and rules depend on. What is wrong with them is added to `problems`."""

    main: InterfaceDraft
    names: Names
    read_key: ReadKey
    problems: list[Problem]

    def key(self, file: str, private: bool, where: Where, if_missing: str) -> Secret | None:
        """The key in a file, or None; `if_missing` is the hint if there is none."""
        try:
            return self.read_key(file, private)
        except KeyFileError as error:
            hint = if_missing if error.missing else error.hint
            self.problems.append(where.error(error.message, hint))
            return None

    def forward(self, rule: ForwardDraft) -> Forward:
        """One `[[forward]]`."""
        source = self.names.side(rule.source, rule.where, "from")
        target = self.names.side(rule.target, rule.where, "to")
        return Forward(source, target, rule.ports, rule.incoming, rule.outgoing)

    def input(self, rule: InputDraft) -> Input:
        """One `[[input]]`."""
        return Input(self.names.side(rule.source, rule.where, "from"), rule.ports)

    def masquerade(self, rule: MasqueradeDraft) -> Masquerade:
        """One `[[masquerade]]`."""
        target, snat = self.names.side(rule.target, rule.where, "to"), rule.snat
        other = next((net for net in target.networks if snat and net.version != snat.version), None)
        if snat and other:
            message = f"found {snat}, but {other} in `to` is IPv{other.version}"
            hint = "give each IP version a [[masquerade]] of its own"
            self.problems.append((rule.where / "snat").error(message, hint))
        return Masquerade(rule.out or "", target, snat)

    def peer(self, draft: PeerDraft, now: float) -> Peer | None:
        """One peer; None if it has no key."""
        endpoint = self.alone(draft, now)
        preshared_key = None
        if draft.preshared_key_file:
            where = draft.where / "preshared_key_file"
            hint = f"`wg genpsk` makes one; save it as {draft.preshared_key_file} on both machines, mode 0640"
            preshared_key = self.key(draft.preshared_key_file, False, where, hint)
        if draft.public_key is None:
            return None
        allowed = self.names.prefixes(draft)
        return Peer(
            name=draft.name,
            public_key=draft.public_key,
            allowed_ips=tuple(dict.fromkeys(allowed)) if len(allowed) > 1 else allowed,
            endpoint=endpoint,
            persistent_keepalive=draft.persistent_keepalive,
            preshared_key=preshared_key,
            routes=draft.routes,
            enabled=draft.enabled,
            expires=draft.expires,
        )

    def alone(self, draft: PeerDraft, now: float) -> Endpoint | None:
        """A peer's endpoint; notes all warnings that depend on no other peer."""
        if draft.sound and not draft.allowed_ips and counts(draft, now):
            message = "is empty: nothing can be sent to this peer or come from it"
            self.problems.append((draft.where / "allowed_ips").warning(message))
        return self._endpoint(draft)

    def _endpoint(self, draft: PeerDraft) -> Endpoint | None:
        """On a hub an endpoint counts only together with a keepalive."""
        dialled, kept_alive = draft.endpoint is not None, draft.persistent_keepalive > 0
        if self.main.role is Role.SPOKE:
            if draft.sound and not dialled and self.main.listen_port is None:
                hint = "add an endpoint to the peer, or listen_port to [interface]"
                message = "has no endpoint, and this spoke has no listen_port: neither can find the other"
                self.problems.append(draft.where.warning(message, hint))
            return draft.endpoint
        if dialled and not kept_alive:
            message = "is left out on a hub: what a hub sees as an endpoint is a hole in some NAT box"
            hint = "delete the line; for a peer that this hub dials on purpose add persistent_keepalive"
            self.problems.append((draft.where / "endpoint").warning(message, hint))
            return None
        if kept_alive and not dialled:
            message = "on a hub calls for ever after spokes that are gone"
            hint = "delete the line; the spoke keeps its NAT open, with its own persistent_keepalive"
            self.problems.append((draft.where / "persistent_keepalive").warning(message, hint))
        return draft.endpoint
