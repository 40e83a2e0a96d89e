"""Forwarding and the switches around it, under /proc/sys/net.

A value is never written without a note of what it was before, made first: whatever happens in between, the
original can be restored. Writing IPv4's `conf.X.forwarding` changes that one value; it is `conf.all`, which
wgd leaves alone, that would set every device's, and turn the acceptance of redirects off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from wgd.kernel.netlink import refusals
from wgd.kernel.notes import Notes
from wgd.kinds.sysctl import Sysctl, SysctlRestore, SysctlSet

_ROOT = Path("/proc/sys")
_WATCHED = {
    "net/ipv4/conf": ("forwarding", "promote_secondaries"),
    "net/ipv6/conf": ("forwarding", "force_forwarding", "accept_ra"),
}


def dump(notes: Notes) -> list[Sysctl]:
    """Every such switch of every device, "all" and "default" included."""
    originals = notes.read()
    return [Sysctl(path, value, originals.get(path)) for path, value in _values()]


def _values() -> Iterator[tuple[str, str]]:
    for place, names in _WATCHED.items():
        with suppress(FileNotFoundError):  # no IPv6
            for device in sorted((_ROOT / place).iterdir()):
                for name in names:
                    path = f"{place}/{device.name}/{name}"
                    with suppress(OSError):  # older kernel, or the device just went
                        yield path, _read(path)


def _read(path: str) -> str:
    return (_ROOT / path).read_text(encoding="ascii").strip()


def write(notes: Notes, op: SysctlSet) -> None:
    """Writes the value, with a note first of what stood there unless there is one. Raises KernelError."""
    with refusals(f"set {op.path} to {op.value}"):
        before = _read(op.path)
        if before == op.value:
            return
        originals = _still_there(notes)
        if op.path not in originals:
            notes.write({**originals, op.path: before})
        try:
            (_ROOT / op.path).write_text(op.value, encoding="ascii")
        except OSError:
            notes.write(originals)
            raise


def restore(notes: Notes, op: SysctlRestore) -> None:
    """Writes the original back and drops the note. A device that is gone took its switches along."""
    with refusals(f"restore {op.path} to {op.value}"), suppress(FileNotFoundError):
        (_ROOT / op.path).write_text(op.value, encoding="ascii")
    originals = _still_there(notes)
    originals.pop(op.path, None)
    notes.write(originals)


def _still_there(notes: Notes) -> dict[str, str]:
    """A note whose device is gone means nothing any more."""
    return {path: original for path, original in notes.read().items() if (_ROOT / path).exists()}
