"""`wgd add-peer`, `disable`, `enable` and `remove`: peers in drop-ins of wgd's own.

Nothing is written before the files, as they would be, have been checked as `wgd check` does it.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path
from typing import Any

from wgd import members
from wgd.cli.output import Exit, show
from wgd.config import addresses, keys, scalars
from wgd.config.decode import decode
from wgd.config.document import Config, Interface
from wgd.config.draft import PeerDraft
from wgd.config.files import ConfigDirectory
from wgd.config.keys import KeyReader
from wgd.config.names import name_fault
from wgd.config.schema import draft
from wgd.config.source import Unfit
from wgd.config.wording import dotted
from wgd.errors import ConfigError, Problem, Severity, UsageError
from wgd.model import Secret
from wgd.prefixes import Prefix
from wgd.sources import lock, written
from wgd.sources.files import daemon_gid


class Files:
    """The config directory as it is, and one change of it. Raises ConfigError if it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files = dict(ConfigDirectory(directory).read())
        self._keys = KeyReader(directory, daemon_gid())
        self._before = decode(self.files, self._keys, time.time())

    @property
    def config(self) -> Config:
        return self._before.config

    def path(self, file: str) -> Path:
        """Where a file is on the disk."""
        return self._directory / file

    def content(self, file: str) -> bytes:
        """What a file holds; nothing if it is not there or cannot be read."""
        found = self.files.get(file, b"")
        return b"" if isinstance(found, Problem) else found

    def check(self, file: str, text: str | None) -> None:
        """Raises ConfigError if the file (None: without it) would break anything that is right."""
        after = {name: content for name, content in self.files.items() if name != file}
        if text is not None:
            after[file] = text.encode()
        problems = decode(after, self._keys, time.time()).problems
        new = {one for one in problems if one.severity is Severity.ERROR} - set(self._before.problems)
        if new:
            raise ConfigError(tuple(one for one in problems if one in new))

    def change(self, file: str, text: str | None) -> None:
        """Write the file (None: remove it), after a `check`. Raises ConfigError, UsageError."""
        self.check(file, text)
        if text is None:
            self.path(file).unlink()
        elif file in self.files:
            written.replace(self.path(file), text)
        else:
            written.create(self.path(file), text)


def add(options: argparse.Namespace) -> int:
    """Write a drop-in for a new peer, and say what its machine needs."""
    files, name = Files(options.config_dir), options.name
    interface = _interface(files.config, options.interface)
    if fault := name_fault(name):
        raise UsageError(fault)
    file = members.drop_in(interface.name, name)
    if file in files.files:
        raise UsageError(f"{files.path(file)} exists already")
    allowed = tuple(map(_address, options.address)) or members.free_addresses(interface)
    public, private = _key(options)
    text = members.text({name: members.member(public, allowed)})
    files.check(file, text)
    if private:
        keys.write_key(options.make_key, private)
    files.change(file, text)
    show(f"✓ {name} is {', '.join(net.short for net in allowed)}, in {files.path(file)}")
    show(_what_next(f"the other side: {_export(options, interface)}"))
    return Exit.IN_SYNC


def _interface(config: Config, name: str | None) -> Interface:
    """The interface that is meant. Raises UsageError unless it is clear which."""
    usable = config.interfaces
    if name is None and len(usable) == 1:
        return next(iter(usable.values()))
    if name is not None and name in usable:
        return usable[name]
    held = "; `wgd check` says what is wrong with it" if name in config.held or not usable else ""
    if name is None:
        known = ", ".join(usable)
        raise UsageError(f"say which with --interface: {known}" if known else f"no usable file{held}")
    raise UsageError(f"no usable file names {name}{held}")


def _address(word: str) -> Prefix:
    try:
        return addresses.network(word)
    except Unfit as error:
        raise UsageError(f"--address: {error.message}" + (f" ({error.hint})" if error.hint else "")) from None


def _key(options: argparse.Namespace) -> tuple[bytes, Secret | None]:
    """The public key as given, or that of a new private one."""
    if options.make_key:
        private = keys.generate()
        return keys.public_key(private), private
    try:
        return scalars.key(options.public_key), None
    except Unfit as error:
        raise UsageError(f"--public-key: {error.message}") from None


def _export(options: argparse.Namespace, interface: Interface) -> str:
    which = f" --interface {interface.name}" if options.interface else ""
    own = f" --private-key-file {options.make_key} --qr" if options.make_key else ""
    return f"wgd export {options.name}{which} --endpoint HOST{own}"


def _what_next(*steps: str) -> str:
    """What a person does next; a daemon that runs has seen the file by then."""
    first = () if lock.holder() is not None else ("wgd apply",)
    return "\n".join(f"  next: {step}" for step in (*first, *steps))


def disable(options: argparse.Namespace) -> int:
    """Set `enabled = false`."""
    return _switch(options, False)


def enable(options: argparse.Namespace) -> int:
    """Take `enabled = false` away."""
    return _switch(options, True)


def _switch(options: argparse.Namespace, on: bool) -> int:
    files, state = Files(options.config_dir), "enabled" if on else "disabled"
    peer, file = _found(files, options)
    if peer.enabled is on:
        show(f"✓ {peer.name} is {state} already ({peer.where})")
        return Exit.IN_SYNC
    if not members.is_ours(files.content(file)):
        line = peer.where if not on else peer.where / "enabled"
        todo = "delete this line: enabled = false" if on else "write below this line: enabled = false"
        raise UsageError(f"{line}: a person wrote this file, and wgd leaves it alone; {todo}")
    tables = _tables(files.content(file))
    tables[peer.name].pop("enabled", None)
    if not on:
        tables[peer.name]["enabled"] = False
    files.change(file, members.text(tables))
    show(f"✓ {peer.name} is {state}, in {files.path(file)}")
    show(_what_next())
    return Exit.IN_SYNC


def remove(options: argparse.Namespace) -> int:
    """Remove the peer, and with the last one the drop-in."""
    files = Files(options.config_dir)
    peer, file = _found(files, options)
    if not members.is_ours(files.content(file)):
        header = dotted(("peers", peer.name))
        todo = f"delete its table, that begins here with [{header}]"
        raise UsageError(f"{peer.where}: a person wrote this file, and wgd leaves it alone; {todo}")
    tables = _tables(files.content(file))
    del tables[peer.name]
    files.change(file, members.text(tables) if tables else None)
    show(f"✓ {peer.name} is removed from {files.path(file)}")
    show(_what_next())
    return Exit.IN_SYNC


def _found(files: Files, options: argparse.Namespace) -> tuple[PeerDraft, str]:
    drafts = [draft(file, content) for file, content in files.files.items()]
    found, peer = members.find(drafts, options.name, options.interface)
    if not found.readable or found.problems:
        raise UsageError(f"{found.file} has mistakes: `wgd check` names them")
    return peer, found.file


def _tables(content: bytes) -> dict[str, dict[str, Any]]:
    """The peers of a drop-in of ours, which is right. Raises UsageError if somebody put more into it."""
    table = tomllib.loads(content.decode())
    others = set(table) - {"peers"}
    if others:
        raise UsageError(f"its file holds {', '.join(sorted(others))} too, not by wgd: edit it by hand")
    peers: dict[str, dict[str, Any]] = table["peers"]
    return peers
