"""X25519 (RFC 7748) in plain Python: enough to tell the public key of a private one.

Not for traffic: it takes a millisecond and its time depends on the machine's big-integer arithmetic.
"""

from __future__ import annotations

_P = 2**255 - 19
_A24 = 121665
_BASE = (9).to_bytes(32, "little")


def clamp(private: bytes) -> bytes:
    """The private key as X25519 uses it: the low three bits and the top bit off, the next bit on."""
    value = bytearray(private)
    value[0] &= 248
    value[31] = value[31] & 127 | 64
    return bytes(value)


def x25519(private: bytes, u: bytes) -> bytes:
    """The scalar multiplication of RFC 7748, section 5; both arguments and the result are 32 bytes."""
    scalar = int.from_bytes(clamp(private), "little")
    x1 = (int.from_bytes(u, "little") & (2**255 - 1)) % _P
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in range(254, -1, -1):
        if scalar >> bit & 1:
            x3, z3, x2, z2 = _step(x3, z3, x2, z2, x1)
        else:
            x2, z2, x3, z3 = _step(x2, z2, x3, z3, x1)
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")


def public(private: bytes) -> bytes:
    """The public key that belongs to a private key."""
    return x25519(private, _BASE)


def _step(x2: int, z2: int, x3: int, z3: int, x1: int) -> tuple[int, int, int, int]:
    """Doubles the first point and adds the second to it: one rung of the Montgomery ladder."""
    total, difference = x2 + z2, x2 - z2
    squared_total, squared_difference = total * total % _P, difference * difference % _P
    gap = squared_total - squared_difference
    crossed, crossed_back = (x3 - z3) * total % _P, (x3 + z3) * difference % _P
    return (
        squared_total * squared_difference % _P,
        gap * (squared_total + _A24 * gap) % _P,
        (crossed + crossed_back) ** 2 % _P,
        x1 * (crossed - crossed_back) ** 2 % _P,
    )
