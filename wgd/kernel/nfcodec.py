"""nftables' netlink messages for reading our table, as a codec: no sockets here.

Rules are read for the comments that they carry; what they say is known by these (`wgd.kinds.nftables`).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from wgd.kernel.netlink import attribute, attributes, elements, text
from wgd.kinds.nftables import TABLE, Chain, Dropped, Rule

SUBSYSTEM = 10 << 8
"""What distinguishes nftables' messages from other ones of netfilter."""
GETTABLE, GETCHAIN, GETRULE, GETSET = (SUBSYSTEM | number for number in (1, 4, 7, 10))
NEWGEN, GETGEN, GETOBJ, GETFLOWTABLE = (SUBSYSTEM | number for number in (15, 16, 19, 23))

_INET = 1
FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
"""Those that see IP packets."""
HEADER = Struct(">BBH")  # nfgenmsg: family, version, resource
_S32 = Struct(">i")
BEGIN, END = 16, 17
"""The messages round a transaction, and what is in both: it is one of nftables."""
ABOUT_TRANSACTION = HEADER.pack(0, 0, SUBSYSTEM >> 8)
_TABLE_NAME = TABLE.split()[1].encode() + b"\0"

_GENERATION_ID = 1
_OF_TABLE = 1
"""The attribute that names the table, whatever the object is."""
_TABLE_FLAGS, _DORMANT = 2, 1
_CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_TYPE = 3, 4, 5, 7
_HOOK_NUMBER, _HOOK_PRIORITY = 1, 2
_RULE_CHAIN, _RULE_EXPRESSIONS, _RULE_USERDATA = 2, 4, 7
_EXPRESSION_NAME, _EXPRESSION_DATA, _COUNTER_PACKETS = 1, 2, 2
_NAME = 2
"""The attribute that names a set, an object or a flowtable."""
_OBJECT_SORT = 3
_COMMENT = 0

_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_POLICIES = ("drop", "accept")
_PRIORITIES = {-150: "mangle", 0: "filter", 100: "srcnat"}
_OBJECTS = {
    1: "counter",
    2: "quota",
    3: "ct helper",
    4: "limit",
    7: "ct timeout",
    8: "secmark",
    9: "ct expectation",
    10: "synproxy",
}
"""Stateful objects, by nft's words for them."""


def about_table() -> bytes:
    """The body of a request about our table, or for a dump of what is in it."""
    return HEADER.pack(_INET, 0, 0) + attribute(_OF_TABLE, _TABLE_NAME)


def parse_tables(tables: Iterable[bytes]) -> list[str]:
    """All tables of IP packets, as nft calls them (`inet wgd`), but for the dormant ones."""
    told = ((FAMILIES.get(table[0]), table) for table in tables)
    return [
        f"{family} {text(attributes(table, HEADER.size)[_OF_TABLE])}"
        for family, table in told
        if family and not asleep(table)
    ]


def generation_of(message: bytes) -> int:
    """The generation that a message about one names."""
    return number(attributes(message, HEADER.size)[_GENERATION_ID])


def asleep(table: bytes) -> bool:
    """Whether the table is dormant: then its rules stand there in vain."""
    flags = attributes(table, HEADER.size).get(_TABLE_FLAGS, bytes(4))
    return bool(number(flags) & _DORMANT)


def parse_chains(chains: Iterable[bytes], rules: Iterable[bytes]) -> list[Chain]:
    """Our table's chains in their order, each with its rules in theirs."""
    told: dict[str, list[Rule]] = {}
    for has in ours(rules):
        told.setdefault(text(has[_RULE_CHAIN]), []).append(Rule(_digest(has.get(_RULE_USERDATA, b""))))
    return [
        Chain(name, _hook(has), tuple(told.get(name, ())))
        for has in ours(chains)
        for name in (text(has[_CHAIN_NAME]),)
    ]


def parse_drops(rules: Iterable[bytes]) -> list[Dropped]:
    """What our table's rules have dropped that count it, chain by chain."""
    found: dict[str, int] = {}
    for has in ours(rules):
        expressions = [attributes(one) for one in elements(has.get(_RULE_EXPRESSIONS, b""))]
        counted = [one for one in expressions if one[_EXPRESSION_NAME] == b"counter\0"]
        if counted and expressions[-1][_EXPRESSION_NAME] == b"immediate\0":
            name, told = text(has[_RULE_CHAIN]), attributes(counted[0][_EXPRESSION_DATA])
            found[name] = found.get(name, 0) + int.from_bytes(told[_COUNTER_PACKETS])
    return [Dropped(*one) for one in found.items()]


def parse_objects(objects: Iterable[bytes]) -> list[Chain]:
    """Counters, quotas and the like. Of a sort that nobody has a word for, a set of that name is as good."""
    return [
        Chain(text(has[_NAME]), "", other=_OBJECTS.get(number(has[_OBJECT_SORT]), "counter"))
        for has in ours(objects)
    ]


def parse_flowtables(flowtables: Iterable[bytes]) -> list[Chain]:
    """By their names only."""
    return [Chain(text(has[_NAME]), "", other="flowtable") for has in ours(flowtables)]


def ours(messages: Iterable[bytes]) -> Iterable[dict[int, bytes]]:
    """What the messages about our table say: some dumps tell of all tables."""
    for message in messages:
        has = attributes(message, HEADER.size)
        if message[0] == _INET and has.get(_OF_TABLE) == _TABLE_NAME:
            yield has


def _hook(has: dict[int, bytes]) -> str:
    """The declaration in nft's language, spelled as wgd.kinds.nftables does."""
    if _CHAIN_HOOK not in has:
        return ""
    hook = attributes(has[_CHAIN_HOOK])
    at, policy = number(hook[_HOOK_NUMBER]), number(has[_CHAIN_POLICY])
    priority: int = _S32.unpack(hook[_HOOK_PRIORITY])[0]
    return (
        f"type {text(has[_CHAIN_TYPE])} hook {_HOOKS[at]} "
        f"priority {_PRIORITIES.get(priority, priority)}; policy {_POLICIES[policy]};"
    )


def _digest(userdata: bytes) -> str:
    """What stands after the last # of the comment. Userdata is a row of type, length and value."""
    at = 0
    while at + 2 <= len(userdata):
        kind, length = userdata[at], userdata[at + 1]
        if kind == _COMMENT:
            _, found, digest = text(userdata[at + 2 : at + 2 + length]).rpartition("#")
            return digest if found else ""
        at += 2 + length
    return ""


def number(value: bytes) -> int:
    """An integer attribute; 0 of one that is not there."""
    return int.from_bytes(value, "big")
