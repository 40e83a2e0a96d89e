"""The table of .conf files, and what wg-quick would make of one on a fake kernel."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.config.support import key as key_text
from tests.fake import FakeKernel
from wgd.config import keytext, x25519
from wgd.config.decode import Decoded, decode
from wgd.config.document import Config
from wgd.config.keys import KeyFileError
from wgd.importer import write
from wgd.importer.found import Fate, KeyFile
from wgd.importer.sources import Imported, from_quick
from wgd.kinds.device import DeviceSet
from wgd.kinds.link import LinkSet
from wgd.kinds.peer import PeerEdit
from wgd.kinds.route import RouteSet
from wgd.model import Secret
from wgd.plan import make_plan
from wgd.prefixes import Prefix, within
from wgd.reconcile import Resolved, observe

MARKS = {"+": Fate.CARRIED, "-": Fate.STRIPPED, "!": Fate.MISSED}
NOW = 1_900_000_000.0
SOMEWHERE = "198.51.100.200"


class Case(NamedTuple):
    """A file, and what has to become of each of its lines; blank lines have no fate."""

    name: str
    text: str
    fates: tuple[frozenset[Fate], ...]

    @property
    def content(self) -> bytes:
        return self.text.encode()


@cache
def cases() -> tuple[Case, ...]:
    """Those of confs.txt."""
    table = Path(__file__).with_name("confs.txt").read_text()
    parts = re.split(r"^=== (.*)\n", table, flags=re.MULTILINE)[1:]
    return tuple(_case(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True))


def _case(name: str, body: str) -> Case:
    lines = body.rstrip("\n").split("\n")
    marked = [re.fullmatch(r"(?P<marks>[-+!]{1,2}) (?P<text>.*)|", line) for line in lines]
    assert all(marked), f"{name}: a line without a mark"
    found = [(match["marks"] or "", match["text"] or "") for match in marked if match]
    text = "\n".join(text for _, text in found) + "\n"
    text = re.sub(r"KEY\((\w+)\)", lambda match: key_text(match[1]), text)
    text = re.sub(r"PUBLIC\((\w+)\)", lambda match: public_text(key_text(match[1])), text)
    return Case(name, text, tuple(frozenset(MARKS[mark] for mark in marks) for marks, _ in found))


def public_text(private: str) -> str:
    """The public key of a private one, both in base64."""
    return keytext.encoded(x25519.public(x25519.clamp(base64.b64decode(private))))


def imported(case: Case, name: str = "wg0") -> Imported:
    return from_quick(name, f"{name}.conf", case.content)


def toml(of: Imported) -> str:
    return write.toml(of.found, "a file", of.entries)


def decoded(of: Imported) -> Decoded:
    """What `wgd check` would make of it, with its key files, and a made key where the file had none."""
    by_name = {key.file: key for key in of.found.keys}

    def read_key(file: str, private: bool) -> Secret:
        if file not in by_name and not private:
            raise KeyFileError(f"the key file {file} is missing", missing=True)
        return _secret(by_name.get(file), private)

    return decode({f"{of.found.name}.toml": toml(of).encode()}, read_key, NOW)


def _secret(key: KeyFile | None, private: bool) -> Secret:
    value = key.key.reveal() if key and isinstance(key.key, Secret) else bytes(range(32))
    return Secret(x25519.clamp(value) if private else value)


def bring_up(case: Case, name: str = "wg0") -> FakeKernel:
    """What wg-quick and `wg setconf` do with the file, as their manuals say; hooks and DNS are left out."""
    kernel = FakeKernel()
    kernel.add_link("eth0", "veth", up=True)
    kernel.add_route(Prefix.parse("0.0.0.0/0"), "eth0", gateway=True)
    settings, peers = _settings(case.text)
    mtu = int(settings.get("mtu", ["1420"])[-1])
    kernel.add_link(name, "wireguard", mtu)
    private = Secret(x25519.clamp(base64.b64decode(settings["privatekey"][-1])))
    port, mark = settings.get("listenport", ["0"])[-1], settings.get("fwmark", ["off"])[-1].lower()
    mark = "0" if mark == "off" else mark
    kernel.run(
        DeviceSet(
            refs=(), interface=name, private_key=private, listen_port=int(port) or 41234, fwmark=int(mark, 0)
        )
    )
    for peer in peers:
        edit = _edit(peer)
        before = [have for have in kernel.dump("peer") if have.public_key == edit.public_key]  # type: ignore[attr-defined]
        gone = {*before[0].allowed_ips} - {*edit.add_allowed_ips} if before else ()  # type: ignore[attr-defined]
        kernel.edit_peer(name, replace(edit, remove_allowed_ips=tuple(gone)))
    for word in _listed(settings.get("address", [])):
        kernel.add_address(name, ipaddress.ip_interface(word))
    kernel.set_link_state(name, up=True)
    if settings.get("table", ["auto"])[-1] != "off":
        _add_routes(kernel, name)
    return kernel


def _settings(text: str) -> tuple[dict[str, list[str]], list[dict[str, list[str]]]]:
    """`wg` looks at no blanks and no case; everything before the first header is not for it."""
    interface: dict[str, list[str]] = {}
    into, peers = interface, list[dict[str, list[str]]]()
    for line in text.splitlines():
        said = re.sub(r"\s+", " ", line.partition("#")[0]).strip()
        if said.lower() == "[peer]":
            peers.append({})
            into = peers[-1]
        elif said.lower() == "[interface]":
            into = interface
        elif said:
            key, _, value = said.partition("=")
            into.setdefault(key.replace(" ", "").lower(), []).append(value.strip())
    return interface, peers


def _listed(values: list[str]) -> list[str]:
    return [word for value in values for word in value.replace(",", " ").split()]


def _edit(peer: dict[str, list[str]]) -> PeerEdit:
    host, _, port = peer.get("endpoint", [""])[-1].rpartition(":")
    address = SOMEWHERE if re.search("[g-z]", host, re.I) else host.strip("[]")
    keepalive = peer.get("persistentkeepalive", ["off"])[-1]
    secret = base64.b64decode(peer.get("presharedkey", ["A" * 43 + "="])[-1])
    return PeerEdit(
        base64.b64decode(peer["publickey"][-1]),
        preshared_key=Secret(secret),
        persistent_keepalive=0 if keepalive == "off" else int(keepalive),
        endpoint=(address, int(port)) if host else None,
        add_allowed_ips=tuple(
            Prefix.of(ipaddress.ip_network(word, strict=False))
            for word in _listed(peer.get("allowedips", []))
        ),
    )


def _add_routes(kernel: FakeKernel, name: str) -> None:
    """One for each allowed IP that no route of the interface covers yet, the longest prefixes first."""
    for net in sorted(
        (net for peer in kernel.dump("peer") for net in peer.allowed_ips),  # type: ignore[attr-defined]
        key=lambda net: -net.length,
    ):
        there = [route.destination for route in kernel.dump("route") if route.device == name]  # type: ignore[attr-defined]
        if not within(net, there):
            kernel.add_route(net, name, 0 if net.version == 4 else 1024)


@cache
def adoptable() -> tuple[Case, ...]:
    """Those that wg-quick would take, and of which wgd left out nothing that the kernel knows of."""
    found = []
    for case in cases():
        of = imported(case)
        missed = {entry.line.key for entry in of.entries if entry.fate is Fate.MISSED}
        keys = {line.key for line in of.lines if line.section == "interface"}
        if not missed - {"preup", "postup", "predown", "postdown", "dns"} and "privatekey" in keys:
            found.append(case)
    assert len(found) >= 45, "too few for a test to say something"
    return tuple(found)


def assert_marks_alone(wanted: Config, kernel: FakeKernel) -> None:
    """What is left to do to links, devices, peers, addresses and routes is to mark them as ours."""
    plan = make_plan(wanted, observe(kernel, _answers(wanted), NOW))
    assert plan.conflicts == ()
    for op in plan.ops:
        marks = (isinstance(op, LinkSet) and op.mtu is None) or (isinstance(op, RouteSet) and op.replace)
        assert marks or op.refs[0].kind in ("nftables", "sysctl"), op.commands()


def _answers(wanted: Config) -> Resolved:
    """Names stand for the one address that they have in `bring_up`."""
    endpoints = [peer.endpoint for one in wanted.interfaces.values() for peer in one.peers if peer.endpoint]
    return {str(e): ((str(e.address or SOMEWHERE), e.port),) for e in endpoints}
