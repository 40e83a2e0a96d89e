"""One value in the words of `wg` → a value that wgd takes, or `Unfit`."""

from __future__ import annotations

import contextlib
import ipaddress
import re

from wgd.config import addresses, keytext, scalars
from wgd.config.document import Endpoint, IPInterface
from wgd.config.source import Unfit
from wgd.config.wording import quoted
from wgd.model import Secret
from wgd.prefixes import Prefix


def words(value: str) -> tuple[str, ...]:
    """What stands between commas and blanks."""
    return tuple(re.split(r"[\s,]+", value.strip(" \t,"))) if value.strip(" \t,") else ()


def interface_address(word: str) -> IPInterface:
    """An address; without a prefix length it is that address alone, as for `ip address add`."""
    if "/" not in word:
        with contextlib.suppress(ValueError):
            word = f"{word}/{ipaddress.ip_address(word).max_prefixlen}"
    return addresses.interface_address(word)


def allowed_ip(word: str) -> Prefix:
    """A prefix; its host bits are left out, as WireGuard does."""
    try:
        return addresses.network(str(ipaddress.ip_network(word, strict=False)))
    except ValueError:
        return addresses.network(word)


def endpoint(word: str) -> Endpoint:
    """`host:port`, with the brackets that `wg` does not insist on."""
    word = re.sub(r"\s+", "", word)
    host, colon, port = word.rpartition(":")
    if colon and ":" in host and not host.startswith("["):
        word = f"[{host}]:{port}"
    return addresses.endpoint(word)


def public_key(word: str) -> bytes:
    """A public key."""
    return scalars.key(re.sub(r"\s+", "", word))


def secret(word: str) -> Secret | None:
    """A private or a preshared key; None when it is 32 zero bytes, which mean none."""
    decoded = keytext.decoded(re.sub(r"\s+", "", word))
    if decoded is None:
        raise Unfit("it is no key: expected 44 characters of base64 that end in =")
    return Secret(decoded) if any(decoded) else None


def number(word: str, low: int, high: int) -> int:
    """A whole number, decimal or 0x…; `off` is 0."""
    text = word.casefold()
    if text == "off" and low == 0:
        return 0
    if re.fullmatch(r"[0-9]{1,12}|0x[0-9a-f]{1,12}", text):
        found = int(text, 16 if "x" in text else 10)
        if low <= found <= high:
            return found
    raise Unfit(f"found {quoted(word)}, expected a number from {low} to {high}")


def boolean(word: str) -> bool:
    """`true` or `false`, in the words of wg-quick and systemd."""
    text = word.casefold()
    if text in ("true", "yes", "on", "1", "y", "t"):
        return True
    if text in ("false", "no", "off", "0", "n", "f", ""):
        return False
    raise Unfit(f"found {quoted(word)}, expected true or false")
