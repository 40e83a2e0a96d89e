"""One TOML value → one canonical address, network or endpoint, or `Unfit` with what was found and expected.

Nothing here knows a key, a file or another value, and nothing asks DNS.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache

from wgd.config.document import Endpoint, IPInterface
from wgd.config.names import reads_as_address
from wgd.config.scalars import text
from wgd.config.source import Unfit
from wgd.config.wording import quoted
from wgd.prefixes import IPAddress, Prefix

_HOST_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def network(value: object) -> Prefix:
    """A CIDR without host bits; a bare address is that address alone. Never all addresses."""
    parsed = Prefix.plain(value) if isinstance(value, str) else None
    if parsed is None:
        word = _address_text(value, "a network like 10.11.12.0/24")
        try:
            parsed = Prefix.parse(word)
        except ValueError:
            parsed = _network_of(word)
    if parsed.length == 0:
        raise Unfit(
            f"{parsed} (all addresses) is not supported yet",
            'name the networks that are meant; in a rule, "any" means everything',
        )
    return parsed


def _network_of(word: str) -> Prefix:
    """The network if it is all addresses, to say so; else the reason why it is none."""
    try:
        parsed = ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise _not_an_address(word, "a network like 10.11.12.0/24 or fd00:27::/64") from None
    exact = ipaddress.ip_interface(word)
    if exact.ip != parsed.network_address and parsed.prefixlen:
        hint = f"write {parsed} for the network, or {exact.ip}/{parsed.max_prefixlen} for the address alone"
        raise Unfit(f"found {word}, which has host bits set, expected a network", hint)
    return Prefix.of(parsed)


def interface_address(value: object) -> IPInterface:
    """An address of this machine with the length of its network's prefix."""
    expected = "an address with its prefix length, like 172.27.0.1/16"
    word = _address_text(value, expected)
    try:
        address = ipaddress.ip_interface(word)
    except ValueError:
        raise _not_an_address(word, expected) from None
    if "/" not in word:
        length = address.max_prefixlen
        hint = f"write {word}/16 or so for the whole network, {word}/{length} for the address alone"
        raise Unfit(f"found {word} without prefix length, expected {expected}", hint)
    if address.ip.is_multicast or address.ip.is_unspecified or address.ip.is_loopback:
        raise Unfit(f"found {word}, which no interface of WireGuard can have, expected {expected}")
    return address


def single(value: object) -> IPAddress:
    """One address that a packet can come from."""
    expected = "one address, like 192.0.2.7"
    word = _address_text(value, expected)
    address, slash, _ = word.partition("/")
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise _not_an_address(word, expected) from None
    if slash:
        raise Unfit(f"found {quoted(word)}, expected {expected}", f"write {quoted(address)}")
    if found.is_multicast or found.is_unspecified or found.is_loopback or found.is_link_local:
        raise Unfit(f"found {word}, which nobody elsewhere could answer, expected {expected}")
    return found


def _address_text(value: object, expected: str) -> str:
    word = text(value, expected)
    if word != word.strip():
        raise Unfit(f"found {quoted(word)}, with blanks around it, expected {expected}", "remove the blanks")
    if "%" in word:
        raise Unfit(f"found {quoted(word)}, expected {expected}", "leave the zone out, from % on")
    if "/" in word and not re.fullmatch(r"[^/]*/[0-9]{1,3}", word):
        raise _not_an_address(word, expected)  # ipaddress would take 10.0.0.0/0.0.0.255
    return word


def _not_an_address(word: str, expected: str) -> Unfit:
    address, slash, _ = word.partition("/")
    hint = ""
    if "," in word or " " in word:
        hint = 'write each address in its own quotes: ["10.0.0.0/8", "fd00::/8"]'
    elif _is_address(address) and slash:
        hint = (
            f"after the / stands the prefix length, from 0 to {ipaddress.ip_address(address).max_prefixlen}"
        )
    elif re.search(r"(?:^|\.)0[0-9]", address):
        hint = "write the numbers without leading zeros"
    elif re.fullmatch(r"[0-9.]+", address) and len(re.findall(r"[0-9]+", address)) != 4:
        hint = "an IPv4 address has four numbers"
    return Unfit(f"found {quoted(word)}, expected {expected}", hint)


def network_or_name(value: object) -> Prefix | str:
    """A CIDR, or the name of something that is looked up later."""
    if isinstance(value, str) and value:
        return _network_or_name(value)
    return text(value, "a network like 10.11.12.0/24, or a name, in quotes")


@cache
def _network_or_name(word: str) -> Prefix | str:
    """Rules name a target ten thousand times, and each source again after its peer, if only at the end of a
    large file: then it is one object."""
    return network(word) if reads_as_address(word.strip()) else word


def forget() -> None:
    """Many files have been read: what stands in none of them needs no room any more."""
    _network_or_name.cache_clear()


def endpoint(value: object) -> Endpoint:
    """`host:port`, `address:port` or `[IPv6 address]:port`."""
    expected = "an endpoint like 198.51.100.15:51820 or hub.example.org:51820"
    word = text(value, expected + ", in quotes")
    scheme = re.match(r"[a-z]+://", word)
    if scheme:
        raise Unfit(f"found {quoted(word)}, expected {expected}", f"leave {scheme[0]} out")
    host, colon, port = word.rpartition(":")
    if not colon or word.endswith("]"):
        raise Unfit(
            f"found {quoted(word)} without a port, expected {expected}", f"write {_shown_host(word)}:51820"
        )
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        hint = "write an IPv6 address in brackets: " + (
            f"[{word}]:51820" if _is_address(word, (6,)) else f"[{host}]:{port}"
        )
        raise Unfit(f"found {quoted(word)}, expected {expected}", hint)
    return Endpoint(_host(host, word, expected), _endpoint_port(port, word))


def _shown_host(word: str) -> str:
    """The host to show in a hint when the port is missing."""
    return word if len(word) < 60 and word.isprintable() else "HOST"


def _is_address(word: str, versions: tuple[int, ...] = (4, 6)) -> bool:
    try:
        return ipaddress.ip_address(word).version in versions
    except ValueError:
        return False


def _endpoint_port(port: str, word: str) -> int:
    if port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535:
        return int(port)
    raise Unfit(f"found the port {quoted(port)} in {quoted(word)}, expected a port from 1 to 65535")


def _host(host: str, word: str, expected: str) -> str:
    bracketed = host.startswith("[")
    bare = host.removeprefix("[").removesuffix("]")
    if "%" in bare:
        raise Unfit(f"found {quoted(word)}; an endpoint with a zone (%) is not supported yet")
    if bracketed and not _is_address(bare, (6,)):
        raise Unfit(f"found {quoted(word)}, expected an IPv6 address in the brackets")
    if bracketed or re.fullmatch(r"[0-9.]+", bare):
        return _host_address(bare, word, expected)
    labels = bare.removesuffix(".").split(".")
    if len(bare) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise Unfit(f"found {quoted(word)}, expected {expected}")
    return bare


def _host_address(bare: str, word: str, expected: str) -> str:
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise Unfit(f"found {quoted(word)}, whose address is not valid, expected {expected}") from None
    if address.is_unspecified or address.is_multicast:
        raise Unfit(f"found {quoted(word)}, expected the address of one machine")
    return str(address)
