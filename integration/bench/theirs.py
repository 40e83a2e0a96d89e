"""The other side: the tools that an expert would use, on hosts of their own, as processes that are timed.

Each time is that of the processes alone: their files are written before, and which routes and elements differ
is told to the script for nothing.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from integration.bench import network
from integration.bench.network import Crowd, Edit
from integration.host import CommandFailed, Host

CONF, QUICK_CONF = "/run/by-hand/set.conf", "/run/by-hand/wg0.conf"
LINK, ROUTES, RULES = "/run/by-hand/link", "/run/by-hand/routes", "/run/by-hand/rules"
LISTS = (
    ("wg", "show", "wg0", "dump"),
    ("ip", "route", "show", "dev", "wg0"),
    ("nft", "-j", "list", "table", "inet", "by-hand"),
)
SET_UP = f"link add wg0 type wireguard\naddress add {network.OWN} dev wg0\nlink set wg0 up\n"


class Theirs:
    """The network `crowd` on a host of its own, in an expert's hands."""

    def __init__(self, peers: int) -> None:
        self.crowd = Crowd(peers)
        self.host = Host(f"by-hand-{peers}")
        self._key = self.host.run("wg", "genkey").strip()
        self.host.write(LINK, SET_UP)

    def close(self) -> None:
        self.host.close()

    # The script

    def cold(self) -> float:
        """Milliseconds from nothing to everything: four processes."""
        self.clear()
        self._write(network.routes(self.crowd), network.rules(self.crowd))
        steps = (
            ("ip", "-batch", LINK),
            ("wg", "setconf", "wg0", CONF),
            ("ip", "-batch", ROUTES),
            ("nft", "-f", RULES),
        )
        return self.timed(*steps)

    def script(self, edits: Sequence[Edit]) -> tuple[float, int]:
        """Milliseconds of `wg syncconf` with the whole file, `ip` and `nft` with what differs; how many
        processes that is."""
        return self._changed(edits, ("wg", "syncconf", "wg0", CONF))

    def by_hand(self, edits: Sequence[Edit]) -> tuple[float, int]:
        """The same for one edit as somebody types it who knows all by heart."""
        (edit,) = edits
        if edit.after is None:
            assert edit.before
            return self._changed(edits, ("wg", "set", "wg0", "peer", edit.before.key, "remove"))
        words = ("wg", "set", "wg0", "peer", edit.after.key, "allowed-ips", f"{edit.after.address}/32")
        return self._changed(edits, (*words, "persistent-keepalive", str(edit.after.keepalive or "off")))

    def _changed(self, edits: Sequence[Edit], wireguard: Sequence[str]) -> tuple[float, int]:
        self.crowd.apply(edits)
        routes, rules = network.routes_changed(edits), network.rules_changed(edits)
        self._write(routes, rules)
        steps = [wireguard]
        steps += [("ip", "-batch", ROUTES)] if routes else []
        steps += [("nft", "-f", RULES)] if rules else []
        return self.timed(*steps), len(steps)

    def lists(self) -> float:
        """Milliseconds to list everything, to nowhere: nothing is compared."""
        return self.timed(*LISTS)

    def element(self, address: str) -> float:
        """Milliseconds of one `nft add element`."""
        return self.timed(("nft", "add", "element", "inet", "by-hand", "members", f"{{ {address} }}"))

    def clear(self) -> None:
        for argv in (("ip", "link", "del", "wg0"), ("nft", "delete", "table", "inet", "by-hand")):
            self.host.attempt(*argv)

    def _write(self, routes: str, rules: str) -> None:
        self.host.write(CONF, network.conf(self.crowd, self._key), mode=0o600)
        self.host.write(ROUTES, routes)
        self.host.write(RULES, rules)

    # wg-quick

    def quick_up(self) -> float:
        """Milliseconds of `wg-quick up` from nothing."""
        self.clear()
        self._write_quick()
        self.host.write(RULES, network.rules(self.crowd))
        return self.timed(("wg-quick", "up", QUICK_CONF))

    def quick_sync(self, edits: Sequence[Edit]) -> tuple[float, int]:
        """Milliseconds of `wg syncconf wg0 <(wg-quick strip …)`; it does nothing for routes and rules."""
        self.crowd.apply(edits)
        self._write_quick()
        return self.timed(("bash", "-c", f"wg syncconf wg0 <(wg-quick strip {QUICK_CONF})")), 3

    def _write_quick(self) -> None:
        self.host.write(QUICK_CONF, network.quick_conf(self.crowd, self._key, RULES), mode=0o600)

    # Whatever

    def timed(self, *steps: Sequence[str]) -> float:
        return timed(self.host, *steps)


def timed(host: Host, *steps: Sequence[str], allowed: Sequence[int] = (0,)) -> float:
    """Milliseconds of these processes, one after another. Raises CommandFailed."""
    took = 0.0
    with host.inside():
        for argv in steps:
            began = time.perf_counter()
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
            )
            took += time.perf_counter() - began
            if done.returncode not in allowed:
                raise CommandFailed(f"{argv}: exit status {done.returncode}\n{done.stderr.decode()}")
    return took * 1000
