"""Keys, a key reader and a decode for tests; nothing here touches a disk."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

from wgd.config.decode import Decoded, Files, decode
from wgd.config.x25519 import clamp
from wgd.errors import Problem, Severity
from wgd.model import Secret

ETC = Path(__file__).parents[2] / "etc"
NOW = 1_900_000_000.0


def secret(file: str, private: bool = True) -> Secret:
    """A key for every file name: the same name, the same key."""
    key = hashlib.sha256(file.encode()).digest()
    return Secret(clamp(key) if private else key)


def key(name: str) -> str:
    """Some public key as base64; the same name, the same key."""
    return base64.b64encode(hashlib.sha256(f"public {name}".encode()).digest()).decode()


def read(files: Files) -> Decoded:
    """Decodes with a key for everyone."""
    return decode(files, secret, NOW)


def text(files: dict[str, str]) -> dict[str, bytes]:
    """Files as bytes."""
    return {file: content.encode() for file, content in files.items()}


class Expected(NamedTuple):
    """One problem: where it stands, and parts of what it says."""

    line: int
    key: str
    message: str
    hint: str = ""
    file: str = "wg0.toml"
    severity: Severity = Severity.ERROR


def check(problems: tuple[Problem, ...], *expected: Expected) -> None:
    """Exactly these problems, in any order; each printable on one line."""
    shown = "\n".join(map(str, problems))
    assert len(problems) == len(expected), shown
    for one in expected:
        assert any(
            (problem.file, problem.line, problem.key, problem.severity)
            == (one.file, one.line, one.key, one.severity)
            and one.message in problem.message
            and one.hint in problem.hint
            for problem in problems
        ), f"{one}\nis not among\n{shown}"
    assert all((problem.message + problem.hint).isprintable() for problem in problems)
