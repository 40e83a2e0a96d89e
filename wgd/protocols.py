"""The two seams: what a kind of kernel object must tell, and what the kernel must do.

`wgd.plan` knows only `Kind`; `wgd.reconcile` knows only `Kernel`. The tests' `FakeKernel` and the real
one (`wgd.kernel`) are interchangeable, and one contract suite runs on both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from wgd.config.document import Config
from wgd.model import Change, Op, Ref, State

S = TypeVar("S")


class Kernel(Protocol):
    """Reads and changes one network namespace."""

    def dump(self, kind: str) -> Iterable[object]:
        """Every object of that kind there is, as specs of the kind, ours or not.

        Raises KernelError when it cannot be read; never a part of it.
        """

    def backend(self) -> str:
        """Which WireGuard a new interface gets: "kernel" or "userspace"."""

    def run(self, op: Op) -> None:
        """Do it, or raise KernelError."""


class Kind(ABC, Generic[S]):
    """One sort of kernel object, told in pure functions.

    A spec of type `S` is the frozen value of one object; wanted and observed objects are the same type.
    """

    name: ClassVar[str]
    privileged: ClassVar[bool] = False
    """Whether only root (CAP_NET_ADMIN) can read its objects."""
    reads: ClassVar[frozenset[str]] = frozenset()
    """The kinds whose observed objects its answers depend on, if on nothing else but the config and when its
    peers expire: then it is not asked again before one of them is another. Empty: it is asked each time."""

    @abstractmethod
    def key(self, spec: S) -> Hashable:
        """What identifies the object in the kernel."""

    @abstractmethod
    def desired(self, config: Config, seen: State) -> Iterable[S]:
        """What the config wants, given what else the machine has (routes, links, answers of DNS)."""

    @abstractmethod
    def owns(self, have: S, seen: State) -> bool:
        """Whether the object carries our marker, so that it may be deleted when no longer wanted."""

    @abstractmethod
    def differences(self, want: S, have: S) -> tuple[tuple[str, str, str], ...]:
        """What differs in the things we manage, as (field, have, want) without secrets; empty: in sync."""

    @abstractmethod
    def interface(self, spec: S) -> str | None:
        """The managed interface the object belongs to; None: to the host as a whole."""

    @abstractmethod
    def label(self, spec: S) -> str:
        """What a person calls the object."""

    @abstractmethod
    def ops(self, changes: Sequence[Change], seen: State) -> Iterable[Op]:
        """How to make these changes, all of one pass together, in any order (see `Stage`)."""

    def needs(self, spec: S) -> tuple[Ref, ...]:
        """Objects that must exist for this one to exist, and that take it along when they go."""
        return ()

    def missing(self, spec: S, seen: State) -> tuple[Ref, ...]:
        """Those of its needs that the pass has to make first: without them there is nothing to do."""
        return tuple(need for need in self.needs(spec) if need.key not in seen.of(need.kind))

    def conflict(self, want: S, have: S, config: Config, seen: State) -> tuple[str, str] | None:
        """Why `have`, which is not as wanted, must not be changed into `want`: (reason, hint)."""
        return None

    def foreign(self, have: S, config: Config, seen: State) -> bool:
        """Whether an object that is not ours stands on our ground and deserves to be shown."""
        return False

    def ref(self, spec: S) -> Ref:
        """The object's name among all kinds."""
        return Ref(self.name, self.key(spec))
