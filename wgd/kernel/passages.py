"""Our rules in iptables, through its own programs, and whether the chains for them are there.

It must never touch a rule without our comment. What iptables-legacy has is not seen, nor changed.
"""

from __future__ import annotations

import errno
import shlex
import subprocess
from collections.abc import Collection, Iterator, Sequence

from wgd.errors import KernelError
from wgd.firewalls.xtables import saved
from wgd.kernel import nftables
from wgd.kinds.passage import (
    CHAINS,
    MARKER,
    PROGRAMS,
    ForeignChain,
    Passage,
    PassageDelete,
    PassageInsert,
    Spec,
)

PATIENCE = 10.0
"""Seconds that a program may take."""
_FAMILIES = {4: "ip", 6: "ip6"}


class Passages:
    """Read time and again: the programs are asked only after somebody else changed something in nftables, and
    only where that has a table for them."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._all: list[Spec] = []

    def read(self) -> list[Spec]:
        """All there are, the very same list if nothing changed. What cannot be read is not there: nothing is
        wanted in it then. Raises KernelError."""
        before = nftables.supported_generation()
        if before != self._generation:
            # What changes meanwhile makes another generation, and is seen by the next reading.
            self._all, self._generation = list(_read()) if before is not None else [], before
        return self._all

    def pass_over(self, ours: Collection[int]) -> None:
        """These transactions were our own."""
        while self._generation is not None and self._generation + 1 in ours:
            self._generation += 1


def insert(op: PassageInsert) -> None:
    """Once. Raises KernelError."""
    if not _worked(op.passage, "-C"):
        _change(op.passage, "-I")


def delete(op: PassageDelete) -> None:
    """One that is gone already is done. Raises KernelError."""
    if _worked(op.passage, "-C"):
        _change(op.passage, "-D")


def parse(text: str, version: int) -> Iterator[Spec]:
    """What iptables-save printed of the table `filter`."""
    chains = [line[1:].split()[0] for line in text.splitlines() if line.startswith(":")]
    yield from (ForeignChain(version, chain) for chain in CHAINS.values() if chain in chains)
    for (_, chain), lines in saved(text).items():
        if chain in CHAINS.values():
            yield from filter(None, (_passage(line, version) for line in lines))


def _passage(line: str, version: int) -> Passage | None:
    _, chain, *words = shlex.split(line)
    if words[-2:] != ["-j", "ACCEPT"] or "--comment" not in words:
        return None
    at = words.index("--comment")
    if not words[at + 1].startswith(MARKER):
        return None
    matches = (*words[: at - 2], *words[at + 2 : -2])
    return Passage(version, chain, words[at + 1].removeprefix(MARKER), matches)


def _read() -> Iterator[Spec]:
    tables = nftables.tables()
    for version, program in PROGRAMS.items():
        if f"{_FAMILIES[version]} filter" in tables:
            try:
                done = _run((f"{program}-save", "-t", "filter"))
            except KernelError:  # not installed
                continue
            if done.returncode == 0:
                yield from parse(done.stdout, version)


def _worked(passage: Passage, verb: str) -> bool:
    return _run((PROGRAMS[passage.version], *passage.arguments(verb))).returncode == 0


def _change(passage: Passage, verb: str) -> None:
    done = _run((PROGRAMS[passage.version], *passage.arguments(verb)))
    if done.returncode:
        raise KernelError(passage.command(verb), 0, done.stderr.strip().partition("\n")[0])


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, errors="replace"
        )
    except OSError as error:
        raise KernelError(command[0], error.errno or 0, "it cannot be run") from error
    except subprocess.TimeoutExpired as error:
        raise KernelError(command[0], errno.ETIMEDOUT) from error
