"""Links and addresses as the kernel has them, changes to addresses, and what makes a link stand.

Reading is what a person waits for, so it must never import a netlink library. It decides nothing: what is
ours is for the kinds to say.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from errno import EADDRNOTAVAIL, ENODEV
from ipaddress import IPv4Interface, IPv6Interface
from struct import Struct

from wgd.config.document import IPInterface
from wgd.errors import KernelError
from wgd.kernel import netlink
from wgd.kernel.netlink import U32, Netlink, absent_is_done, attribute, attributes, nest, text
from wgd.kinds.address import Address, AddressAdd, AddressDelete
from wgd.kinds.link import Link
from wgd.model import OURS

_NEWLINK, _GETLINK = 16, 18
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22

_LINK = Struct("=BxHiII")  # family, device type, index, flags, change
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_GROUP, _IFLA_EXT_MASK = 3, 4, 18, 27, 29
_INFO_KIND = 1
_IFF_UP = 1
_SKIP_STATISTICS = 8

_ANY_LINK = _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, U32.pack(_SKIP_STATISTICS))

_ADDRESS = Struct("=BBBBI")  # family, prefix length, flags, scope, index
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11

NONE = U32.pack(0)
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def links() -> list[Link]:
    """Every network interface; a WireGuard process behind a TUN device is not looked for here."""
    with Netlink(netlink.ROUTE, strict=True) as kernel:
        return [parse_link(message) for message in kernel.dump("read the links", _GETLINK, _ANY_LINK).bodies]


def link(name: str) -> Link | None:
    """The network interface of that name."""
    body = _ANY_LINK + attribute(_IFLA_IFNAME, name.encode() + b"\0")
    with Netlink(netlink.ROUTE) as kernel, absent_is_done(ENODEV):
        return parse_link(kernel.request(f"read {name}", _GETLINK, body)[0])
    return None


def parse_link(message: bytes) -> Link:
    """One link of a dump."""
    _, _, index, flags, _ = _LINK.unpack_from(message)
    has = attributes(message, _LINK.size)
    about = attributes(has.get(_IFLA_LINKINFO, b""))
    return Link(
        name=text(has[_IFLA_IFNAME]),
        kind=text(about.get(_INFO_KIND, b"")),
        mtu=number(has.get(_IFLA_MTU, NONE)),
        up=bool(flags & _IFF_UP),
        group=number(has.get(_IFLA_GROUP, NONE)),
        index=index,
    )


def make_link(name: str, kind: str, mtu: int | None) -> None:
    """A link of that kind, down, with our mark from the first moment. Raises KernelError."""
    parts = [_LINK.pack(0, 0, 0, 0, 0), attribute(_IFLA_IFNAME, name.encode() + b"\0"), *_traits(mtu)]
    parts.append(nest(_IFLA_LINKINFO, attribute(_INFO_KIND, kind.encode())))
    with Netlink(netlink.ROUTE) as kernel:
        kernel.request(f"make {name}", _NEWLINK, b"".join(parts), netlink.CREATE | netlink.EXCLUSIVE)


def mark_link(name: str, mtu: int | None) -> None:
    """Makes a link ours that stands already. Raises KernelError."""
    _set_link(f"mark {name}", name, 0, *_traits(mtu))


def take_up(name: str) -> None:
    """Raises KernelError."""
    _set_link(f"take {name} up", name, _IFF_UP)


def _traits(mtu: int | None) -> list[bytes]:
    traits = [attribute(_IFLA_GROUP, U32.pack(OURS))]
    return [*traits, attribute(_IFLA_MTU, U32.pack(mtu))] if mtu else traits


def _set_link(doing: str, name: str, flags: int, *traits: bytes) -> None:
    head = _LINK.pack(0, 0, index_of(name, doing), flags, flags)
    with Netlink(netlink.ROUTE) as kernel:
        kernel.request(doing, _NEWLINK, head + b"".join(traits))


def addresses() -> list[Address]:
    """Every address of every interface, IPv4 and IPv6."""
    names = DeviceNames()
    with Netlink(netlink.ROUTE, strict=True) as kernel:
        dumped = [
            message
            for family in FAMILIES.values()
            for message in of_family(
                family, kernel.dump("read the addresses", _GETADDR, _of_any(family)).bodies
            )
        ]
    return [address for message in dumped if (address := parse_address(message, names)) is not None]


def _of_any(family: int) -> bytes:
    return _ADDRESS.pack(family, 0, 0, 0, 0)


def of_family(family: int, dumped: list[bytes]) -> list[bytes]:
    """Without IPv6 the kernel answers a question about it with everything it has."""
    return [message for message in dumped if message[0] == family]


def parse_address(message: bytes, names: Mapping[int, str | None]) -> Address | None:
    """One address of a dump; None: its device just went."""
    family, length, _, _, index = _ADDRESS.unpack_from(message)
    has = attributes(message, _ADDRESS.size)
    # One with a far end (point to point) has the far end in IFA_ADDRESS and its own side in IFA_LOCAL.
    own = has.get(_IFA_LOCAL) or has.get(_IFA_ADDRESS)
    device = names[index]
    if own is None or device is None:
        return None
    return Address(device, _interface(family, own, length), has.get(_IFA_PROTO, b"\0")[0])


def add_address(op: AddressAdd) -> None:
    """Raises KernelError, with EEXIST if the interface has it."""
    doing = f"add address {op.address} to {op.interface}"
    mark = attribute(_IFA_PROTO, bytes([OURS]))
    with Netlink(netlink.ROUTE) as kernel:
        body = _pack_address(op.interface, op.address, doing) + mark
        kernel.request(doing, _NEWADDR, body, netlink.CREATE | netlink.EXCLUSIVE)


def delete_address(op: AddressDelete) -> None:
    """One that is gone already is done."""
    doing = f"delete address {op.address} from {op.interface}"
    with Netlink(netlink.ROUTE) as kernel, absent_is_done(EADDRNOTAVAIL, ENODEV):
        kernel.request(doing, _DELADDR, _pack_address(op.interface, op.address, doing))


def _pack_address(interface: str, address: IPInterface, doing: str) -> bytes:
    head = _ADDRESS.pack(
        FAMILIES[address.version], address.network.prefixlen, 0, 0, index_of(interface, doing)
    )
    packed = address.ip.packed
    return head + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)


def index_of(device: str, doing: str) -> int:
    """The interface's index. Raises KernelError with ENODEV."""
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        raise KernelError(doing, ENODEV, f"there is no interface {device}") from error


class DeviceNames(dict[int, str | None]):
    """Names of interfaces by index, each asked for once; None: gone since."""

    def __missing__(self, index: int) -> str | None:
        try:
            name = socket.if_indextoname(index)
        except OSError:
            name = None
        self[index] = name
        return name


def number(value: bytes) -> int:
    """The value of a 32-bit attribute."""
    found: int = U32.unpack_from(value)[0]
    return found


def _interface(family: int, packed: bytes, length: int) -> IPInterface:
    whole = int.from_bytes(packed, "big")
    return IPv4Interface((whole, length)) if family == socket.AF_INET else IPv6Interface((whole, length))
