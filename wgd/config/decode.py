"""All files of a configuration directory → a `Config`, and every problem at once.

Pure: files come as bytes, keys through a function, the time as a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from wgd.config.across import clashes
from wgd.config.assemble import Assembled, assemble
from wgd.config.document import Config
from wgd.config.draft import Draft
from wgd.config.members import ReadKey
from wgd.config.names import SHARED, Part, claim
from wgd.config.schema import draft
from wgd.config.source import Where
from wgd.config.wording import listed, nearest, quoted
from wgd.errors import Problem, Severity
from wgd.values import field, value

Files = Mapping[str, bytes | Problem]
"""Name relative to the config directory → content, or why it could not be read."""


@value
class Decoded:
    """`config` holds the interfaces without any error and names the others as held.

    `broken` are the files that an error stands in, `broken_interfaces` those that cannot be used. `assembled`
    is what the interfaces were made of.
    """

    config: Config
    problems: tuple[Problem, ...]
    broken: frozenset[str]
    broken_interfaces: frozenset[str]
    assembled: Mapping[str, Assembled] = field(default_factory=dict, compare=False, repr=False)


def decode(files: Files, read_key: ReadKey, now: float, links: Collection[str] = ()) -> Decoded:
    """What the files say at `now` (seconds since the epoch). Never raises, whatever the bytes.

    `links` are the network devices of this machine, to tell a slip in a rule from a device; none given,
    none is missed.
    """
    return decode_drafts({file: draft(file, files[file]) for file in sorted(files)}, read_key, now, links)


def decode_drafts(
    drafts: Mapping[str, Draft], read_key: ReadKey, now: float, links: Collection[str]
) -> Decoded:
    """`decode`, from the drafts of the files, in order."""
    assembled = {
        name: assemble(name, own, drafts.get(SHARED), read_key, now)
        for name, own in _by_interface(drafts).items()
    }
    problems = [problem for one in drafts.values() for problem in one.problems]
    problems += [problem for one in assembled.values() for problem in one.problems]
    problems += clashes([one.footprint for one in assembled.values() if one.footprint])
    problems += _orphans(drafts)
    problems += _absent_devices(drafts.values(), {*links, *assembled}) if links else []
    broken = frozenset(problem.file for problem in problems if problem.severity is Severity.ERROR)
    held = _held(broken, assembled)
    interfaces = {
        name: one.interface for name, one in assembled.items() if name not in held and one.interface
    }
    return Decoded(Config(interfaces, held), in_order(problems), broken, held, assembled)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, by its place."""
    once = dict.fromkeys(problems)
    return tuple(sorted(once, key=lambda problem: (problem.file, problem.line, problem.key)))


def _by_interface(drafts: Mapping[str, Draft]) -> dict[str, list[Draft]]:
    """The drafts of each interface that has a main file, that file first."""
    own: dict[str, list[Draft]] = {}
    claims = {file: claimed for file in drafts if (claimed := claim(file))}
    for file, claimed in claims.items():
        if claimed.interface and claimed.part is Part.MAIN:
            own[claimed.interface] = [drafts[file]]
    for file, claimed in claims.items():
        if claimed.interface in own and claimed.part is not Part.MAIN:
            own[claimed.interface].append(drafts[file])
    return dict(sorted(own.items()))


def _held(broken: Iterable[str], assembled: Mapping[str, Assembled]) -> frozenset[str]:
    """The interfaces that cannot be used: a file of theirs is broken, or one they need."""
    claims = (claim(file) for file in broken)
    named = {one.interface for one in claims if one and one.interface in assembled}
    unusable = {name for name, one in assembled.items() if one.lacking or one.interface is None}
    return frozenset(name for name in named | unusable if name)


def _orphans(drafts: Mapping[str, Draft]) -> list[Problem]:
    """Drop-ins whose interface has no main file: they do nothing, which is worth a word."""
    first: dict[str, str] = {}
    for file in drafts:
        claimed = claim(file)
        if claimed and claimed.part is Part.DROP_IN and f"{claimed.interface}.toml" not in drafts:
            first.setdefault(f"{claimed.interface}", file)
    return [
        Problem(
            file,
            0,
            "",
            f"does nothing, because there is no {name}.toml",
            f"write {name}.toml, or remove {name}.d",
            Severity.WARNING,
        )
        for name, file in first.items()
    ]


def _absent_devices(drafts: Iterable[Draft], known: set[str]) -> list[Problem]:
    """Devices named in rules that are not there. They may still come: a warning, and a guess."""
    absent = []
    for one in drafts:
        for where, device in bound_devices(one):
            if device not in known:
                close = nearest(device, known)
                hint = f"did you mean {close}?" if close else f"there are {listed(sorted(known))}"
                absent.append(where.warning(f"this machine has no device {quoted(device)}", hint))
    return absent


def bound_devices(one: Draft) -> Iterator[tuple[Where, str]]:
    """The devices that the rules of a file name, and where."""
    bound = [(rule.where, "in", rule.incoming) for rule in one.forwards]
    bound += [(rule.where, "out", rule.outgoing) for rule in one.forwards]
    bound += [(rule.where, "out", rule.out) for rule in one.masquerades]
    return ((where / key, device) for where, key, device in bound if device)
