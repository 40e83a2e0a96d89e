from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Wgd
from wgd import __version__, cli
from wgd.cli.options import parser
from wgd.errors import ConfigError, KernelError, Problem, UsageError, WgdError

HEAVY = ("pyroute2", "nftables", "structlog", "watchdog", "ctypes", "wgd.kinds")


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (("--version",), 0, f"wgd {__version__}\n", ""),
        (("--help",), 0, "Keeps a WireGuard host", ""),
        ((), 2, "", "usage: wgd"),
        (("frobnicate",), 2, "", "invalid choice: 'frobnicate'"),
        (("status", "--jso"), 2, "", "unrecognized arguments: --jso"),
        (("pubkey",), 2, "", "required: IF"),
    ],
    ids=["version", "help", "nothing", "unknown command", "no abbreviations", "missing argument"],
)
def test_usage(
    wgd: Wgd, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, out: str, err: str
) -> None:
    assert wgd(*arguments) == status
    said = capsys.readouterr()
    assert out in said.out
    assert err in said.err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UsageError("do it otherwise"), 2, "wgd: do it otherwise\n"),
        (
            ConfigError((Problem("wg0.toml", 3, "interface.mtu", "is wrong", "mend it"),)),
            2,
            "wgd: wg0.toml:3: error: interface.mtu: is wrong\n    hint: mend it\n",
        ),
        (KernelError("set wg0", errno.ENODEV), 3, "wgd: set wg0: ENODEV\n"),
        (KernelError("set wg0", errno.EPERM), 3, "wgd: set wg0: EPERM (needs root: CAP_NET_ADMIN)\n"),
        (UsageError("no \033[2J"), 2, "wgd: no \\x1b[2J\n"),
    ],
    ids=["usage", "config", "kernel", "denied", "hostile"],
)
def test_errors_are_one_clear_text(
    capsys: pytest.CaptureFixture[str], error: WgdError, status: int, said: str
) -> None:
    assert cli.failed(error) == status
    assert capsys.readouterr().err == said


WORDS = {
    **{name: ("wg0",) for name in ("genkey", "pubkey", "import")},
    **{name: ("phone",) for name in ("export", "disable", "enable", "remove")},
    "completion": ("bash",),
    "explain": ("10.11.12.7",),
    "add-peer": ("phone", "--make-key", "phone.key"),
}


def test_every_command_is_there() -> None:
    commands = next(action for action in parser()._actions if action.dest == "command").choices
    assert commands is not None
    for name in commands:
        wanted = WORDS.get(name, ())
        assert callable(cli.command(parser().parse_args([name, *wanted]).run)), name


def python(code: str, *arguments: str) -> SimpleNamespace:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=20
    )
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr)


def test_help_needs_nothing_heavy() -> None:
    code = f"import sys; import wgd.cli.options, wgd.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(code).out == "[]\n"


def test_a_report_is_shown_without_anything_heavy() -> None:
    code = f"import sys; import wgd.cli.status; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(code).out == "[]\n"


def test_a_reader_that_goes_is_no_error(root: Path) -> None:
    """`wgd check | head -0`"""
    code = "import sys; from wgd.cli import main; sys.exit(main(sys.argv[1:]))"
    started = subprocess.Popen(
        [sys.executable, "-c", code, f"--config-dir={root / 'etc'}", "check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout and started.stderr
    started.stdout.close()
    assert started.wait(20) == cli.BROKEN_PIPE
    assert started.stderr.read() == ""
