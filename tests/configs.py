"""Configurations as values: the three hosts that every demo starts from, and parts to build others."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_interface
from typing import Any

from tests.fake import FakeKernel
from wgd.config.document import (
    Config,
    Endpoint,
    Forward,
    Forwarding,
    Interface,
    IPInterface,
    Masquerade,
    Peer,
    PortRange,
    Role,
    Side,
)
from wgd.model import Report, Secret
from wgd.prefixes import Prefix
from wgd.reconcile import Resolved, reconcile

NOW = 1_700_000_000.0
HUB_ENDPOINT = Endpoint("198.51.100.15", 51820)
WEBCAMS = "10.11.12.0/24"


@cache
def address(text: str) -> IPInterface:
    return ip_interface(text)


@cache
def network(text: str) -> Prefix:
    return Prefix.parse(text)


def networks(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(network, texts))


@cache
def key(name: str) -> bytes:
    """A public key that only this name has."""
    return hashlib.sha256(b"public " + name.encode()).digest()


@cache
def private_key(name: str) -> Secret:
    """A clamped private key that only this name has."""
    raw = bytearray(hashlib.sha256(b"private " + name.encode()).digest())
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    return Secret(bytes(raw))


def peer(name: str, *allowed_ips: str, **more: Any) -> Peer:
    return replace(Peer(name, key(name), networks(*allowed_ips)), **more)


def side(*words: str, peers: tuple[str, ...] = (), **named: tuple[str, ...]) -> Side:
    """Words that are `any`, `internet`, a peer of `peers`, a network (`name=(CIDR, …)`), or a CIDR."""
    known = {"any", "internet", *peers}
    ranges = [text for word in words if word not in known for text in named.get(word, (word,))]
    return Side(
        tuple(word if word in known or word in named else network(word) for word in words),
        networks(*ranges),
        tuple(word for word in words if word in peers),
        "any" in words,
        "internet" in words,
    )


def config(*interfaces: Interface, held: frozenset[str] = frozenset()) -> Config:
    return Config({interface.name: interface for interface in interfaces}, held)


def interface(name: str = "wg0", *addresses: str, **more: Any) -> Interface:
    """An interface; with rules it decides about forwarding, as in a file."""
    if more.get("forwards"):
        more.setdefault("forwarding", Forwarding.RULES)
    made = Interface(name, private_key(name), tuple(map(address, addresses)))
    return replace(made, **more)


HUB = interface(
    "wg0",
    "172.27.0.1/16",
    role=Role.HUB,
    listen_port=51820,
    networks={"webcams": networks(WEBCAMS)},
    peers=(peer("spoke-1", "172.27.0.2/32"), peer("spoke-2", "172.27.0.3/32", WEBCAMS)),
    forwards=(
        Forward(
            side("spoke-1", peers=("spoke-1",)),
            side("webcams", webcams=(WEBCAMS,)),
            (PortRange("tcp", 80, 80), PortRange("tcp", 554, 554)),
        ),
    ),
)
SPOKE_1 = interface(
    "wg0",
    "172.27.0.2/16",
    peers=(peer("hub-1", "172.27.0.0/16", WEBCAMS, endpoint=HUB_ENDPOINT, persistent_keepalive=25),),
)
SPOKE_2 = interface(
    "wg0",
    "172.27.0.3/16",
    networks={"webcams": networks(WEBCAMS)},
    peers=(peer("hub-1", "172.27.0.0/16", endpoint=HUB_ENDPOINT, persistent_keepalive=25),),
    forwards=(Forward(side("hub-1", peers=("hub-1",)), side("webcams", webcams=(WEBCAMS,))),),
    masquerades=(Masquerade("wlp0s0f0", side("webcams", webcams=(WEBCAMS,))),),
)
SEED = {"hub-1": config(HUB), "spoke-1": config(SPOKE_1), "spoke-2": config(SPOKE_2)}


def machine(backend: str = "kernel", **more: bool) -> FakeKernel:
    """A host with a way to the internet (eth0) and to the cameras (wlp0s0f0)."""
    kernel = FakeKernel(backend, **more)
    for device, own in (("eth0", "192.0.2.2/24"), ("wlp0s0f0", "10.11.12.1/8")):
        kernel.add_link(device, "veth", up=True)
        kernel.add_address(device, address(own))
    kernel.add_route(network("0.0.0.0/0"), "eth0", gateway=True)
    for version, chain in ((4, "DOCKER-USER"), (6, "DOCKER-USER"), (4, "FORWARD")):
        kernel.add_iptables_chain(version, chain)
    return kernel


def resolved(wanted: Config) -> Resolved:
    """The answers for endpoints that are addresses already."""
    endpoints = {peer.endpoint for i in wanted.interfaces.values() for peer in i.peers if peer.endpoint}
    return {str(e): ((str(ip_address(e.host)), e.port),) for e in endpoints}


def run(kernel: FakeKernel, wanted: Config, now: float = NOW) -> Report:
    """One pass."""
    return reconcile(kernel, wanted, resolved(wanted), now)
