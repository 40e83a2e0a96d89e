"""The bytes of one file → its draft, with every problem that the file has by itself."""

from __future__ import annotations

from wgd.config import parts, scalars, sections, toml
from wgd.config.draft import Draft, InterfaceDraft, NetworkDraft, PeerDraft
from wgd.config.names import SHARED, Claim, Part, claim, interface_fault
from wgd.config.piecewise import piecewise
from wgd.config.source import Source, Unfit, Where
from wgd.config.table import Table
from wgd.config.vocabulary import KEYS, Section
from wgd.config.wording import found, key_text
from wgd.errors import Problem

_HOLDS = {
    Part.SHARED: "wgd.toml holds [networks] and confirm_required only",
    Part.MAIN: "it is about all interfaces",
    Part.DROP_IN: "a drop-in adds peers, networks and rules",
}


def draft(file: str, content: bytes | Problem) -> Draft:
    """What a file says. Never raises, whatever the bytes."""
    claimed = claim(file)
    if claimed is None or claimed.part is Part.DIRECTORY:
        return Draft(file, readable=False, problems=(_no_claim(file, content),))
    return _by_tables(file, content, claimed) or _as_a_whole(file, content, claimed)


def _by_tables(file: str, content: bytes | Problem, claimed: Claim) -> Draft | None:
    text, problems = toml.text(file, content)
    if text is None or problems:
        return None
    pieces = parts.cut(text)
    del text  # what its tables become can have the room of a large one
    return piecewise(file, pieces, claimed.part)


def _as_a_whole(file: str, content: bytes | Problem, claimed: Claim) -> Draft:
    text, problems = toml.text(file, content)
    if text is None:
        return Draft(file, readable=False, problems=tuple(problems))
    table = toml.table(file, text)
    if isinstance(table, Problem):
        return Draft(file, readable=False, problems=(*problems, table))
    return _File(Source(file, text), table, claimed, problems).draft()


def _no_claim(file: str, content: bytes | Problem) -> Problem:
    if isinstance(content, Problem):
        return content
    directory, slash, _ = file.rpartition("/")
    name = directory.removesuffix(".d") if slash else file.removesuffix(".toml")
    if name == "wgd":
        return Problem(file, 0, "", "wgd.toml has no drop-ins", "put its networks into wgd.toml itself")
    hint = "a file is named after its interface, like wg0.toml; with another ending (.bak) it does not count"
    return Problem(file, 0, "", interface_fault(name) or "has no place here", hint)


class _File:
    """One file being read, section by section."""

    def __init__(
        self,
        source: Source,
        table: dict[str, object],
        claimed: Claim,
        problems: list[Problem],
    ) -> None:
        self._where, self._claim, self._problems = source, claimed, problems
        self._content = table
        self._top = Table(self._where, table, problems)

    def draft(self) -> Draft:
        interface = self._interface()
        networks = self._networks()
        peers = tuple(
            peer for item in self._section("peers", "[peers.NAME]").items() for peer in self._peer(*item)
        )
        forwards = tuple(map(sections.forward, self._tables("forward")))
        masquerades = tuple(map(sections.masquerade, self._tables("masquerade")))
        inputs = tuple(map(sections.inputs, self._tables("input")))
        confirm_required = self._top.optional("confirm_required", scalars.boolean) is True
        self._misplaced()
        self._top.close(Section.TOP)
        file = self._where.file
        problems = tuple(self._problems)
        return Draft(
            file=file,
            problems=problems,
            interface=interface,
            networks=networks,
            peers=peers,
            forwards=forwards,
            masquerades=masquerades,
            inputs=inputs,
            confirm_required=confirm_required,
        )

    def _misplaced(self) -> None:
        """What has its place in another file."""
        for key in KEYS[Section.TOP]:
            if key in self._top and (home := self._home(key)):
                self._top.error(
                    self._where / key,
                    f"does not belong in this file: {_HOLDS[self._claim.part]}",
                    f"move it to {home}",
                )

    def _home(self, key: str) -> str:
        """The file that a key belongs in, if it is not this one."""
        shared = self._claim.part is Part.SHARED
        if key == "confirm_required":
            return "" if shared else SHARED
        if shared and key != "networks":
            return "the file of its interface"
        misplaced = key == "interface" and self._claim.part is not Part.MAIN
        return f"{self._claim.interface}.toml" if misplaced else ""

    def _section(self, key: str, header: str) -> dict[str, object]:
        """A table at the top; {} when absent or wrong."""

        def read(value: object) -> dict[str, object]:
            if isinstance(value, dict):
                return value
            hint = (
                f"write {header}, in single brackets"
                if isinstance(value, list)
                else f"begin it with {header}"
            )
            raise Unfit(f"found {found(value)}, expected a table", hint)

        return self._top.optional(key, read) or {}

    def _tables(self, key: str) -> list[Table]:
        """An array of tables at the top; [] when absent or wrong."""

        def read(value: object) -> list[object]:
            if isinstance(value, list):
                return value
            hint = f"write [[{key}]], in double brackets: a file may hold several"
            raise Unfit(f"found {found(value)}, expected an array of tables", hint)

        tables = []
        for index, content in enumerate(self._top.optional(key, read) or []):
            if isinstance(content, dict):
                tables.append(Table(self._where / key / index, content, self._problems))
            else:
                self._top.error(
                    self._where / key / index,
                    f"found {found(content)}, expected a table",
                    f"write [[{key}]]",
                )
        return tables

    def _interface(self) -> InterfaceDraft | None:
        content = self._section("interface", "[interface]")
        if "interface" not in self._top and self._claim.part is Part.MAIN:
            hint = 'every interface has one: [interface], and below it addresses = ["172.27.0.1/16"]'
            self._top.error(self._where, "[interface] is missing", hint)
        if not isinstance(self._content.get("interface"), dict):
            return None
        return sections.interface(Table(self._where / "interface", content, self._problems))

    def _networks(self) -> tuple[NetworkDraft, ...]:
        content = self._section("networks", "[networks]")
        return sections.networks(self._where / "networks", content, self._problems)

    def _peer(self, name: str, content: object) -> list[PeerDraft]:
        """The peer of that name, or those that an unquoted dot has put inside it."""
        where = self._where / "peers" / name
        if not isinstance(content, dict):
            hint = "each peer is a table of its own: [peers.NAME]"
            self._top.error(where, f"found {found(content)}, expected a table", hint)
            return []
        own = {
            key: value
            for key, value in content.items()
            if key in KEYS[Section.PEER] or not isinstance(value, dict)
        }
        peers = [
            self._nested_peer(where / key, f"{name}.{key}", content[key]) for key in content if key not in own
        ]
        if own or not peers:
            peers.append(sections.peer(Table(where, own, self._problems), name))
        return peers

    def _nested_peer(self, where: Where, name: str, content: dict[str, object]) -> PeerDraft:
        hint = f"put the dotted name in quotes: [peers.{key_text(name)}]"
        table = Table(where, content, self._problems)
        table.error(where, "is a table inside a peer, because of the dot in its name", hint)
        return sections.peer(table, name)
