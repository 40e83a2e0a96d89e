"""Kind `sysctl`: the forwarding that the rules need, no more, and the interface's own switches.

Marker: what wgd raised is noted under the run directory with its original value.
Quirks: for IPv4 `conf.X.forwarding` on every ingress device suffices; the replies' device is one too. For
    IPv6 only `all` forwards (everywhere), until 6.17 brought `force_forwarding` per ingress device; and `all`
    makes the host deaf to router advertisements unless `accept_ra` is 2. `promote_secondaries` keeps the
    other addresses of a subnet when its first one is deleted.
Deletes when: it has a note and no rule needs it; then the original value returns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import ClassVar

from wgd.access.flows import FENCE, guard, ingress
from wgd.config.document import Config
from wgd.model import OURS, Change, Op, Ref, Stage, State, Verb
from wgd.protocols import Kind
from wgd.values import value

ALL_IPV6 = "net/ipv6/conf/all/forwarding"


@value
class Sysctl:
    """A network sysctl. `path` is relative to /proc/sys and written with slashes, since device names may
    contain dots. `original` is what it was before wgd raised it; None: wgd did not."""

    path: str
    value: str
    original: str | None = None

    @property
    def device(self) -> str:
        """The device it belongs to ("all" and "default" too)."""
        return self.path.split("/")[3]


@value(kw_only=True)
class SysctlSet(Op):
    """Write the value, and note what was there before unless there is a note already."""

    stage: ClassVar[Stage] = Stage.SYSCTL
    path: str
    value: str

    def commands(self) -> Sequence[str]:
        return (f"sysctl -w {self.path}={self.value}",)


@value(kw_only=True)
class SysctlRestore(Op):
    """Write the original value back and drop the note."""

    stage: ClassVar[Stage] = Stage.SYSCTL
    path: str
    value: str

    def commands(self) -> Sequence[str]:
        return (f"sysctl -w {self.path}={self.value}",)


def forwarding_path(device: str) -> str:
    """The switch that lets IPv4 packets that come in by the device be forwarded."""
    return f"net/ipv4/conf/{device}/forwarding"


def fenced(config: Config, seen: State) -> tuple[tuple[tuple[int, str], ...], bool]:
    """What wgd opened besides its own interfaces: (IP versions and devices that now forward, whether all
    IPv6 forwarding is on because of us). It is ours if it has a note, or is still off."""
    ours = _our_links(config, seen)
    observed = seen.of("sysctl")
    wanted = {sysctl.path: sysctl for sysctl in _forwarding(config, seen)}
    noted = {str(path) for path, sysctl in observed.items() if sysctl.original == "0"}
    still_off = {path for path in wanted if (have := observed.get(path)) is not None and have.value == "0"}
    opened = {
        path
        for path in noted | still_off
        if path.endswith("/forwarding") or path.endswith("/force_forwarding")
    }
    places = {(4 if path.startswith("net/ipv4/") else 6, path.split("/")[3]) for path in opened - {ALL_IPV6}}
    return tuple(sorted(place for place in places if place[1] not in ours)), ALL_IPV6 in opened


def gated(config: Config, seen: State) -> tuple[tuple[int, str], ...]:
    """IP versions and devices besides our own that lead into the tunnel because of us, if any interface is to
    be closed while our rules are missing."""
    if not any(interface.fail_closed for interface in config.enabled()):
        return ()
    places, all_ipv6 = fenced(config, seen)
    ours = _our_links(config, seen)
    six = ingress(config, seen)[6] if all_ipv6 else ()
    return tuple(sorted({*places, *((6, device) for device in six if device not in ours)}))


def _our_links(config: Config, seen: State) -> set[str]:
    """Those that the files name, and those that carry our group."""
    return {*config.managed(), *(link.name for link in seen.of("link").values() if link.group == OURS)}


class SysctlKind(Kind[Sysctl]):
    name = "sysctl"
    reads = frozenset({"link", "route", "sysctl"})

    def key(self, spec: Sysctl) -> Hashable:
        return spec.path

    def desired(self, config: Config, seen: State) -> Iterable[Sysctl]:
        for interface in config.enabled():
            yield Sysctl(f"net/ipv4/conf/{interface.name}/promote_secondaries", "1")
        yield from _forwarding(config, seen)

    def owns(self, have: Sysctl, seen: State) -> bool:
        return have.original is not None

    def differences(self, want: Sysctl, have: Sysctl) -> tuple[tuple[str, str, str], ...]:
        return (("value", have.value, want.value),) if want.value != have.value else ()

    def interface(self, spec: Sysctl) -> str | None:
        return None

    def label(self, spec: Sysctl) -> str:
        return spec.path

    def needs(self, spec: Sysctl) -> tuple[Ref, ...]:
        return () if spec.device in ("all", "default") else (Ref("link", spec.device),)

    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        for change in changes:
            refs = (change.ref,)
            if change.verb is Verb.DELETE:
                have: Sysctl = change.before
                yield SysctlRestore(refs=refs, path=have.path, value=str(have.original), deletes=True)
            else:
                want: Sysctl = change.after
                needs = (*self.missing(want, seen), *_rules(want, seen))
                yield SysctlSet(refs=refs, needs=needs, path=want.path, value=want.value)


def _rules(want: Sysctl, seen: State) -> tuple[Ref, ...]:
    """Fail closed: nothing is opened while a chain that limits it could not be set."""
    if not want.path.endswith("forwarding"):
        return ()
    chains = (FENCE, *map(guard, sorted({want.device, *map(str, seen.of("link"))})))
    return tuple(Ref("nftables", chain) for chain in chains)


def _forwarding(config: Config, seen: State) -> Iterator[Sysctl]:
    there = {*seen.of("link"), *config.managed()}  # a device that is not plugged in has no switches
    needed = {
        version: [device for device in devices if device in there]
        for version, devices in ingress(config, seen).items()
    }
    for device in needed[4]:
        yield Sysctl(forwarding_path(device), "1")
    if not needed[6]:
        return
    if "net/ipv6/conf/all/force_forwarding" in seen.of("sysctl"):
        for device in needed[6]:
            yield Sysctl(f"net/ipv6/conf/{device}/force_forwarding", "1")
        return
    own = {"all", "default", "lo", *config.managed()}
    for have in sorted(seen.of("sysctl").values(), key=attrgetter("path")):
        hears = have.path.endswith("/accept_ra") and "1" in (have.value, have.original)
        if hears and have.device not in own:
            yield Sysctl(have.path, "2")
    yield Sysctl(ALL_IPV6, "1")
