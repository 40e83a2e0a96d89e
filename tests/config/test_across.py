"""What two interfaces may not share."""

import pytest

from tests.config.support import Expected, check, key, read, text


def _interface(address: str, port: int, allowed: str, lines: str = "") -> str:
    return (
        f'[interface]\naddresses = ["{address}"]\nlisten_port = {port}\n{lines}\n'
        f'[peers.p]\npublic_key = "{key("p")}"\nallowed_ips = ["{allowed}"]\n'
    )


WG0 = _interface("172.27.0.1/16", 51820, "10.0.0.0/8")

CLASHES = {
    "port": (
        _interface("172.28.0.1/16", 51820, "192.0.2.0/24"),
        Expected(
            3, "interface.listen_port", "the UDP port 51820 is wg0's already (wg0.toml:3)", "port of its own"
        ),
    ),
    "address inside": (
        _interface("172.27.5.1/24", 51821, "192.0.2.0/24"),
        Expected(2, "interface.addresses[0]", "172.27.5.1/24 and 172.27.0.1/16 of wg0 (wg0.toml:2)", ""),
    ),
    "network around": (
        _interface("172.16.0.1/12", 51821, "192.0.2.0/24"),
        Expected(2, "interface.addresses[0]", "172.16.0.1/12 and 172.27.0.1/16 of wg0", "of its own"),
    ),
    "route": (
        _interface("172.28.0.1/16", 51821, "10.0.0.0/8"),
        Expected(
            7, "peers.p.allowed_ips[0]", "10.0.0.0/8 leads into wg0 already (wg0.toml:7)", "routes = false"
        ),
    ),
    "route to a network": (
        _interface("172.28.0.1/16", 51821, "172.27.0.0/16"),
        Expected(7, "peers.p.allowed_ips[0]", "172.27.0.0/16 leads into wg0 already (wg0.toml:2)"),
    ),
}


@pytest.mark.parametrize(("content", "expected"), CLASHES.values(), ids=CLASHES)
def test_clashes(content: str, expected: Expected) -> None:
    decoded = read(text({"wg0.toml": WG0, "wg1.toml": content}))
    check(decoded.problems, expected._replace(file="wg1.toml"))
    assert "wg0.toml" in decoded.problems[0].also
    assert set(decoded.config.interfaces) == {"wg0"}


@pytest.mark.parametrize(("content", "expected"), CLASHES.values(), ids=CLASHES)
def test_a_disabled_interface_takes_nothing(content: str, expected: Expected) -> None:
    disabled = content.replace("[interface]", "[interface]\nenabled = false")
    assert read(text({"wg0.toml": WG0, "wg1.toml": disabled})).problems == ()


@pytest.mark.parametrize("line", ["routes = false", "enabled = false"])
def test_a_prefix_without_a_route_takes_nothing(line: str) -> None:
    other = _interface("172.28.0.1/16", 51821, "10.0.0.0/8") + line
    assert read(text({"wg0.toml": WG0, "wg1.toml": other})).problems == ()


def test_a_copied_file_is_two_problems_and_not_thousands() -> None:
    peers = "".join(
        f'[peers.p{n}]\npublic_key = "{key(str(n))}"\nallowed_ips = ["192.0.2.{n}"]\n' for n in range(99)
    )
    decoded = read(text({"wg0.toml": WG0 + peers, "wg1.toml": WG0 + peers}))
    assert len(decoded.problems) == 2
