"""How `FakeKernel` routes: what `wgd.kernel.lookup` asks the kernel, answered from the fake's own tables.

It must never be kinder than the kernel; the contract compares the two.
"""

from __future__ import annotations

from errno import EHOSTUNREACH, ENETUNREACH, EXDEV

from tests.fake import FakeKernel
from wgd.explain.sight import LOCAL, UNICAST, IPAddress, Lookup, Way
from wgd.kinds.address import Address
from wgd.kinds.route import Route, lookup


def ask(kernel: FakeKernel, question: Lookup, strict: frozenset[str] = frozenset()) -> Way:
    """The answer; `strict`: devices with rp_filter = 1. The fake has no other tables, and no marks."""
    addresses: list[Address] = [*kernel.dump("address")]  # type: ignore[list-item]
    for own in addresses:
        if own.address.ip == question.address:
            return Way(LOCAL, own.interface, source=question.address)
    if question.incoming and not _forwards(kernel, question):
        return Way(errno=EHOSTUNREACH)
    way = _out(kernel, addresses, question.address)
    if question.incoming not in strict or question.source is None or way.errno:
        return way
    back = _out(kernel, addresses, question.source)
    return way if back.device == question.incoming else Way(errno=EXDEV)


def _out(kernel: FakeKernel, addresses: list[Address], address: IPAddress) -> Way:
    routes: list[Route] = [*kernel.dump("route")]  # type: ignore[list-item]
    found = lookup(address, routes)
    if found is None:
        return Way(errno=ENETUNREACH)
    own = [a.address for a in addresses if a.address.version == address.version]
    on_device = [a.address for a in addresses if a.interface == found.device and a.address in own]
    source = next((a.ip for a in (*on_device, *own)), None)
    gateway = address.__class__(int(on_device[0].network.network_address) + 1) if found.gateway else None
    return Way(UNICAST, str(found.device), gateway, source, found.mtu)


def _forwards(kernel: FakeKernel, question: Lookup) -> bool:
    version, device = question.address.version, question.incoming
    path = f"net/ipv{version}/conf/{device}/forwarding"
    return version == 6 or any(s.path == path and s.value == "1" for s in kernel.dump("sysctl"))  # type: ignore[attr-defined]
