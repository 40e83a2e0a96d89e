"""An nftables rule given as JSON, in nft's own words: enough to recognise it in a listing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Expression = Mapping[str, Any]

DEVICES = ("iifname", "oifname", "iif", "oif")


def words(statements: Iterable[Expression]) -> str:
    """The rule's matches and its verdict; counters are left out."""
    return " ".join(filter(None, (_statement(*pair) for one in statements for pair in one.items())))


def _statement(word: str, value: Any) -> str:
    if word == "counter":
        return ""
    if word == "match":
        operator = "" if value["op"] in ("==", "in") else f"{value['op']} "
        left = _value(value["left"])
        return f"{left} {operator}{_value(value['right'], left in DEVICES)}"
    if word == "vmap":
        key = _value(value["key"])
        return f"{key} vmap {_value(value['data'], key in DEVICES)}"
    if word in ("jump", "goto"):
        return f"{word} {value['target']}"
    if word == "xt":
        return f"xt {value['type']} {value['name']}"
    if word == "limit":
        return f"limit rate {value['rate']}/{value['per']}"
    return word


def _value(value: Any, quoted: bool = False) -> str:
    """The left or the right side of a match. `quoted`: it is a device's name."""
    if isinstance(value, str):
        return f'"{value}"' if quoted and not value.startswith("@") else value
    if isinstance(value, list):
        return ",".join(_value(one, quoted) for one in value)
    if not isinstance(value, dict):
        return str(value)
    ((sort, what),) = value.items()
    if sort == "meta":
        return str(what["key"]) if what["key"] in (*DEVICES, "mark") else f"meta {what['key']}"
    if sort == "ct":
        return f"ct {what['key']}"
    if sort == "payload":
        return f"{what['protocol']} {what['field']}" if "protocol" in what else "payload"
    if sort == "fib":
        return "fib"
    if sort == "prefix":
        return f"{what['addr']}/{what['len']}"
    if sort == "range":
        return "-".join(map(_value, what))
    if sort == "set":
        elements = what if isinstance(what, list) else [what]
        return "{ " + ", ".join(_element(one, quoted) for one in elements) + " }"
    if sort == "concat":
        return " . ".join(map(_value, what))
    return str(sort)


def _element(element: Any, quoted: bool) -> str:
    if isinstance(element, list):  # of a verdict map
        return f"{_element(element[0], quoted)} : {words([element[1]])}"
    wrapped = isinstance(element, dict) and "elem" in element
    return _value(element["elem"]["val"] if wrapped else element, quoted)
