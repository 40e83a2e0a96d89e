"""systemd-networkd, and pyroute2's own classes: as far as they go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

from pyroute2 import IPRoute, WireGuard

from integration.bench import network
from integration.bench.events import Expected, complete_at
from integration.bench.network import Crowd, Edit
from integration.bench.watch import MOST, TooLong, Watch
from integration.disruption import networkd_tool
from integration.disruption.networkd_tool import NetworkdTool, can_run
from integration.disruption.tools import KEY
from integration.disruption.wish import PeerWish, Wish
from integration.host import Host

__all__ = ["Networkd", "Pyroute2", "can_run"]


class Networkd:
    """The network `crowd` on a host of its own, under systemd-networkd. nftables is nothing of its."""

    def __init__(self, peers: int, scratch: Path) -> None:
        self.crowd, self.host = Crowd(peers), Host(f"networkd-{peers}")
        self._tool = NetworkdTool(scratch)
        self._wish = self._wanted()
        self.host.write(KEY, self.host.run("wg", "genkey"))
        self._watch = Watch(self.host)

    def close(self) -> None:
        self._watch.close()
        self.host.close()

    def cold(self) -> float:
        """Milliseconds until the last route is there: its D-Bus and itself start, and make everything."""
        wanted = {packed(prefix) for prefix in network.prefixes(self.crowd)}
        began = time.perf_counter()
        self._tool.begin(self.host, self._wish)
        return self._until(frozenset(wanted), began)

    def edit(self, edits: Sequence[Edit]) -> float:
        """Milliseconds from the saved files until `wg` shows the peer: a reload for the route, and after that
        a restart, since this version reads peers when it starts only."""
        self.crowd.apply(edits)
        self._wish = self._wanted()
        key = self.host.read(KEY).strip()
        self.host.write(networkd_tool.NETDEV, networkd_tool.netdev(self._wish, key))
        self.host.write(networkd_tool.NETWORK, networkd_tool.network(self._wish))
        self._watch.forget()
        began = time.perf_counter()
        self.host.run("networkctl", "reload")
        self._until(frozenset(packed(edit.after.address) for edit in edits if edit.after), began)
        self._tool.restart(self.host)
        lines = {f"{edit.after.key}\t{edit.after.address}/32" for edit in edits if edit.after}
        while not lines <= set(self.host.run("wg", "show", "wg0", "allowed-ips").splitlines()):
            if time.perf_counter() > began + MOST:
                raise TooLong("systemd-networkd does not set its peers")
        return (time.perf_counter() - began) * 1000

    def _until(self, come: frozenset[bytes], began: float) -> float:
        while time.perf_counter() < began + MOST:
            self._watch.pump(0.05)
            if (at := complete_at(self._watch.heard, Expected(routes_come=come))) is not None:
                return (at - began) * 1000
        raise TooLong("systemd-networkd does not set its routes")

    def _wanted(self) -> Wish:
        gateway = PeerWish(network.GATEWAY, self.crowd.gateway.key, frozenset({network.BEHIND}))
        peers = (
            PeerWish(one.name, one.key, frozenset({f"{one.address}/32"}))
            for one in self.crowd.members.values()
        )
        return Wish(
            active=network.GATEWAY,
            addresses=frozenset({network.OWN}),
            peers=(gateway, *peers),
            forwards=(),
            lan="",
            listen_port=network.PORT,
        )


class Pyroute2:
    """pyroute2's WireGuard and IPRoute, in this process, on somebody's host. nftables is left out."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def read(self) -> float:
        """Milliseconds to read all peers and routes into its objects."""
        with self._host.inside(), closing(WireGuard()) as wireguard, closing(IPRoute()) as route:
            began = time.perf_counter()
            peers, routes = list(wireguard.info("wg0")), list(route.get_routes(family=2))
            took = time.perf_counter() - began
        assert peers and routes
        return took * 1000

    def edit(self, edit: Edit) -> float:
        """Milliseconds to give one peer another address and route."""
        assert edit.before and edit.after
        peer = {
            "public_key": edit.after.key,
            "allowed_ips": [f"{edit.after.address}/32"],
            "replace_allowed_ips": True,
        }
        with self._host.inside(), closing(WireGuard()) as wireguard, closing(IPRoute()) as route:
            (index,) = route.link_lookup(ifname="wg0")
            began = time.perf_counter()
            wireguard.set("wg0", peer=peer)
            for verb, member in (("del", edit.before), ("add", edit.after)):
                route.route(verb, dst=f"{member.address}/32", oif=index, proto="boot", scope="link")
            return (time.perf_counter() - began) * 1000

    def cold(self, crowd: Crowd, private_key: str) -> float:
        """Milliseconds from nothing to all peers and routes."""
        everybody = [(crowd.gateway.key, network.BEHIND)]
        everybody += [(one.key, f"{one.address}/32") for one in crowd.members.values()]
        with self._host.inside(), closing(WireGuard()) as wireguard, closing(IPRoute()) as route:
            began = time.perf_counter()
            route.link("add", ifname="wg0", kind="wireguard")
            (index,) = route.link_lookup(ifname="wg0")
            route.addr("add", index=index, address=network.OWN.split("/")[0], prefixlen=32)
            route.link("set", index=index, state="up")
            wireguard.set("wg0", private_key=private_key, listen_port=network.PORT)
            for key, prefix in everybody:
                wireguard.set("wg0", peer={"public_key": key, "allowed_ips": [prefix]})
            for _, prefix in everybody:
                route.route("add", dst=prefix, oif=index)
            return (time.perf_counter() - began) * 1000


def packed(prefix: str) -> bytes:
    return IPv4Address(prefix.split("/")[0]).packed
