"""`wgd check`: all that is wrong with the files, at once. Needs no root and touches nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from wgd.cli.machine import directories
from wgd.cli.output import Exit, page, show, show_json
from wgd.config.names import Part, claim
from wgd.config.wording import listed
from wgd.errors import Problem, Severity, UsageError
from wgd.output.findings import tell_problem
from wgd.output.report import problem_value
from wgd.output.terminal import several
from wgd.sources.files import load
from wgd.values import replace


def check(options: argparse.Namespace) -> int:
    """Say what is wrong, by file and line, and how much in the end."""
    directory, only = _scope(options)
    loaded = load(replace(directories(options), config=directory), time.time(), accepted=False)
    problems = sorted(
        (problem for problem in loaded.problems if only is None or _concerns(problem, only)),
        key=lambda problem: (problem.file, problem.line, problem.key),
    )
    names = [name for name in loaded.config.interfaces if only in (None, name)]
    if options.json:
        show_json({"interfaces": names, "problems": [problem_value(problem) for problem in problems]})
    else:
        for problem in problems:
            show("\n".join(tell_problem(problem_value(problem), page(), indent="")))
        show(_summary(problems, names, directory))
    return Exit.CONFIG if _errors(problems) else Exit.IN_SYNC


def _scope(options: argparse.Namespace) -> tuple[Path, str | None]:
    """Which directory to read, and which interface of it is meant (None: all). Raises UsageError."""
    path: Path = options.path or options.config_dir
    if path.is_dir() and not _holds_drop_ins(path):
        return path, None
    if not path.exists():
        raise UsageError(f"{path} does not exist")
    inside = path.absolute()
    drop_in = inside.parent.name.endswith(".d")
    directory = inside.parent.parent if drop_in else inside.parent
    claimed = claim(str(inside.relative_to(directory)))
    if claimed is None or (claimed.part is Part.DIRECTORY and not path.is_dir()):
        raise UsageError(
            f"{path} names no interface: expected IFNAME.toml, with a name of at most 15 letters"
        )
    return directory, None if claimed.part is Part.SHARED else claimed.interface


def _holds_drop_ins(directory: Path) -> bool:
    return directory.suffix == ".d" and directory.absolute().with_suffix(".toml").exists()


def _concerns(problem: Problem, interface: str) -> bool:
    claims = [claim(file) for file in (problem.file, *problem.also)]
    return any(one is None or one.interface in (None, interface) for one in claims)


def _errors(problems: Sequence[Problem]) -> int:
    return sum(problem.severity is Severity.ERROR for problem in problems)


def _summary(problems: Sequence[Problem], names: Sequence[str], directory: Path) -> str:
    if not problems:
        return f"{listed(names)}: all right" if names else f"no interface has a file in {directory}"
    errors = _errors(problems)
    warnings = len(problems) - errors
    counted = [several(errors, "error")] if errors else []
    counted += [several(warnings, "warning")] if warnings else []
    return f"{', '.join(counted)} in {several(len({problem.file for problem in problems}), 'file')}"
