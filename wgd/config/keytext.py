"""Keys as text: 32 bytes in base64, as WireGuard's tools print and read them."""

from __future__ import annotations

import binascii


def encoded(key: bytes) -> str:
    """The text of a key."""
    return binascii.b2a_base64(key, newline=False).decode()


def decoded(word: str) -> bytes | None:
    """The 32 bytes that a text stands for; None unless it is written exactly as `wg` would."""
    try:
        written = word.encode("ascii")
        key = binascii.a2b_base64(written, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    # Python ignores the two spare bits of the last character; `wg` refuses a key that has them set.
    return key if len(key) == 32 and binascii.b2a_base64(key, newline=False) == written else None
