"""The drafts of one interface → its `Interface`, and every problem that its files have together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

from wgd.config import overlap, x25519
from wgd.config.across import Footprint
from wgd.config.document import (
    ANY,
    INTERNET,
    MTU_AUTO,
    Forward,
    Forwarding,
    Input,
    Interface,
    IPInterface,
    Masquerade,
    Peer,
)
from wgd.config.draft import Draft, InterfaceDraft, PeerDraft
from wgd.config.members import Members, ReadKey, counts
from wgd.config.overlap import IPV6_MTU, Allowed
from wgd.config.resolve import Names
from wgd.config.source import Placed, Where, placed
from wgd.errors import Problem
from wgd.model import Secret
from wgd.prefixes import Prefix
from wgd.values import value
from wgd.versions import Version


@value
class Assembled:
    """`interface` is None when something in it is broken beyond a value; `lacking`: it uses a name
    that a broken file may have defined; `own_key` is the public key of its private one."""

    interface: Interface | None
    footprint: Footprint | None
    problems: tuple[Problem, ...]
    lacking: bool = False
    drafts: Sequence[Draft] = ()
    members: Members | None = None
    own_key: bytes | None = None


def assemble(
    name: str, drafts: Sequence[Draft], shared: Draft | None, read_key: ReadKey, now: float
) -> Assembled:
    """One interface out of its main file (the first draft), its drop-ins and wgd.toml."""
    main = drafts[0].interface
    problems: list[Problem] = []
    own = main.own_networks if main and main.sound else None
    names = Names(shared, drafts, own, problems)
    if main is None:
        for draft in drafts:
            for rule in draft.forwards:
                names.side(rule.source, rule.where, "from")
                names.side(rule.target, rule.where, "to")
            for masquerade in draft.masquerades:
                names.side(masquerade.target, masquerade.where, "to")
            for entry in draft.inputs:
                names.side(entry.source, entry.where, "from")
        return Assembled(None, None, tuple(problems), names.lacking)
    members = Members(main, names, read_key, problems)
    return _Assembly(name, main, drafts, members, problems, now).result()


def _hides_forwards(draft: Draft) -> bool:
    """Whether a `[[forward]]` may have been meant in a file, but could not be read."""
    return not draft.readable or any(problem.key.startswith("forward") for problem in draft.problems)


class _Assembly:
    """One interface being put together."""

    def __init__(
        self,
        name: str,
        main: InterfaceDraft,
        drafts: Sequence[Draft],
        members: Members,
        problems: list[Problem],
        now: float,
    ) -> None:
        self.name, self.main, self.drafts, self.members = name, main, drafts, members
        self.problems, self.now = problems, now

    @cached_property
    def addresses(self) -> tuple[Placed[IPInterface], ...]:
        """The interface's own, and where they stand."""
        return tuple(placed(self.main.addresses, self.main.where, "addresses"))

    @cached_property
    def counting(self) -> list[PeerDraft]:
        return [peer for draft in self.drafts for peer in draft.peers if counts(peer, self.now)]

    @cached_property
    def prefixes(self) -> list[Prefix]:
        """The allowed IPs of all that count."""
        return [prefix for peer in self.counting for prefix in self.members.names.prefixes(peer)]

    @cached_property
    def allowed(self) -> list[Allowed]:
        """The same, and where they stand: for who has something to say of one."""
        names = self.members.names
        return [(peer, placed) for peer in self.counting for placed in names.allowed_ips(peer)]

    def result(self) -> Assembled:
        members, drafts = self.members, self.drafts
        private_key = self._private_key()
        own_key = x25519.public(private_key.reveal()) if private_key else None
        made = (members.peer(peer, self.now) for draft in drafts for peer in draft.peers)
        peers = Version(peer for peer in made if peer)
        forwards = Version(members.forward(rule) for draft in drafts for rule in draft.forwards)
        masquerades = tuple(members.masquerade(rule) for draft in drafts for rule in draft.masquerades)
        inputs = tuple(members.input(rule) for draft in drafts for rule in draft.inputs)
        self._check_peers(own_key)
        self.problems.extend(self._check_addresses())
        self.problems.extend(self._check_mtu())
        self.problems.extend(self._check_rules())
        interface = (
            self._interface(private_key, peers, forwards, masquerades, inputs) if private_key else None
        )
        problems, lacking = tuple(self.problems), members.names.lacking
        return Assembled(interface, self._footprint(), problems, lacking, drafts, members, own_key)

    def _interface(
        self,
        private_key: Secret,
        peers: Sequence[Peer],
        forwards: Sequence[Forward],
        masquerades: Sequence[Masquerade],
        inputs: Sequence[Input],
    ) -> Interface:
        main = self.main
        return Interface(
            name=self.name,
            private_key=private_key,
            addresses=main.addresses,
            role=main.role,
            listen_port=main.listen_port,
            mtu=main.mtu,
            fwmark=main.fwmark,
            adopt=main.adopt,
            enabled=main.enabled,
            forwarding=main.forwarding or (Forwarding.RULES if forwards else Forwarding.UNMANAGED),
            networks=self.members.names.networks(),
            peers=peers,
            forwards=forwards,
            masquerades=masquerades,
            inputs=inputs,
            strip_after=main.strip_after,
            clamp_mss=main.clamp_mss,
            fail_closed=main.fail_closed,
            log_drops=main.log_drops,
            foreign=main.foreign,
        )

    def _private_key(self) -> Secret | None:
        where = self.main.where / "private_key_file"
        default = f"keys/{self.name}.key"
        file = self.main.private_key_file or default
        hint = f"`wgd genkey {self.name}` makes one"
        if file != default:
            hint = f"save your key there, mode 0640; without this line `wgd genkey {self.name}` makes one"
        return self.members.key(file, True, where, hint)

    def _check_peers(self, own_key: bytes | None) -> None:
        self.problems.extend(overlap.same_keys(self.counting, own_key))
        if not overlap.disjoint(self.prefixes):
            self.problems.extend(overlap.same_prefixes(self.allowed))
            self.problems.extend(overlap.nested_prefixes(self.allowed))
        if not {Prefix.alone(one.ip) for one in self.main.addresses}.isdisjoint(self.prefixes):
            self.problems.extend(overlap.own_addresses(self.allowed, self.addresses))
        if not self.main.fwmark and any(peer.endpoint for peer in self.counting):
            self.problems.extend(overlap.loops(self.counting, self.allowed))

    def _check_addresses(self) -> Iterator[Problem]:
        for address, where in self.addresses:
            network = address.network
            ends = (network.network_address, network.broadcast_address)
            if network.version == 4 and network.prefixlen < 31 and address.ip in ends:
                hint = f"write this machine's: {network.network_address + 1}/{network.prefixlen} or another"
                yield where.warning(f"{address.ip} stands for the whole network, not for a machine", hint)

    def _check_mtu(self) -> Iterator[Problem]:
        mtu, where = self.main.mtu, self.main.where / "mtu"
        if mtu is None or mtu == MTU_AUTO or mtu >= IPV6_MTU:
            return
        six = [place for address, place in self.addresses if address.version == 6]
        six += [place for _, (network, place) in self.allowed if network.version == 6]
        if six:
            message = f"found {mtu}, but {six[0]} is IPv6, which needs at least {IPV6_MTU}"
            hint = "the kernel takes IPv6 away from an interface with a smaller MTU"
            yield where.error(message, hint, also=tuple(place.file for place in six))

    def _check_rules(self) -> Iterator[Problem]:
        forwards = [rule for draft in self.drafts for rule in draft.forwards]
        masquerades = [rule for draft in self.drafts for rule in draft.masquerades]
        if masquerades and not forwards and not any(map(_hides_forwards, self.drafts)):
            message = "masquerades what no [[forward]] lets pass"
            hint = 'add a [[forward]] with from = […] and the same "to"'
            yield masquerades[0].where.error(message, hint)
        ruled = self.main.forwarding is Forwarding.RULES or forwards or any(map(_hides_forwards, self.drafts))
        if self.main.fail_closed and not ruled:
            hint = 'add a [[forward]], or forwarding = "rules" to let nothing pass'
            message = "found true, but there are no rules about what passes"
            yield (self.main.where / "fail_closed").error(message, hint)
        if self.main.foreign and not ruled:
            message = f'found "{self.main.foreign}", but there are no rules about what passes'
            yield (self.main.where / "foreign").error(message, "add a [[forward]], or delete the line")
        if self.main.forwarding is Forwarding.UNMANAGED and (forwards or masquerades):
            rule = forwards[0].where if forwards else masquerades[0].where
            message = f'found "unmanaged", but there is a rule at {rule}'
            yield (self.main.where / "forwarding").error(
                message, 'write "rules", or delete the line', also=(rule.file,)
            )
        for entry in (entry for draft in self.drafts for entry in draft.inputs):
            for word, place in placed(entry.source, entry.where, "from"):
                if word == INTERNET:
                    message = f'found "{INTERNET}", expected who is behind {self.name}'
                    yield place.error(message, f'name peers or networks, or write "{ANY}"')
        own = [rule.where / "in" for rule in forwards if rule.incoming == self.name]
        own += [rule.where / "out" for rule in forwards if rule.outgoing == self.name]
        own += [rule.where / "out" for rule in masquerades if rule.out == self.name]
        for where in own:
            message = f"is {self.name} itself, expected the device on the other side, such as eth0"
            hint = f"delete it: what lives behind {self.name} is bound to {self.name} anyway"
            yield where.error(message, hint)

    def _footprint(self) -> Footprint | None:
        """What an enabled interface occupies: its addresses' networks and its peers' routes."""
        main = self.main
        if not main.enabled:
            return None
        routed = [peer for peer in self.counting if peer.routes]
        theirs = (prefix for peer in routed for prefix in self.members.names.prefixes(peer))
        routes = [*main.own_networks, *theirs]
        port = Placed(main.listen_port, main.where / "listen_port") if main.listen_port else None
        return Footprint(self.name, self.addresses, port, routes, self._place)

    def _place(self, route: Prefix) -> Where:
        """Where a prefix that leads here stands first."""
        own = (where for address, where in self.addresses if Prefix.of(address.network) == route)
        theirs = (place for peer, (prefix, place) in self.allowed if peer.routes and prefix == route)
        return next(chain(own, theirs))
