"""What peers of one interface may not share; and what does not count."""

import pytest

from tests.config.support import NOW, Expected, check, key, read, secret, text
from wgd.config.keys import public_key
from wgd.config.keytext import encoded
from wgd.errors import Severity

MAIN = f"""\
[interface]
addresses = ["172.27.0.1/16", "fd00:27::1/64"]
listen_port = 51820
[peers.a]
public_key = "{key("a")}"
allowed_ips = ["172.27.0.2/32", "10.0.0.0/8"]
"""


def _peer(lines: str = "", allowed: str = '["172.27.0.9/32"]', public: str = key("b")) -> dict[str, bytes]:
    peer = f'[peers.b]\npublic_key = "{public}"\nallowed_ips = {allowed}\n{lines}'
    return text({"wg0.toml": MAIN, "wg0.d/b.toml": peer})


def _expected(line: int, name: str, message: str, hint: str = "") -> Expected:
    return Expected(line, f"peers.b.{name}", message, hint, "wg0.d/b.toml")


SHARED = {
    "prefix": (
        _peer(allowed='["172.27.0.2/32"]'),
        _expected(
            3, "allowed_ips[0]", "172.27.0.2/32 is already an allowed IP of a (wg0.toml:6)", "silently"
        ),
    ),
    "key": (
        _peer(public=key("a")),
        _expected(2, "public_key", "is the public key of a too (wg0.toml:5)", "enabled = false"),
    ),
    "own key": (
        _peer(public=encoded(public_key(secret("keys/wg0.key")))),
        _expected(2, "public_key", "this interface's own public key", "other machine"),
    ),
    "own address": (
        _peer(allowed='["172.27.0.1"]'),
        _expected(3, "allowed_ips[0]", "172.27.0.1 is this interface's own address (wg0.toml:2)", "peer's"),
    ),
    "own IPv6 address": (
        _peer(allowed='["fd00:27::1/128"]'),
        _expected(3, "allowed_ips[0]", "fd00:27::1 is this interface's own address", ""),
    ),
}


@pytest.mark.parametrize(("files", "expected"), SHARED.values(), ids=SHARED)
def test_shared(files: dict[str, bytes], expected: Expected) -> None:
    check(read(files).problems, expected)


@pytest.mark.parametrize("lines", ["enabled = false", "expires = 2020-01-01T00:00:00Z"])
@pytest.mark.parametrize(("files", "expected"), SHARED.values(), ids=SHARED)
def test_peers_that_do_not_count(files: dict[str, bytes], expected: Expected, lines: str) -> None:
    drop_in = files["wg0.d/b.toml"] + lines.encode()
    decoded = read({**files, "wg0.d/b.toml": drop_in})
    assert decoded.problems == ()
    assert not decoded.config.interfaces["wg0"].peers[1].active(NOW)


WARNINGS = {
    "inside another's prefix": (
        _peer(allowed='["10.1.0.0/16"]'),
        Expected(6, "peers.a.allowed_ips[1]", "10.0.0.0/8 of a covers allowed IPs of b"),
    ),
    "around another's prefix": (
        _peer(allowed='["172.27.0.0/24"]'),
        _expected(3, "allowed_ips[0]", "172.27.0.0/24 of b covers allowed IPs of a"),
    ),
    "twice in one peer": (
        _peer(allowed='["172.27.0.9", "172.27.0.9/32"]'),
        _expected(3, "allowed_ips[1]", "172.27.0.9/32 stands twice", "keep one"),
    ),
    "endpoint inside": (
        _peer('endpoint = "10.1.2.3:1"'),
        _expected(
            4, "endpoint", "10.1.2.3 is routed into the tunnel itself, by the allowed IP at wg0.toml:6"
        ),
    ),
    "no allowed IPs": (_peer(allowed="[]"), _expected(3, "allowed_ips", "nothing can be sent")),
}


@pytest.mark.parametrize(("files", "expected"), WARNINGS.values(), ids=WARNINGS)
def test_warnings(files: dict[str, bytes], expected: Expected) -> None:
    decoded = read(files)
    check(decoded.problems, expected._replace(severity=Severity.WARNING))
    assert set(decoded.config.interfaces) == {"wg0"}


def test_one_prefix_around_many_is_one_warning() -> None:
    peers = "".join(
        f'[peers.p{n}]\npublic_key = "{key(str(n))}"\nallowed_ips = ["10.0.{n}.0/24", "fd00:{n}::/64"]\n'
        for n in range(9)
    )
    check(
        read(text({"wg0.toml": MAIN + peers})).problems,
        Expected(
            6,
            "peers.a.allowed_ips[1]",
            "10.0.0.0/8 of a covers allowed IPs of p0, p1, p2, p3, p4 and 4 more",
            severity=Severity.WARNING,
        ),
    )


def test_a_way_round_the_tunnel_is_the_users_with_a_mark() -> None:
    files = _peer('endpoint = "10.1.2.3:1"')
    files["wg0.toml"] = files["wg0.toml"].replace(b"listen_port", b"fwmark = 1\nlisten_port")
    assert read(files).problems == ()
