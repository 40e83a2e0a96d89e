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
    MASQUERADE = "[[masquerade]]"


KEYS: dict[Section, tuple[str, ...]] = {
    Section.TOP: ("interface", "networks", "peers", "forward", "masquerade"),
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
    Section.MASQUERADE: ("out", "to"),
}

_RESERVED = {Section.INTERFACE: ("table", "dns", "dns_search", "netns")}

_ELSEWHERE = {
    "address": "addresses",
    "privatekey": "a key stands in a file of its own: private_key_file",
    "presharedkey": "a key stands in a file of its own: preshared_key_file",
    "postup": "wgd runs no commands; forwarding and masquerading are [[forward]] and [[masquerade]]",
    "postdown": "wgd runs no commands, and removes what it made by itself",
    "preup": "wgd runs no commands; forwarding and masquerading are [[forward]] and [[masquerade]]",
    "predown": "wgd runs no commands, and removes what it made by itself",
    "saveconfig": "wgd never writes to its configuration",
    "port": "listen_port",
    "keepalive": "persistent_keepalive",
    "source": "from",
    "destination": "to",
    "interfaces": "[interface], one for each file",
    "peer": "[peers.NAME]",
    "network": "[networks]",
    "forwards": "[[forward]]",
    "masquerades": "[[masquerade]]",
}


def unknown(section: Section, key: str) -> tuple[str, str]:
    """Message and hint for a key that the section does not have."""
    plain = key.casefold().replace("_", "").replace("-", "")
    if plain in (word.replace("_", "") for word in _RESERVED.get(section, ())):
        return "is not supported yet", "delete the line; a later version will know it"
    message = f"unknown key in {section}" if section is not Section.TOP else "unknown key or section"
    known = {word.replace("_", ""): word for word in KEYS[section]}
    if plain in known:
        return message, f"did you mean {known[plain]}?"
    homes = [str(home) for home in KEYS if key in KEYS[home]]
    if homes:
        return message, f"{key_text(key)} belongs in {' or '.join(homes)}"
    if plain in _ELSEWHERE:
        return message, f"did you mean {_ELSEWHERE[plain]}?" if _is_key(plain) else _ELSEWHERE[plain]
    close = nearest(key, KEYS[section])
    return message, f"did you mean {close}?" if close else f"known here: {', '.join(KEYS[section])}"


def _is_key(plain: str) -> bool:
    return " " not in _ELSEWHERE[plain] or _ELSEWHERE[plain].startswith("[")
