"""Kind `device`: the WireGuard side of an interface: private key, port, fwmark.

Marker: its link.
Quirks: sending a listen port, even 0, rebinds the socket; a private key that is not clamped makes the kernel
    redo every handshake's Diffie-Hellman. So only what differs is sent, and keys are clamped on input.
Deletes when: never by itself; it goes with its link.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from wgd.config.document import Config
from wgd.model import Change, Op, Ref, Secret, Stage, State, Verb
from wgd.protocols import Kind
from wgd.values import field, value


@value
class Device:
    """`listen_port` None: whatever the kernel chose. `private_key` None: none is set."""

    interface: str
    private_key: Secret | None
    listen_port: int | None = None
    fwmark: int = 0
    public_key: bytes = field(default=b"", compare=False)


@value(kw_only=True)
class DeviceSet(Op):
    """Set attributes of the device; None leaves one as it is."""

    stage: ClassVar[Stage] = Stage.DEVICE
    interface: str
    private_key: Secret | None = None
    listen_port: int | None = None
    fwmark: int | None = None

    def commands(self) -> Sequence[str]:
        words = ["wg", "set", self.interface]
        if self.private_key is not None:
            words += ["private-key", "…"]
        if self.listen_port is not None:
            words += ["listen-port", str(self.listen_port)]
        if self.fwmark is not None:
            words += ["fwmark", hex(self.fwmark)]
        return (" ".join(words),)


class DeviceKind(Kind[Device]):
    name = "device"
    privileged = True
    reads = frozenset({"device"})

    def key(self, spec: Device) -> Hashable:
        return spec.interface

    def desired(self, config: Config, seen: State) -> Iterable[Device]:
        for interface in config.enabled():
            yield Device(interface.name, interface.private_key, interface.listen_port, interface.fwmark)

    def owns(self, have: Device, seen: State) -> bool:
        return False

    def differences(self, want: Device, have: Device) -> tuple[tuple[str, str, str], ...]:
        found = []
        if want.private_key != have.private_key:
            found.append(("private_key", "another" if have.private_key else "none", "as in its file"))
        if want.listen_port is not None and want.listen_port != have.listen_port:
            found.append(("listen_port", str(have.listen_port), str(want.listen_port)))
        if want.fwmark != have.fwmark:
            found.append(("fwmark", hex(have.fwmark), hex(want.fwmark)))
        return tuple(found)

    def interface(self, spec: Device) -> str | None:
        return spec.interface

    def label(self, spec: Device) -> str:
        return f"WireGuard settings of {spec.interface}"

    def needs(self, spec: Device) -> tuple[Ref, ...]:
        return (Ref("link", spec.interface),)

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        for change in changes:
            if change.verb is Verb.DELETE:
                continue
            want: Device = change.after
            have: Device = change.before or Device(want.interface, None)
            yield DeviceSet(
                refs=(change.ref,),
                needs=self.missing(want, seen),
                interface=want.interface,
                private_key=want.private_key if want.private_key != have.private_key else None,
                listen_port=want.listen_port if want.listen_port != have.listen_port else None,
                fwmark=want.fwmark if want.fwmark != have.fwmark else None,
            )
