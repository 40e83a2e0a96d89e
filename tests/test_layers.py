"""A module imports only from its own row of the table or lower ones; the pure ones see no world outside."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The longest fitting name counts.
ROWS = {
    "wgd.__main__": 5,
    "wgd.cli": 5,
    "wgd.daemon": 4,
    "wgd.telling": 4,
    "wgd.importer": 4,
    "wgd.exporter": 4,
    "wgd.members": 4,
    "wgd.log": 4,
    "wgd.reconcile": 3,
    "wgd.sources": 3,
    "wgd.kernel": 3,
    "wgd.plan": 2,
    "wgd.edit": 2,
    "wgd.elements": 2,
    "wgd.explain": 2,
    "wgd.pacer": 2,
    "wgd.repairs": 2,
    "wgd.rivals": 2,
    "wgd.fights": 2,
    "wgd.mending": 2,
    "wgd.silence": 2,
    "wgd.endpoints": 2,
    "wgd.kinds": 2,
    "wgd.access": 2,
    "wgd.output": 2,
    "wgd.firewalls": 2,
    "wgd.access.crowd": 1,
    "wgd.access.cover": 1,
    "wgd.config": 1,
    "wgd.prefixes": 1,
    "wgd.nftset": 1,
    "wgd.listing": 0,
    "wgd.per_peer": 1,
    "wgd.trial": 1,
    "wgd.protocols": 1,
    "wgd.model": 0,
    "wgd.errors": 0,
    "wgd.values": 0,
    "wgd.versions": 0,
    "wgd": 0,
}
PURE = (
    "access",
    "config.document",
    "edit",
    "elements",
    "endpoints",
    "errors",
    "explain",
    "fights",
    "firewalls",
    "importer",
    "kinds",
    "listing",
    "members",
    "mending",
    "model",
    "nftset",
    "output",
    "pacer",
    "per_peer",
    "plan",
    "prefixes",
    "protocols",
    "repairs",
    "rivals",
    "silence",
    "trial",
)
OUTSIDE = {"os", "socket", "subprocess", "time", "threading", "ctypes", "pathlib"}
OUTSIDE |= {"pyroute2", "nftables", "watchdog"}
SPELLING = {"AF_INET", "AF_INET6", "inet_pton"}
"""What of `socket` reads the text of an address, and sees nothing."""
HOMES = {
    "pyroute2": ("wgd.kernel", "wgd.sources"),
    "nftables": ("wgd.kernel", "wgd.sources"),
    "ctypes": ("wgd.sources",),
    "watchdog": ("wgd.sources",),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "wgd").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    """Everything a file imports, in functions and for types too, as full names."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                if node.module == "socket" and alias.name in SPELLING:
                    continue
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else str(node.module)


def row(module: str) -> int:
    while module not in ROWS:
        assert "." in module, f"{module} has no row in the table of layers"
        module = module.rpartition(".")[0]
    return ROWS[module]


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def test_every_module_has_a_row_of_its_own() -> None:
    """`wgd` itself is a row for the package's __init__ only."""
    rows = [name for name in ROWS if name != "wgd"]
    assert [m for m in MODULES if m != "wgd" and not any(within(m, name) for name in rows)] == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    upwards = [
        other for other in imports(MODULES[module]) if within(other, "wgd") and row(other) > row(module)
    ]
    assert upwards == []


@pytest.mark.parametrize("module", [m for m in MODULES if any(within(m, f"wgd.{pure}") for pure in PURE)])
def test_the_pure_ones_see_no_outside_world(module: str) -> None:
    assert {other.partition(".")[0] for other in imports(MODULES[module])} & OUTSIDE == set()


@pytest.mark.parametrize("package", HOMES)
def test_a_package_is_imported_only_where_it_lives(package: str) -> None:
    importers = [m for m, path in MODULES.items() if any(within(other, package) for other in imports(path))]
    assert [m for m in importers if not any(within(m, home) for home in HOMES[package])] == []


@functools.cache
def loads(module: str) -> frozenset[str]:
    """What importing it may load, itself included: what it imports, the packages around that, and so on."""
    found, left = set[str](), [module]
    while left:
        name = left.pop()
        if name in MODULES and name not in found:
            found.add(name)
            left += [*imports(MODULES[name]), name.rpartition(".")[0]]
    return frozenset(found)


def test_each_pure_module_can_be_imported_first() -> None:
    """A cycle of imports shows only when one enters it at the wrong place.

    What loads the module must be gone then. What does not may stay: no way leads from there to the module.
    """
    pure = [m for m in MODULES if any(within(m, f"wgd.{name}") for name in PURE)]
    pure.sort(key=lambda module: len(loads(module)))
    above = {module: [m for m in MODULES if module in loads(m)] for module in pure}
    program = f"""
import importlib, sys
for name, above in {above!r}.items():
    for module in above:
        sys.modules.pop(module, None)
    importlib.import_module(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
