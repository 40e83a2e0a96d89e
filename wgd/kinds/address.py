"""Kind `address`: the interface's own addresses.

Marker: address protocol 119 (`IFA_PROTO`).
Quirks: Linux 6.1 does not re-mark an existing IPv4 address, so one that stands on our link without the mark
    is taken as it is. Deleting an address can take its secondaries along (`promote_secondaries`). An IPv6
    address is on a link once: with another prefix length it must go before it can come.
Deletes when: it carries the protocol, on a link of ours, and the file no longer lists it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from wgd.config.document import Config, IPInterface
from wgd.model import OURS, Change, Op, Ref, Stage, State, Verb
from wgd.prefixes import Prefix
from wgd.protocols import Kind
from wgd.values import value


@value
class Address:
    """An address with its prefix length on an interface. `protocol` 0: nobody said."""

    interface: str
    address: IPInterface
    protocol: int = OURS

    @property
    def network(self) -> Prefix:
        """The prefix that it is in."""
        return Prefix.of(self.address.network)


@value(kw_only=True)
class AddressAdd(Op):
    """Give the interface the address."""

    stage: ClassVar[Stage] = Stage.ADDRESS
    interface: str
    address: IPInterface

    def commands(self) -> Sequence[str]:
        return (f"ip address add {self.address} dev {self.interface} proto {OURS}",)


@value(kw_only=True)
class AddressDelete(Op):
    """Take the address from the interface."""

    stage: ClassVar[Stage] = Stage.ADDRESS
    interface: str
    address: IPInterface

    def commands(self) -> Sequence[str]:
        return (f"ip address delete {self.address} dev {self.interface}",)


class AddressKind(Kind[Address]):
    name = "address"
    reads = frozenset({"address", "link"})

    def key(self, spec: Address) -> Hashable:
        return (spec.interface, spec.address)

    def desired(self, config: Config, seen: State) -> Iterable[Address]:
        for interface in config.enabled():
            for address in interface.addresses:
                yield Address(interface.name, address)

    def owns(self, have: Address, seen: State) -> bool:
        link = seen.of("link").get(have.interface)
        return have.protocol == OURS and link is not None and link.group == OURS

    def differences(self, want: Address, have: Address) -> tuple[tuple[str, str, str], ...]:
        return ()

    def foreign(self, have: Address, config: Config, seen: State) -> bool:
        return have.interface in config.interfaces and not have.address.is_link_local

    def interface(self, spec: Address) -> str | None:
        return spec.interface

    def label(self, spec: Address) -> str:
        return f"{spec.address} dev {spec.interface}"

    def needs(self, spec: Address) -> tuple[Ref, ...]:
        return (Ref("link", spec.interface),)

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        made = {(c.after.interface, c.after.address.ip) for c in changes if c.verb is Verb.CREATE}
        for change in sorted(changes, key=lambda change: change.verb is not Verb.DELETE):
            if change.verb is Verb.DELETE:
                have: Address = change.before
                in_the_way = have.address.version == 6 and (have.interface, have.address.ip) in made
                yield AddressDelete(
                    refs=(change.ref,),
                    interface=have.interface,
                    address=have.address,
                    deletes=not in_the_way,
                )
            else:
                want: Address = change.after
                yield AddressAdd(
                    refs=(change.ref,),
                    needs=self.missing(want, seen),
                    interface=want.interface,
                    address=want.address,
                )
