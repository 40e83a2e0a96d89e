"""Netlink as a codec and one blocking socket: framing, acknowledgements, dumps, batches, attributes.

It knows no family's messages. A socket lives for one errand, unless it is `Kept`: it belongs to the network
namespace it was opened in, and answers nobody waited for would be taken for the next one's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EAGAIN
from itertools import chain
from operator import eq
from struct import Struct
from typing import NamedTuple, Self

from wgd.errors import KernelError

ROUTE, NETFILTER, GENERIC = 0, 12, 16
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400

_ERROR, _DONE = 2, 3
_INTERRUPTED, _CAPPED, _ACK_TLVS = 0x10, 0x100, 0x200
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT = 270, 10, 11, 12
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
NESTED, _TYPE = 0x8000, 0x3FFF

RECEIVE = 1 << 16
"""Bytes to ask for at once: a dump's messages come in parts of at most 32 KiB."""
_BATCH = 400
_TORN_DUMPS = 20
_MADE_UP = 1 << 31
"""A port beyond every process's number, where it is in nobody's way."""

HEADER = Struct("=IHHII")
_ATTRIBUTE = Struct("=HH")
_ERRNO = Struct("=i")
U16, U32, U64 = Struct("=H"), Struct("=I"), Struct("=Q")


class Message(NamedTuple):
    """One netlink message: its type, flags, sequence number, what follows the header, and whose request it
    answers or tells of: a socket's port, 0 for the kernel's own doing."""

    kind: int
    flags: int
    sequence: int
    body: bytes
    sender: int = 0


class Request(NamedTuple):
    """One message to send: type, flags besides REQUEST and ACK, and what follows the header."""

    kind: int
    flags: int
    body: bytes


class Dumped(NamedTuple):
    """What a dump brought: the bodies of its messages, and the parts they came in, headers and all."""

    bodies: list[bytes]
    parts: list[bytes]


NOTHING_YET = Dumped([], [])


class Refusal(NamedTuple):
    """Why the kernel refused a request: its number and its words."""

    errno: int
    text: str


def messages(received: bytes) -> Iterator[Message]:
    """What one `recv` brought."""
    start, end = 0, len(received)
    while start + HEADER.size <= end:
        length, kind, flags, sequence, sender = HEADER.unpack_from(received, start)
        if length < HEADER.size or start + length > end:
            raise KernelError("read netlink messages", detail="a message longer than what was received")
        yield Message(kind, flags, sequence, received[start + HEADER.size : start + length], sender)
        start += length + 3 & ~3


def attributes(buffer: bytes, start: int = 0) -> dict[int, bytes]:
    """The attributes from `start` on, by type. Padding attributes (some architectures align 64-bit values)
    are attributes of a type nobody asks for."""
    return dict(_walk(buffer, start))


def elements(buffer: bytes) -> list[bytes]:
    """The members of a nested list, in order, whatever their type."""
    return [value for _, value in _walk(buffer, 0)]


