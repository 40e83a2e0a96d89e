"""The shape of a file: sections where they belong, single and double brackets, names with dots."""

import pytest

from tests.config.support import Expected, check, key, read, text
from wgd.config.redraft import Drafts
from wgd.config.schema import draft
from wgd.errors import Problem, Severity

MAIN = '[interface]\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n'
PEER = f'public_key = "{key("a")}"\nallowed_ips = ["172.27.0.2/32"]\n'

SHAPES = {
    "empty file": ("", Expected(0, "", "[interface] is missing", "every interface has one")),
    "interface as a key": (
        "interface = 1",
        Expected(1, "interface", "found 1, expected a table", "[interface]"),
    ),
    "interface as an array": (
        "[[interface]]\naddresses = []",
        Expected(1, "interface", "found an array, expected a table", "in single brackets"),
    ),
    "networks as a key": (
        f"networks = []\n{MAIN}",
        Expected(1, "networks", "found an empty array", "[networks]"),
    ),
    "peers as an array": (f"{MAIN}[[peers]]\n{PEER}", Expected(4, "peers", "found an array", "[peers.NAME]")),
    "peer as a key": (f'{MAIN}[peers]\na = "x"', Expected(5, "peers.a", 'found "x"', "[peers.NAME]")),
    "peer as an array": (
        f"{MAIN}[[peers.a]]\n{PEER}",
        Expected(4, "peers.a", "found an array", "[peers.NAME]"),
    ),
    "peer with a dot": (
        f"{MAIN}[peers.raspi.kitchen]\n{PEER}",
        Expected(4, "peers.raspi.kitchen", "a table inside a peer", '[peers."raspi.kitchen"]'),
    ),
    "single brackets": (
        f'{MAIN}[peers.a]\n{PEER}[forward]\nfrom = ["a"]',
        Expected(7, "forward", "found a table, expected an array of tables", "[[forward]]"),
    ),
    "rule as a number": (
        f"forward = [1]\n{MAIN}",
        Expected(1, "forward[0]", "found 1, expected a table", "[[forward]]"),
    ),
    "unknown section": (
        f"{MAIN}[peer.a]\n{PEER}",
        Expected(4, "peer", "unknown key or section", "did you mean peers?"),
    ),
    "key above its section": (
        f"mtu = 1420\n{MAIN}",
        Expected(1, "mtu", "unknown key", "mtu belongs in [interface]"),
    ),
    "peer with a bad name": (
        f'{MAIN}[peers."10.0.0.1"]\n{PEER}',
        Expected(4, 'peers."10.0.0.1"', "reads as an address"),
    ),
    "peer with a reserved name": (f"{MAIN}[peers.any]\n{PEER}", Expected(4, "peers.any", "reserved")),
}


@pytest.mark.parametrize(("content", "expected"), SHAPES.values(), ids=SHAPES)
def test_shapes(content: str, expected: Expected) -> None:
    check(read(text({"wg0.toml": content})).problems, expected)


def test_the_peer_around_a_peer_is_read_too() -> None:
    content = f"{MAIN}[peers.raspi]\npublic_key = 1\nallowed_ips = []\n[peers.raspi.kitchen]\n{PEER}"
    check(
        read(text({"wg0.toml": content})).problems,
        Expected(5, "peers.raspi.public_key", "found 1"),
        Expected(7, "peers.raspi.kitchen", "a table inside a peer"),
    )


PLACES = {
    "interface in a drop-in": (
        "wg0.d/x.toml",
        MAIN,
        "interface",
        "drop-in adds peers, networks and rules",
        "wg0.toml",
    ),
    "interface in wgd.toml": (
        "wgd.toml",
        MAIN,
        "interface",
        "wgd.toml holds [networks] and confirm_required only",
        "file of its interface",
    ),
    "peers in wgd.toml": (
        "wgd.toml",
        f"[peers.a]\n{PEER}",
        "peers",
        "wgd.toml holds [networks] and confirm_required only",
        "file of",
    ),
    "no rules in wgd.toml": (
        "wgd.toml",
        "forward = []",
        "forward",
        "wgd.toml holds [networks] and confirm_required only",
        "file of",
    ),
}


@pytest.mark.parametrize(("file", "content", "name", "message", "hint"), PLACES.values(), ids=PLACES)
def test_places(file: str, content: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": MAIN, file: content}))
    check(decoded.problems, Expected(1, name, message, hint, file))
    assert decoded.broken == {file}


FILES = {
    "name too long": ("sixteen-letters-.toml", "16 characters; the kernel allows an interface 15"),
    "reserved": ("all.toml", '"all" is reserved'),
    "blank": ("wg 0.toml", "letters, digits"),
    "drop-in of a bad name": ("default.d/x.toml", '"default" is reserved'),
    "drop-in of wgd.toml": ("wgd.d/x.toml", "wgd.toml has no drop-ins"),
}


@pytest.mark.parametrize(("file", "message"), FILES.values(), ids=FILES)
def test_file_names(file: str, message: str) -> None:
    decoded = read(text({"wg0.toml": MAIN, file: MAIN}))
    check(decoded.problems, Expected(0, "", message, "", file))
    assert set(decoded.config.interfaces) == {"wg0"}


def test_a_drop_in_without_its_interface_does_nothing() -> None:
    decoded = read(text({"wg0.d/a.toml": f"[peers.a]\n{PEER}", "wg0.d/b.toml": ""}))
    check(
        decoded.problems,
        Expected(0, "", "does nothing, because there is no wg0.toml", "", "wg0.d/a.toml", Severity.WARNING),
    )
    assert decoded.config.interfaces == {} and decoded.config.held == frozenset()


def test_a_file_that_could_not_be_read_is_broken() -> None:
    unreadable = Problem("wg0.d", 0, "", "cannot be read: Permission denied")
    decoded = read({"wg0.toml": MAIN.encode(), "wg0.d": unreadable})
    assert decoded.problems == (unreadable,)
    assert decoded.broken_interfaces == {"wg0"}


def test_every_error_of_a_file_is_reported_at_once() -> None:
    content = '[interface]\nmtu = 1\nfwmark = -1\n[networks]\nx = "y"\n'
    content += "[peers.a]\nroutes = 1\n[[forward]]\n[[masquerade]]\n"
    lines = [problem.line for problem in draft("wg0.toml", content.encode()).problems]
    assert sorted(lines) == [1, 2, 3, 5, 6, 6, 7, 8, 8, 9, 9]


def test_a_file_is_read_again_only_when_it_has_changed() -> None:
    drafts = Drafts()
    accepted, saved = drafts("wg0.toml", MAIN.encode()), drafts("wg0.toml", b"[")
    assert drafts("wg0.toml", MAIN.encode()) is accepted
    assert drafts("wg0.toml", b"[") is saved
    drafts("wg0.toml", b"]")
    assert drafts("wg0.toml", b"[") is saved
    assert drafts("wg0.toml", MAIN.encode()) is not accepted
    assert drafts("wg1.toml", b"[") is not saved
