"""What a one-shot command has to do with: the files, the kernel, the clock."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wgd.config.document import Config
from wgd.errors import UsageError
from wgd.model import Outcome, Plan, State
from wgd.output import report
from wgd.plan import make_plan
from wgd.protocols import Kernel
from wgd.reconcile import Resolved, observe
from wgd.sources import dns, files, others, trials
from wgd.sources.files import Directories, Loaded
from wgd.values import value

if TYPE_CHECKING:
    from wgd.kinds.nftables import Dropped
    from wgd.sources.firewalls import Firewalls

CAP_NET_ADMIN = 12
DNS_PATIENCE = 5.0
"""Seconds to wait for names of endpoints; a peer without an address is reported and left to wait."""


@value
class Machine:
    """One network namespace and the directories that say how it should be."""

    directories: Directories
    kernel: Kernel
    firewalls: Firewalls | None = None

    def load(self) -> Loaded:
        """The files in force. Raises ConfigError."""
        return files.load(self.directories, time.time())

    def resolve(self, config: Config) -> Resolved:
        """The addresses of all endpoints."""
        return dns.resolve(dns.endpoints(config), DNS_PATIENCE)

    def look(self) -> Sight:
        """Compare the files with what there is. Raises ConfigError, KernelError."""
        loaded = self.load()
        seen = observe(self.kernel, self.resolve(loaded.config), time.time())
        plan = make_plan(loaded.config, seen)
        return Sight(loaded, seen, plan, self.status(loaded, seen, plan))

    def status(
        self, loaded: Loaded, seen: State, plan: Plan, failures: Iterable[Outcome] = ()
    ) -> dict[str, Any]:
        """The status value."""
        beside = self.firewalls
        return report.status(
            loaded.config,
            seen,
            plan,
            problems=loaded.problems,
            frozen=loaded.frozen,
            warnings=beside.warnings(loaded.config, seen, plan) if beside else (),
            obstacles=beside.obstacles(loaded.config, seen) if beside else (),
            failures=failures,
            dropped=cast("Iterable[Dropped]", self.kernel.dump("dropped")),
            rivals=others.among(loaded.config, seen),
            trial=trials.told(loaded.trial, loaded.refused, time.time()),
        )


@value
class Sight:
    """The files, what was observed, what would have to change, and the status value."""

    loaded: Loaded
    seen: State
    plan: Plan
    value: dict[str, Any]


def directories(options: argparse.Namespace) -> Directories:
    """The three directories of the command line."""
    return Directories(options.config_dir, options.run_dir, options.state_dir)


def here(options: argparse.Namespace) -> Machine:
    """This machine. Raises UsageError without the privilege that reading it takes."""
    if not privileged():
        raise UsageError(f"{options.command} needs root (CAP_NET_ADMIN)")
    # Late: the commands that never get here need none of it.
    from wgd.kernel.linux import LinuxKernel
    from wgd.sources.firewalls import Firewalls

    kernel = LinuxKernel(options.run_dir)
    return Machine(directories(options), kernel, Firewalls(kernel.others.read))


def privileged() -> bool:
    """Whether this process may see and change WireGuard."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> CAP_NET_ADMIN & 1)
