"""The kernel's own WireGuard, over generic netlink.

It never starts from a clean slate: a device is only ever edited, so that no session notices.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from errno import ENOENT, EOPNOTSUPP
from functools import cache
from typing import TypeVar

from wgd.errors import KernelError
from wgd.kernel import dropping, netlink, wgcodec
from wgd.kernel.netlink import U16, Kept, Netlink, attribute, attributes
from wgd.kernel.peerdump import PeerDump
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import Peer, PeerEdit

T = TypeVar("T")

_CONTROLLER, _GET_FAMILY = 16, b"\x03\x01\0\0"
_FAMILY_ID, _FAMILY_NAME = 1, 2


def supported() -> bool:
    """Whether this kernel knows WireGuard. Asking makes it load the module, and changes nothing else."""
    family.cache_clear()
    return family() is not None


class KernelTunnel:
    """One device, from reading to reading: what the kernel tells in the same bytes is the same value."""

    def __init__(self, kept: Kept, interface: str) -> None:
        """`kept`: a socket of generic netlink; from another one each time the same answer is other bytes."""
        self._kept, self._interface = kept, interface
        self._dumped = netlink.NOTHING_YET
        self._decoder = PeerDump(interface)
        self.device = Device(interface, None)
        self.peers: list[Peer] = []

    def read(self) -> None:
        """Raises KernelError with ENODEV if there is no device of that name."""
        doing, asked = f"read {self._interface}", wgcodec.get_device(self._interface)
        dumped = _talk(
            self._kept, doing, lambda kernel, family: kernel.dump(doing, family, asked, self._dumped)
        )
        if dumped is not self._dumped:
            self.device = wgcodec.parse_device(self._interface, dumped.bodies)
            self.peers = self._decoder.parse(dumped.bodies)
            self._dumped = dumped._replace(bodies=[])


def set_device(kept: Kept, op: DeviceSet) -> None:
    """Sets what the op names."""
    _send(kept, f"set up {op.interface}", [wgcodec.set_device(op)])


def set_peers(kept: Kept, interface: str, edits: Sequence[PeerEdit]) -> None:
    """Applies the edits in order, up to the first that is refused; nothing is rolled back."""
    if not dropping.by_name(os.uname().release):
        edits = dropping.over_dummy(interface, edits)
    _send(kept, f"set peers of {interface}", list(wgcodec.set_peers(interface, edits)))


def _send(kept: Kept, doing: str, bodies: Sequence[bytes]) -> None:
    def errand(kernel: Netlink, family: int) -> None:
        for body in bodies:
            kernel.request(doing, family, body)

    _talk(kept, doing, errand)


def _talk(kept: Kept, doing: str, errand: Callable[[Netlink, int], T]) -> T:
    """Does the errand, which gets the family's number. If the kernel does not know that one any more, the
    module was unloaded and loaded again."""
    try:
        return _attempt(kept, doing, errand)
    except KernelError as error:
        if error.errno != ENOENT:
            raise
        family.cache_clear()
        return _attempt(kept, doing, errand)


def _attempt(kept: Kept, doing: str, errand: Callable[[Netlink, int], T]) -> T:
    number = family()
    if number is None:
        family.cache_clear()
        raise KernelError(doing, EOPNOTSUPP, "this kernel has no WireGuard")
    with kept.errand() as kernel:
        return errand(kernel, number)


@cache
def family() -> int | None:
    """The number under which the kernel knows the family for as long as the module is loaded."""
    try:
        with Netlink(netlink.GENERIC) as kernel:
            body = _GET_FAMILY + attribute(_FAMILY_NAME, b"wireguard\0")
            answer = kernel.request("look for WireGuard", _CONTROLLER, body)[0]
    except KernelError as error:
        if error.errno == ENOENT:
            return None
        raise
    number: int = U16.unpack(attributes(answer, 4)[_FAMILY_ID])[0]
    return number
