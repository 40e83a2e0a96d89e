"""The test vectors of RFC 7748, section 5.2."""

import pytest

from wgd.config.x25519 import clamp, public, x25519

VECTORS = {
    "first": (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    "second": (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
}


@pytest.mark.parametrize(("scalar", "u", "result"), VECTORS.values(), ids=VECTORS)
def test_scalar_multiplication(scalar: str, u: str, result: str) -> None:
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(u)).hex() == result


def test_iteration_from_the_base_point() -> None:
    base = (9).to_bytes(32, "little")
    assert x25519(base, base).hex() == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"


def test_both_sides_agree() -> None:
    ours, theirs = bytes(range(32)), bytes(range(32, 64))
    assert x25519(ours, public(theirs)) == x25519(theirs, public(ours))


def test_clamping_is_done_once_and_changes_no_public_key() -> None:
    key = bytes([0xFF] * 32)
    assert clamp(key) == bytes([0xF8]) + bytes([0xFF] * 30) + bytes([0x7F])
    assert clamp(clamp(key)) == clamp(key)
    assert public(clamp(key)) == public(key)
