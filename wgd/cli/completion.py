"""`wgd completion`: scripts for shells, and the words that they ask for. The parser itself says what fits."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from wgd.cli.options import parser
from wgd.cli.output import Exit, show
from wgd.config.decode import Files
from wgd.config.files import ConfigDirectory
from wgd.config.names import Part, claim
from wgd.config.schema import draft
from wgd.errors import ConfigError

SCRIPTS = {
    "bash": """\
# bash completion of wgd. Once: eval "$(wgd completion bash)"; for good: wgd completion bash
# > ~/.local/share/bash-completion/completions/wgd
_wgd() {
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
}
complete -o default -F _wgd wgd
""",
    "zsh": """\
#compdef wgd
# zsh completion of wgd: wgd completion zsh > DIRECTORY/_wgd, with a DIRECTORY of $fpath
_wgd() {
    local -a found
    found=("${(@f)$("${words[1]}" completion words "${(@)words[2,CURRENT]}" 2> /dev/null)}")
    found=(${found:#})
    if (( $#found )); then compadd -- $found; else _files; fi
}
if [ "$funcstack[1]" = _wgd ]; then _wgd "$@"; else compdef _wgd wgd; fi
""",
    "fish": """\
# fish completion of wgd: wgd completion fish > ~/.config/fish/completions/wgd.fish
function __wgd_words
    set -l typed (commandline -opc) (commandline -ct)
    command $typed[1] completion words $typed[2..-1] 2> /dev/null
end
complete -c wgd -a '(__wgd_words)'
""",
}
PEERS = {
    "export": "peer",
    "disable": "name",
    "enable": "name",
    "remove": "name",
    "explain": "source",
    "status": "names",
}
"""Commands, and their argument that is a peer."""
INTERFACES = ("interface", "sources", "names")
"""Arguments that may be interfaces."""


def completion(options: argparse.Namespace) -> int:
    """Print the script of a shell; or, for it, what may stand in the place of the last word."""
    if options.shell == "words":
        show("\n".join(candidates(options.words or [""])))
    else:
        show(SCRIPTS[options.shell].rstrip())
    return Exit.IN_SYNC


def candidates(typed: Sequence[str]) -> list[str]:
    """What can complete the last of the words typed after `wgd`; nothing where it is the name of a file."""
    *before, prefix = typed
    top, directory = parser(), Path("/etc/wgd")
    now, command, used = top, "", 0
    waiting: argparse.Action | None = None
    for word in before:
        if waiting:
            directory = Path(word) if waiting.dest == "config_dir" else directory
            waiting = None
        elif word.startswith("-"):
            waiting = _takes_value(now, word)
        elif not command and word not in _subparsers(top):
            return []
        elif not command:
            command, now = word, _subparsers(top)[word]
        else:
            used += 1
    if waiting:
        found = _values(waiting, command, directory)
    elif prefix.startswith("-"):
        found = [option for action in now._actions for option in action.option_strings if option[1:2] == "-"]
    elif not command:
        found = list(_subparsers(top))
    else:
        found = _positional(now, command, used, directory)
    return sorted(word for word in set(found) if word.startswith(prefix))


def _subparsers(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return dict(next(actions).choices)


def _takes_value(of: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    """The option that the next word belongs to."""
    action = next((one for one in of._actions if word in one.option_strings), None)
    return action if action and action.nargs != 0 else None


def _positional(of: argparse.ArgumentParser, command: str, used: int, directory: Path) -> list[str]:
    places = [action for action in of._actions if not action.option_strings]
    if places and places[-1].nargs in ("+", "*"):
        used = min(used, len(places) - 1)
    return _values(places[used], command, directory) if used < len(places) else []


def _values(action: argparse.Action, command: str, directory: Path) -> list[str]:
    if action.choices:
        return list(action.choices)
    found = [*_interfaces(directory)] if action.dest in INTERFACES else []
    return [*found, *_peers(directory)] if action.dest == PEERS.get(command) else found


def _interfaces(directory: Path) -> Iterable[str]:
    for file in _files(directory):
        claimed = claim(file)
        if claimed and claimed.part is Part.MAIN and claimed.interface:
            yield claimed.interface


def _peers(directory: Path) -> Iterable[str]:
    for file, content in _files(directory).items():
        yield from (peer.name for peer in draft(file, content).peers)


def _files(directory: Path) -> Files:
    try:
        return ConfigDirectory(directory).read()
    except ConfigError:  # not for this user, or not there: no reason to disturb who types
        return {}
