"""The tools under test: each brings one host's wg0 from one wish to the next, as an expert would with it.

Each writes its own files and runs its own commands, and nothing is done for it. Rules are loaded in one
transaction by all: none of them loses packets only because a script was written badly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from integration.disruption.wish import Wish
from integration.host import Host

KEY = "/etc/wgd/keys/wg0.key"
CONF, RULES = "/run/by-hand/wg0.conf", "/run/by-hand/wg0.nft"


class Tool(Protocol):
    """One way to do an administrator's work."""

    name: str

    def begin(self, host: Host, wish: Wish) -> None:
        """From nothing to the first wish."""

    def change(self, host: Host, before: Wish, after: Wish) -> None:
        """From one wish to the next; equal ones are a save that changes nothing."""

    def mend(self, host: Host, wish: Wish) -> None:
        """What is done after somebody else has flushed the ruleset."""

    def has_own_way(self, before: Wish, after: Wish) -> bool:
        """Whether it does this with commands that no other tool here has."""


class QuickTool:
    """wg-quick: edit its file, down, up."""

    name = "wg-quick down; up"

    def begin(self, host: Host, wish: Wish) -> None:
        host.write("/proc/sys/net/ipv4/ip_forward", "1")
        write_files(host, wish)
        host.run("wg-quick", "up", CONF)

    def change(self, host: Host, before: Wish, after: Wish) -> None:
        write_files(host, after)
        host.run("wg-quick", "down", CONF)
        host.run("wg-quick", "up", CONF)

    def mend(self, host: Host, wish: Wish) -> None:
        host.run("nft", "-f", RULES)

    def has_own_way(self, before: Wish, after: Wish) -> bool:
        return True


class ScriptTool(QuickTool):
    """`wg setconf` or `wg syncconf` with the whole file, and `ip` and `nft` for what has changed besides."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self.name = f"wg {verb} + ip + nft"

    def change(self, host: Host, before: Wish, after: Wish) -> None:
        write_files(host, after)
        script = "\n".join(self._commands(before, after))
        host.run("bash", "-euc", script)

    def has_own_way(self, before: Wish, after: Wish) -> bool:
        """What `ip` and `nft` do is the same, whatever the verb."""
        return before.peers != after.peers or before == after

    def _commands(self, before: Wish, after: Wish) -> Iterator[str]:
        if self.has_own_way(before, after):
            yield f"wg {self._verb} wg0 <(wg-quick strip {CONF})"
        if before.mtu != after.mtu:
            yield f"ip link set wg0 mtu {after.mtu}"
        for address in sorted(after.addresses - before.addresses):
            yield f"ip address add {address} dev wg0"
        for address in sorted(before.addresses - after.addresses):
            yield f"ip address del {address} dev wg0"
        for prefix in sorted(after.routes - before.routes):
            yield f"ip route add {prefix} dev wg0"
        for prefix in sorted(before.routes - after.routes):
            yield f"ip route del {prefix} dev wg0"
        if (before.forwards, before.masqueraded) != (after.forwards, after.masqueraded) or before == after:
            yield f"nft -f {RULES}"


def write_files(host: Host, wish: Wish) -> None:
    host.write(CONF, conf(wish, host.read(KEY).strip()), mode=0o600)
    host.write(RULES, ruleset(wish))


def conf(wish: Wish, private_key: str) -> str:
    """wg0.conf as wg-quick reads it."""
    lines = ["[Interface]", f"PrivateKey = {private_key}", f"Address = {', '.join(sorted(wish.addresses))}"]
    lines += [f"MTU = {wish.mtu}", f"PostUp = nft -f {RULES}"]
    lines += [f"ListenPort = {wish.listen_port}"] if wish.listen_port else []
    for peer in wish.peers:
        lines += ["", f"# {peer.name}", "[Peer]", f"PublicKey = {peer.public_key}"]
        lines += [f"AllowedIPs = {', '.join(sorted(peer.allowed_ips))}"]
        lines += [f"Endpoint = {peer.endpoint}"] if peer.endpoint else []
        lines += [f"PersistentKeepalive = {peer.keepalive or 'off'}"]  # left out, syncconf would keep the old
        lines += [f"PresharedKey = {peer.preshared_key}"] if peer.preshared_key else []
    return "\n".join(lines) + "\n"


def ruleset(wish: Wish) -> str:
    """The same access as wgd's, in a table that one transaction replaces."""
    accepts = "\n".join(f'iifname "wg0" ip saddr {a} ip daddr {b} accept' for a, b in wish.forwards)
    leaving = ", ".join(wish.masqueraded)
    nat = f"""
        chain out {{
            type nat hook postrouting priority srcnat
            iifname "wg0" oifname "{wish.lan}" ip daddr {{ {leaving} }} masquerade
        }}"""
    return f"""\
table inet by-hand
delete table inet by-hand
table inet by-hand {{
    chain through {{
        type filter hook forward priority filter
        iifname != "wg0" oifname != "wg0" accept
        ct direction reply ct state established,related accept
{accepts}
        drop
    }}{nat if wish.masqueraded else ""}
}}
"""
