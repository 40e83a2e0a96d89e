"""Folders of files and the commands they lead to: `golden/CASE/plan.txt` is what `CASE/*.toml` needs.

Where `CASE/before/*.toml` stands, those files are in force first, and the plan is about the edit.
To change plans on purpose, run this module as a program (`python -m tests.test_golden`) and read the diff.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.support import read
from tests.configs import NOW, machine, resolved, run
from wgd.config.document import Config
from wgd.model import Plan
from wgd.plan import make_plan
from wgd.reconcile import observe

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/plan.txt"))


def config_in(folder: Path) -> Config:
    """What the files say; a golden file has no problems."""
    decoded = read({str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)})
    assert decoded.problems == (), decoded.problems
    return decoded.config


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.toml") if "before" not in path.relative_to(folder).parts)


def plan_of(case: Path) -> Plan:
    kernel, wanted = machine(), config_in(case)
    if (case / "before").is_dir():
        assert run(kernel, config_in(case / "before")).converged
    return make_plan(wanted, observe(kernel, resolved(wanted), NOW))


def text(plan: Plan) -> str:
    lines = [command for op in plan.ops for command in op.commands()]
    lines += [f"# conflict: {conflict.label}: {conflict.reason}" for conflict in plan.conflicts]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("case", CASES)
def test_plan(case: str) -> None:
    assert text(plan_of(GOLDEN / case)) == (GOLDEN / case / "plan.txt").read_text()


def test_the_three_hosts_are_among_them() -> None:
    assert {"hub-1", "spoke-1", "spoke-2"} <= set(CASES)


if __name__ == "__main__":
    for folder in GOLDEN.iterdir():
        (folder / "plan.txt").write_text(text(plan_of(folder)))
