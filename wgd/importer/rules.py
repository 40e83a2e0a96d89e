"""Acts of hooks → `[[forward]]` and `[[masquerade]]`, and what became of each line."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence

from wgd.config.document import ANY
from wgd.config.source import Unfit
from wgd.importer.acts import Act, Do
from wgd.importer.found import Ledger, Line, Table, Toml, Value, hidden
from wgd.importer.hooks import act, commands
from wgd.prefixes import Prefix
from wgd.values import replace, value

Behind = Callable[[int], tuple[Prefix, ...]]
"""IP version → what lives behind the interface."""

HALVES = {4: ("0.0.0.0/1", "128.0.0.0/1"), 6: ("::/1", "8000::/1")}
AS_BEFORE = "nothing said who may pass, so everything may, as before: narrow it"
ONLY_WHAT_IS_NAMED = "as soon as there is one [[forward]], nothing else passes"
_PERMITS = (Do.FORWARD, Do.MASQUERADE)


@value
class Hook:
    """A line of commands; `up`: it is run when the interface comes."""

    line: Line
    up: bool


class Rules:
    """The rules of one interface, from its hooks."""

    def __init__(self, name: str, behind: Behind, ledger: Ledger) -> None:
        self._name, self._behind, self._ledger = name, behind, ledger
        self.forwards: tuple[Table, ...] = ()
        self.masquerades: tuple[Table, ...] = ()
        self._unclear = False
        """Whether a hook decides what passes in a way not understood: then nothing is opened by guess."""

    def read(self, hooks: Iterable[Hook]) -> None:
        """All that the hooks' commands do, from networkd's words too."""
        hooks = tuple(hooks)
        up = [one for hook in hooks if hook.up for one in self._acts(hook.line)]
        self.make([one for one in up if not one.undo])
        self._take_back(up)
        self._rest(up)
        for hook in hooks:
            if not hook.up:
                self._go(self._acts(hook.line), up)

    def make(self, up: Sequence[Act]) -> None:
        """The rules that come to what these acts do."""
        permits = [one for one in up if one.do is Do.FORWARD and self._concerns(one)]
        disguises = [one for one in up if one.do is Do.MASQUERADE and self._is_possible(one)]
        switches = [one for one in up if one.do is Do.SWITCH]
        if permits or ((disguises or switches) and not self._unclear):
            whole = [Act(Do.FORWARD, one.line) for one in (disguises + switches)[:1]]
            self.forwards = tuple(self._forward(same) for same in _alike(permits or whole))
            self.masquerades = tuple(self._masquerade(same) for same in _alike(disguises))
            for one in (*permits, *disguises):
                self._ledger.carried(one.line, f"as [[{one.do.name.lower()}]]")
            for one in switches:
                self._ledger.stripped(one.line, "wgd lets a device forward where a [[forward]] needs it")
        else:
            for one in (*disguises, *switches):
                self._ledger.missed(one.line, "no [[forward]] could be made of the hooks: write who may pass")

    def _rest(self, up: Iterable[Act]) -> None:
        for one in up:
            match one.do:
                case Do.REPLIES:
                    self._ledger.stripped(one.line, "replies pass anyway")
                case Do.SCAFFOLD:
                    self._ledger.stripped(one.line, "wgd's rules stand in a table of their own")
                case Do.NOTHING if not self._ledger.of(one.line):
                    self._ledger.stripped(one.line, "it does nothing to the network")

    def _take_back(self, up: Iterable[Act]) -> None:
        """A hook that begins by deleting what an earlier run may have left."""
        for one in up:
            if one.undo:
                self._ledger.stripped(one.line, "wgd begins with what is there, and needs no clean slate")

    def _go(self, acts: Iterable[Act], up: Sequence[Act]) -> None:
        made = [one for one in up if not one.undo]
        for one in acts:
            if one.do is Do.NOTHING or (one.undo and replace(one, undo=False) in made):
                self._ledger.stripped(one.line, "wgd takes away what it made by itself")
            elif one.undo and one.do is Do.SCAFFOLD:
                self._ledger.stripped(one.line, "wgd takes its table away by itself")
            else:
                self._ledger.missed(one.line, "it does not take back what a PreUp or PostUp here did")

    def _acts(self, line: Line) -> list[Act]:
        try:
            found = commands(line.value.replace("%i", self._name))
        except Unfit as unfit:
            self._ledger.missed(line, unfit.message)
            return []
        if not found:
            self._ledger.stripped(line, "it is empty")
        done = []
        for words in found:
            try:
                done.append(act(words, line))
            except Unfit as unfit:
                self._unclear |= any(word.casefold() in ("forward", "docker-user") for word in words)
                which = f"{hidden(' '.join(words))}: " if len(found) > 1 else ""
                self._ledger.missed(line, which + hidden(unfit.message))
        return done

    def _own(self, device: str | None) -> bool:
        """Whether a device of a rule is this interface; `wg+` and `wg*` are, too."""
        return device is not None and fnmatch.fnmatchcase(self._name, device.replace("+", "*"))

    def _concerns(self, one: Act) -> bool:
        """Whether it is about this interface, and names something that lives there."""
        named = [device for device in (one.incoming, one.outgoing) if device]
        if len(named) == 2 and not any(map(self._own, named)):
            self._ledger.missed(one.line, f"it does not concern {self._name}")
            return False
        if not all(self._sides(one)):
            version = f"IPv{one.version}" if one.version else "IP"
            self._ledger.missed(
                one.line, f"there is no {version} address behind {self._name} that it could mean"
            )
            return False
        return True

    def _is_possible(self, one: Act) -> bool:
        why = ""
        if one.outgoing is None or one.outgoing.startswith("!"):
            why = 'it names no device: write [[masquerade]] with out = "…", and to = ["any"]'
        elif self._own(one.outgoing):
            why = f"wgd masquerades what comes from {self._name}, not what goes there"
        elif one.incoming and not self._own(one.incoming):
            why = f"it does not concern {self._name}"
        elif not any(map(self._behind, _versions(one))):
            why = f"no IPv{one.version} address lives behind {self._name}"
        elif one.ports:
            why = "[[masquerade]] knows no ports"
        elif one.source and not self._overlaps(one.source):
            why = f"its source does not live behind {self._name}"
        if why:
            self._ledger.missed(one.line, why)
        return not why

    def _overlaps(self, network: Prefix) -> bool:
        return any(network.meets(other) for other in self._behind(network.version))

    def _sides(self, one: Act) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """`from` and `to`. A rule that names one foreign device is about what passes between it and us."""
        here = tuple(str(net) for version in _versions(one) for net in self._behind(version))
        foreign = [device for device in (one.incoming, one.outgoing) if device and not self._own(device)]
        from_here = self._own(one.incoming) or (bool(foreign) and foreign[0] == one.outgoing)
        to_here = self._own(one.outgoing) or (bool(foreign) and foreign[0] == one.incoming)
        source = (str(one.source),) if one.source else here if from_here else (ANY,)
        target = (str(one.target),) if one.target else here if to_here else (ANY,)
        return source, target

    def _forward(self, same: Sequence[Act]) -> Table:
        sides = [self._sides(one) for one in same]
        first = same[0]
        values: dict[str, Toml] = {
            "from": tuple(dict.fromkeys(word for source, _ in sides for word in source)),
            "to": tuple(dict.fromkeys(word for _, target in sides for word in target)),
        }
        if first.ports:
            values["ports"] = first.ports
        if first.incoming and not self._own(first.incoming):
            values["in"] = first.incoming
        if first.outgoing and not self._own(first.outgoing):
            values["out"] = first.outgoing
        why = _origins(same)
        if values["from"] == values["to"] == (ANY,):
            why = f"{why}: {AS_BEFORE}"
        return _table(values, why)

    def _masquerade(self, same: Sequence[Act]) -> Table:
        first = same[0]
        versions = {version for one in same for version in _versions(one)}
        to: tuple[str, ...] = (ANY,)
        if first.target:
            to = (str(first.target),)
        elif len(versions) == 1 and self._behind(10 - min(versions)):
            to = HALVES[min(versions)]
        return _table({"out": str(first.outgoing), "to": to}, _origins(same))


def _versions(one: Act) -> tuple[int, ...]:
    ends = [end.version for end in (one.source, one.target) if end]
    return (one.version,) if one.version else tuple(ends[:1]) or (4, 6)


def _alike(acts: Iterable[Act]) -> list[list[Act]]:
    """Acts that differ in the IP version only, together."""
    groups: dict[Act, list[Act]] = {}
    for one in acts:
        source = None if one.do is Do.MASQUERADE else one.source
        groups.setdefault(replace(one, version=None, source=source), []).append(one)
    return list(groups.values())


def _origins(acts: Iterable[Act]) -> str:
    return ", ".join(dict.fromkeys(one.line.origin for one in acts))


def _table(values: dict[str, Toml], why: str) -> Table:
    whys = [why] + [""] * len(values)
    return tuple(
        Value(key, value, comment) for (key, value), comment in zip(values.items(), whys, strict=False)
    )
