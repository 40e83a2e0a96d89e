"""Which names can be interfaces', files', peers' and networks'."""

import pytest

from wgd.config.names import Claim, Part, claim, interface_fault, name_fault, reads_as_address

CLAIMS = {
    "wg0.toml": Claim(Part.MAIN, "wg0"),
    "wg0.d/phone.toml": Claim(Part.DROP_IN, "wg0"),
    "wg0.d": Claim(Part.DIRECTORY, "wg0"),
    "wgd.toml": Claim(Part.SHARED),
    "my.wg-0_x.toml": Claim(Part.MAIN, "my.wg-0_x"),
    "wgd.d/x.toml": None,
    "all.toml": None,
    "default.toml": None,
    "sixteen-letters-.toml": None,
    "wg 0.toml": None,
    "wg0/phone.toml": None,
    "wg0.d/phone.txt": None,
    ".toml": None,
}


@pytest.mark.parametrize(("file", "expected"), CLAIMS.items(), ids=CLAIMS)
def test_claims(file: str, expected: Claim | None) -> None:
    assert claim(file) == expected


@pytest.mark.parametrize("name", ["wg0", "a", "fifteen-letters", "eth0.100", "br-lan", "WG_0"])
def test_interfaces(name: str) -> None:
    assert interface_fault(name) is None


INTERFACE_FAULTS = {
    "sixteen-letters-": "16 characters",
    "a/b": "letters, digits",
    "a b": "letters, digits",
    "": "letters, digits",
    "wg0\n": "letters, digits",
    "ẃg0": "letters, digits",
    "all": "reserved",
    "default": "reserved",
    "wgd": "reserved",
    ".": "reserved",
    "..": "reserved",
}


@pytest.mark.parametrize(("name", "fault"), INTERFACE_FAULTS.items(), ids=INTERFACE_FAULTS)
def test_no_interfaces(name: str, fault: str) -> None:
    assert fault in (interface_fault(name) or "")


@pytest.mark.parametrize("name", ["spoke-1", "raspi.kitchen", "me@home", "x" * 63, "1st", "c++", "_"])
def test_peer_and_network_names(name: str) -> None:
    assert name_fault(name) is None


NAME_FAULTS = {
    "any": "reserved",
    "Internet": "reserved",
    "10.0.0.1": "reads as an address",
    "10": "reads as an address",
    "10.0.0.0/8": "reads as an address",
    "fd00::1": "reads as an address",
    "": "reads as an address",
    "my phone": "letters, digits",
    "-x": "letters, digits",
    "x" * 64: "1 to 63",
    "küche": "letters, digits",
    "a\x1b[0m": "letters, digits",
}


@pytest.mark.parametrize(("name", "fault"), NAME_FAULTS.items(), ids=NAME_FAULTS)
def test_no_names(name: str, fault: str) -> None:
    assert fault in (name_fault(name) or "")
    assert (name_fault(name) or "").isprintable()


def test_words_meant_as_addresses() -> None:
    assert all(map(reads_as_address, ["10.0.0.0/8", "fd00::", "10.1", "a/b"]))
    assert not any(map(reads_as_address, ["webcams", "spoke-1", "a10.1"]))
