"""`wgd genkey`, `wgd pubkey`: private keys stay in their files, only public ones are shown."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from wgd.cli.machine import directories
from wgd.cli.output import Exit, show
from wgd.config import keys, keytext
from wgd.config.names import interface_fault
from wgd.errors import ConfigError, UsageError
from wgd.model import Secret
from wgd.sources.files import daemon_gid, load


def genkey(options: argparse.Namespace) -> int:
    """Make a key file where the interface looks for it by default; never in the place of another."""
    if fault := interface_fault(options.interface):
        raise UsageError(fault)
    if not options.config_dir.is_dir():
        raise UsageError(f"there is no directory {options.config_dir}; --config-dir names another one")
    private = keys.generate()
    keys.write_key(_key_file(options), private)
    show(keytext.encoded(keys.public_key(private)))
    return Exit.IN_SYNC


def pubkey(options: argparse.Namespace) -> int:
    """Show the public key that the peers of this interface need."""
    show(keytext.encoded(keys.public_key(_private_key(options))))
    return Exit.IN_SYNC


def _private_key(options: argparse.Namespace) -> Secret:
    """The key that the interface's file names, or, while that file is not there or not right, the default."""
    try:
        config = load(directories(options), time.time(), accepted=False).config
    except ConfigError:
        config = None
    interface = config.interfaces.get(options.interface) if config else None
    return interface.private_key if interface else keys.read_key(_key_file(options), daemon_gid())


def _key_file(options: argparse.Namespace) -> Path:
    path: Path = options.config_dir / "keys" / f"{options.interface}.key"
    return path
