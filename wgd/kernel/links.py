"""WireGuard interfaces: finding them among all links, making and changing them.

What a start needs is a message each of our own codec; changes of a link that stands are rare and go through
pyroute2. It takes a quarter of a second to import: never do so at the top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EEXIST, ENODEV
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgd.errors import KernelError
from wgd.kernel import rtnetlink, uapi, userspace
from wgd.kernel.netlink import absent_is_done
from wgd.kernel.notes import Notes
from wgd.kinds.link import KERNEL, USERSPACE, Link, LinkCreate, LinkDelete, LinkSet, LinkUp
from wgd.model import OURS
from wgd.values import replace

_TUN = "tun"
NONE_STARTED: Mapping[str, str] = MappingProxyType({})


def dump(sockets: Path, starts: Mapping[str, str] = NONE_STARTED) -> list[Link]:
    """All links; a TUN device with a living WireGuard process behind it is a WireGuard interface.

    `starts`: the notes of processes that were started and whose device may lack our mark.
    """
    return [_recognised(link, sockets, starts) for link in rtnetlink.links()]


def find(name: str, sockets: Path) -> Link | None:
    """The link of that name."""
    link = rtnetlink.link(name)
    return _recognised(link, sockets, NONE_STARTED) if link else None


def _recognised(link: Link, sockets: Path, starts: Mapping[str, str]) -> Link:
    if link.kind != _TUN or (pid := uapi.listener(sockets, link.name)) is None:
        return link
    unfinished = link.group != OURS and starts.get(link.name) == str(pid)
    return replace(link, kind=USERSPACE, unfinished=unfinished)


def create(op: LinkCreate, sockets: Path, owner: Path, starts: Notes) -> None:
    """Makes the interface, down, with our mark."""
    if op.userspace:
        _create_userspace(op, sockets, owner, starts)
        return
    rtnetlink.make_link(op.name, KERNEL, op.mtu)


def _create_userspace(op: LinkCreate, sockets: Path, owner: Path, starts: Notes) -> None:
    if rtnetlink.link(op.name) is not None:
        raise KernelError(f"make {op.name}", EEXIST, "there is an interface of that name")
    try:
        userspace.start(
            sockets, op.name, owner, lambda pid: starts.write({**starts.read(), op.name: str(pid)})
        )
        rtnetlink.mark_link(op.name, op.mtu)
    except BaseException:
        # Without our mark nobody would know whose it is. A process ends with its device.
        with suppress(KernelError):
            delete(LinkDelete(refs=op.refs, name=op.name), sockets)
            userspace.forget(sockets, op.name)
        raise


def change(op: LinkSet) -> None:
    """Changes what the op names."""
    doing, wanted = f"change {op.name}", {"mtu": op.mtu, "group": op.group}
    index = rtnetlink.index_of(op.name, doing)
    with _pyroute2(doing) as ipr:
        ipr.link("set", index=index, **{key: value for key, value in wanted.items() if value is not None})


def up(op: LinkUp) -> None:
    """Takes the interface up."""
    rtnetlink.take_up(op.name)


def delete(op: LinkDelete, sockets: Path) -> None:
    """Removes the interface; one that is gone already is done. A process behind it ends by itself."""
    link = rtnetlink.link(op.name)
    if link is None:
        return
    with absent_is_done(ENODEV), _pyroute2(f"delete {op.name}") as ipr:
        ipr.link("del", index=link.index)
    if link.kind == _TUN:
        userspace.forget(sockets, op.name)


@contextmanager
def _pyroute2(doing: str) -> Iterator[Any]:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as ipr:
            yield ipr
    except NetlinkError as error:
        raise KernelError(doing, error.code, str(error.args[-1])) from error
    except OSError as error:
        raise KernelError(doing, error.errno or 0, error.strerror or "") from error
