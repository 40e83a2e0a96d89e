"""Routing rules: those that carry our protocol number, and changes to them.

It must never read, change or delete a rule of anybody else.
"""

from __future__ import annotations

from errno import EAFNOSUPPORT, ENOENT, EOPNOTSUPP
from struct import Struct

from wgd.kernel import netlink
from wgd.kernel.netlink import U32, Netlink, absent_is_done, attribute, attributes, text
from wgd.kernel.rtnetlink import FAMILIES, NONE, number, of_family
from wgd.kinds.policy import Policy, PolicyAdd, PolicyDelete
from wgd.model import OURS

_NEWRULE, _DELRULE, _GETRULE = 32, 33, 34
_RULE = Struct(
    "=BBBBBBBBI"
)  # family, lengths of destination and source, tos, table, two unused, action, flags
_IIF, _PRIORITY, _MARK, _MASK, _PROTOCOL = 3, 6, 10, 16, 21
_BLACKHOLE = 6


def rules() -> list[Policy]:
    """All of ours, IPv4 and IPv6; none where the kernel has no such rules. Raises KernelError."""
    found: list[Policy] = []
    for version, family in FAMILIES.items():
        asked = _RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        with Netlink(netlink.ROUTE, strict=True) as kernel, absent_is_done(EOPNOTSUPP, EAFNOSUPPORT):
            dumped = kernel.dump("read the routing rules", _GETRULE, asked).bodies
            found += filter(None, (parse_rule(body, version) for body in of_family(family, dumped)))
    return found


def parse_rule(message: bytes, version: int) -> Policy | None:
    """One rule of a dump; None: not of ours."""
    has = attributes(message, _RULE.size)
    *_, action, _ = _RULE.unpack_from(message)
    ours = has.get(_PROTOCOL, b"\0")[0] == OURS and action == _BLACKHOLE and _IIF in has and _MASK in has
    if not ours or _MARK in has:
        return None
    return Policy(version, text(has[_IIF]), number(has.get(_PRIORITY, NONE)), number(has[_MASK]))


def add_rule(op: PolicyAdd) -> None:
    """Raises KernelError, with EEXIST if it is there."""
    with Netlink(netlink.ROUTE) as kernel:
        kernel.request("add a routing rule", _NEWRULE, pack(op.policy), netlink.CREATE | netlink.EXCLUSIVE)


def delete_rule(op: PolicyDelete) -> None:
    """One that is gone already is done. Raises KernelError."""
    with Netlink(netlink.ROUTE) as kernel, absent_is_done(ENOENT):
        kernel.request("delete a routing rule", _DELRULE, pack(op.policy))


def pack(policy: Policy) -> bytes:
    """The message for it."""
    return (
        _RULE.pack(FAMILIES[policy.version], 0, 0, 0, 0, 0, 0, _BLACKHOLE, 0)
        + attribute(_IIF, policy.device.encode() + b"\0")
        + attribute(_PRIORITY, U32.pack(policy.priority))
        + attribute(_MARK, U32.pack(0))
        + attribute(_MASK, U32.pack(policy.mask))
        + attribute(_PROTOCOL, bytes([OURS]))
    )
