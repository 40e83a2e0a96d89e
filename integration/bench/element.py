"""What wgd's transaction for one peer's new address costs in its own process: the call, nothing around it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from integration.bench.ours import Ours
from wgd.config.document import Config, Forward, Interface
from wgd.kernel.linux import LinuxKernel
from wgd.model import Stage
from wgd.plan import Memo, make_plan
from wgd.prefixes import Prefix
from wgd.reconcile import observe, reconcile
from wgd.sources.files import Directories, load
from wgd.versions import Version

T = TypeVar("T")


def changes(ours: Ours, count: int) -> Iterator[float]:
    """Milliseconds of each transaction. The host's daemon must be stopped: this process takes its place."""
    with ours.host.inside():
        kernel, memo = LinuxKernel(), Memo()
        config = load(Directories(), time.time()).config
        reconcile(kernel, config, {}, time.time(), memo=memo)
        for number in range(count):
            config = _moved(config, number)
            seen = observe(kernel, {}, time.time(), memo.seen)
            ops = [op for op in make_plan(config, seen).ops if op.stage is Stage.RULES]
            assert ops, "the rules do not know of the peer"
            began = time.perf_counter()
            for op in ops:
                kernel.run(op)
            took = time.perf_counter() - began
            reconcile(kernel, config, {}, time.time(), memo=memo)
            yield took * 1000


def _moved(config: Config, number: int) -> Config:
    """The config in which one more peer, in its table and in its rule, has another address."""
    interface = config.interfaces["wg0"]
    at = 1 + number * 37 % (len(interface.peers) - 1)  # the first is the gateway
    peer, new = interface.peers[at], Prefix(4, 0x0AC00000 + number, 32)
    (old,) = peer.allowed_ips
    peers = _edited(interface.peers, {at: replace(peer, allowed_ips=(new,))})
    told = ((place, _told(rule, old, new)) for place, rule in enumerate(interface.forwards))
    moved: Interface = replace(interface, peers=peers, forwards=_edited(interface.forwards, dict(told)))
    return replace(config, interfaces={"wg0": moved})


def _edited(members: Sequence[T], by: Mapping[int, T]) -> Sequence[T]:
    """With others at some places, as the daemon edits them."""
    assert isinstance(members, Version)
    return members.but((at, at + 1, [one]) for at, one in by.items())


def _told(rule: Forward, old: Prefix, new: Prefix) -> Forward:
    if old not in rule.source.networks:
        return rule
    return replace(rule, source=replace(rule.source, networks=(new,), words=(str(new),)))
