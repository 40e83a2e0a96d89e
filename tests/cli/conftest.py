"""A directory tree as on a machine, with a hub's file and key; no kernel but a fake one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configs import key, private_key
from wgd.cli import main
from wgd.config.keytext import encoded

HUB = f"""\
[interface]
role = "hub"
addresses = ["172.27.0.1/16"]
listen_port = 51820

[peers.phone]
public_key = "{encoded(key("phone"))}"
allowed_ips = ["172.27.0.9/32"]
"""

Wgd = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`etc` with wg0.toml and its key, `run` and `state` empty."""
    for name in ("etc", "etc/keys", "run", "state"):
        (tmp_path / name).mkdir(mode=0o750)
    key_file = tmp_path / "etc/keys/wg0.key"
    key_file.write_text(encoded(private_key("wg0").reveal()) + "\n")
    key_file.chmod(0o640)
    (tmp_path / "etc/wg0.toml").write_text(HUB)
    return tmp_path


@pytest.fixture
def wgd(root: Path) -> Wgd:
    """The command line on that tree."""

    def call(*arguments: str) -> int:
        try:
            return main((*directories(root), *arguments))
        except SystemExit as leaving:  # argparse's own way out
            return int(leaving.code or 0)

    return call


def directories(root: Path) -> tuple[str, ...]:
    """The options that move the three directories."""
    return tuple(
        f"--{name}-dir={root / place}"
        for name, place in (("config", "etc"), ("run", "run"), ("state", "state"))
    )
