"""`make bench-repair`: how long drift lasts, from the change by somebody else until the object stands again.

Each object is broken once only: breaking one again and again would be a fight, in which wgd waits.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Interface
from pathlib import Path

from integration.host import Host
from integration.namespaces import isolate
from wgd.kernel import rtnetlink
from wgd.kernel.linux import LinuxKernel
from wgd.kernel.nftables import Table
from wgd.kernel.routes import Routes
from wgd.kinds.address import AddressDelete
from wgd.kinds.nftables import TABLE, Chain, NftTransaction
from wgd.kinds.route import Route, RouteDelete
from wgd.model import Op
from wgd.prefixes import Prefix

REPAIRS, FLUSHES = 100, 40
AT_ONCE = 4
"""Flushes that one daemon repairs: the next would be a fight."""
LATER = 0.1
"""Seconds from one repair to the next change."""
PREFIXES = [Prefix(4, 0x0A0B0000 + (number << 8), 24) for number in range(REPAIRS)]
ADDRESSES = [IPv4Interface((0xAC1B0001 + (number << 8), 32)) for number in range(1, REPAIRS + 1)]
INTERFACE = f"""\
[interface]
addresses = {["172.27.0.1/24", *map(str, ADDRESSES)]}
listen_port = 51820

[peers.laptop]
public_key = "{"B" * 42}A="
allowed_ips = {["172.27.0.2/32", *map(str, PREFIXES)]}

[[forward]]
from = ["laptop"]
to = ["10.11.12.0/24"]
""".replace("'", '"')


def main() -> None:
    isolate()
    host = Host("bench")
    try:
        host.write("/etc/wgd/keys/wg0.key", host.run("wg", "genkey"), mode=0o640)
        host.write("/etc/wgd/wg0.toml", INTERFACE)
        with _daemon(host), host.inside():
            figures = _measure()
        flushed: list[float] = []
        while len(flushed) < FLUSHES:
            with _daemon(host), host.inside():
                flushed += [_repaired(FLUSH, _is_ruled) for _ in range(AT_ONCE)]
        figures["the whole ruleset flushed"] = flushed
    finally:
        host.close()
    machine = f"Linux {os.uname().release}, {os.cpu_count()} processors"
    print(f"{REPAIRS} repairs of each, {FLUSHES} of flushes, {machine}; milliseconds")
    print(f"{'':28}{'median':>8}{'p99':>8}{'most':>8}")
    for name, times in figures.items():
        p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
        print(f"{name:28}{statistics.median(times):8.0f}{p99:8.0f}{max(times):8.0f}")


@contextmanager
def _daemon(host: Host) -> Iterator[None]:
    """It has nothing to do any more."""
    daemon = host.popen(sys.executable, "-m", "wgd", "run", log=Path(os.devnull))
    while host.wgd("status").returncode:
        time.sleep(0.1)
    yield
    daemon.terminate()
    daemon.wait()


def _measure() -> dict[str, list[float]]:
    return {
        "a route removed": [_repaired(_without_route(p), partial(_has_route, p)) for p in PREFIXES],
        "an address removed": [_repaired(_without_address(a), partial(_has_address, a)) for a in ADDRESSES],
        "a chain put into our table": [_repaired(_with_chain(n), _has_one_chain) for n in range(REPAIRS)],
    }


def _repaired(change: Op, stands: Callable[[], bool]) -> float:
    """Milliseconds from the change until it stands again."""
    time.sleep(LATER)
    LinuxKernel().run(change)
    started = time.perf_counter()
    while not stands():
        time.sleep(0.0005)
    return (time.perf_counter() - started) * 1000


def _without_route(prefix: Prefix) -> Op:
    return RouteDelete(refs=(), routes=(Route(prefix, "wg0"),), deletes=True)


def _has_route(prefix: Prefix) -> bool:
    return any(route.destination == prefix for route in Routes().read())


def _without_address(address: IPv4Interface) -> Op:
    return AddressDelete(refs=(), interface="wg0", address=address, deletes=True)


def _has_address(address: IPv4Interface) -> bool:
    return any(have.address == address for have in rtnetlink.addresses())


def _with_chain(number: int) -> Op:
    return NftTransaction(refs=(), lines=(f"add chain {TABLE} strange{number}",))


FLUSH = NftTransaction(refs=(), lines=("flush ruleset",))


def _is_ruled() -> bool:
    return any(isinstance(one, Chain) and one.rules for one in Table(set()).everything())


def _has_one_chain() -> bool:
    return len(Table(set()).everything()) == 1


if __name__ == "__main__":
    main()
