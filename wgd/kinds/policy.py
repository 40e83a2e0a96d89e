"""Kind `policy`: routing rules that drop what our nftables rules have not marked, with `fail_closed`.

Marker: the rule's protocol, 119; only rules that carry it are read.
Quirks: what is for this machine itself is found in the local table, before any of these. Each rule is what
    its key says, so none is ever changed. `blackhole`, since an ICMP error would end what may go on later.
Deletes when: it carries our mark and nothing asks for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from wgd.access.chains import MARK
from wgd.config.document import Config
from wgd.kinds.sysctl import gated
from wgd.model import OURS, Change, Op, Ref, Stage, State, Verb
from wgd.protocols import Kind
from wgd.values import value

OWN, OPENED = 119, 120
"""The priorities of rules about our interfaces, and about devices that forward because of us."""
GATE = "gate"
"""The chain that marks what comes in by devices; `gate-IF` is the one of an interface."""


def gate(interface: str) -> str:
    """The chain that marks what comes in by an interface of ours."""
    return f"{GATE}-{interface}"


@value
class Policy:
    """What comes in by the device, is to be forwarded, and has no bit of `mask` in its mark, is dropped."""

    version: int
    device: str
    priority: int
    mask: int = MARK


@value(kw_only=True)
class PolicyAdd(Op):
    """Add the rule."""

    stage: ClassVar[Stage] = Stage.LINK
    policy: Policy

    def commands(self) -> Sequence[str]:
        return (f"ip -{self.policy.version} rule add {_words(self.policy)}",)


@value(kw_only=True)
class PolicyDelete(Op):
    """Delete the rule; gone already is as good."""

    stage: ClassVar[Stage] = Stage.LINK
    policy: Policy

    def commands(self) -> Sequence[str]:
        return (f"ip -{self.policy.version} rule delete {_words(self.policy)}",)


def _words(policy: Policy) -> str:
    mark = f"fwmark 0/{policy.mask:#x}"
    return f"pref {policy.priority} iif {policy.device} {mark} blackhole protocol {OURS}"


class PolicyKind(Kind[Policy]):
    name = "policy"
    reads = frozenset({"link", "policy", "route", "sysctl"})

    def key(self, spec: Policy) -> Hashable:
        return spec.version, spec.priority, spec.device, spec.mask

    def desired(self, config: Config, seen: State) -> Iterable[Policy]:
        versions = (4, 6) if "net/ipv6/conf/all/forwarding" in seen.of("sysctl") else (4,)
        for interface in config.enabled():
            if interface.fail_closed:
                yield from (Policy(version, interface.name, OWN) for version in versions)
        for version, device in gated(config, seen):
            yield Policy(version, device, OPENED)

    def owns(self, have: Policy, seen: State) -> bool:
        return True

    def differences(self, want: Policy, have: Policy) -> tuple[tuple[str, str, str], ...]:
        return ()

    def interface(self, spec: Policy) -> str | None:
        return spec.device if spec.priority == OWN else None

    def label(self, spec: Policy) -> str:
        return f"IPv{spec.version} rule for what comes in by {spec.device} unmarked"

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        for change in changes:
            if change.verb is Verb.DELETE:
                yield PolicyDelete(refs=(change.ref,), policy=change.before, deletes=True)
                continue
            want: Policy = change.after
            chain = gate(want.device) if want.priority == OWN else GATE
            yield PolicyAdd(refs=(change.ref,), needs=(Ref("nftables", chain),), policy=want)
