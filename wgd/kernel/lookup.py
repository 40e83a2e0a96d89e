"""Asking the kernel where a packet would go: RTM_GETROUTE, and the switch that checks source addresses.

About a packet that came in it answers as if it had: with EXDEV where rp_filter would drop it, and with
EHOSTUNREACH where IPv4 is not forwarded. It changes nothing, and needs no privilege.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from wgd.errors import KernelError
from wgd.explain.sight import LOCAL, UNICAST, IPAddress, Lookup, Way
from wgd.kernel import netlink
from wgd.kernel.netlink import U32, Netlink, attribute, attributes
from wgd.kernel.routes import ROUTE, RTA_DST, RTA_GATEWAY, RTA_METRICS, RTA_OIF, RTAX_MTU
from wgd.kernel.rtnetlink import FAMILIES, NONE, index_of, number

_GETROUTE = 26
_RTA_SRC, _RTA_IIF, _RTA_PREFSRC, _RTA_MARK = 2, 3, 7, 16
_KINDS = {
    1: UNICAST,
    2: LOCAL,
    3: "broadcast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
}
_FILTERS = Path("/proc/sys/net/ipv4/conf")


def ask(question: Lookup) -> Way:
    """The kernel's answer; a refusal is one, too."""
    try:
        return _asked(question)
    except KernelError as error:
        return Way(errno=error.errno)


def _asked(question: Lookup) -> Way:
    doing = f"ask for the way to {question.address}"
    address = question.address
    bits = address.max_prefixlen
    body = ROUTE.pack(FAMILIES[address.version], bits, bits if question.source else 0, 0, 0, 0, 0, 0, 0)
    body += attribute(RTA_DST, address.packed)
    if question.source is not None:
        body += attribute(_RTA_SRC, question.source.packed)
    if question.incoming:
        body += attribute(_RTA_IIF, U32.pack(index_of(question.incoming, doing)))
    if question.mark:
        body += attribute(_RTA_MARK, U32.pack(question.mark))
    with Netlink(netlink.ROUTE) as kernel:
        return parse_way(kernel.request(doing, _GETROUTE, body)[0])


def parse_way(message: bytes) -> Way:
    """The one route of an answer."""
    *_, kind, _ = ROUTE.unpack_from(message)
    has = attributes(message, ROUTE.size)
    mtu = number(attributes(has[RTA_METRICS]).get(RTAX_MTU, NONE)) if RTA_METRICS in has else 0
    return Way(
        _KINDS.get(kind, str(kind)),
        _device(number(has.get(RTA_OIF, NONE))),
        _address(has.get(RTA_GATEWAY)),
        _address(has.get(_RTA_PREFSRC)),
        mtu,
    )


def _device(index: int) -> str:
    with suppress(OSError):  # it just went
        return socket.if_indextoname(index)
    return ""


def _address(packed: bytes | None) -> IPAddress | None:
    return ip_address(packed) if packed else None


def filters() -> dict[str, int]:
    """rp_filter by device, "all" included: 0 no check, 1 strict, 2 loose."""
    found = {}
    for device in _FILTERS.iterdir():
        with suppress(OSError, ValueError):  # the device just went
            found[device.name] = int((device / "rp_filter").read_text())
    return found
