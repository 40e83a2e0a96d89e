"""The walk of packets through the chains of others: accepted, dropped or unknown, and by which rule. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

from wgd.firewalls.packets import Match, Packets, divide
from wgd.values import field, replace, value

PARTS = 500
"""Into so many parts the packets may fall before the rest is called unknown."""


class Does(enum.StrEnum):
    """What a rule does to the packets that it matches."""

    ACCEPT = "accept"
    DROP = "drop"
    JUMP = "jump"
    GOTO = "goto"
    RETURN = "return"
    UNKNOWN = "unknown"
    NOTHING = "nothing"


@value
class Rule:
    """`chain`: where a jump or goto leads; `text`: the rule as its own tool would list it."""

    matches: tuple[Match, ...]
    does: Does
    chain: str = ""
    text: str = ""


@value
class Chain:
    """`hook` is "" for one that is only jumped to; `policy` then says nothing."""

    family: str
    table: str
    name: str
    rules: tuple[Rule, ...] = ()
    hook: str = ""
    priority: int = 0
    policy: Does = Does.ACCEPT

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"


Key = tuple[str, str, str]
"""A chain's family, table and name."""


@value
class Ruleset:
    """All chains of all tables but ours. `published`: ports of this host that are redirected to containers.
    `unreadable`: whose rules are in force too, and could not be read."""

    chains: Mapping[Key, Chain] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    unreadable: tuple[str, ...] = ()

    def bases(self, hook: str, version: int) -> tuple[Chain, ...]:
        """The chains at a hook that packets of an IP version meet, in their order."""
        families = ("inet", "ip" if version == 4 else "ip6")
        found = (c for c in self.chains.values() if c.hook == hook and c.family in families)
        return tuple(sorted(found, key=lambda chain: chain.priority))

    def has(self, family: str, table: str, name: str) -> bool:
        """Whether there is such a chain."""
        return (family, table, name) in self.chains


@value
class Published:
    """A port of this host that is redirected (DNAT) to a container: `target` is its address, `port` there."""

    outside: int
    target: str
    protocol: str
    port: int


@value
class Ending:
    """How packets end in one base chain: `does` is accept, drop or unknown. `by`: the rule's text, or "policy
    drop"; for unknown, the rule that could not be decided. `chain`: where that happened."""

    does: Does
    base: Chain
    chain: Chain
    by: str
    packets: Packets


@value
class _Frame:
    """Where to go on. `doubt` counts what was not certain on the way here: with none, a verdict is one."""

    chain: Chain
    index: int = 0
    doubt: int = 0


@value
class _Walker:
    """Packets, the `frames` they go on with from the last to the first, and what may have ended them."""

    packets: Packets
    frames: tuple[_Frame, ...]
    doubts: tuple[Ending, ...] = ()


def endings(ruleset: Ruleset, base: Chain, packets: Packets) -> Iterator[Ending]:
    """How the packets end in this base chain, each part of them once."""
    waiting = [_Walker(packets, (_Frame(base),))]
    for _ in range(PARTS):
        if not waiting:
            return
        yield _followed(ruleset, base, waiting.pop(), waiting)
    if waiting:
        yield Ending(Does.UNKNOWN, base, base, "too many rules that each concern a part of it", packets)


def _followed(ruleset: Ruleset, base: Chain, walker: _Walker, waiting: list[_Walker]) -> Ending:
    """One walker's end; what of it fares differently is left `waiting`. The kernel refuses loops."""
    packets, frames, doubts = walker.packets, list(walker.frames), walker.doubts
    while frames:
        here = frames.pop()
        if here.index == len(here.chain.rules):
            continue
        rule = here.chain.rules[here.index]
        after = replace(here, index=here.index + 1)
        parts = divide(packets, rule.matches)
        if parts.inside is None or rule.does is Does.NOTHING:
            frames.append(after)
            continue
        waiting += [_Walker(part, (*frames, after), doubts) for part in parts.outside]
        packets, sure = parts.inside, not parts.undecided
        inner = ruleset.chains.get((base.family, base.table, rule.chain))
        if rule.does in (Does.JUMP, Does.GOTO) and inner is not None:
            frames += _entering(rule.does, inner, after, sure)
        elif rule.does is Does.RETURN:
            frames += [] if sure else [replace(after, doubt=after.doubt + 1)]
        else:
            does = rule.does if rule.does in (Does.ACCEPT, Does.DROP) else Does.UNKNOWN
            ending = Ending(does, base, here.chain, rule.text, packets)
            if sure and not here.doubt:
                return _agreed(ending, doubts)
            doubts = (*doubts, ending)
            # Where it goes on if that was not so: behind all that hangs on the same doubt.
            frames = [frame for frame in frames if frame.doubt < here.doubt] if sure else [*frames, after]
    return _agreed(Ending(base.policy, base, base, f"policy {base.policy}", packets), doubts)


def _entering(does: Does, inner: Chain, after: _Frame, sure: bool) -> tuple[_Frame, ...]:
    """A jump comes back, a goto does not; if it is not certain, either may not have happened."""
    doubt = after.doubt
    if does is Does.JUMP:
        return after, _Frame(inner, 0, doubt if sure else doubt + 1)
    if sure:
        return (_Frame(inner, 0, doubt),)
    return replace(after, doubt=doubt + 1), _Frame(inner, 0, doubt + 2)


def _agreed(ending: Ending, doubts: tuple[Ending, ...]) -> Ending:
    """What may have happened before matters only if it is something else."""
    other = next((doubt for doubt in doubts if doubt.does is not ending.does), None)
    return ending if other is None else replace(other, does=Does.UNKNOWN, packets=ending.packets)
