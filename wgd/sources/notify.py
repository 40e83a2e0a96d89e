"""What the service manager wants to hear: sd_notify(3), a datagram to `$NOTIFY_SOCKET`."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(**assignments: object) -> None:
    """Send the assignments, such as READY=1; without a service manager, or one that hears, do nothing: the
    network must not want for a daemon because its manager is being restarted."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    text = "\n".join(f"{name}={value}" for name, value in assignments.items())
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
        sender.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)


def reloading() -> None:
    """Say that the files are being read again, as sd_notify(3) wants it: with the monotonic time."""
    notify(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def watchdog_interval() -> float | None:
    """Seconds between two signs of life, half of what the service manager allows; None if it wants none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed = int(os.environ.get("WATCHDOG_USEC", "0"))
    return allowed / 2e6 if allowed else None
