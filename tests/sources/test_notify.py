"""What the service manager hears, and what becomes of the daemon when it does not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wgd.sources.notify import notify


def test_it_hears_the_assignments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify(READY=1, STATUS="all right")
        assert manager.recv(100) == b"READY=1\nSTATUS=all right"


@pytest.mark.parametrize("leaves_a_socket", [True, False], ids=["a socket is left", "nothing is left"])
def test_one_that_is_gone_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves_a_socket: bool
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    if leaves_a_socket:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
    notify(READY=1)
