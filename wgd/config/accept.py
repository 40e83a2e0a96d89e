"""Which files count: the ones just read, or for those that cannot be used the copies last accepted.

A broken main file freezes its interface, with all its files, at the accepted copies; a broken drop-in or
wgd.toml counts as its own copy; without a copy a drop-in does not count and an interface is held: nothing
of it may be touched. The other interfaces go on. Pure; a file that is gone is no broken file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from wgd.config.decode import Decoded, Files
from wgd.config.document import Config
from wgd.config.names import Part, claim
from wgd.errors import Problem, Severity
from wgd.values import field, replace, value


@value
class Settled:
    """What counts now.

    `files_in_force` are what `config` was made of, and the accepted copies of held interfaces: the copies
    to keep. `problems` are those of the files as read. `frozen` interfaces run on their accepted copies.
    """

    config: Config
    files_in_force: Mapping[str, bytes]
    problems: tuple[Problem, ...]
    frozen: frozenset[str] = frozenset()

    @property
    def held(self) -> frozenset[str]:
        """Interfaces that are claimed, cannot be used and have no usable copy."""
        return self.config.held


def settle(
    files: Files,
    accepted: Mapping[str, bytes],
    decode: Callable[[Files], Decoded],
    explained: frozenset[str] | None = None,
) -> Settled:
    """Puts copies back, file by file, until what is left has no error. Never raises. `explained`: the
    `owners` of the accepted copies, for who knows them already."""
    decoded = decode(files)
    problems = list(decoded.problems)
    explained = owners(accepted) if explained is None else explained
    if not _errors(decoded):  # then every file could be read
        config = Config(decoded.config.interfaces, explained=explained)
        return Settled(config, cast(Mapping[str, bytes], files), decoded.problems)
    settling = _Settling(accepted, dict(files))
    while errors := _errors(decoded):
        settling.blame_all(errors)
        decoded = decode(settling.current)
    for fatal in settling.fatal:
        if fatal not in problems:
            problems.append(replace(fatal, message=f"{fatal.message} (in the accepted copy)"))
    config = Config(decoded.config.interfaces, frozenset(settling.held), explained)
    return Settled(config, settling.in_force(), tuple(problems), frozenset(settling.frozen))


def _errors(decoded: Decoded) -> list[Problem]:
    return [problem for problem in decoded.problems if problem.severity is Severity.ERROR]


@value(frozen=False)
class _Settling:
    """The files that count so far. Each blame brings one of them, or one interface, nearer to its copy,
    and none ever back, so that settling ends."""

    accepted: Mapping[str, bytes]
    current: dict[str, bytes | Problem]
    frozen: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    fatal: list[Problem] = field(default_factory=list)

    def blame_all(self, errors: list[Problem]) -> None:
        """Acts on each error, except where another has already changed what it is about."""
        before = dict(self.current)
        for error in errors:
            involved = (error.file, *error.also)
            if all(self.current.get(file) == before.get(file) for file in involved):
                self._blame(error, involved)

    def _blame(self, error: Problem, involved: tuple[str, ...]) -> None:
        """The changed file is to blame; else its interface, which lost a file; else the key or the copy."""
        for file in involved:
            if self._differs(file):
                return self._put_back(file)
        for interface in filter(None, map(_owner, involved)):
            if any(self._differs(file) for file in self._files_of(interface)):
                return self._freeze(interface)
        self._give_up(error)
        return None

    def _differs(self, file: str) -> bool:
        if self._is_out(file):
            return False
        return self.current.get(file) != self.accepted.get(file)

    def _is_out(self, file: str) -> bool:
        return file in self.dropped or _owner(file) in self.held

    def _files_of(self, interface: str) -> list[str]:
        return [file for file in {**self.current, **self.accepted} if _owner(file) == interface]

    def _put_back(self, file: str) -> None:
        claimed = claim(file)
        if claimed and claimed.interface and self._freezes(claimed.part, claimed.interface):
            self._freeze(claimed.interface)
        elif file in self.accepted:
            self.current[file] = self.accepted[file]
        else:
            self.current.pop(file, None)

    def _freezes(self, part: Part, interface: str) -> bool:
        return part is Part.MAIN or (part is Part.DIRECTORY and f"{interface}.toml" in self.current)

    def _freeze(self, interface: str) -> None:
        if f"{interface}.toml" not in self.accepted:
            return self._hold(interface)
        for file in self._files_of(interface):
            self.current.pop(file, None)
            if file in self.accepted:
                self.current[file] = self.accepted[file]
        self.frozen.add(interface)
        return None

    def _hold(self, interface: str) -> None:
        for file in self._files_of(interface):
            self.current.pop(file, None)
        self.held.add(interface)
        self.frozen.discard(interface)

    def _give_up(self, error: Problem) -> None:
        """Nothing was edited, and still it cannot be used: a key is gone, or wgd has become stricter."""
        interface = _owner(error.file)
        if interface and f"{interface}.toml" in self.current:
            self.fatal.append(error)
            self._hold(interface)
        else:
            self.current.pop(error.file, None)
            self.dropped.add(error.file)

    def in_force(self) -> dict[str, bytes]:
        kept = {file: copy for file, copy in self.accepted.items() if self._is_out(file)}
        return kept | {file: content for file, content in self.current.items() if isinstance(content, bytes)}


def _owner(file: str) -> str | None:
    claimed = claim(file)
    return claimed.interface if claimed else None


def owners(files: Iterable[str]) -> frozenset[str]:
    """Whose the files are: a directory of drop-ins belongs to the same interface as each of them."""
    return frozenset(filter(None, map(_owner, {file.partition("/")[0] for file in files})))
