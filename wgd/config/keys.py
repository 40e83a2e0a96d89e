"""Key files: read, made, and refused when others can read them.

A key's bytes and text never reach a message.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import stat
import time
from pathlib import Path

from wgd.config import keytext, x25519
from wgd.config.signature import Signature, lasts, signature
from wgd.errors import WgdError
from wgd.model import Secret

KEY_GROUP = "wgd-keys"
"""Who may read keys: the daemon alone. People who may see the status are in another group, wgd."""
DAEMON = "wgd"
"""The user that the daemon runs as."""
_MODE = 0o640
_LONGEST = 4096


class KeyFileError(WgdError):
    """A key file that cannot be used, or not be made; `missing` when there is none."""

    def __init__(self, message: str, hint: str = "", missing: bool = False) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message, self.hint, self.missing = message, hint, missing


class KeyReader:
    """Reads keys for a configuration directory, and again only what `stat` tells to be another file.

    `daemon_gid` is the group the daemon reads them by; None when there is no such daemon here, or when
    we are it: then being able to read is proof enough. While `changes` stays, every key is what it was.
    """

    def __init__(self, directory: Path, daemon_gid: int | None = None) -> None:
        self._directory, self._daemon_gid = directory, daemon_gid
        self._known: dict[tuple[str, bool], tuple[Secret, Signature | None]] = {}
        self._failed: set[tuple[str, bool]] = set()
        self.changes = 0

    def __call__(self, file: str, private: bool) -> Secret:
        known = self._known.get((file, private))
        if known is None:
            self.changes += 1
            self._failed.add((file, private))
            known = self._known[file, private] = self._read(file, private)
            self._failed.discard((file, private))
        return known[0]

    def look(self, everything: bool) -> None:
        """See which keys are others now: all, or those outside the directory, of which no event tells."""
        for (file, private), (secret, seen) in list(self._known.items()):
            if everything or _is_outside(file):
                self._look(file, private, secret, seen)
        if any(everything or _is_outside(file) for file, _ in self._failed):
            self._failed.clear()
            self.changes += 1

    def _look(self, file: str, private: bool, secret: Secret, seen: Signature | None) -> None:
        if seen and seen == self._signature(file):
            return
        try:
            self._known[file, private] = self._read(file, private)
        except KeyFileError:
            del self._known[file, private]  # whoever asks for it is told why
            self.changes += 1
        else:
            self.changes += self._known[file, private][0] != secret

    def _read(self, file: str, private: bool) -> tuple[Secret, Signature | None]:
        now = time.time_ns()
        seen = self._signature(file)  # before reading, so that what is written meanwhile is read again
        secret = read_key(self._directory / file, self._daemon_gid, private)
        return secret, seen if seen and lasts(seen, now) else None

    def _signature(self, file: str) -> Signature | None:
        """None if none can tell that it stayed the same: for the daemon's group its directory counts, too."""
        if self._daemon_gid is not None:
            return None
        try:
            return signature((self._directory / file).stat())
        except (OSError, ValueError):
            return None


def _is_outside(file: str) -> bool:
    return file.startswith("/") or ".." in file


def read_key(path: Path, daemon_gid: int | None = None, private: bool = True) -> Secret:
    """The 32 bytes in a key file, clamped when private. Raises `KeyFileError`; never waits."""
    try:
        # Without O_NONBLOCK opening a FIFO would wait for its writer.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise KeyFileError(f"the key file {path} is missing", missing=True) from None
    except PermissionError:
        raise _unreadable(path, daemon_gid) from None
    except (OSError, ValueError) as error:
        raise KeyFileError(f"the key file {path} cannot be opened: {_reason(error)}") from None
    try:
        _check(path, os.fstat(number), daemon_gid)
        content = os.read(number, _LONGEST)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {_reason(error)}") from None
    finally:
        os.close(number)
    return _secret(path, content, private)


def _check(path: Path, status: os.stat_result, daemon_gid: int | None) -> None:
    """Refuses what is no plain file, what others can read, and what the daemon cannot."""
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"{path} is {_sort(status.st_mode)}, expected a key file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o007:
        message = f"the key file {path} is open to everybody (mode {mode:04o}), expected {_MODE:04o}"
        raise KeyFileError(message, f"chmod {_MODE:04o} {path}")
    if daemon_gid is not None:
        in_group = status.st_gid == daemon_gid
        if not (in_group and mode & 0o040) or not _passable(path.parent, daemon_gid):
            raise _unreadable(path, daemon_gid)


def _passable(directory: Path, gid: int) -> bool:
    """Whether the group can pass through the directory."""
    status = directory.stat()
    return bool(status.st_mode & (0o010 if status.st_gid == gid else 0o001))


def _unreadable(path: Path, daemon_gid: int | None) -> KeyFileError:
    """The error that says which two commands open the key to the daemon, and to nobody else."""
    group = _group(daemon_gid)
    message = f"the key file {path} is not readable for the daemon (group {group})"
    if daemon_gid is None:
        user = _user(os.geteuid())
        message = f"the key file {path} is not readable for the user {user}"
        if user != DAEMON:
            return KeyFileError(message, "use sudo")
    commands = f"chgrp {group} {path}; chmod {_MODE:04o} {path}"
    if daemon_gid is not None and not _passable(path.parent, daemon_gid):
        commands = f"chgrp {group} {path.parent}; chmod 2750 {path.parent}; {commands}"
    return KeyFileError(message, commands)


def _group(gid: int | None) -> str:
    if gid is None:
        return KEY_GROUP
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _sort(mode: int) -> str:
    sorts = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return sorts.get(stat.S_IFMT(mode), "a device")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "the name cannot be a file's"


def _secret(path: Path, content: bytes, private: bool) -> Secret:
    made_by = "`wgd genkey` or `wg genkey`" if private else "`wg genpsk`"
    text = content.decode("latin-1").strip()
    if not text:
        raise KeyFileError(f"the key file {path} is empty", f"{made_by} makes a key", missing=False)
    key = keytext.decoded(text)
    if key is None:
        message = (
            f"the key file {path} holds no key, expected 32 bytes in base64 (44 characters) and nothing else"
        )
        raise KeyFileError(message, f"it is what {made_by} prints")
    if not any(key):
        raise KeyFileError(
            f"the key file {path} holds 32 zero bytes, which are no key", f"{made_by} makes one"
        )
    return Secret(x25519.clamp(key) if private else key)


def generate() -> Secret:
    """A new private key, clamped."""
    return Secret(x25519.clamp(secrets.token_bytes(32)))


def public_key(private: Secret) -> bytes:
    """The public key of a private one."""
    return x25519.public(private.reveal())


def write_key(path: Path, key: Secret) -> None:
    """Writes a new key file, whole or not at all: 0640, with the group of its directory.

    Makes that directory when it is missing. Raises `KeyFileError`; never overwrites.
    """
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o750)
            os.chown(path.parent, -1, path.parent.parent.stat().st_gid)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            _write_new(temporary, f"{keytext.encoded(key.reveal())}\n".encode(), path.parent.stat().st_gid)
            os.link(temporary, path)  # fails where a file stands, which a rename would replace
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except FileExistsError:
        message = f"{path} exists already, and every peer knows this machine by it"
        raise KeyFileError(message, "to begin with a new key, move the file away first") from None
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be written: {_reason(error)}") from None


def _write_new(path: Path, content: bytes, gid: int) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(number, content)
        os.fchown(number, -1, gid)
        os.fchmod(number, _MODE)
        os.fsync(number)
    finally:
        os.close(number)
