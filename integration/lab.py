"""The mission's network out of namespaces: a hub in public, two spokes behind NAT boxes, a camera in a home.

                        198.51.100.15
    spoke-1 ── nat-a ── internet ── hub-1
                           └── nat-home ──┬── spoke-2 (wlp0s0f0)
                                          └── camera 10.11.12.7

The lab ends before WireGuard: interfaces wg0 and all that belongs to them are the tests' and wgd's to make.
It must never weaken what the mission says: NAT boxes let nobody in, and the camera knows only its own router.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Self

from integration.host import Host
from integration.seed import HOSTS, seed_config

CAMERA = "10.11.12.7"
PAGE_URL = f"http://{CAMERA}/"
PAGE = "<h1>Front door</h1>\n"

# (host, its interface) - (host, its interface)
CABLES = (
    (("internet", "to-hub"), ("hub-1", "eth0")),
    (("internet", "to-nat-a"), ("nat-a", "wan")),
    (("internet", "to-home"), ("nat-home", "wan")),
    (("nat-a", "lan"), ("spoke-1", "eth0")),
    (("nat-home", "wifi"), ("spoke-2", "wlp0s0f0")),
    (("nat-home", "wire"), ("camera", "eth0")),
)
NAMES = ("internet", "hub-1", "nat-a", "spoke-1", "nat-home", "spoke-2", "camera")
ROUTERS = ("internet", "nat-a", "nat-home")
ADDRESSING = {
    "internet": """
        address add 198.51.100.1/24 dev to-hub
        address add 203.0.113.1/24 dev to-nat-a
        address add 192.0.2.1/24 dev to-home
        """,
    "hub-1": """
        address add 198.51.100.15/24 dev eth0
        route add default via 198.51.100.1
        """,
    "nat-a": """
        address add 203.0.113.10/24 dev wan
        address add 192.168.1.1/24 dev lan
        route add default via 203.0.113.1
        """,
    "spoke-1": """
        address add 192.168.1.23/24 dev eth0
        route add default via 192.168.1.1
        """,
    "nat-home": """
        link add lan type bridge
        link set lan up
        link set wifi master lan
        link set wire master lan
        address add 192.0.2.20/24 dev wan
        address add 10.0.0.1/8 dev lan
        route add default via 192.0.2.1
        """,
    "spoke-2": """
        address add 10.0.0.3/8 dev wlp0s0f0
        route add default via 10.0.0.1
        """,
    "camera": f"""
        address add {CAMERA}/8 dev eth0
        route add default via 10.0.0.1
        """,
}
NAT_BOX = """
    table ip nat {
        chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
    }
    table inet guard {
        chain in {
            type filter hook input priority filter
            iifname "wan" ct state != { established, related } drop
        }
        chain through {
            type filter hook forward priority filter
            iifname "wan" ct state != { established, related } drop
        }
    }
    """


class Lab:
    """`with Lab() as lab:` the network stands; afterwards nothing of it is left, whatever happened inside."""

    def __init__(self) -> None:
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            self.hosts = {name: _opened(name, ending) for name in NAMES}
            self._lay_cables()
            for name, commands in ADDRESSING.items():
                self.hosts[name].ip(commands)
            for name in ROUTERS:
                self.hosts[name].write("/proc/sys/net/ipv4/ip_forward", "1")
            for box in (self.nat_a, self.nat_home):
                box.nft(NAT_BOX)
            serve_page(self.camera, PAGE, ending)
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def __iter__(self) -> Iterator[Host]:
        """The hosts that WireGuard runs on."""
        return (self.hosts[name] for name in HOSTS)

    @property
    def hub_1(self) -> Host:
        return self.hosts["hub-1"]

    @property
    def spoke_1(self) -> Host:
        return self.hosts["spoke-1"]

    @property
    def spoke_2(self) -> Host:
        return self.hosts["spoke-2"]

    @property
    def camera(self) -> Host:
        return self.hosts["camera"]

    @property
    def nat_a(self) -> Host:
        return self.hosts["nat-a"]

    @property
    def nat_home(self) -> Host:
        return self.hosts["nat-home"]

    def page(self, seconds: float = 1) -> str | None:
        """The camera's page as spoke-1 sees it; None if it does not come."""
        try:
            return self.spoke_1.fetch(PAGE_URL, seconds)
        except OSError:
            return None

    def make_keys(self) -> dict[str, str]:
        """Each host's /etc/wgd/keys/wg0.key, made by `wg genkey`; returns the public keys by host name."""
        public_keys = {}
        for host in self:
            private_key = host.run("wg", "genkey")
            host.write("/etc/wgd/keys/wg0.key", private_key, mode=0o640)
            public_keys[host.name] = host.run("wg", "pubkey", stdin=private_key).strip()
        return public_keys

    def seed(self) -> dict[str, str]:
        """Keys and /etc/wgd/wg0.toml on all three hosts; returns the public keys."""
        public_keys = self.make_keys()
        for host in self:
            host.write("/etc/wgd/wg0.toml", seed_config(host.name, public_keys))
        return public_keys

    def _lay_cables(self) -> None:
        # The kernel lets a veth link wait up to a second for its carrier if both ends have the same index.
        commands = [
            f"link add {near_name} index {index} netns {self.hosts[near].network_path}"
            f" type veth peer name {far_name} netns {self.hosts[far].network_path}"
            for index, ((near, near_name), (far, far_name)) in enumerate(CABLES, start=101)
        ]
        self.hosts["internet"].ip("\n".join(commands))
        for name, host in self.hosts.items():
            plugs = [plug for cable in CABLES for (owner, plug) in cable if owner == name]
            host.ip("\n".join(f"link set {plug} up" for plug in plugs))
        for (near, near_name), (far, far_name) in CABLES:
            self.hosts[near].wait_for_carrier(near_name)
            self.hosts[far].wait_for_carrier(far_name)


def _opened(name: str, ending: ExitStack) -> Host:
    host = Host(name)
    ending.callback(host.close)
    return host


def serve_page(host: Host, page: str, ending: ExitStack) -> None:
    """A web server on port 80 of this host: its socket is made inside, a thread of ours answers."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with host.inside():
        server = http.server.ThreadingHTTPServer(("", 80), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    ending.callback(server.server_close)
    ending.callback(thread.join)
    ending.callback(server.shutdown)
