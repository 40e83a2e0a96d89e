"""`wgd export`: the other side of a peer, as text or as a QR code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from pathlib import Path
from typing import Any

from wgd import exporter
from wgd.cli.machine import directories
from wgd.cli.output import Exit, aside, show
from wgd.config import addresses, keys
from wgd.config.document import Endpoint, Interface, Peer
from wgd.config.source import Unfit
from wgd.errors import UsageError
from wgd.sources.files import load

BLACK_ON_WHITE = "\033[97;40m"  # segno draws the light modules


def export(options: argparse.Namespace) -> int:
    """Print what the peer needs, and nothing else, so that it can be redirected into a file."""
    config = load(directories(options), time.time(), accepted=False).config
    interface, peer = exporter.choose(config, options.peer, options.interface)
    private_key = keys.read_key(options.private_key_file) if options.private_key_file else None
    if (options.qr or options.qr_file) and private_key is None:
        raise UsageError("the app takes no code without a private key: add --private-key-file FILE")
    text = exporter.peer_file(interface, peer, _endpoint(options.endpoint, interface, peer), private_key)
    if options.qr_file:
        _picture(options.qr_file, text)
    else:
        show(_qr(text) if options.qr else text.rstrip())
    return Exit.IN_SYNC


def _endpoint(word: str | None, interface: Interface, peer: Peer) -> Endpoint | None:
    """Where the peer finds us: `HOST` or `HOST:PORT`; nothing for a peer that we dial."""
    if word is None:
        if peer.endpoint is None:
            raise UsageError(
                f"where does {peer.name} find this machine? add --endpoint HOST, a public address or name"
            )
        return None
    bare_ipv6 = word.count(":") > 1 and not word.startswith("[")
    host = f"[{word}]" if bare_ipv6 else word
    if ":" not in host.rpartition("]")[2]:
        if interface.listen_port is None:
            raise UsageError(f"{interface.name} has no listen_port: write it, or --endpoint {host}:PORT")
        host = f"{host}:{interface.listen_port}"
    try:
        return addresses.endpoint(host)
    except Unfit as error:
        raise UsageError(
            f"--endpoint: {error.message}" + (f" ({error.hint})" if error.hint else "")
        ) from None


def _code(text: str) -> Any:
    try:
        import segno
    except ImportError:
        raise UsageError("--qr needs segno: apt install python3-segno, or pip install segno") from None
    return segno.make(text, error="l", micro=False)


def _picture(file: Path, text: str) -> None:
    """The code as a picture: with a key in it, so for nobody else to read. Never overwrites."""
    kind = file.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise UsageError(f"--qr-file: found {file.name}, expected a name that ends in .png or .svg")
    drawn = io.BytesIO()
    _code(text).save(drawn, kind=kind, scale=4)
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb") as picture:
            picture.write(drawn.getvalue())
    except FileExistsError:
        raise UsageError(f"{file} exists already: move it away first") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    aside(f"✓ {file} holds a private key: remove it once the app has it")


def _qr(text: str) -> str:
    drawn = io.StringIO()
    _code(text).terminal(out=drawn, compact=True)
    if not sys.stdout.isatty():
        return drawn.getvalue().rstrip("\n")
    return "\n".join(f"{BLACK_ON_WHITE}{line}\033[0m" for line in drawn.getvalue().splitlines())
