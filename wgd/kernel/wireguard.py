"""The kernel's own WireGuard, over generic netlink.

It never starts from a clean slate: a device is only ever edited, so that no session notices.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from errno import ENOENT, EOPNOTSUPP

from wgd.errors import KernelError
from wgd.kernel import dropping, netlink, wgcodec
from wgd.kernel.netlink import U16, Netlink, attribute, attributes
from wgd.kernel.peerdump import PeerDump
from wgd.kinds.device import Device, DeviceSet
from wgd.kinds.peer import Peer, PeerEdit

_CONTROLLER, _GET_FAMILY = 16, b"\x03\x01\0\0"
_FAMILY_ID, _FAMILY_NAME = 1, 2


def supported() -> bool:
    """Whether this kernel knows WireGuard. Asking makes it load the module, and changes nothing else."""
    with Netlink(netlink.GENERIC) as kernel:
        return _family(kernel) is not None


class KernelTunnel:
    """One device, from reading to reading: what the kernel tells in the same bytes is the same value."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._dumped = netlink.NOTHING_YET
        self._decoder = PeerDump(interface)
        self.device = Device(interface, None)
        self.peers: list[Peer] = []

    def read(self) -> None:
        """Raises KernelError with ENODEV if there is no device of that name."""
        doing = f"read {self._interface}"
        with Netlink(netlink.GENERIC) as kernel:
            family = _known_family(kernel, doing)
            dumped = kernel.dump(doing, family, wgcodec.get_device(self._interface), self._dumped)
        if dumped is not self._dumped:
            self.device = wgcodec.parse_device(self._interface, dumped.bodies)
            self.peers = self._decoder.parse(dumped.bodies)
            self._dumped = dumped._replace(bodies=[])


def set_device(op: DeviceSet) -> None:
    """Sets what the op names."""
    _request(f"set up {op.interface}", [wgcodec.set_device(op)])


def set_peers(interface: str, edits: Sequence[PeerEdit]) -> None:
    """Applies the edits in order, up to the first that is refused; nothing is rolled back."""
    if not dropping.by_name(os.uname().release):
        edits = dropping.over_dummy(interface, edits)
    _request(f"set peers of {interface}", wgcodec.set_peers(interface, edits))


def _request(doing: str, bodies: Iterable[bytes]) -> None:
    with Netlink(netlink.GENERIC) as kernel:
        family = _known_family(kernel, doing)
        for body in bodies:
            kernel.request(doing, family, body)


def _known_family(kernel: Netlink, doing: str) -> int:
    family = _family(kernel)
    if family is None:
        raise KernelError(doing, EOPNOTSUPP, "this kernel has no WireGuard")
    return family


def _family(kernel: Netlink) -> int | None:
    """The number under which this boot's kernel knows the family."""
    try:
        body = _GET_FAMILY + attribute(_FAMILY_NAME, b"wireguard\0")
        answer = kernel.request("look for WireGuard", _CONTROLLER, body)[0]
    except KernelError as error:
        if error.errno == ENOENT:
            return None
        raise
    number: int = U16.unpack(attributes(answer, 4)[_FAMILY_ID])[0]
    return number
