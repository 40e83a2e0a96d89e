"""WireGuard as a process: the text protocol on its socket, with the same values as the kernel's.

It never writes `replace_peers` or `replace_allowed_ips`: both leave a gap in which packets are lost.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from errno import EPROTO
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from wgd.config import x25519
from wgd.config.document import host_and_port
from wgd.endpoints import SocketAddress
from wgd.errors import KernelError
from wgd.kernel import dropping
from wgd.kernel.netlink import refusals
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import NO_PRESHARED_KEY, Peer, PeerEdit
from wgd.model import Secret
from wgd.prefixes import Prefix, ordered

SOCKETS = Path("/run/wireguard")
_CREDENTIALS = Struct("=iII")  # process, user, group
_PATIENCE = 10.0
"""Seconds to wait for a process that listens but does not answer."""

_HEX_KEY = 64


def path(sockets: Path, interface: str) -> Path:
    """Where the process of this interface listens."""
    return sockets / f"{interface}.sock"


def answers(sockets: Path, interface: str) -> bool:
    """Whether a process listens for this interface, to us. A socket that a dead one left does not."""
    return listener(sockets, interface) is not None


def listener(sockets: Path, interface: str) -> int | None:
    """The number of the process that began to listen for this interface: the one that was started, even if
    it has left the work to a child. None: nobody listens."""
    try:
        with closing(_connect(sockets, interface)) as connection:
            packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return None
    pid: int = _CREDENTIALS.unpack(packed)[0]
    return pid


class _Known(NamedTuple):
    """A peer, and the text that told it."""

    text: str
    allowed: str
    peer: Peer


class ProcessTunnel:
    """One device, from reading to reading: what the process tells in the same words is the same value."""

    def __init__(self, sockets: Path, interface: str) -> None:
        self._sockets, self._interface = sockets, interface
        self._known: dict[str, _Known] = {}
        self.device = Device(interface, None)
        self.peers: list[Peer] = []

    def read(self) -> None:
        """Raises KernelError if nobody answers."""
        self.take(_ask(self._sockets, self._interface, f"read {self._interface}", "get=1\n"))

    def take(self, answer: str) -> None:
        """The device stands before its first peer, each of which starts with its key. wireguard-go tells them
        in another order each time."""
        about, *texts = answer.split("public_key=")
        self.device = parse_device(self._interface, about)
        known = {}
        for text in sorted(texts):
            key = text[:_HEX_KEY]
            one = self._known.get(key)
            known[key] = one if one and one.text == text else _peer(self._interface, text, one)
        self._known = known
        peers = [one.peer for one in known.values()]
        if peers != self.peers:
            self.peers = peers


def set_device(sockets: Path, op: DeviceSet) -> None:
    """Sets what the op names."""
    _ask(sockets, op.interface, f"set up {op.interface}", device_text(op))


def set_peers(sockets: Path, interface: str, edits: Sequence[PeerEdit]) -> None:
    """Applies the edits in order, up to the first that is refused; nothing is rolled back."""
    _ask(sockets, interface, f"set peers of {interface}", peers_text(dropping.over_dummy(interface, edits)))


def _connect(sockets: Path, interface: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(str(path(sockets, interface)))
    except OSError:
        connection.close()
        raise
    return connection


def _ask(sockets: Path, interface: str, doing: str, request: str) -> str:
    with refusals(doing), closing(_connect(sockets, interface)) as connection:
        connection.sendall(f"{request}\n".encode())
        received = bytearray()
        while not received.endswith(b"\n\n") and (part := connection.recv(1 << 16)):
            received += part
    return accepted(doing, received.decode())


def accepted(doing: str, answer: str) -> str:
    """An answer without its last line, `errno`. Raises KernelError if that is not 0."""
    said, separator, number = answer.rstrip("\n").rpartition("errno=")
    if not separator:
        raise KernelError(doing, EPROTO, "the WireGuard process hung up")
    errno = abs(int(number))
    if errno:
        raise KernelError(doing, errno, f"the WireGuard process refused: {os.strerror(errno)}")
    return said


def parse_device(interface: str, text: str) -> Device:
    """The device of what stands before the first peer."""
    has = _pairs(text)
    private = bytes.fromhex(has.get("private_key", ""))
    return Device(
        interface,
        Secret(private) if any(private) else None,
        int(has.get("listen_port", "0")),
        int(has.get("fwmark", "0")),
        _public_key(Secret(private)) if any(private) else b"",
    )


def _pairs(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.split("\n"))}


@lru_cache
def _public_key(private: Secret) -> bytes:
    """What the process does not tell."""
    return x25519.public(private.reveal())


def _peer(interface: str, text: str, before: _Known | None) -> _Known:
    """The allowed IPs come last; while they are the same text they are the same set."""
    head, _, allowed = text.partition("allowed_ip=")
    has = _pairs(f"public_key={head}")
    psk = Secret(bytes.fromhex(has.get("preshared_key", "")).ljust(32, b"\0"))
    seconds, nanoseconds = (int(has.get(f"last_handshake_time_{unit}", "0")) for unit in ("sec", "nsec"))
    peer = Peer(
        interface,
        bytes.fromhex(has["public_key"]),
        before.peer.allowed_ips if before and before.allowed == allowed else _networks(allowed),
        None if psk == NO_PRESHARED_KEY else psk,
        int(has.get("persistent_keepalive_interval", "0")),
        endpoint=parse_endpoint(has["endpoint"]) if "endpoint" in has else None,
        last_handshake=seconds + nanoseconds / 1e9,
        received=int(has.get("rx_bytes", "0")),
        sent=int(has.get("tx_bytes", "0")),
    )
    return _Known(text, allowed, peer)


def _networks(allowed: str) -> tuple[Prefix, ...]:
    return ordered(map(Prefix.parse, allowed.replace("allowed_ip=", "").split()))


def parse_endpoint(text: str) -> SocketAddress | None:
    """Where a peer is; None for a neutralised one (port 0). A scope is left out: it is no part of where."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]").partition("%")[0]
    return (str(ipaddress.ip_address(host)), int(port)) if int(port) else None


def device_text(op: DeviceSet) -> str:
    """The request for what the op names, and nothing else: a listen port in it rebinds the socket."""
    lines = ["set=1"]
    if op.private_key is not None:
        lines.append(f"private_key={op.private_key.reveal().hex()}")
    if op.listen_port is not None:
        lines.append(f"listen_port={op.listen_port}")
    if op.fwmark is not None:
        lines.append(f"fwmark={op.fwmark}")
    return "".join(f"{line}\n" for line in lines)


def peers_text(edits: Iterable[PeerEdit]) -> str:
    """The request for these edits, in order. It cannot name a prefix to be removed."""
    return "set=1\n" + "".join(f"{line}\n" for edit in edits for line in _edit_lines(edit))


def _edit_lines(edit: PeerEdit) -> Iterator[str]:
    yield f"public_key={edit.public_key.hex()}"
    if edit.remove:
        yield "remove=true"
        return
    if edit.only_existing:
        yield "update_only=true"
    if edit.preshared_key is not None:
        yield f"preshared_key={edit.preshared_key.reveal().hex()}"
    if edit.endpoint is not None:
        yield f"endpoint={host_and_port(*edit.endpoint)}"
    if edit.persistent_keepalive is not None:
        yield f"persistent_keepalive_interval={edit.persistent_keepalive}"
    for prefix in edit.add_allowed_ips:
        yield f"allowed_ip={prefix}"
