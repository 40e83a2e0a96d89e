"""The whole directory at once: nothing raises, everything is reported, and sound files mean what they say."""

import datetime
import string
from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.rewrite import rewritten
from tests.config.support import ETC, NOW, Expected, check, key, read, secret, text
from wgd.config.decode import decode
from wgd.config.document import (
    MTU_AUTO,
    Endpoint,
    Forward,
    Forwarding,
    Interface,
    Masquerade,
    Peer,
    PortRange,
    Role,
    Side,
)
from wgd.errors import Severity
from wgd.prefixes import Prefix

GATEWAY = (ETC / "gateway" / "wg0.toml").read_bytes()


def test_problems_come_in_the_order_of_files_and_lines() -> None:
    files = {
        "wg1.toml": "[interface]\nmtu = 1\nfwmark = -1\n",
        "wg0.toml": "x = 1",
        "wgd.toml": "y = 1",
        "wg0.d/p.toml": "[peers.a]\n",
    }
    places = [(problem.file, problem.line) for problem in read(text(files)).problems]
    assert places == sorted(places)
    assert {file for file, _ in places} == set(files)


def test_no_files_are_no_interfaces() -> None:
    decoded = read({})
    assert decoded.config.interfaces == {} and decoded.problems == ()


DEVICES = {
    "near": (["lo", "wlp0s0f1"], "did you mean wlp0s0f1?"),
    "far": (["lo", "eth0"], "there are eth0, lo, wg0"),
}


@pytest.mark.parametrize(("links", "hint"), DEVICES.values(), ids=DEVICES)
def test_a_device_that_is_not_there(links: list[str], hint: str) -> None:
    decoded = decode({"wg0.toml": GATEWAY}, secret, NOW, links)
    line = (
        GATEWAY.decode()
        .splitlines()
        .index(next(row for row in GATEWAY.decode().splitlines() if "wlp" in row))
    )
    message = 'this machine has no device "wlp0s0f0"'
    check(decoded.problems, Expected(line + 1, "masquerade[0].out", message, hint, severity=Severity.WARNING))


@pytest.mark.parametrize("links", [[], ["lo", "wlp0s0f0"]], ids=["not asked", "there"])
def test_a_device_that_is_not_missed(links: list[str]) -> None:
    assert decode({"wg0.toml": GATEWAY}, secret, NOW, links).problems == ()


FILES = ("wg0.toml", "wg0.d/a.toml", "wgd.toml", "wg1.toml", "all.toml", "x", "wg0.d", "wgd.d/x.toml")
ROWS = st.sampled_from(
    [
        "[interface]",
        "[networks]",
        "[peers.a]",
        "[peers.a.b]",
        "[[forward]]",
        "[[masquerade]]",
        "[forward]",
        'addresses = ["10.0.0.1/8"]',
        "addresses = [1]",
        "listen_port = 1",
        "mtu = 600",
        'role = "hub"',
        f'public_key = "{key("a")}"',
        'allowed_ips = ["lan", "10.0.0.2"]',
        'allowed_ips = ["a"]',
        "routes = 1",
        'lan = ["10.0.0.0/8"]',
        'lan = "fd00::/8"',
        'a = "10.9.0.0/16"',
        'from = ["a"]',
        'to = ["lan", "any"]',
        'out = "wg0"',
        'in = "eth0"',
        'ports = ["tcp/80"]',
        "expires = 0001-01-01T00:00:00+23:59",
        "expires = 9999-12-31T23:59:59-23:59",
        'endpoint = "10.0.0.9:1"',
        "persistent_keepalive = 1",
        "x = [[]]",
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(FILES), st.lists(ROWS, max_size=12).map("\n".join) | st.text() | st.binary()
    )
)
def test_nothing_raises(files: dict[str, str | bytes]) -> None:
    contents = {
        file: content.encode() if isinstance(content, str) else content for file, content in files.items()
    }
    decoded = read(contents)
    assert decoded.broken <= set(files)
    assert all(str(problem) for problem in decoded.problems)
    for interface in decoded.config.interfaces.values():
        assert read({f"{interface.name}.toml": rewritten(interface)}).broken == frozenset()


_names = st.text(string.ascii_lowercase, min_size=1, max_size=6).map("p-{}".format)
_ports = st.builds(PortRange, st.sampled_from(["tcp", "udp"]), st.just(5), st.integers(5, 65535))
_moments = st.datetimes(datetime.datetime(2031, 1, 1), timezones=st.just(datetime.UTC))


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """Interfaces whose files have no error."""
    names = draw(st.lists(_names, unique=True, min_size=1, max_size=5))
    peers = tuple(
        Peer(
            name=name,
            public_key=bytes([number + 1]) * 32,
            allowed_ips=(Prefix.parse(f"10.0.0.{number + 2}/32"), Prefix.parse(f"fd00:{number}::/64")),
            endpoint=draw(
                st.none() | st.sampled_from([Endpoint("hub.example.org", 1), Endpoint("2001:db8::1", 9)])
            ),
            persistent_keepalive=draw(st.integers(1, 65535)),
            routes=draw(st.booleans()),
            enabled=draw(st.booleans()),
            expires=draw(st.none() | _moments),
        )
        for number, name in enumerate(names)
    )
    networks = {"lan": (Prefix.parse("192.0.2.0/24"), Prefix.parse("2001:db8::/32"))}
    lan = Side(("lan", "internet"), networks["lan"], internet=True)
    rule = Forward(
        Side((names[0],), peers=(names[0],)), lan, tuple(draw(st.lists(_ports, max_size=3))), "eth0"
    )
    forwards = draw(st.sampled_from([(), (rule,), (rule, rule)]))
    return Interface(
        name="wg0",
        private_key=secret("keys/wg0.key"),
        addresses=(ip_interface("10.0.0.1/8"), ip_interface("fd00::1/64")),
        role=draw(st.sampled_from(Role)),
        listen_port=draw(st.none() | st.integers(1, 65535)),
        mtu=draw(st.sampled_from([None, MTU_AUTO, 1280, 65535])),
        fwmark=draw(st.integers(0, 2**32 - 1)),
        adopt=draw(st.booleans()),
        enabled=draw(st.booleans()),
        forwarding=Forwarding.RULES if forwards else draw(st.sampled_from(Forwarding)),
        networks=networks,
        peers=peers,
        forwards=forwards,
        masquerades=(Masquerade("eth0", lan),) if forwards else (),
    )


@given(interfaces())
def test_what_is_written_is_what_is_read(interface: Interface) -> None:
    decoded = read({"wg0.toml": rewritten(interface)})
    assert decoded.broken == frozenset(), decoded.problems
    assert decoded.config.interfaces["wg0"] == interface
