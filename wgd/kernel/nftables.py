"""nftables through its own library: our table read as chains, transactions run, and who else drops.

It must never touch a table other than ours. A library context is fresh for each use: one that has seen a dry
run or a failure is not to be trusted.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct
from typing import Any

from wgd.errors import KernelError
from wgd.kernel import netlink
from wgd.kernel.netlink import Netlink, attributes
from wgd.kinds.nftables import TABLE, Chain, NftTransaction, Rule

_GETGEN = 10 << 8 | 16
NEWGEN = 10 << 8 | 15
_GENERATION_ID = 1
_BIG_U32 = Struct(">I")

_PRIORITIES = {0: "filter", 100: "srcnat"}
_NO_TABLE = os.strerror(errno.ENOENT)

Where = tuple[str, str, str]
"""A chain's family, table and name."""

Listed = dict[str, Any]
"""One object of a JSON listing."""


def chains() -> list[Chain]:
    """All that is in our table; nothing if there is no table, or no nftables in this kernel."""
    if not _supported():
        return []
    try:
        listed = _list(f"list table {TABLE}")
    except KernelError as error:
        if error.detail.startswith(_NO_TABLE):
            return []
        raise
    return parse_table(listed)


def _supported() -> bool:
    """libnftables ends the whole program where the kernel has no netfilter netlink."""
    try:
        generation()
    except KernelError as error:
        if error.unsupported or error.errno == errno.EINVAL:
            return False
        raise
    return True


def parse_table(listed: list[tuple[str, Listed]]) -> list[Chain]:
    """Our table's chains in the listing's order, then whatever a stranger put there."""
    asleep = any(sort == "table" and "flags" in one for sort, one in listed)
    rules: dict[str, list[Rule]] = {}
    for sort, one in listed:
        if sort == "rule" and not asleep:  # a dormant table's rules stand there in vain
            rules.setdefault(one["chain"], []).append(Rule(_digest(one.get("comment", ""))))
    found = [
        Chain(one["name"], _hook(one), tuple(rules.get(one["name"], ())))
        for sort, one in listed
        if sort == "chain"
    ]
    others = (
        Chain(one["name"], "", other=sort)
        for sort, one in listed
        if sort not in ("metainfo", "table", "chain", "rule") and "name" in one
    )
    return [*found, *others]


def _digest(comment: str) -> str:
    return comment.rpartition("#")[2] if "#" in comment else ""


def _hook(chain: Listed) -> str:
    """The declaration in nft's language, spelled as wgd.kinds.nftables does."""
    if "hook" not in chain:
        return ""
    priority = _PRIORITIES.get(chain["prio"], chain["prio"])
    policy = chain.get("policy", "accept")
    return f"type {chain['type']} hook {chain['hook']} priority {priority}; policy {policy};"


def run(op: NftTransaction, ours: set[int]) -> None:
    """All lines together or none; the generation that this made is added to `ours`. Raises KernelError."""
    before = generation()
    _command("change nftables", "\n".join(op.lines))
    after = generation()
    if after == before + 1:  # otherwise somebody else's change came between
        ours.add(after)


def generation() -> int:
    """The number of the last change to any nftables rule in this network namespace."""
    with Netlink(netlink.NETFILTER) as kernel:
        answer = kernel.request("ask nftables for its generation", _GETGEN, bytes(4))[0]
    return generation_of(answer)


def generation_of(message: bytes) -> int:
    """The generation that a message about one names."""
    number: int = _BIG_U32.unpack(attributes(message, 4)[_GENERATION_ID])[0]
    return number


@dataclass(frozen=True, slots=True)
class Dropper:
    """A forward chain that is not ours and drops: what wgd permits may end there.

    `verdict` is "policy drop", or what the last rule does to every packet."""

    family: str
    table: str
    chain: str
    verdict: str

    def __str__(self) -> str:
        where = f"{self.family} {self.table} {self.chain}"
        return f"chain {where} ends in {self.verdict}: it may drop what wgd permits"


def foreign_forward_drops() -> list[Dropper]:
    """Who else drops forwarded packets (Docker, ufw, firewalld). A hint: what cannot be read is left out."""
    return list(_droppers())


def _droppers() -> Iterator[Dropper]:
    with suppress(KernelError):
        for where, policy in forward_chains(_list("list chains") if _supported() else []):
            with suppress(KernelError):
                verdict = (
                    "policy drop"
                    if policy == "drop"
                    else last_verdict(_list("list chain " + " ".join(where)))
                )
                if verdict:
                    yield Dropper(*where, verdict)


def forward_chains(listed: list[tuple[str, Listed]]) -> Iterator[tuple[Where, str]]:
    """The base chains of other tables that see forwarded IP packets, each with its policy."""
    for sort, one in listed:
        if sort == "chain" and one.get("hook") == "forward" and one["family"] in ("ip", "ip6", "inet"):
            where = (one["family"], one["table"], one["name"])
            if " ".join(where[:2]) != TABLE:
                yield where, one.get("policy", "accept")


def last_verdict(listed: list[tuple[str, Listed]]) -> str:
    """ "drop" or "reject" if a chain's last rule does that to every packet that came so far."""
    rules = [one.get("expr", []) for sort, one in listed if sort == "rule"]
    words = [word for statement in rules[-1] for word in statement] if rules else []
    decisive = [word for word in words if word not in ("counter", "log")]
    return decisive[0] if decisive in (["drop"], ["reject"]) else ""


def _list(command: str) -> list[tuple[str, Listed]]:
    text = _command("read nftables", command, as_json=True)
    return list(_objects(json.loads(text)["nftables"]))


def _objects(listed: list[dict[str, Listed]]) -> Iterator[tuple[str, Listed]]:
    for wrapped in listed:
        yield from wrapped.items()


def _command(doing: str, text: str, as_json: bool = False) -> str:
    """Runs nft's language as one transaction, and returns what it prints."""
    try:
        from nftables import Nftables
    except ImportError as error:
        raise KernelError(doing, errno.ENOSYS, "the Python module `nftables` is not installed") from error
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
