"""`wgd plan`, `wgd apply`, `wgd down`: what would be done to this machine, and doing it once."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from wgd.cli import beside
from wgd.cli.machine import Machine, here
from wgd.cli.output import Exit, complain, page, show, show_json
from wgd.config.document import Config
from wgd.errors import KernelError, UsageError
from wgd.kinds.link import Link
from wgd.model import OURS, Outcome, Report
from wgd.output import report, script
from wgd.output.render import render_result
from wgd.reconcile import deletes_more, failures, reconcile, revocation
from wgd.sources import lock
from wgd.sources.files import Loaded, accept
from wgd.sources.store import read_store
from wgd.sources.trials import confirm_required
from wgd.trial import final
from wgd.values import replace


def plan(options: argparse.Namespace, machine: Machine | None = None) -> int:
    """Show the difference as commands; change nothing."""
    machine = machine or here(options)
    sight = machine.look()
    planned = sight.plan
    with contextlib.suppress(KernelError):  # what ends besides is worth no failure
        if ending := revocation(machine.kernel, planned.ops, sight.loaded.config, sight.seen):
            planned = replace(planned, ops=(*planned.ops, ending))
    if options.json:
        rest = {name: sight.value[name] for name in ("problems", "obstacles", "warnings")}
        show_json(report.plan_value(planned) | rest)
    else:
        whole = not sys.stdout.isatty()
        show(script.render_rules(sight.loaded.config, sight.seen, page(), whole=whole))
        show(script.render_plan(planned, sight.value, page(), whole=whole))
    return beside.status_exit(sight.value)


def apply(options: argparse.Namespace) -> int:
    """One pass: by the daemon if there is one, else here."""
    if (pid := lock.holder()) is not None:
        value = beside.reload(pid, options.run_dir)
        if options.json:
            show_json(value)
        else:
            show(render_result(value, time.time(), page()))
        return beside.status_exit(value)
    machine = here(options)
    with lock.acquire():
        return apply_here(options, machine)


def apply_here(options: argparse.Namespace, machine: Machine) -> int:
    """One pass by this process, which holds the lock."""
    loaded = machine.load()
    _needs_no_confirming(loaded, machine.directories.state)
    done = _reconcile(machine, loaded.config, quiet=options.json)
    value = machine.status(loaded, done.seen, done.residue, done.outcomes)
    try:
        if not deletes_more(done):
            accept(machine.directories, loaded)
    except OSError as error:
        complain(f"{options.state_dir} cannot keep the files as accepted: {error.strerror}")
    if options.json:
        show_json(value | {"applied": report.outcome_values(done.outcomes)})
    else:
        show(render_result(value | {"failures": []}, time.time(), page()))  # they stand above
    return _refused(done) or beside.status_exit(value)


def _needs_no_confirming(loaded: Loaded, state: Path) -> None:
    """Raises UsageError for what is to be tried, and taken back by a daemon that is not there."""
    accepted = read_store(state)
    if confirm_required(accepted) and final(loaded.trial) and loaded.files != accepted:
        raise UsageError(
            "the files are to be tried (confirm_required): `systemctl start wgd`, which can go back"
        )


def down(options: argparse.Namespace) -> int:
    """Remove what wgd made, or one interface of it."""
    if (pid := lock.holder()) is not None:
        raise UsageError(
            f"process {pid} would bring it back: `systemctl stop wgd` first, or write `enabled = false` "
            f"under [interface] in {options.interface or 'IF'}.toml"
        )
    machine = here(options)
    with lock.acquire():
        return down_here(options, machine)


def down_here(options: argparse.Namespace, machine: Machine) -> int:
    """Remove it, holding the lock."""
    name = options.interface
    wanted = _without(name, machine) if name else Config()
    done = _reconcile(machine, wanted)
    if done.converged:
        show(f"✓ {name or 'all that wgd made'} is removed" if done.outcomes else "✓ nothing to remove")
        return Exit.IN_SYNC
    value = machine.status(Loaded(wanted), done.seen, done.residue)
    show(render_result(value, time.time(), page()))
    return _refused(done) or Exit.DRIFT


def _without(name: str, machine: Machine) -> Config:
    """The files in force, with this interface disabled. Raises UsageError if nobody knows it."""
    config = machine.load().config
    if name not in (*config.interfaces, *config.held, *_made(machine)):
        raise UsageError(f"no file names {name}, and wgd made no interface of that name")
    interfaces = {
        key: replace(interface, enabled=interface.enabled and key != name)
        for key, interface in config.interfaces.items()
    }
    explained = (config.explained or frozenset()) | {name}
    return Config(interfaces, config.held - {name}, explained)


def _made(machine: Machine) -> list[str]:
    links = (link for link in machine.kernel.dump("link") if isinstance(link, Link))
    return [link.name for link in links if link.group == OURS and link.wireguard]


def _reconcile(machine: Machine, config: Config, quiet: bool = False) -> Report:
    """One pass that shows each command as it is run, as wg-quick does."""

    def tell(outcome: Outcome) -> None:
        show(script.render_outcome(outcome, page()))

    return reconcile(machine.kernel, config, machine.resolve(config), time.time(), None if quiet else tell)


def _refused(done: Report) -> Exit | None:
    return Exit.KERNEL if failures(done.outcomes) else None
