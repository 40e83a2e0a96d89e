"""The kinds of kernel object, in order of creation: a new one is a file here and a line below."""

from __future__ import annotations

from typing import Any

from wgd.kinds.address import AddressKind
from wgd.kinds.device import DeviceKind
from wgd.kinds.link import LinkKind
from wgd.kinds.nftables import NftablesKind
from wgd.kinds.passage import PassageKind
from wgd.kinds.peer import PeerKind
from wgd.kinds.policy import PolicyKind
from wgd.kinds.route import RouteKind
from wgd.kinds.sysctl import SysctlKind
from wgd.protocols import Kind

KINDS: tuple[Kind[Any], ...] = (
    NftablesKind(),
    PolicyKind(),
    PassageKind(),
    LinkKind(),
    DeviceKind(),
    PeerKind(),
    AddressKind(),
    SysctlKind(),
    RouteKind(),
)
