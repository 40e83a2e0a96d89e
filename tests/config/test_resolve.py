"""Names in allowed IPs and rules: what they stand for, and what may not have a name."""

import pytest

from tests.config.support import Expected, check, key, read, text
from wgd.prefixes import Prefix

MAIN = f"""\
[interface]
addresses = ["172.27.0.3/16"]
listen_port = 51820
[networks]
webcams = ["10.11.12.0/24", "fd00:c::/64"]
[peers.hub-1]
public_key = "{key("hub")}"
allowed_ips = ["172.27.0.0/16"]
[peers.lab]
public_key = "{key("lab")}"
allowed_ips = ["192.0.2.0/24"]
"""

RULE = '[[forward]]\nfrom = ["hub-1"]\nto = ["webcams"]\n'

UNKNOWN = {
    "typing error": ("webcam", 'found "webcam", which is no peer or network', "did you mean webcams?"),
    "of a peer": ("hub", "which is no peer or network", "did you mean hub-1?"),
    "of a word": ("Internet", "which is no peer or network", "did you mean internet?"),
    "not near": ("zzz", "which is no peer or network", "[networks]"),
    "peer behind": (
        "lab",
        "lab has no allowed IP inside this interface's own networks (172.27.0.0/16)",
        "[networks]",
    ),
}


@pytest.mark.parametrize(("word", "message", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_words_of_rules(word: str, message: str, hint: str) -> None:
    content = MAIN + f'[[forward]]\nfrom = ["hub-1"]\nto = ["webcams", "{word}"]\n'
    check(read(text({"wg0.toml": content})).problems, Expected(14, "forward[0].to[1]", message, hint))


def test_what_words_of_rules_stand_for() -> None:
    content = (
        MAIN + '[[forward]]\nfrom = ["hub-1", "10.0.0.0/8", "any"]\n'
        'to = ["webcams", "internet", "10.11.12.0/24"]\n'
    )
    decoded = read(text({"wg0.toml": content}))
    assert decoded.problems == ()
    rule = decoded.config.interfaces["wg0"].forwards[0]
    assert tuple(map(str, rule.source.words)) == ("hub-1", "10.0.0.0/8", "any")
    assert (rule.source.peers, rule.source.networks) == (("hub-1",), (Prefix.parse("10.0.0.0/8"),))
    assert (rule.source.any, rule.source.internet) == (True, False)
    assert rule.target.networks == (Prefix.parse("10.11.12.0/24"), Prefix.parse("fd00:c::/64"))
    assert (rule.target.any, rule.target.internet) == (False, True)


def test_a_network_as_allowed_ip() -> None:
    peer = f'[peers.x]\npublic_key = "{key("x")}"\nallowed_ips = ["172.27.1.0/32", "cams"]\n'
    decoded = read(
        text({"wg0.toml": MAIN, "wgd.toml": '[networks]\ncams = "10.0.0.0/8"\n', "wg0.d/x.toml": peer})
    )
    peers = decoded.config.interfaces["wg0"].peers
    assert [one.name for one in peers] == ["hub-1", "lab", "x"]
    assert peers[2].allowed_ips == (Prefix.parse("172.27.1.0/32"), Prefix.parse("10.0.0.0/8"))
    assert decoded.config.interfaces["wg0"].networks["cams"] == (Prefix.parse("10.0.0.0/8"),)


ALLOWED = {
    "unknown": ("webcam", "which is no network of this interface", "did you mean webcams?"),
    "a peer": ("hub-1", '"hub-1" is a peer, expected a network', "write the addresses"),
    "internet": ("internet", '"internet" as an allowed IP is not supported yet', "say which"),
}


@pytest.mark.parametrize(("word", "message", "hint"), ALLOWED.values(), ids=ALLOWED)
def test_words_of_allowed_ips(word: str, message: str, hint: str) -> None:
    content = f'[peers.x]\npublic_key = "{key("x")}"\nallowed_ips = ["{word}"]\n'
    decoded = read(text({"wg0.toml": MAIN, "wg0.d/x.toml": content}))
    check(decoded.problems, Expected(3, "peers.x.allowed_ips[0]", message, hint, "wg0.d/x.toml"))


TAKEN = {
    "network by a peer": (
        "wg0.d/x.toml",
        '[networks]\nhub-1 = "10.0.0.0/8"\n',
        "wg0.d/x.toml",
        2,
        "networks.hub-1",
        "taken by the peer at wg0.toml:6",
    ),
    "peer by a network": (
        "wg0.d/x.toml",
        f'[peers.webcams]\npublic_key = "{key("x")}"\nallowed_ips = ["10.0.0.0/8"]',
        "wg0.d/x.toml",
        1,
        "peers.webcams",
        "taken by the network at wg0.toml:5",
    ),
    "peer twice": (
        "wg0.d/x.toml",
        f'[peers.lab]\npublic_key = "{key("x")}"\nallowed_ips = ["10.0.0.0/8"]',
        "wg0.d/x.toml",
        1,
        "peers.lab",
        "taken by the peer at wg0.toml:9",
    ),
    "with wgd.toml": (
        "wgd.toml",
        '[networks]\nlab = "10.0.0.0/8"\n',
        "wg0.toml",
        9,
        "peers.lab",
        "taken by the network at wgd.toml:2",
    ),
}


@pytest.mark.parametrize(("file", "content", "where", "line", "name", "message"), TAKEN.values(), ids=TAKEN)
def test_names_taken(file: str, content: str, where: str, line: int, name: str, message: str) -> None:
    decoded = read(text({"wg0.toml": MAIN, file: content}))
    check(decoded.problems, Expected(line, name, message, "give one of the two another", where))
    assert "wg0.toml" in (where, *decoded.problems[0].also)


def test_a_name_that_a_broken_file_may_define_is_no_second_problem() -> None:
    main = MAIN + '[[forward]]\nfrom = ["hub-1"]\nto = ["cams"]\n'
    decoded = read(text({"wg0.toml": main, "wgd.toml": "[networks"}))
    assert [problem.file for problem in decoded.problems] == ["wgd.toml"]
    assert decoded.broken_interfaces == {"wg0"}


def test_a_broken_network_is_no_second_problem() -> None:
    main = MAIN + '[[forward]]\nfrom = ["hub-1"]\nto = ["cams"]\n'
    decoded = read(text({"wg0.toml": main, "wgd.toml": '[networks]\ncams = "10.0.0.1/8"'}))
    assert [problem.file for problem in decoded.problems] == ["wgd.toml"]
    assert decoded.broken_interfaces == {"wg0"}


def test_a_broken_file_hurts_only_those_who_need_it() -> None:
    decoded = read(text({"wg0.toml": MAIN + RULE, "wgd.toml": "[networks"}))
    assert [problem.file for problem in decoded.problems] == ["wgd.toml"]
    assert decoded.broken_interfaces == frozenset()
