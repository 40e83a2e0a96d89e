"""nftables: our table read as chains, transactions run through its own library, listings of the rest.

It must never touch a table other than ours. A library context is fresh for each use: one that has seen a dry
run or a failure is not to be trusted.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wgd.errors import KernelError
from wgd.kernel import netlink, nfcodec, nfsets
from wgd.kernel.netlink import NOTHING_YET, Dumped, Kept, Netlink, Request
from wgd.kernel.nfcodec import about_table
from wgd.kinds.nftables import Dropped, NftElements, NftTransaction, Spec
from wgd.nftset import NamedSet
from wgd.values import replace

_TORN_READINGS = 20
_IN_ONE_GO = 2
"""Parts of a dump: the elements, and the end of it."""
_READ = "read nftables"
_SORTS = (nfcodec.GETCHAIN, nfcodec.GETRULE, nfcodec.GETSET, nfcodec.GETOBJ, nfcodec.GETFLOWTABLE)

Listed = dict[str, Any]
"""One object of a JSON listing."""


class Table:
    """Our table, read and changed time and again: nothing is read while no transaction of anybody has taken
    effect, and no set is decoded again that is told in the same bytes.

    `ours` are the generations that our own transactions made. Its socket is kept also because closing one
    waits until the kernel has cleaned up behind deleted elements: 15 ms."""

    def __init__(self, ours: set[int]) -> None:
        self._ours = ours
        self._kept = Kept(netlink.NETFILTER)
        self._generation: int | None = None
        self._all: list[Spec] = []
        self._sets: dict[str, tuple[Dumped, NamedSet]] = {}

    def everything(self) -> list[Spec]:
        """All that is in our table, the very same list if nothing changed; nothing if there is no table, or
        no nftables in this kernel. Raises KernelError."""
        for _ in range(_TORN_READINGS):
            before = _supported(self.generation)
            if before == self._generation:
                return self._all
            self._all, self._generation = self._read() if before is not None else [], before
            if before is None:
                return []
        raise KernelError("read nftables", errno.EAGAIN, "they kept changing while they were read")

    def drops(self) -> list[Dropped]:
        """What our rules have dropped; nothing if there are none. Raises KernelError."""
        if _supported(self.generation) is None:
            return []
        with self._kept.errand() as kernel:
            return nfcodec.parse_drops(kernel.dump(_READ, nfcodec.GETRULE, about_table()).bodies)

    def generation(self) -> int:
        """The number of the last change to any nftables rule in this network namespace."""
        with self._kept.errand() as kernel:
            return _generation(kernel)

    def run(self, op: NftTransaction) -> None:
        """All lines together or none. Raises KernelError."""
        with self._own_generation():
            _command("change nftables", "\n".join(op.lines))

    def change_elements(self, op: NftElements) -> None:
        """All edits together or none. Raises KernelError."""
        begin, end = (Request(kind, 0, nfcodec.ABOUT_TRANSACTION) for kind in (nfcodec.BEGIN, nfcodec.END))
        with self._own_generation(), self._kept.errand() as kernel:
            kernel.transact("change a set", begin, nfsets.encode_edits(op.edits), end)

    @contextmanager
    def _own_generation(self) -> Iterator[None]:
        before = self.generation()
        yield
        after = self.generation()
        if after == before + 1:  # otherwise somebody else's change came between
            self._ours.add(after)

    def _read(self) -> list[Spec]:
        try:
            with self._kept.errand() as kernel:
                (table,) = kernel.request(_READ, nfcodec.GETTABLE, about_table())
                chains, rules, sets, objects, flowtables = (
                    kernel.dump(_READ, kind, about_table()).bodies for kind in _SORTS
                )
                named = [self._with_elements(kernel, one) for one in nfsets.parse_sets(sets)]
        except KernelError as error:
            if error.errno == errno.ENOENT:
                return []
            raise
        self._sets = {name: self._sets[name] for one in named if (name := one.name) in self._sets}
        return [
            *nfcodec.parse_chains(chains, () if nfcodec.asleep(table) else rules),
            *named,
            *nfcodec.parse_objects(objects),
            *nfcodec.parse_flowtables(flowtables),
        ]

    def _with_elements(self, kernel: Netlink, one: Spec) -> Spec:
        if not isinstance(one, NamedSet):
            return one
        last, known = self._sets.get(one.name, (NOTHING_YET, one))
        told = self._settled(kernel, one.name, last)
        if told is not last or known.type != one.type:
            known = replace(one, elements=nfsets.decode_elements(one.type, told.bodies))
        self._sets[one.name] = (told, known)
        return known

    def _settled(self, kernel: Netlink, name: str, last: Dumped) -> Dumped:
        """The elements as two dumps in a row tell them. While the kernel makes a set's hash table larger or
        smaller, behind a transaction, a dump in parts misses some, and nothing says so."""
        for _ in range(_TORN_READINGS):
            kernel.begin()
            told = kernel.dump(_READ, nfsets.GETSETELEM, nfsets.about_set(name), last)
            if told is last or len(told.parts) <= _IN_ONE_GO:
                return told
            last = told
        raise KernelError(_READ, errno.EAGAIN, f"the set {name} kept changing while it was read")


def supported_generation() -> int | None:
    """As `generation`, or None where there is none."""
    return _supported(generation)


def _supported(ask: Callable[[], int]) -> int | None:
    """None: this kernel has no netfilter netlink, where libnftables would end the whole program."""
    try:
        return ask()
    except KernelError as error:
        if error.unsupported or error.errno == errno.EINVAL:
            return None
        raise


def tables() -> list[str]:
    """All tables that see IP packets, family and name, but for dormant ones. Raises KernelError."""
    with Netlink(netlink.NETFILTER) as kernel:
        return nfcodec.parse_tables(kernel.dump(_READ, nfcodec.GETTABLE, bytes(4)).bodies)


def generation() -> int:
    """The number of the last change to any nftables rule in this network namespace."""
    with Netlink(netlink.NETFILTER) as kernel:
        return _generation(kernel)


def _generation(kernel: Netlink) -> int:
    answer = kernel.request("ask nftables for its generation", nfcodec.GETGEN, bytes(4))[0]
    return nfcodec.generation_of(answer)


def listed(command: str) -> list[tuple[str, Listed]]:
    """The objects that a command of nft lists, each with its sort. Raises KernelError."""
    try:
        return list(_objects(json.loads(_command(_READ, command, as_json=True))["nftables"]))
    except ValueError as error:  # nft 1.0.6 breaks off at the flags of a table
        raise KernelError(_READ, errno.EBADMSG, f"`nft -j {command}` prints no JSON") from error


def _objects(listed: list[dict[str, Listed]]) -> Iterator[tuple[str, Listed]]:
    for wrapped in listed:
        yield from wrapped.items()


def _command(doing: str, text: str, as_json: bool = False) -> str:
    """Runs nft's language as one transaction, and returns what it prints."""
    try:
        from nftables import Nftables
    except ImportError as error:
        raise KernelError(doing, errno.ENOSYS, "the Python module `nftables` is not installed") from error
    Netlink(netlink.NETFILTER).close()  # a library that gets no socket of its own ends the whole program
    nft = Nftables()
    nft.set_json_output(as_json)
    nft.set_stateless_output(True)
    status, output, words = nft.cmd(text)
    if status != 0:
        raise KernelError(doing, _number(words), words.strip().split("\n")[0].removeprefix("Error: "))
    return str(output)


_KNOWN = {
    os.strerror(number): number for number in (errno.EPERM, errno.ENOENT, errno.EBUSY, errno.EOPNOTSUPP)
}


def _number(words: str) -> int:
    """libnftables gives no number, only its text."""
    return next((number for text, number in _KNOWN.items() if text in words), 0)
