"""The tables of a file, one function each: `[interface]`, `[networks]`, `[peers.NAME]` and the rules."""

from __future__ import annotations

from typing import Any

from wgd.config import addresses, scalars
from wgd.config.document import STRIP_AFTER, Forwarding, IPInterface, Opens, PortRange, Role
from wgd.config.draft import (
    ForwardDraft,
    InputDraft,
    InterfaceDraft,
    MasqueradeDraft,
    NetworkDraft,
    PeerDraft,
    Words,
)
from wgd.config.names import name_fault
from wgd.config.source import Where, placed
from wgd.config.table import Reader, Table
from wgd.config.vocabulary import Section
from wgd.errors import Problem
from wgd.prefixes import Prefix

_ADDRESSES = '["172.27.0.1/16"]'
_ALLOWED_IPS = '["172.27.0.2/32"]'
_RULE_SIDE = '["spoke-1", "10.11.12.0/24"]'
_PORTS = '["tcp/80"]'


def interface(table: Table) -> InterfaceDraft:
    """`[interface]`."""
    if "addresses" not in table:
        hint = f"say which address this machine has in the tunnel: addresses = {_ADDRESSES}"
        table.error(table.where, "addresses is missing", hint)
    own = table.array("addresses", addresses.interface_address, _ADDRESSES)
    _no_address_twice(table, own)
    role = table.optional("role", scalars.choice(Role))
    listen_port = table.optional("listen_port", scalars.number(1, 65535, "a UDP port"))
    private_key_file = table.optional("private_key_file", scalars.path)
    mtu = table.optional("mtu", scalars.mtu)
    fwmark = table.optional("fwmark", scalars.number(0, 2**32 - 1))
    adopt = table.optional("adopt", scalars.boolean)
    enabled = table.optional("enabled", scalars.boolean)
    forwarding = table.optional("forwarding", scalars.choice(Forwarding))
    strip_after = table.optional("strip_after", scalars.number(0, 2**31, "a number of seconds"))
    clamp_mss = table.optional("clamp_mss", scalars.boolean)
    fail_closed = table.optional("fail_closed", scalars.boolean)
    log_drops = table.optional("log_drops", scalars.boolean)
    foreign = table.optional("foreign", scalars.choice(Opens))
    if strip_after is not None and role is not Role.HUB:
        hint = 'delete the line, or add role = "hub": a spoke keeps the endpoints it was told'
        table.error(table.where / "strip_after", "is for a hub", hint)
    table.close(Section.INTERFACE)
    return InterfaceDraft(
        where=table.where,
        sound=table.sound,
        addresses=own,
        role=role or Role.SPOKE,
        listen_port=listen_port,
        private_key_file=private_key_file,
        mtu=mtu,
        fwmark=fwmark or 0,
        adopt=adopt is True,
        enabled=enabled is not False,
        forwarding=forwarding,
        strip_after=STRIP_AFTER if strip_after is None else strip_after,
        clamp_mss=clamp_mss,
        fail_closed=fail_closed is True,
        log_drops=log_drops is True,
        foreign=foreign,
    )


def _no_address_twice(table: Table, own: tuple[IPInterface, ...]) -> None:
    seen: set[object] = set()
    for address, where in placed(own, table.where, "addresses"):
        if address.ip in seen:
            table.error(where, f"{address.ip} stands here twice", "keep one of the two")
        seen.add(address.ip)


def networks(where: Where, content: dict[str, object], problems: list[Problem]) -> tuple[NetworkDraft, ...]:
    """`[networks]`."""
    return tuple([_network(Table(where, content, problems), *item) for item in content.items()])


def _network(table: Table, name: str, value: object) -> NetworkDraft:
    """One line of `[networks]`: a list of CIDRs, or one CIDR."""
    where = table.where / name
    if fault := name_fault(name):
        table.error(where, fault)
    if isinstance(value, str):
        one = table.optional(name, addresses.network)
        ranges: tuple[Prefix, ...] = (one,) if one else ()
    else:
        hint = "a network needs an address range"
        ranges = table.filled(name, addresses.network, '["10.11.12.0/24"]', hint)
    return NetworkDraft(name, where, ranges if table.sound else ())


def peer(table: Table, name: str) -> PeerDraft:
    """`[peers.NAME]`."""
    if fault := name_fault(name):
        table.error(table.where, fault)
    if "allowed_ips" not in table:
        table.error(
            table.where, "allowed_ips is missing", f"the peer's addresses: allowed_ips = {_ALLOWED_IPS}"
        )
    public_key = table.required("public_key", scalars.key, "what `wgd pubkey` prints on the peer")
    allowed_ips = table.array("allowed_ips", addresses.network_or_name, _ALLOWED_IPS)
    options = table.given(_PEER_OPTIONS)
    table.close(Section.PEER)
    return PeerDraft(name, table.where, table.sound, public_key, allowed_ips, **options)


_PEER_OPTIONS: dict[str, Reader[Any]] = {
    "endpoint": addresses.endpoint,
    "persistent_keepalive": scalars.number(0, 65535, "a number of seconds"),
    "preshared_key_file": scalars.path,
    "routes": scalars.boolean,
    "enabled": scalars.boolean,
    "expires": scalars.moment,
}


def forward(table: Table) -> ForwardDraft:
    """`[[forward]]`."""
    ports = "to allow everything, leave ports out"
    read = ForwardDraft(
        where=table.where,
        source=_side(table, "from", "who may open connections"),
        target=_side(table, "to", "where connections may go"),
        ports=_ports(table, ports),
        incoming=table.optional("in", scalars.device),
        outgoing=table.optional("out", scalars.device),
    )
    table.close(Section.FORWARD)
    return read


def inputs(table: Table) -> InputDraft:
    """`[[input]]`."""
    source = _side(table, "from", "who may open connections to this machine")
    ports = _ports(table, "to allow everything, leave ports out")
    table.close(Section.INPUT)
    return InputDraft(table.where, source, ports)


def _ports(table: Table, hint: str) -> tuple[PortRange, ...]:
    return table.filled("ports", scalars.port_range, _PORTS, hint) if "ports" in table else ()


def masquerade(table: Table) -> MasqueradeDraft:
    """`[[masquerade]]`."""
    hint = 'the device that leads to them, like out = "eth0"'
    out = table.required("out", scalars.device, hint)
    target = _side(table, "to", 'what may be reached through it; everything is said aloud with ["any"]')
    snat = table.optional("snat", addresses.single)
    table.close(Section.MASQUERADE)
    return MasqueradeDraft(table.where, out, target, snat)


def _side(table: Table, key: str, hint: str) -> Words:
    return table.filled(key, addresses.network_or_name, _RULE_SIDE, hint)
