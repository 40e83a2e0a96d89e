"""An interface that was put together without an error, kept open for edits of a few peers and rules.

What an edit leaves as it was is not looked at. Whatever might concern more than the edited peers and rules
themselves, of which it is asked what they could clash with (`wgd.config.taken`), is refused: then all is to
be put together again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from wgd.config.document import MTU_AUTO, Interface, Peer
from wgd.config.draft import Draft, ForwardDraft, InputDraft, MasqueradeDraft, PeerDraft, Words
from wgd.config.members import Members, counts
from wgd.config.overlap import IPV6_MTU
from wgd.config.splice import Sizes, Swap, by_name, by_words, spliced
from wgd.config.taken import Taken
from wgd.errors import Problem, Severity
from wgd.prefixes import Prefix
from wgd.values import replace, value


@value
class Edit:
    """One file before and after; a file that is not there is empty."""

    before: Draft
    now: Draft


@value
class Edited:
    """The interface after an edit, the problems that went and those that came, and the peers that came with
    the prefixes that they route."""

    interface: Interface
    gone: tuple[Problem, ...]
    come: tuple[Problem, ...]
    peers: Sequence[PeerDraft]
    routes: tuple[Prefix, ...]


class Standing:
    """The interface, and an index of what its peers and rules have. After an edit that was refused, or one
    that was an error, it is of no more use."""

    def __init__(
        self,
        interface: Interface,
        drafts: Sequence[Draft],
        members: Members,
        own_key: bytes | None,
        now: float,
    ) -> None:
        self.interface = interface
        self._members, self._main = members, members.main
        self._files = [draft.file for draft in drafts]
        self._peers = Sizes([len(draft.peers) for draft in drafts])
        self._forwards = Sizes([len(draft.forwards) for draft in drafts])
        self._uses = Counter(
            name
            for draft in drafts
            for rules in (draft.forwards, draft.inputs, draft.masquerades)
            for rule in rules
            for name in _names(rule)
        )
        self._networks = frozenset(interface.own_networks)
        own = [Prefix.alone(address.ip) for address in interface.addresses]
        self._taken = Taken(own, own_key, loops=not interface.fwmark)
        counting = (peer for draft in drafts for peer in draft.peers if counts(peer, now))
        self._fit = self._taken.fill((peer, self._prefixes(peer)) for peer in counting)

    def leads(self, one: Prefix) -> bool:
        """Whether exactly this prefix is one of the interface's or of its peers'."""
        return one in self._networks or self._taken.holds(one)

    def edit(self, edits: Sequence[Edit], now: float) -> Edited | None:
        """What the edits make of it; None if more is to be looked at."""
        if not self._fit or not all(map(_is_small, edits)):
            return None
        edits = sorted(edits, key=lambda edit: (edit.now.file != self._files[0], edit.now.file))
        self._members.problems.clear()
        peers = [Swap.between(edit.before.peers, edit.now.peers) for edit in edits]
        rules = [Swap.between(edit.before.forwards, edit.now.forwards) for edit in edits]
        gone, come = (
            [one for swap in peers for one in swap.gone],
            [one for swap in peers for one in swap.come],
        )
        before = self._alone(gone, now)
        if not self._swap_peers(gone, come, now) or not self._swap_rules(rules, gone, come):
            return None
        self._swap_values(edits, peers, rules, now)
        problems = tuple(self._members.problems)
        if self._members.names.lacking or any(one.severity is Severity.ERROR for one in problems):
            return None
        routing = (peer for peer in come if peer.routes and counts(peer, now))
        routes = tuple(one for peer in routing for one in self._prefixes(peer))
        return Edited(self.interface, before, problems, tuple(come), routes)

    def _prefixes(self, peer: PeerDraft) -> tuple[Prefix, ...]:
        return self._members.names.prefixes(peer)

    def _alone(self, peers: Iterable[PeerDraft], now: float) -> tuple[Problem, ...]:
        """What is wrong with each of them by itself."""
        for peer in peers:
            self._members.alone(peer, now)
        found = tuple(self._members.problems)
        self._members.problems.clear()
        return found

    def _swap_peers(self, gone: Sequence[PeerDraft], come: Sequence[PeerDraft], now: float) -> bool:
        """Exchange what they have; False if some of it concerns other peers, too."""
        names, taken = self._members.names, self._taken
        had: set[tuple[str, Prefix]] = set()
        for peer in gone:
            if counts(peer, now):
                had |= {(peer.name, one) for one in self._prefixes(peer)}
                taken.remove(peer, self._prefixes(peer))
            names.forget(peer)
        if not all([names.learn(peer) for peer in come]) or self._members.problems:
            return False
        counting = [(peer, self._prefixes(peer)) for peer in come if counts(peer, now)]
        has = {(peer.name, one) for peer, prefixes in counting for one in prefixes}
        if any(taken.nested(one) for _, one in had - has):
            return False
        # Those first that have what they had: what others have of late is then compared with it, too.
        for peer, prefixes in sorted(counting, key=lambda item: self._is_new(item, had)):
            if self._is_new((peer, prefixes), had) and any(map(taken.nested, prefixes)):
                return False
            if not taken.add(peer, prefixes):
                return False
        return not self._is_too_small_for(has)

    @staticmethod
    def _is_new(item: tuple[PeerDraft, tuple[Prefix, ...]], had: set[tuple[str, Prefix]]) -> bool:
        peer, prefixes = item
        return any((peer.name, one) not in had for one in prefixes)

    def _is_too_small_for(self, has: Iterable[tuple[str, Prefix]]) -> bool:
        mtu = self._main.mtu
        small = mtu is not None and mtu != MTU_AUTO and mtu < IPV6_MTU
        return small and any(one.version == 6 for _, one in has)

    def _swap_rules(
        self, rules: Sequence[Swap[ForwardDraft]], gone: Sequence[PeerDraft], come: Sequence[PeerDraft]
    ) -> bool:
        """Exchange what the rules name; False if one names what is gone, or if there were or are none."""
        for swap in rules:
            if any(rule.incoming or rule.outgoing for rule in (*swap.gone, *swap.come)):
                return False
            self._uses.subtract(name for rule in swap.gone for name in _names(rule))
            self._uses.update(name for rule in swap.come for name in _names(rule))
        count = len(self.interface.forwards)
        after = count + sum(len(swap.now) - len(swap.before) for swap in rules)
        if (count == 0) != (after == 0):
            return False
        left = {peer.name for peer in gone} - {peer.name for peer in come}
        return not any(self._uses[name] > 0 for name in left) and all(
            self._members.names.lives_here(peer) for peer in come if self._uses[peer.name] > 0
        )

    def _swap_values(
        self,
        edits: Sequence[Edit],
        peers: Sequence[Swap[PeerDraft]],
        rules: Sequence[Swap[ForwardDraft]],
        now: float,
    ) -> None:
        """Put in the values of what came."""
        for edit in edits:
            self._make_room(edit.now.file)
        places = [self._place(edit.now.file) for edit in edits]
        members, interface = self._members, self.interface
        all_peers = spliced(
            interface.peers, self._peers.starts(places), peers, lambda one: self._peer(one, now), by_name
        )
        all_rules = spliced(
            interface.forwards, self._forwards.starts(places), rules, members.forward, by_words
        )
        for place, edit in zip(places, edits, strict=True):
            self._peers.set(place, len(edit.now.peers))
            self._forwards.set(place, len(edit.now.forwards))
        if all_peers is not interface.peers or all_rules is not interface.forwards:
            self.interface = replace(interface, peers=all_peers, forwards=all_rules)

    def _peer(self, draft: PeerDraft, now: float) -> Peer:
        made = self._members.peer(draft, now)
        assert made  # without a problem, it has a key
        return made

    def _place(self, file: str) -> int:
        """Where a file stands among the others, or would; the first is the main one."""
        return 0 if file == self._files[0] else bisect_left(self._files, file, lo=1)

    def _make_room(self, file: str) -> None:
        """Count a drop-in's peers and rules, if it is new."""
        place = self._place(file)
        if file not in self._files[place : place + 1]:
            self._files.insert(place, file)
            self._peers.insert(place)
            self._forwards.insert(place)


def _is_small(edit: Edit) -> bool:
    """Whether nothing but peers and rules has changed, and nothing is wrong with them."""
    before, now = edit.before, edit.now
    return (
        now.readable
        and not now.problems
        and before.interface is now.interface
        and (before.networks is now.networks or not (before.networks or now.networks))
        and (before.masquerades is now.masquerades or not (before.masquerades or now.masquerades))
        and (before.inputs is now.inputs or before.inputs == now.inputs)
    )


def _names(rule: ForwardDraft | InputDraft | MasqueradeDraft) -> Iterator[str]:
    """The words of a rule that are no addresses."""
    if isinstance(rule, ForwardDraft):
        sides: tuple[Words, ...] = (rule.source, rule.target)
    else:
        sides = (rule.source if isinstance(rule, InputDraft) else rule.target,)
    return (word for side in sides for word in side if isinstance(word, str))
