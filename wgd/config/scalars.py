"""One TOML scalar → one canonical value, or `Unfit` with what was found and expected.

Nothing here knows a key, a file or another value.
"""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Callable
from typing import TypeVar

from wgd.config import keytext
from wgd.config.document import MTU_AUTO, PortRange
from wgd.config.names import interface_fault
from wgd.config.source import Unfit
from wgd.config.wording import found, quoted

E = TypeVar("E", bound=enum.StrEnum)

_NUMBER = re.compile(r"[0-9]{1,11}|0x[0-9A-Fa-f]{1,8}")
_PORT = re.compile(r"(?P<protocol>tcp|udp)/(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?")
_KEY_TEXT = "44 characters of base64 that end in ="


def text(value: object, expected: str = "a text in quotes") -> str:
    """A string that is not empty."""
    if isinstance(value, str) and value:
        return value
    hint = "write it in double quotes" if isinstance(value, int | float | datetime.date) else ""
    raise Unfit(f"found {found(value)}, expected {expected}", hint)


def boolean(value: object) -> bool:
    """`true` or `false`."""
    if isinstance(value, bool):
        return value
    word = value.casefold() if isinstance(value, str) else value
    meant = {"true": "true", "yes": "true", "on": "true", 1: "true", "false": "false", "no": "false"}
    meant |= {"off": "false", 0: "false"}
    hint = f"write {meant[word]}, without quotes" if isinstance(word, str | int) and word in meant else ""
    raise Unfit(f"found {found(value)}, expected true or false", hint)


def number(low: int, high: int, what: str = "a number") -> Callable[[object], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        bare = isinstance(value, str) and _NUMBER.fullmatch(value)
        hint = f"write {value}, without quotes" if bare else ""
        raise Unfit(f"found {found(value)}, expected {what} from {low} to {high}", hint)

    return read


def choice(kind: type[E]) -> Callable[[object], E]:
    """A reader of one of an enumeration's words."""

    def read(value: object) -> E:
        words = [str(word) for word in kind]
        if isinstance(value, str) and value in words:
            return kind(value)
        raise Unfit(f"found {found(value)}, expected {' or '.join(map(quoted, words))}")

    return read


def mtu(value: object) -> int:
    """A number of bytes, or "auto"; what an interface with IPv6 needs is checked elsewhere."""
    if value == "auto":
        return MTU_AUTO
    if isinstance(value, int) and not isinstance(value, bool) and 576 <= value <= 65535:
        return value
    expected = 'a number from 1280 to 65535 (from 576 without IPv6) or "auto"'
    hint = f"write {value}, without quotes" if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
    raise Unfit(f"found {found(value)}, expected {expected}", hint)


def key(value: object) -> bytes:
    """A public key: 32 bytes in base64. The text is never part of the message: it may be a private one."""
    hint = "a public key is what `wgd pubkey` or `wg pubkey` prints"
    if not isinstance(value, str) or not value:
        raise Unfit(f"found {found(value)}, expected a public key: {_KEY_TEXT}", hint)
    decoded = keytext.decoded(value)
    if decoded is None:
        if keytext.decoded(value.strip()):
            hint = "remove the blanks around it"
        raise Unfit(f"found {len(value)} characters that are no key, expected {_KEY_TEXT}", hint)
    if not any(decoded):
        raise Unfit("found the key of 32 zero bytes, expected a public key", hint)
    return decoded


def path(value: object) -> str:
    """A file's name, absolute or relative to the config directory."""
    word = text(value, "the name of a key file, in quotes")
    if keytext.decoded(word.strip()):
        hint = "put the key into a file of its own (mode 0640, group wgd-keys) and write the file's name here"
        raise Unfit("found what looks like the key itself, expected the name of a key file", hint)
    if "\0" in word:
        raise Unfit("found a name with a zero byte, expected the name of a key file")
    return word


def port_range(value: object) -> PortRange:
    """`tcp/80`, `udp/5000-5010` or `icmp`."""
    expected = 'ports like "tcp/80", "udp/5000-5010" or "icmp"'
    if value == "icmp":
        return PortRange("icmp")
    match = _PORT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Unfit(f"found {found(value)}, expected {expected}", _port_hint(value))
    first = int(match["first"])
    last = int(match["last"] or first)
    if not 1 <= first <= 65535 or not 1 <= last <= 65535:
        raise Unfit(f"found {quoted(match[0])}, expected ports from 1 to 65535")
    if last < first:
        hint = f"write {match['protocol']}/{last}-{first}"
        raise Unfit(f"found {quoted(match[0])}, which ends before it begins", hint)
    return PortRange(match["protocol"], first, last)


def _port_hint(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f'write "tcp/{value}" or "udp/{value}"' if 0 < value < 65536 else ""
    if not isinstance(value, str):
        return ""
    swapped = re.fullmatch(r"([0-9-]+)/(tcp|udp)", value.casefold())
    if swapped:
        return f'write "{swapped[2]}/{swapped[1]}"'
    if re.fullmatch(r"[0-9]{1,5}", value):
        return f'write "tcp/{value}" or "udp/{value}"'
    if value.casefold() in ("tcp", "udp"):
        return f'write "{value.casefold()}/1-65535" for all its ports'
    if value.casefold() in ("icmpv6", "ipv6-icmp", "icmp6", "ping"):
        return '"icmp" means both versions of ICMP'
    return ""


def moment(value: object) -> datetime.datetime:
    """A date-time with offset."""
    expected = "a date-time with offset, like 2030-01-31T12:00:00+01:00"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            return value
        hint = f"add the offset: {value.isoformat()}Z for UTC, {value.isoformat()}+01:00 for Central Europe"
        raise Unfit(f"found {value.isoformat()} without offset, expected {expected}", hint)
    if isinstance(value, datetime.date):
        raise Unfit(f"found the date {value}, expected {expected}", f"write {value}T00:00:00Z")
    hint = "a date-time stands without quotes" if isinstance(value, str) else ""
    raise Unfit(f"found {found(value)}, expected {expected}", hint)


def device(value: object) -> str:
    """The name of a network device."""
    word = text(value, "the name of a network device")
    fault = interface_fault(word)
    if fault:
        raise Unfit(fault)
    return word