def _walk(buffer: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    end = len(buffer)
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(buffer, start)
        if length < 4 or start + length > end:
            raise KernelError("read netlink attributes", detail="an attribute longer than its message")
        yield kind & _TYPE, buffer[start + 4 : start + length]
        start += length + 3 & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """A packed attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(len(value) + 4, kind) + value + bytes(-len(value) & 3)


def attribute_header(size: int, kind: int) -> bytes:
    """What stands before a value of that size."""
    return _ATTRIBUTE.pack(size + 4, kind)


def nest(kind: int, *members: bytes) -> bytes:
    """A nested attribute of packed attributes; at most 64 KiB."""
    return attribute(kind | NESTED, b"".join(members))


def text(value: bytes) -> str:
    """A string attribute."""
    return value.rstrip(b"\0").decode(errors="replace")


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turns what a system call says into a KernelError."""
    try:
        yield
    except OSError as error:
        raise KernelError(doing, error.errno or 0, error.strerror or "") from error


@contextmanager
def absent_is_done(*numbers: int) -> Iterator[None]:
    """For deleting: what is gone already counts as deleted. `numbers`: how the kernel says so."""
    try:
        yield
    except KernelError as error:
        if error.errno not in numbers:
            raise


def make_room(receiver: socket.socket, size: int) -> None:
    """A receive buffer of so many bytes, or in a user namespace as many as anyone may have."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except PermissionError:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


class Netlink:
    """A socket of one netlink protocol, for `with`."""

    def __init__(self, protocol: int, *, strict: bool = False) -> None:
        """`strict`, for dumps: the kernel checks what is asked for, and filters by it."""
        with refusals("open a netlink socket"):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._sequence, self._roomy = 0, False
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        if strict:
            self._socket.setsockopt(_SOL_NETLINK, _STRICT, 1)
            with suppress(OSError):  # a port that is ours each time makes the same answer the same bytes
                self._socket.bind((os.getpid() | _MADE_UP, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What was under way is nobody's any more."""
        self._socket.close()

    def begin(self) -> None:
        """Another errand, after the answers of the one before: asked for the same, the same answers are the
        same bytes."""
        self._sequence = 0

    def request(self, doing: str, kind: int, body: bytes, flags: int = 0) -> list[bytes]:
        """Does one thing and returns the answers, if any. Raises KernelError with the kernel's words."""
        sequence = self._send(doing, [Request(kind, flags | ACK, body)])
        answers = []
        for message in self._receive(doing):
            if message.sequence != sequence:
                continue
            if message.kind != _ERROR:
                answers.append(message.body)
                continue
            refusal = parse_refusal(message)
            if refusal is None:
                break
            raise KernelError(doing, refusal.errno, refusal.text)
        return answers

    def dump(self, doing: str, kind: int, body: bytes, last: Dumped = NOTHING_YET) -> Dumped:
        """A dump that nothing changed under; a torn one is read again. If it is the same bytes as the `last`
        one it is the very same value."""
        for _ in range(_TORN_DUMPS):
            found = self._dump(doing, kind, body, last)
            if found is not None:
                return found
        raise KernelError(doing, EAGAIN, "it kept changing while it was read")

    def _dump(self, doing: str, kind: int, body: bytes, last: Dumped) -> Dumped | None:
        """None if it was torn."""
        sequence = self._send(doing, [Request(kind, DUMP, body)])
        found, torn = Dumped([], []), False
        if self._repeats(doing, last.parts, found.parts):
            return last
        for part in self._parts(doing, found.parts):
            for message in messages(part):
                if message.sequence != sequence:
                    continue
                torn = torn or bool(message.flags & _INTERRUPTED)
                if message.kind not in (_ERROR, _DONE):
                    found.bodies.append(message.body)
                    continue
                refusal = parse_refusal(message)
                if refusal is not None:
                    raise KernelError(doing, refusal.errno, refusal.text)
                return None if torn else found
        return None

    def _repeats(self, doing: str, before: list[bytes], parts: list[bytes]) -> bool:
        """Whether the answer is what came before; only as much of it is received as it takes to tell."""
        return bool(before) and all(map(eq, before, self._parts(doing, parts)))

    def batch(self, doing: str, requests: Sequence[Request]) -> dict[int, Refusal]:
        """Does many things with few system calls; returns who was refused, by index.

        Only the last of each portion asks for an acknowledgement: refusals come unasked, and in order.
        """
        refused: dict[int, Refusal] = {}
        if not self._roomy:
            make_room(self._socket, 1 << 20)  # for a portion that is refused as a whole
            self._roomy = True
        for start in range(0, len(requests), _BATCH):
            portion = list(requests[start : start + _BATCH])
            portion[-1] = portion[-1]._replace(flags=portion[-1].flags | ACK)
            last = self._send(doing, portion)
            first = last - len(portion) + 1
            for message in self._receive(doing):
                if message.kind == _ERROR and (refusal := parse_refusal(message)) is not None:
                    refused[start + message.sequence - first] = refusal
                if message.sequence == last:
                    break
        return refused

    def transact(self, doing: str, begin: Request, requests: Sequence[Request], end: Request) -> None:
        """Does all of it or nothing, as netfilter's transactions go. Raises KernelError with the first
        refusal.

        Older kernels do not acknowledge the end, so the last request is acknowledged."""
        with suppress(PermissionError):  # in a user namespace: as much as anyone may send at once
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 1 << 24)
        *first, last = requests
        number = self._send(doing, [begin, *first, last._replace(flags=last.flags | ACK), end]) - 1
        refused: Refusal | None = None
        for message in self._receive(doing):
            if message.kind == _ERROR:
                refused = refused or parse_refusal(message)
            if message.sequence in (number, number - len(requests)):  # what the beginning meets is for all
                break
        if refused is not None:
            raise KernelError(doing, refused.errno, refused.text)

    def _send(self, doing: str, requests: Iterable[Request]) -> int:
        """Returns the last one's sequence number."""
        packed = bytearray()
        for kind, flags, body in requests:
            self._sequence += 1
            packed += HEADER.pack(HEADER.size + len(body), kind, flags | REQUEST, self._sequence, 0)
            packed += body + bytes(-len(body) & 3)
        with refusals(doing):
            self._socket.send(packed)
        return self._sequence

    def _receive(self, doing: str) -> Iterator[Message]:
        return chain.from_iterable(map(messages, self._parts(doing, [])))

    def _parts(self, doing: str, parts: list[bytes]) -> Iterator[bytes]:
        """What each `recv` brought: the `parts` received already, and then more, which are kept there."""
        yield from tuple(parts)
        while True:
            with refusals(doing):
                parts.append(self._socket.recv(RECEIVE))
            yield parts[-1]


class Kept:
    """A socket for many errands, for who stays in one network namespace: opening one takes as long as a small
    errand."""

    def __init__(self, protocol: int) -> None:
        self._protocol = protocol
        self._socket: Netlink | None = None

    @contextmanager
    def errand(self) -> Iterator[Netlink]:
        """After a failure the socket may hold answers that nobody waits for: the next errand has another.
        Raises KernelError."""
        if self._socket is None:
            self._socket = Netlink(self._protocol)
        self._socket.begin()
        try:
            yield self._socket
        except BaseException:
            self._socket.close()
            self._socket = None
            raise


def parse_refusal(message: Message) -> Refusal | None:
    """What an error or the end of a dump says; None: nothing was refused."""
    if len(message.body) < 4 or (number := -_ERRNO.unpack_from(message.body)[0]) <= 0:
        return None
    said = ""
    if message.flags & _ACK_TLVS:
        start = 4
        if message.kind == _ERROR:  # then it quotes the request, or only its header
            start += HEADER.size if message.flags & _CAPPED else U32.unpack_from(message.body, 4)[0] + 3 & ~3
        said = text(attributes(message.body, start).get(1, b""))
    return Refusal(number, said or os.strerror(number))
