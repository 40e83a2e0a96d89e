"""`wgd import`: what another program was told, as a file for wgd, and what became of each line."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from wgd.cli.machine import here
from wgd.cli.output import Exit, aside, show
from wgd.config import keys, x25519
from wgd.config.document import Role
from wgd.config.keys import KeyFileError
from wgd.config.names import interface_fault
from wgd.config.wording import printable
from wgd.errors import UsageError
from wgd.importer import live, sources, write
from wgd.importer.found import Fate, KeyFile
from wgd.importer.lines import unit_lines
from wgd.importer.sources import Imported
from wgd.model import Secret
from wgd.output.terminal import several
from wgd.sources import lock, written

KINDS = ("link", "device", "peer", "address", "route")
UNITS = (".netdev", ".network")
LARGEST = 64 * 2**20


def import_(options: argparse.Namespace) -> int:
    """Print the file, or write it; tell what is not in it. Exit status 1: something was not carried over."""
    role = Role(options.role) if options.role else None
    imported, source = _imported(options, role)
    adopt = not (options.write and lock.holder() is not None)
    text = write.toml(imported.found, source, imported.entries, adopt)
    if options.write:
        _write(options.config_dir, imported, text)
        show(_account(imported))
        show(_next(options.config_dir, imported, adopt))
    else:
        show(text.rstrip())
        aside(_account(imported))
    missed = any(entry.fate is Fate.MISSED for entry in imported.entries)
    return Exit.DRIFT if missed else Exit.IN_SYNC


def _imported(options: argparse.Namespace, role: Role | None) -> tuple[Imported, str]:
    """What was found, and what a person calls its source. Raises UsageError."""
    words: list[str] = options.sources
    paths = [Path(word) for word in words]
    if len(words) == 1 and not paths[0].exists() and interface_fault(words[0]) is None:
        return _from_kernel(options, words[0], role), "the interface as it was"
    files = [(path, _read(path)) for path in _with_partner(paths)]
    shown = " and ".join(printable(str(path)) for path, _ in files)
    if all(path.suffix in UNITS for path, _ in files):
        name = options.interface or _unit_name(files)
        return sources.from_networkd(_checked(name), [(path.name, text) for path, text in files], role), shown
    if len(files) > 1:
        raise UsageError("one file for wg-quick at a time; two only for a .netdev and its .network")
    path, content = files[0]
    name = _checked(options.interface or path.stem)
    imported = sources.from_quick(name, printable(path.name), content, role)
    if not any(line.header and line.section in ("interface", "peer") for line in imported.lines):
        raise UsageError(f"{path} is no file for wg-quick: it has no [Interface] and no [Peer]")
    return imported, shown


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        hint = "; use sudo" if isinstance(error, PermissionError) else ""
        raise UsageError(f"{path} cannot be read: {error.strerror}{hint}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{path} is larger than {LARGEST // 2**20} MiB")
    return content


def _with_partner(paths: Sequence[Path]) -> list[Path]:
    """A .netdev brings the .network of the same name along, and the other way round."""
    if len(paths) == 1 and paths[0].suffix in UNITS:
        both = [paths[0].with_suffix(suffix) for suffix in UNITS]
        return [path for path in both if path == paths[0] or path.exists()]
    return list(paths)


def _unit_name(files: Sequence[tuple[Path, bytes]]) -> str:
    """The interface's name as the .netdev says it."""
    for path, content in files:
        for line in unit_lines(path.name, content):
            if path.suffix == ".netdev" and (line.section, line.key) == ("netdev", "name"):
                return line.value
    raise UsageError("no .netdev says the interface's Name=: add --interface IF")


def _checked(name: str) -> str:
    if fault := interface_fault(name):
        raise UsageError(f"{fault}; --interface IF says another name")
    return name


def _from_kernel(options: argparse.Namespace, name: str, role: Role | None) -> Imported:
    kernel = here(options).kernel
    there = live.seen(name, {kind: kernel.dump(kind) for kind in KINDS})
    if there is None:
        raise UsageError(f"there is no file {name}, and no WireGuard interface of that name is up")
    return sources.from_live(there, role)


def _account(imported: Imported) -> str:
    """What was not carried over, what was stripped, and how much of everything."""
    entries, lines = imported.entries, []
    for fate, sign in ((Fate.MISSED, "✗"), (Fate.STRIPPED, "–")):
        chosen = [entry for entry in entries if entry.fate is fate]
        lines += [f"{fate}:" if chosen else "", *(f"  {sign} {write.account(entry)}" for entry in chosen)]
    missed = {id(entry.line) for entry in entries if entry.fate is Fate.MISSED}
    stripped = {id(entry.line) for entry in entries if entry.fate is Fate.STRIPPED} - missed
    rest = {id(entry.line) for entry in entries} - missed - stripped
    counts = Counter({"carried over": len(rest), "stripped": len(stripped), "not carried over": len(missed)})
    role = next(value.value for value in imported.found.interface if value.key == "role")
    lines.append(
        f"{imported.found.name}, a {role} with {several(len(imported.found.peers), 'peer')}; "
        f"of {several(len(rest | stripped | missed), 'line')}: "
        + ", ".join(f"{count} {fate}" for fate, count in counts.items() if count)
    )
    return "\n".join(line for line in lines if line)


def _write(directory: Path, imported: Imported, text: str) -> None:
    """Keys first, so that the file finds them; nothing is overwritten. Raises UsageError, KeyFileError."""
    file = directory / f"{imported.found.name}.toml"
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}; --config-dir names another one")
    if file.exists():
        raise UsageError(f"{file} exists already: move it away first, or import without --write to compare")
    new = [
        (directory / key.file, _secret(key)) for key in imported.found.keys if not _is_there(directory, key)
    ]
    for path, secret in new:
        keys.write_key(path, secret)
    written.create(file, text)


def _secret(key: KeyFile) -> Secret:
    return key.key if isinstance(key.key, Secret) else keys.read_key(Path(key.key), private=key.private)


def _is_there(directory: Path, key: KeyFile) -> bool:
    """Whether the file holds this very key; one that holds another is never touched."""
    path = directory / key.file
    if not path.exists():
        return False
    there, wanted = keys.read_key(path, private=key.private), _secret(key).reveal()
    if there != Secret(x25519.clamp(wanted) if key.private else wanted):
        raise KeyFileError(f"{path} holds another key already", "move it away first, if it is of no use")
    return True


def _next(directory: Path, imported: Imported, adopt: bool) -> str:
    name = imported.found.name
    lines = [
        f"✓ {directory / name}.toml" + "".join(f", {directory / key.file}" for key in imported.found.keys)
    ]
    if not any(key.private for key in imported.found.keys):
        lines.append(f"! it has no private key yet: wgd genkey {name}")
    lines.append(f"  next: wgd check; wgd plan{'' if adopt else f'; then adopt = true in {name}.toml'}")
    return "\n".join(lines)
