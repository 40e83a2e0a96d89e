"""Whose a chain is, and what to type so that it lets packets pass, in that tool's own language. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from wgd import prefixes
from wgd.config.document import PortRange
from wgd.firewalls.packets import Among, Packets
from wgd.firewalls.walk import Chain, Does, Ending, Ruleset
from wgd.firewalls.xtables import LEGACY
from wgd.values import value

FEW = 4
"""More addresses than this on one side are left out of a command: wgd's own rules still look at them."""
POLICY_NAME = 17
"""Characters that the name of a policy of firewalld may have."""


@value
class Opening:
    """What another firewall shall let pass: `packets`, of these `ports` (None: of any protocol). `forth` and
    `back`: whether it drops new connections, and what comes back of them."""

    packets: Packets
    ports: PortRange | None
    forth: bool = True
    back: bool = False

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Sources and targets, "" for any; whatever address of this host they came to is right."""
        targets = [""] if self.to_host else self._addresses(self.packets.target)
        for source in self._addresses(self.packets.source):
            for target in targets:
                yield source, target

    def _addresses(self, spans: prefixes.Ranges) -> list[str]:
        networks = prefixes.networks(spans, self.packets.version)
        whole = spans == prefixes.everything(self.packets.version)
        return [""] if whole or len(networks) > FEW else [network.short for network in networks]

    @property
    def to_host(self) -> bool:
        """Whether this host itself is where they go."""
        return not self.packets.outgoing


def owner(ruleset: Ruleset, ending: Ending) -> str:
    """Whose tool made what drops: "Docker", "ufw", "firewalld", "iptables" or "nft"."""
    chain, base = ending.chain, ending.base
    if base.table == "firewalld":
        return "firewalld"
    if base.family not in ("ip", "ip6") or base.name not in ("PREROUTING", "FORWARD", "INPUT"):
        return "nft"
    if chain.name.startswith("DOCKER"):
        return "Docker"
    if chain.name.startswith("ufw-"):
        return "ufw"
    if chain is base and ending.by == f"policy {Does.DROP}":
        if ruleset.has(base.family, base.table, f"ufw-user-{base.hook}"):
            return "ufw"
        if base.hook == "forward" and ruleset.has(base.family, base.table, "DOCKER-USER"):
            return "Docker"
    return "iptables"


def commands(ruleset: Ruleset, ending: Ending, opening: Opening) -> tuple[str, ...]:
    """What to type, in this order."""
    return tuple(_TELL[owner(ruleset, ending)](ruleset, ending, opening))


def _iptables(ruleset: Ruleset, ending: Ending, opening: Opening) -> Iterator[str]:
    return _insert(opening, ending.base, ending.base.name)


def _docker(ruleset: Ruleset, ending: Ending, opening: Opening) -> Iterator[str]:
    return _insert(opening, ending.base, "DOCKER-USER")


def _insert(opening: Opening, base: Chain, chain: str) -> Iterator[str]:
    program = "iptables" if opening.packets.version == 4 else "ip6tables"
    if base.table == LEGACY:
        program += "-legacy"
    elif base.table != "filter":
        program += f" -t {base.table}"
    for way in _ways(opening, base):
        sides = (("-i", way.incoming), ("-o", way.outgoing), ("-s", way.source), ("-d", way.target))
        if way.back:
            what = ["-m conntrack --ctstate RELATED,ESTABLISHED"]
        else:
            what = [*_protocol(opening.ports, opening.packets)]
        yield _line(program, "-I", chain, *_said(sides), *what, "-j ACCEPT")


class _Way(NamedTuple):
    """One direction of what shall pass, "" for any; `back`: what belongs to connections that there are."""

    back: bool
    incoming: str
    outgoing: str
    source: str
    target: str


def _ways(opening: Opening, base: Chain) -> Iterator[_Way]:
    """Before the routing nobody knows by which device packets will leave."""
    first, second = opening.packets.incoming, opening.packets.outgoing
    routed = base.hook != "prerouting"
    for source, target in opening.pairs():
        if opening.forth:
            yield _Way(False, first, second if routed else "", source, target)
        if opening.back:
            yield _Way(True, second, first if routed else "", target, source)


def _said(options: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{option} {value}" for option, value in options if value)


def _protocol(ports: PortRange | None, packets: Packets) -> Iterator[str]:
    if ports is not None:
        yield f"-p {packets.protocol}"
        if ports.protocol != "icmp":
            yield f"--dport {ports.numbers(':')}"


def _line(*words: str) -> str:
    return " ".join(filter(None, words))


def _nft(ruleset: Ruleset, ending: Ending, opening: Opening) -> Iterator[str]:
    version = opening.packets.version
    family = "ip" if version == 4 else "ip6"
    for way in _ways(opening, ending.base):
        sides = (
            ("iifname", f'"{way.incoming}"' if way.incoming else ""),
            ("oifname", f'"{way.outgoing}"' if way.outgoing else ""),
            (f"{family} saddr", way.source),
            (f"{family} daddr", way.target),
            ("meta nfproto", "" if way.source or way.target else f"ipv{version}"),
        )
        what = "ct state established,related" if way.back else _nft_ports(opening)
        yield f"nft '{_line('insert rule', str(ending.base), *_said(sides), what, 'accept')}'"


def _nft_ports(opening: Opening) -> str:
    ports = opening.ports
    if ports is None:
        return ""
    if ports.protocol == "icmp":
        return f"meta l4proto {opening.packets.protocol}"
    return f"{ports.protocol} dport {ports.numbers()}"


def _ufw(ruleset: Ruleset, ending: Ending, opening: Opening) -> Iterator[str]:
    """A rule of its own that denies stands in its user chains: before that one goes ours."""
    packets, ports = opening.packets, opening.ports
    verb = "prepend allow" if ending.chain.name.startswith("ufw-user-") else "allow"
    with_ports = ports is not None and ports.protocol != "icmp"
    protocol = f"port {ports.numbers(':')} proto {ports.protocol}" if ports is not None and with_ports else ""
    for source, target in opening.pairs():
        if opening.to_host and not source and not target and ports is not None and with_ports:
            yield _line("ufw", verb, f"{ports.numbers(':')}/{ports.protocol}")
            continue
        devices = _line(f"in on {packets.incoming}", f"out on {packets.outgoing}" if packets.outgoing else "")
        sides = f"from {source or 'any'} to {target or 'any'}"
        yield _line("ufw", "" if opening.to_host else "route", verb, devices, sides, protocol)


def _firewalld(ruleset: Ruleset, ending: Ending, opening: Opening) -> Iterator[str]:
    packets = opening.packets
    zones = _Zones(ruleset, ending.base)
    zone = zones.of(packets.incoming)
    if opening.to_host:
        for allowed in _services(opening):
            yield f"firewall-cmd --permanent --zone={zone} {allowed}"
            yield f"firewall-cmd --zone={zone} {allowed}"
        return
    for device in dict.fromkeys((packets.incoming, packets.outgoing)):
        if not zones.knows(device):  # policies see only devices that a zone names
            yield f"firewall-cmd --permanent --zone={zones.of(device)} --add-interface={device}"
    policy = _policy(zone, zones.of(packets.outgoing))
    command = f"firewall-cmd --permanent --policy={policy}"
    if not ruleset.has(ending.base.family, ending.base.table, f"filter_FWD_policy_{policy}"):
        yield f"firewall-cmd --permanent --new-policy={policy}"
        yield f"{command} --add-ingress-zone={zone}"
        yield f"{command} --add-egress-zone={zones.of(packets.outgoing)}"
    for rule in _rich_rules(opening):
        yield f"{command} --add-rich-rule='{rule}'"
    yield "firewall-cmd --reload"


def _policy(incoming: str, outgoing: str) -> str:
    """One for each pair of zones: a policy goes by these."""
    name = f"wgd-{incoming}-{outgoing}"
    return name if len(name) <= POLICY_NAME else f"wgd-{zlib.crc32(name.encode()):08x}"


def _services(opening: Opening) -> Iterator[str]:
    ports = opening.ports
    if ports is not None and ports.protocol != "icmp" and opening.packets.source == _everywhere(opening):
        yield f"--add-port={ports.numbers()}/{ports.protocol}"
        return
    yield from (f"--add-rich-rule='{rule}'" for rule in _rich_rules(opening))


def _everywhere(opening: Opening) -> prefixes.Ranges:
    return prefixes.everything(opening.packets.version)


def _rich_rules(opening: Opening) -> Iterator[str]:
    ports = opening.ports
    what = ""
    if ports is not None:
        what = f'port port="{ports.numbers()}" protocol="{ports.protocol}"'
        if ports.protocol == "icmp":
            what = f'protocol value="{opening.packets.protocol}"'
    for source, target in opening.pairs():
        yield _line(
            f'rule family="ipv{opening.packets.version}"',
            f'source address="{source}"' if source else "",
            f'destination address="{target}"' if target else "",
            what,
            "accept",
        )


@value
class _Zones:
    """firewalld's zones, as the chain that tells them apart shows them."""

    ruleset: Ruleset
    base: Chain

    def _rules(self) -> Iterator[tuple[str, frozenset[str]]]:
        for name in ("filter_INPUT_ZONES", "filter_INPUT_POLICIES"):  # the latter from firewalld 2 on
            chain = self.ruleset.chains.get((self.base.family, self.base.table, name))
            for rule in chain.rules if chain else ():
                zone = rule.chain.removeprefix("filter_IN_")
                if zone == rule.chain or zone.startswith("policy_"):
                    continue
                devices = [m.words for m in rule.matches if isinstance(m, Among) and m.trait == "incoming"]
                if len(devices) == len(rule.matches):  # not one of those that go by addresses
                    yield zone, frozenset[str]().union(*devices)

    def knows(self, device: str) -> bool:
        """Whether a zone names the device."""
        return any(device in devices for _, devices in self._rules())

    def of(self, device: str) -> str:
        """The zone that names it, else the default one."""
        return next((zone for zone, devices in self._rules() if device in devices or not devices), "public")


_TELL: dict[str, Callable[[Ruleset, Ending, Opening], Iterator[str]]] = {
    "Docker": _docker,
    "ufw": _ufw,
    "firewalld": _firewalld,
    "iptables": _iptables,
    "nft": _nft,
}
