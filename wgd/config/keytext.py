"""Keys as text: 32 bytes in base64, as WireGuard's tools print and read them."""

from __future__ import annotations

import binascii

_WITHOUT_SPARE_BITS = "AEIMQUYcgkosw048"


def encoded(key: bytes) -> str:
    """The text of a key."""
    return binascii.b2a_base64(key, newline=False).decode()


def decoded(word: str) -> bytes | None:
    """The 32 bytes that a text stands for; None unless it is written exactly as `wg` would."""
    try:
        key = binascii.a2b_base64(word, strict_mode=True)
    except ValueError:
        return None
    # Python ignores the two spare bits of the last character; `wg` refuses a key that has them set.
    return key if len(key) == 32 and len(word) == 44 and word[42] in _WITHOUT_SPARE_BITS else None
