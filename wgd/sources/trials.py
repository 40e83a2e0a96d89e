"""The trial on the disk, and how a person's word reaches the daemon (`wgd.trial`).

The trial is kept in the state directory, since it must outlive the daemon and the machine's power. A request
is a file in the runtime directory, 2750 and the daemon's: so only root and the daemon itself can make one.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgd.config.names import SHARED, claim
from wgd.config.schema import draft
from wgd.sources import atomic
from wgd.trial import TIMEOUT, WAITING, Look, Phase, Request, Trial, step, unrecorded
from wgd.values import as_dict

RECORD = "trial.json"
REQUEST = "request.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Trials:
    """The trial over time. `keep` False: look only, and leave the disk alone."""

    def __init__(self, state: Path, keep: bool) -> None:
        self._path, self._keep = state / RECORD, keep
        self._wanted, self._confirmed = _Digest(), _Digest()
        self._shared: tuple[bytes | None, float | None] = (None, None)
        self._looked_at: Mapping[str, bytes] = {}
        self.now = self._recorded = read_trial(state)
        self.refused = ""
        """Why the disk could not hold what should have been; empty if it could."""

    @property
    def names(self) -> frozenset[str]:
        """Interfaces that files on trial have named; until what is in force now is accepted."""
        return frozenset().union(*(one.names for one in (self.now, self._recorded) if one))

    def left(self) -> float:
        """Seconds until it ends by itself."""
        return self.now.until - clock() if self.now and self.now.phase in WAITING else math.inf

    def look(
        self, wanted: Mapping[str, bytes], accepted: Mapping[str, bytes], clean: bool, request: Request | None
    ) -> None:
        """What becomes of the trial, `now`; it is on the disk before anything comes of it."""
        required = self._required(accepted) if self._keep else None
        if request or wanted is not self._looked_at:
            self._looked_at, self.refused = wanted, ""
        if self.now is None and request is None and (required is None or wanted == accepted):
            return
        names = frozenset(one.interface for one in map(claim, wanted) if one and one.interface)
        wish, copies = self._wanted(wanted), self._confirmed(accepted)
        look = Look(wish, copies, boot(), clock(), clean, names, required)
        after = step(self.now, look, request)
        if self._keep and after is not None and after != self._recorded:
            after = self._record(after)
        self.now = after

    def over(self) -> None:
        """What is in force is accepted, and nothing of what was on trial is left over. Raises OSError."""
        if self._recorded or self.now:
            self._path.unlink(missing_ok=True)
            self.now = self._recorded = None

    def _record(self, after: Trial) -> Trial | None:
        try:
            _write(self._path, after)
        except OSError as error:
            self.refused = f"{self._path} cannot be written: {error.strerror}"
            return unrecorded(self.now, after)
        self._recorded, self.refused = after, ""
        return after

    def _required(self, accepted: Mapping[str, bytes]) -> float | None:
        """What the confirmed files ask for: who takes the line out does so on trial."""
        content = accepted.get(SHARED)
        if content is not self._shared[0]:
            self._shared = content, TIMEOUT if confirm_required(accepted) else None
        return self._shared[1]


def confirm_required(files: Mapping[str, bytes]) -> bool:
    """Whether they say that each save is to be on trial."""
    return SHARED in files and draft(SHARED, files[SHARED]).confirm_required


class _Digest:
    """Of files; of the very same ones it is computed once."""

    def __init__(self) -> None:
        self._files: Mapping[str, bytes] = {}
        self._text = ""

    def __call__(self, files: Mapping[str, bytes]) -> str:
        if files is not self._files or not self._text:
            whole = hashlib.sha256()
            for name in sorted(files):
                whole.update(f"{name}\0{len(files[name])}\0".encode())
                whole.update(files[name])
            self._files, self._text = files, whole.hexdigest()
        return self._text


def boot() -> str:
    """Which boot this is."""
    return _BOOT.read_text().strip()


def clock() -> float:
    """Seconds since it, sleep included; nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_trial(state: Path) -> Trial | None:
    """The trial that stands on the disk. One that cannot be read counts as none: its files were not accepted,
    and are as any that were saved while no daemon ran."""
    try:
        found = json.loads((state / RECORD).read_bytes())
        return Trial(**found | {"phase": Phase(found["phase"]), "names": frozenset(found["names"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, trial: Trial) -> None:
    """Whole or not at all, and there after a power cut. Raises OSError."""
    text = json.dumps(as_dict(trial) | {"names": sorted(trial.names)})
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.replace(path, text.encode(), lasting=True)


def told(trial: Trial | None, refused: str, now: float) -> dict[str, Any] | None:
    """For the status value (see there); `now`: seconds since the epoch."""
    if trial is None and not refused:
        return None
    waits = trial is not None and trial.phase in WAITING
    return {
        "state": str(trial.phase) if trial else "refused",
        "timeout": trial.timeout if trial else None,
        "until": now + trial.until - clock() if trial and waits else None,
        "refused": refused or None,
    }


def ask(run: Path, request: Request) -> None:
    """Leave a request for the daemon. Raises OSError."""
    atomic.replace(run / REQUEST, json.dumps(as_dict(request)).encode())


def withdraw(run: Path) -> None:
    """Take back a request that nobody has taken."""
    (run / REQUEST).unlink(missing_ok=True)


def take_request(run: Path) -> Request | None:
    """What a person asked for since the last time, once."""
    try:
        text = (run / REQUEST).read_bytes()
        (run / REQUEST).unlink()
        timeout = json.loads(text)["timeout"]
        return Request(None if timeout is None else float(timeout))
    except (OSError, ValueError, KeyError, TypeError):
        return None
