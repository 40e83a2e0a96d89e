"""An interface back to TOML: the inverse of decoding, for round trips."""

from __future__ import annotations

import tomli_w

from wgd.config.document import MTU_AUTO, Forward, Input, Interface, Masquerade, Peer
from wgd.config.keytext import encoded


def rewritten(interface: Interface) -> bytes:
    """The file that says what the interface is, every key written out but those of key files."""
    document = {
        "interface": _interface(interface),
        "networks": {name: list(map(str, ranges)) for name, ranges in interface.networks.items()},
        "peers": {peer.name: _peer(peer) for peer in interface.peers},
        "forward": [_forward(rule) for rule in interface.forwards],
        "input": [_input(rule) for rule in interface.inputs],
        "masquerade": [_masquerade(rule) for rule in interface.masquerades],
    }
    return tomli_w.dumps(document).encode()


def _interface(interface: Interface) -> dict[str, object]:
    mtu = "auto" if interface.mtu == MTU_AUTO else interface.mtu
    section = {
        "role": str(interface.role),
        "addresses": list(map(str, interface.addresses)),
        "listen_port": interface.listen_port,
        "mtu": mtu,
        "fwmark": interface.fwmark,
        "adopt": interface.adopt,
        "enabled": interface.enabled,
        "forwarding": str(interface.forwarding),
        "clamp_mss": interface.clamp_mss,
        "fail_closed": interface.fail_closed,
        "log_drops": interface.log_drops,
        "foreign": interface.foreign,
    }
    return _without_none(section)


def _peer(peer: Peer) -> dict[str, object]:
    section = {
        "public_key": encoded(peer.public_key),
        "allowed_ips": list(map(str, peer.allowed_ips)),
        "endpoint": str(peer.endpoint) if peer.endpoint else None,
        "persistent_keepalive": peer.persistent_keepalive,
        "routes": peer.routes,
        "enabled": peer.enabled,
        "expires": peer.expires,
    }
    return _without_none(section)


def _masquerade(rule: Masquerade) -> dict[str, object]:
    snat = str(rule.snat) if rule.snat else None
    return _without_none({"out": rule.out, "to": list(map(str, rule.target.words)), "snat": snat})


def _input(rule: Input) -> dict[str, object]:
    ports = list(map(str, rule.ports)) or None
    return _without_none({"from": list(map(str, rule.source.words)), "ports": ports})


def _forward(rule: Forward) -> dict[str, object]:
    section = {
        "from": list(map(str, rule.source.words)),
        "to": list(map(str, rule.target.words)),
        "ports": list(map(str, rule.ports)) or None,
        "in": rule.incoming,
        "out": rule.outgoing,
    }
    return _without_none(section)


def _without_none(section: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in section.items() if value is not None}
