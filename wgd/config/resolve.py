"""Names → what they stand for: the networks and peers of one interface, and those of wgd.toml.

Peers and networks share one name space. A name that a broken file may have defined is no problem of
the file that uses it; the interface is then `lacking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

from wgd.config.document import ANY, INTERNET, Side
from wgd.config.draft import Draft, NetworkDraft, PeerDraft, Words
from wgd.config.names import SHARED
from wgd.config.source import Placed, Where, placed
from wgd.config.wording import listed, nearest, quoted
from wgd.errors import Problem
from wgd.prefixes import Prefix, within

Named = NetworkDraft | PeerDraft

_WHERE_NAMES_COME_FROM = {
    "network": "networks get their names in [networks]",
    "peer or network": "names come from [peers.NAME] and [networks]; what is gone has to leave the rules too",
}


class Names:
    """All names of one interface. `own` are the networks of its addresses, None while unknown."""

    def __init__(
        self,
        shared: Draft | None,
        drafts: Sequence[Draft],
        own: tuple[Prefix, ...] | None,
        problems: list[Problem],
    ) -> None:
        self.lacking = False
        self._own, self._problems = own, problems
        sources = [shared, *drafts] if shared else drafts
        self._complete = all(draft.readable for draft in sources)
        self._known: dict[str, Named] = {}
        for draft in sources:
            for network in draft.networks:
                self._add(network)
            for peer in draft.peers:
                self._add(peer)
        self._spelt_out: dict[tuple[str, str], tuple[Placed[Prefix], ...]] = {}
        for draft in drafts:
            for peer in draft.peers:
                self._spell_out(peer)

    def learn(self, peer: PeerDraft) -> bool:
        """A peer has come; False if its name is taken."""
        if self._known.setdefault(peer.name, peer) is not peer:
            return False
        self._spell_out(peer)
        return True

    def forget(self, peer: PeerDraft) -> None:
        """A peer has gone."""
        del self._known[peer.name]
        self._spelt_out.pop((peer.where.file, peer.name), None)

    def _spell_out(self, peer: PeerDraft) -> None:
        if any(isinstance(word, str) for word in peer.allowed_ips):
            self._spelt_out[peer.where.file, peer.name] = tuple(self._ranges(peer))

    def _add(self, named: Named) -> None:
        first = self._known.setdefault(named.name, named)
        if first is not named:
            message = f"the name is taken by the {_sort(first)} at {first.where}"
            hint = "peers and networks share their names: give one of the two another"
            self._problems.append(named.where.error(message, hint, also=(first.where.file,)))

    def allowed_ips(self, peer: PeerDraft) -> Iterable[Placed[Prefix]]:
        """A peer's allowed IPs, network names replaced by their ranges."""
        spelt_out = self._spelt(peer)
        if spelt_out is not None:
            return spelt_out
        return placed(cast("tuple[Prefix, ...]", peer.allowed_ips), peer.where, "allowed_ips")

    def prefixes(self, peer: PeerDraft) -> tuple[Prefix, ...]:
        """The same without their places."""
        spelt_out = self._spelt(peer)
        if spelt_out is not None:
            return tuple([prefix for prefix, _ in spelt_out])
        return cast("tuple[Prefix, ...]", peer.allowed_ips)

    def _spelt(self, peer: PeerDraft) -> tuple[Placed[Prefix], ...] | None:
        """What stands for a peer's allowed IPs, if there are names among them."""
        return self._spelt_out.get((peer.where.file, peer.name)) if self._spelt_out else None

    def networks(self) -> dict[str, tuple[Prefix, ...]]:
        """Every network by name."""
        return {name: named.ranges for name, named in self._known.items() if isinstance(named, NetworkDraft)}

    def side(self, words: Words, table: Where, key: str) -> Side:
        """One side of a rule, which stands at the key of a table."""
        if not any([isinstance(word, str) for word in words]):
            return _addresses(cast("tuple[Prefix, ...]", words))
        ranges: list[Prefix] = []
        peers: list[str] = []
        for word, where in placed(words, table, key):
            if not isinstance(word, str):
                ranges.append(word)
            elif word not in (ANY, INTERNET):
                match self._look_up(word, where, "peer or network"):
                    case NetworkDraft() as network:
                        ranges.extend(network.ranges)
                    case PeerDraft() as peer:
                        peers.append(word)
                        self._must_live_here(peer, where)
        return _side(words, tuple(dict.fromkeys(ranges)), tuple(dict.fromkeys(peers)))

    def lives_here(self, peer: PeerDraft) -> bool:
        """Whether a rule can mean the peer, as far as is known."""
        if self._own is None or not peer.sound:
            return True
        return any(within(network, self._own) for network, _ in self.allowed_ips(peer))

    def _must_live_here(self, peer: PeerDraft, where: Where) -> None:
        """A peer in a rule means its addresses inside the interface's own networks, so it needs one."""
        if self.lives_here(peer) or self._own is None:
            return
        own = listed([str(network) for network in self._own]) or "none: it has no address"
        message = f"{peer.name} has no allowed IP inside this interface's own networks ({own})"
        hint = (
            "a peer's name means the peer itself; give the range behind it a name in [networks], and use that"
        )
        self._problems.append(where.error(message, hint, also=(peer.where.file, SHARED)))

    def _ranges(self, peer: PeerDraft) -> Iterable[Placed[Prefix]]:
        """A peer's allowed IPs."""
        for word, where in placed(peer.allowed_ips, peer.where, "allowed_ips"):
            if not isinstance(word, str):
                yield Placed(word, where)
            elif word in (ANY, INTERNET):
                hint = 'say which networks, like "10.11.12.0/24"'
                self._problems.append(
                    where.error(f"{quoted(word)} as an allowed IP is not supported yet", hint)
                )
            else:
                named = self._look_up(word, where, "network")
                if isinstance(named, NetworkDraft):
                    yield from (Placed(network, where) for network in named.ranges)
                elif named:
                    message = (
                        f"{quoted(word)} is a peer, expected a network like 10.11.12.0/24 or a network's name"
                    )
                    self._problems.append(where.error(message, "write the addresses themselves"))

    def _look_up(self, word: str, where: Where, expected: str) -> Named | None:
        named = self._known.get(word)
        if named is None and not self._complete:
            self.lacking = True
        elif named is None:
            close = nearest(
                word, [*self.networks()] if expected == "network" else [*self._known, ANY, INTERNET]
            )
            hint = f"did you mean {close}?" if close else _WHERE_NAMES_COME_FROM[expected]
            message = f"found {quoted(word)}, which is no {expected} of this interface"
            self._problems.append(where.error(message, hint, also=(SHARED,)))
        elif isinstance(named, NetworkDraft) and not named.ranges:
            self.lacking = True
        return named


@lru_cache(maxsize=256)
def _addresses(words: tuple[Prefix, ...]) -> Side:
    """A side that names nobody."""
    return Side(words, tuple(dict.fromkeys(words)) if len(words) > 1 else words)


@lru_cache(maxsize=256)
def _side(words: tuple[Prefix | str, ...], networks: tuple[Prefix, ...], peers: tuple[str, ...]) -> Side:
    """Ten thousand rules may lead to the same side: then it is one object."""
    return Side(words, networks, peers, any=ANY in words, internet=INTERNET in words)


def _sort(named: Named) -> str:
    return "peer" if isinstance(named, PeerDraft) else "network"
