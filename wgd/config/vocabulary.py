"""The keys of each section, and what to say about a key that is none of them."""

from __future__ import annotations

import enum

from wgd.config.wording import key_text, nearest


class Section(enum.StrEnum):
    """A place for keys, named as a person would write it."""

    TOP = "the top of the file"
    INTERFACE = "[interface]"
    PEER = "[peers.NAME]"
    FORWARD = "[[forward]]"
    INPUT = "[[input]]"
    MASQUERADE = "[[masquerade]]"


KEYS: dict[Section, tuple[str, ...]] = {
    Section.TOP: ("interface", "networks", "peers", "forward", "input", "masquerade", "confirm_required"),
    Section.INTERFACE: (
        "role",
        "addresses",
        "listen_port",
        "private_key_file",
        "mtu",
        "fwmark",
        "adopt",
        "enabled",
        "forwarding",
        "strip_after",
        "clamp_mss",
        "fail_closed",
        "log_drops",
        "foreign",
    ),
    Section.PEER: (
        "public_key",
        "allowed_ips",
        "preshared_key_file",
        "endpoint",
        "persistent_keepalive",
        "routes",
        "enabled",
        "expires",
    ),
    Section.FORWARD: ("from", "to", "ports", "in", "out"),
    Section.INPUT: ("from", "ports"),
    Section.MASQUERADE: ("out", "to", "snat"),
}

_RESERVED = {Section.INTERFACE: ("table", "dns", "dns_search", "netns")}

_EXPLAINED = {
    "privatekey": "a key stands in a file of its own: private_key_file",
    "presharedkey": "a key stands in a file of its own: preshared_key_file",
    "preup": "wgd runs no commands; forwarding and masquerading are [[forward]] and [[masquerade]]",
    "postup": "wgd runs no commands; forwarding and masquerading are [[forward]] and [[masquerade]]",
    "predown": "wgd runs no commands, and removes what it made by itself",
    "postdown": "wgd runs no commands, and removes what it made by itself",
    "saveconfig": "wgd never writes to its configuration",
}
"""Keys of wg-quick that have no counterpart."""

_SYNONYMS = {
    Section.INTERFACE: {"port": "listen_port", "privatekeypath": "private_key_file"},
    Section.PEER: {"keepalive": "persistent_keepalive", "psk": "preshared_key_file", "key": "public_key"},
    Section.FORWARD: {"source": "from", "destination": "to", "iif": "in", "oif": "out"},
    Section.INPUT: {"source": "from"},
    Section.MASQUERADE: {"device": "out", "destination": "to", "address": "snat", "source": "snat"},
}


def unknown(section: Section, key: str) -> tuple[str, str]:
    """Message and hint for a key that the section does not have."""
    plain = key.casefold().replace("_", "").replace("-", "")
    if plain in (word.replace("_", "") for word in _RESERVED.get(section, ())):
        return "is not supported yet", "delete the line; a later version will know it"
    message = "unknown key or section" if section is Section.TOP else f"unknown key in {section}"
    return message, _EXPLAINED.get(plain) or _guess(section, key, plain)


def _guess(section: Section, key: str, plain: str) -> str:
    homes = [str(home) for home in KEYS if key in KEYS[home]]
    if homes:
        return f"{key_text(key)} belongs in {' or '.join(homes)}"
    close = _SYNONYMS.get(section, {}).get(plain) or nearest(key, KEYS[section])
    return f"did you mean {close}?" if close else f"known here: {', '.join(KEYS[section])}"
