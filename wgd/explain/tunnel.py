"""Diagnoses of the interface itself. Pure."""

from __future__ import annotations

from wgd.explain.leg import Leg, restored
from wgd.explain.steps import Finding, Mend, Stage
from wgd.kinds.address import Address


def _files(leg: Leg) -> str | None:
    broken = leg.interface is not None and leg.interface.name in leg.sight.broken
    return "" if broken else None


def files_are_broken(leg: Leg) -> Finding | None:
    """What follows is about the copy that was accepted last."""
    return Finding(
        f"the files of {leg.device} cannot be used as they are; what follows is about those accepted last",
        Mend("every mistake, with its line", ("wgd check",)),
    )


def _interface(leg: Leg) -> str | None:
    if leg.interface is None:
        return None
    return f"{leg.device} is up, {', '.join(map(str, leg.interface.addresses))}"


def interface_is_disabled(leg: Leg) -> Finding | None:
    if leg.interface is None or leg.interface.enabled:
        return None
    return Finding(
        f"{leg.device} is disabled",
        Mend("under [interface]", ("enabled = true",), leg.file),
    )


def interface_is_missing(leg: Leg) -> Finding | None:
    link = leg.link
    if link is None:
        return Finding(f"there is no interface {leg.device}", restored(leg.sight))
    if not link.wireguard and "device" not in leg.sight.unseen:
        return Finding(
            f"{leg.device} is there, but is no WireGuard interface ({link.kind or 'a device'})",
            Mend("another program has the name; see who", ("wgd status",)),
        )
    return None


def interface_is_down(leg: Leg) -> Finding | None:
    if leg.link is None or leg.link.up:
        return None
    return Finding(f"{leg.device} is down", restored(leg.sight))


def private_key_is_another(leg: Leg) -> Finding | None:
    have, want = leg.wireguard, leg.interface
    if have is None or want is None or have.private_key == want.private_key:
        return None
    return Finding(f"{leg.device} has another private key than its file", restored(leg.sight))


def listen_port_is_another(leg: Leg) -> Finding | None:
    have, want = leg.wireguard, leg.interface
    if have is None or want is None or want.listen_port in (None, have.listen_port):
        return None
    return Finding(
        f"{leg.device} listens on port {have.listen_port}, not on {want.listen_port}: nobody calls there",
        restored(leg.sight),
    )


def own_address_is_missing(leg: Leg) -> Finding | None:
    """Packets would go out with an address that the peer drops."""
    if leg.interface is None:
        return None
    found: list[Address] = list(leg.sight.state.of("address").values())
    have = {one.address for one in found if one.interface == leg.device}
    missing = [own for own in leg.interface.addresses if own not in have]
    if not missing:
        return None
    return Finding(f"{leg.device} lacks its address {missing[0]}", restored(leg.sight))


INTERFACE: tuple[Stage[Leg], ...] = (
    Stage("files", _files, (files_are_broken,)),
    Stage(
        "interface",
        _interface,
        (interface_is_disabled, interface_is_missing, interface_is_down, own_address_is_missing),
        vital=True,
    ),
    Stage(
        "settings",
        lambda leg: f"key and port of {leg.device} as in its file" if leg.interface else None,
        (private_key_is_another, listen_port_is_another),
        frozenset({"device"}),
    ),
)
