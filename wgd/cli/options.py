"""What can be typed: the commands, their options, and where each is implemented."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from wgd import __version__

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

PLACES = (
    ("config", "/etc/wgd", "the files"),
    ("run", "/run/wgd", "notes for this boot, and the daemon's report"),
    ("state", "/var/lib/wgd", "the files as last accepted"),
)
EXITS = """\
exit status: 0 in sync; 1 something differs, conflicts or did not converge;
2 the files or the command line are wrong; 3 the kernel refused"""


def parser() -> argparse.ArgumentParser:
    """The parser: its result has `command`, and `run` as "module:function"."""
    top = argparse.ArgumentParser(
        prog="wgd",
        description="Keeps a WireGuard host exactly as its TOML files say.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"wgd {__version__}")
    for name, default, what in PLACES:
        top.add_argument(
            f"--{name}-dir", type=Path, default=Path(default), metavar="DIR", help=f"{what} ({default})"
        )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    _daemon(commands)
    _changes(commands)
    _questions(commands)
    _keys(commands)
    _import(commands)
    _peers(commands)
    _completion(commands)
    return top


def _command(commands: Commands, name: str, run: str, what: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.", allow_abbrev=False
    )
    added.set_defaults(run=f"wgd.cli.{run}")
    return added


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _daemon(commands: Commands) -> None:
    _command(commands, "run", "daemon:run", "keep the machine as the files say, until stopped")


def _changes(commands: Commands) -> None:
    _json(_command(commands, "plan", "change:plan", "show what apply would do, as ip, wg and nft commands"))
    _json(_command(commands, "apply", "change:apply", "make the machine as the files say, once"))
    tried = _command(
        commands, "try", "trial:try_", "try what is saved: it goes back unless confirmed in time"
    )
    tried.add_argument(
        "--timeout", metavar="TIME", default="60s", help="how long each save is tried: 90s, 5m (60s)"
    )
    _command(commands, "confirm", "trial:confirm", "keep what is on trial")
    down = _command(commands, "down", "change:down", "remove what wgd made")
    down.add_argument("interface", nargs="?", metavar="IF", help="only this interface")


def _questions(commands: Commands) -> None:
    check = _command(commands, "check", "check:check", "say what is wrong with the files, all of it")
    check.add_argument("path", nargs="?", type=Path, metavar="PATH", help="a directory, or one file IF.toml")
    _json(check)
    status = _command(commands, "status", "status:status", "show where the machine differs from the files")
    status.add_argument("names", nargs="*", metavar="IF|PEER", help="only these, interfaces with all peers")
    status.add_argument("--sort", choices=("name", "handshake", "traffic"), help="the peers, by this")
    status.add_argument("--watch", action="store_true", help="draw it again each second, until ^C")
    _json(status)
    graph = _command(commands, "graph", "graph:graph", "draw the network as the files tell it")
    graph.add_argument("interface", nargs="?", metavar="IF", help="only this interface")
    form = graph.add_mutually_exclusive_group()
    form.add_argument("--mermaid", action="store_true", help="as a Mermaid flowchart")
    form.add_argument("--svg", action="store_true", help="as a picture")
    log = _command(commands, "log", "log:log", "show what changed, when and why")
    log.add_argument("--since", metavar="TIME", help="30m, 2h, 7d (ago), or 2030-01-31T12:00")
    _json(log)
    explain = _command(commands, "explain", "explain:explain", "say where a packet goes, and what stops it")
    explain.add_argument("address", metavar="ADDRESS", help="where the packet wants to go")
    explain.add_argument(
        "--from", dest="source", metavar="PEER|ADDRESS", help="who sends it, if not this machine"
    )
    explain.add_argument("--port", metavar="PORT", help="tcp/80, udp/53 or icmp, as in a rule")
    explain.add_argument("--probe", action="store_true", help="really send something from here, and listen")
    _json(explain)


def _keys(commands: Commands) -> None:
    for name, what in (
        ("genkey", "make the private key of an interface, and print the public one"),
        ("pubkey", "print the public key of an interface"),
    ):
        _command(commands, name, f"keys:{name}", what).add_argument("interface", metavar="IF")
    export = _command(commands, "export", "export:export", "print a peer's side as a wg-quick file")
    export.add_argument("peer", metavar="PEER", help="the peer's name in the files")
    export.add_argument("--interface", metavar="IF", help="the interface, if several have such a peer")
    export.add_argument(
        "--endpoint", metavar="HOST[:PORT]", help="where the peer finds this machine (port: its listen_port)"
    )
    export.add_argument(
        "--private-key-file", type=Path, metavar="FILE", help="put the peer's own private key in"
    )
    code = export.add_mutually_exclusive_group()
    code.add_argument("--qr", action="store_true", help="print it as a QR code for the WireGuard app")
    code.add_argument("--qr-file", type=Path, metavar="FILE", help="write the code as FILE.png or FILE.svg")


def _import(commands: Commands) -> None:
    added = _command(commands, "import", "import_:import_", "make IF.toml of what another program was told")
    added.add_argument(
        "sources",
        nargs="+",
        metavar="FILE|IF",
        help="a .conf for wg-quick, a .netdev of networkd, or an interface that is up",
    )
    added.add_argument("--interface", metavar="IF", help="its name, if the file is not called after it")
    added.add_argument("--role", choices=("hub", "spoke"), help="what this machine is, if the guess is wrong")
    added.add_argument(
        "--write", action="store_true", help="write IF.toml and its key files, instead of printing it"
    )


def _peers(commands: Commands) -> None:
    added = _command(commands, "add-peer", "peers:add", "add a peer, with the next free address")
    added.add_argument("name", metavar="NAME", help="what to call it")
    key = added.add_mutually_exclusive_group(required=True)
    key.add_argument("--public-key", metavar="KEY", help="what `wgd pubkey` prints on the peer")
    key.add_argument(
        "--make-key", type=Path, metavar="FILE", help="make its private key here, for `wgd export`"
    )
    added.add_argument(
        "--address", action="append", default=[], metavar="CIDR", help="its allowed IP, instead of a free one"
    )
    added.add_argument("--interface", metavar="IF", help="the interface, if there are several")
    for name, what in (
        ("disable", "keep a peer in its file, and out of the interface"),
        ("enable", "let a disabled peer in again"),
        ("remove", "remove a peer that add-peer added"),
    ):
        command = _command(commands, name, f"peers:{name}", what)
        command.add_argument("name", metavar="PEER", help="the peer's name in the files")
        command.add_argument("--interface", metavar="IF", help="the interface, if several have such a peer")


def _completion(commands: Commands) -> None:
    added = _command(commands, "completion", "completion:completion", "print a script that completes words")
    added.add_argument(
        "shell", choices=("bash", "zsh", "fish", "words"), help="words: what a script asks for"
    )
    added.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
