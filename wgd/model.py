"""The values everything else speaks in: objects, changes, ops, plans, results.

Everything here is frozen. Nothing here knows a kind of kernel object, a file or a socket.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar, overload

from wgd.values import field, value

T = TypeVar("T")

OURS = 119
"""Link group and route/address protocol number that mark an object as wgd's."""


class Secret:
    """Bytes that must never be shown: no repr, no str, no format prints them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves; for a codec, never for text."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"


class Ref(NamedTuple):
    """Names one kernel object: its kind and the key that identifies it within the kind."""

    kind: str
    key: Hashable

    def __str__(self) -> str:
        key = self.key
        return f"{self.kind} {' '.join(map(str, key)) if isinstance(key, tuple) else key}"


class Later(Sequence[T]):
    """What `make` makes of each of the things, when it is asked for: of ten thousand commands, a log shows a
    few, and the network does not wait for what is only told."""

    __slots__ = ("_make", "_things")

    def __init__(self, make: Callable[[Any], T], things: Sequence[Any]) -> None:
        self._make, self._things = make, things

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._things)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> Later[T]: ...

    def __getitem__(self, at: int | slice) -> T | Later[T]:
        if isinstance(at, slice):
            return Later(self._make, self._things[at])
        return self._make(self._things[at])


class Verb(enum.StrEnum):
    """What a change does to an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Stage(enum.IntEnum):
    """When an op runs. Creation goes upwards, deletion downwards.

    Rules stand before packets can flow, an interface's sysctls exist only once its link does, and a
    route needs its link up.
    """

    RULES = 0
    LINK = 1
    DEVICE = 2
    PEER = 3
    ADDRESS = 4
    SYSCTL = 5
    UP = 6
    ROUTE = 7


@value
class Change:
    """One object that must become `after` (None: go away) and is `before` (None: absent).

    `called` makes of a spec what a person calls the object, `label`: of ten thousand, few are told. `fields`
    says for an update what differs, as (name, have, want) texts without secrets.
    """

    ref: Ref
    before: Any
    after: Any
    interface: str | None
    called: Callable[[Any], str] = field(compare=False, repr=False)
    fields: tuple[tuple[str, str, str], ...] = ()

    @property
    def label(self) -> str:
        return self.called(self.before if self.after is None else self.after)

    @property
    def verb(self) -> Verb:
        if self.before is None:
            return Verb.CREATE
        return Verb.DELETE if self.after is None else Verb.UPDATE


@value(kw_only=True)
class Op:
    """One thing to do to the kernel, as data. Only `wgd.kernel` runs it.

    `refs` are the objects whose state it changes; `needs` must exist for it to work, so an op is
    skipped when an op on one of its needs failed. A subclass adds the arguments and `commands()`.
    """

    refs: tuple[Ref, ...]
    stage: ClassVar[Stage]
    needs: tuple[Ref, ...] = ()
    deletes: bool = False

    def commands(self) -> Sequence[str]:
        """The shell commands with the same effect, as a person would type them; secrets as `…`."""
        raise NotImplementedError(type(self).__name__)


@value
class Conflict:
    """A wanted object that cannot be had, because something that is not ours has its place."""

    ref: Ref
    interface: str | None
    label: str
    reason: str
    hint: str = ""


@value
class Foreign:
    """An object on our ground (our link, our table) that is not ours and does no harm."""

    ref: Ref
    interface: str | None
    label: str


@value
class Silence:
    """What a peer lets us hear, in seconds of our own steady clock.

    `heard`: when something last came from it; `calling`: since when we have called without an answer
    (None: we have not), `called`: when we last did.
    """

    heard: float
    calling: float | None = None
    called: float = 0.0


Objects = Mapping[str, Mapping[Hashable, Any]]
"""kind name → key → spec."""


@value
class State:
    """What was observed at one time.

    `objects`: every kind's specs by key. `backend`: which WireGuard a new interface would get here,
    "kernel" or "userspace". `resolved`: endpoint text ("host:port") → socket addresses as
    (address text, port), empty while unknown. `now`: seconds since the epoch, for `expires`.
    `silence`: peer key → what it lets us hear (empty: nobody listened), `steady`: that clock's time.
    """

    objects: Objects
    backend: str = "kernel"
    resolved: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    now: float = 0.0
    silence: Mapping[Hashable, Silence] = field(default_factory=dict)
    steady: float = 0.0

    def of(self, kind: str) -> Mapping[Hashable, Any]:
        """The observed objects of one kind, by key."""
        return self.objects.get(kind, {})


@value
class Plan:
    """What differs and what would close the difference, in order. `withheld` differs, too, and has no ops:
    somebody fights over it, and its turn has not come."""

    changes: Sequence[Change] = ()
    ops: tuple[Op, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    blocked: tuple[Ref, ...] = ()
    withheld: tuple[Change, ...] = ()

    @property
    def in_sync(self) -> bool:
        return self.settled and not self.withheld

    @property
    def settled(self) -> bool:
        """Nothing is left that this pass should have done."""
        return not self.changes and not self.conflicts and not self.blocked


@value
class Outcome:
    """How one op went: `error` is None when it worked, `skipped` names the failed need."""

    op: Op
    error: str | None = None
    skipped: Ref | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and self.skipped is None


@value
class Report:
    """One pass: what was planned, how each op went, and what still differs after reading again."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    residue: Plan
    seen: State

    @property
    def converged(self) -> bool:
        return self.residue.settled

    @property
    def worked(self) -> set[Ref]:
        """What the ops that worked were about."""
        return {ref for outcome in self.outcomes if outcome.ok for ref in outcome.op.refs}
