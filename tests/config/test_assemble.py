"""Checks that need a whole interface: hubs and spokes, keys, MTU, rules and forwarding."""

import pytest

from tests.config.support import NOW, Expected, check, key, read, secret, text
from wgd.config.decode import decode
from wgd.config.document import Endpoint, Forwarding
from wgd.config.keys import KeyFileError
from wgd.errors import Severity
from wgd.model import Secret

HUB = '[interface]\nrole = "hub"\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n'
SPOKE = '[interface]\naddresses = ["172.27.0.1/16"]\n'
PEER = f'[peers.a]\npublic_key = "{key("a")}"\nallowed_ips = ["172.27.0.2/32"]\n'
ENDPOINT = 'endpoint = "198.51.100.15:51820"\n'
KEEPALIVE = "persistent_keepalive = 25\n"
FORWARD = '[[forward]]\nfrom = ["a"]\nto = ["10.0.0.0/8"]\n'
MASQUERADE = '[[masquerade]]\nout = "eth0"\nto = ["10.0.0.0/8"]\n'


def _warning(line: int, name: str, message: str, hint: str = "") -> Expected:
    return Expected(line, name, message, hint, severity=Severity.WARNING)


def test_an_endpoint_alone_is_left_out_on_a_hub() -> None:
    decoded = read(text({"wg0.toml": HUB + PEER + ENDPOINT}))
    check(
        decoded.problems, _warning(8, "peers.a.endpoint", "is left out on a hub", "add persistent_keepalive")
    )
    assert decoded.config.interfaces["wg0"].peers[0].endpoint is None


def test_a_keepalive_alone_is_a_warning_on_a_hub() -> None:
    decoded = read(text({"wg0.toml": HUB + PEER + KEEPALIVE}))
    check(decoded.problems, _warning(8, "peers.a.persistent_keepalive", "calls for ever", "delete the line"))
    assert decoded.config.interfaces["wg0"].peers[0].persistent_keepalive == 25


def test_both_together_stay_on_a_hub() -> None:
    decoded = read(text({"wg0.toml": HUB + PEER + ENDPOINT + KEEPALIVE}))
    assert decoded.problems == ()
    assert decoded.config.interfaces["wg0"].peers[0].endpoint == Endpoint("198.51.100.15", 51820)


def test_a_spoke_that_nobody_can_find() -> None:
    decoded = read(text({"wg0.toml": SPOKE + PEER}))
    check(decoded.problems, _warning(3, "peers.a", "neither can find the other", "add an endpoint"))


def _keyless(file: str, private: bool) -> Secret:
    raise KeyFileError(f"no {file} {private}", "mend it", missing=file == "keys/wg0.key")


def test_key_files() -> None:
    psk = 'preshared_key_file = "a.psk"\n'
    files = text(
        {"wg0.toml": HUB + PEER + psk, "wg1.toml": '[interface]\naddresses = []\nprivate_key_file = "/k"\n'}
    )
    decoded = decode(files, _keyless, NOW)
    check(
        decoded.problems,
        Expected(1, "interface.private_key_file", "no keys/wg0.key True", "`wgd genkey wg0` makes one"),
        Expected(8, "peers.a.preshared_key_file", "no a.psk False", "mend it"),
        Expected(3, "interface.private_key_file", "no /k True", "mend it", "wg1.toml"),
    )
    assert decoded.config.held == {"wg0", "wg1"}


def test_keys_are_those_of_their_files() -> None:
    decoded = read(text({"wg0.toml": HUB + PEER + 'preshared_key_file = "a.psk"\n'}))
    interface = decoded.config.interfaces["wg0"]
    assert interface.private_key == secret("keys/wg0.key")
    assert interface.peers[0].preshared_key == secret("a.psk", False)


MTU = {
    "address": ('[interface]\naddresses = ["fd00:27::1/64"]\nmtu = 1279\n', "wg0.toml:2 is IPv6"),
    "allowed IP": (
        HUB + f'mtu = 1279\n[networks]\nx = ["fd00::/64"]\n{PEER}'.replace('"]\n', '", "fd00::2"]\n'),
        "is IPv6",
    ),
}


@pytest.mark.parametrize(("content", "message"), MTU.values(), ids=MTU)
def test_small_mtu_with_ipv6(content: str, message: str) -> None:
    problem = next(one for one in read(text({"wg0.toml": content})).problems if one.key == "interface.mtu")
    assert message in problem.message and "at least 1280" in problem.message


@pytest.mark.parametrize("mtu", [576, 1280, 65535])
def test_mtu_without_ipv6(mtu: int) -> None:
    decoded = read(text({"wg0.toml": HUB + f"mtu = {mtu}\n"}))
    assert decoded.problems == () and decoded.config.interfaces["wg0"].mtu == mtu


def test_masquerading_what_nothing_lets_pass() -> None:
    decoded = read(text({"wg0.toml": HUB + PEER + MASQUERADE}))
    check(
        decoded.problems,
        Expected(8, "masquerade[0]", "masquerades what no [[forward]] lets pass", "[[forward]]"),
    )


def test_the_rule_may_stand_in_another_file() -> None:
    assert read(text({"wg0.toml": HUB + PEER + MASQUERADE, "wg0.d/x.toml": FORWARD})).problems == ()


def test_rules_in_vain() -> None:
    decoded = read(text({"wg0.toml": HUB + 'forwarding = "unmanaged"\n' + PEER, "wg0.d/x.toml": FORWARD}))
    check(decoded.problems, Expected(5, "interface.forwarding", "a rule at wg0.d/x.toml:1", 'write "rules"'))


def test_rules_without_a_rule_let_nothing_pass() -> None:
    decoded = read(text({"wg0.toml": HUB + 'forwarding = "rules"\n'}))
    assert decoded.problems == ()
    assert decoded.config.interfaces["wg0"].forwarding is Forwarding.RULES


def test_a_broken_main_file_does_not_silence_its_drop_ins() -> None:
    decoded = read(text({"wg0.toml": PEER, "wg0.d/x.toml": '[[forward]]\nfrom = ["b"]\nto = ["a"]\n'}))
    assert [problem.file for problem in decoded.problems] == ["wg0.d/x.toml", "wg0.toml"]


@pytest.mark.parametrize("address", ["172.27.0.0/16", "172.27.255.255/16"])
def test_a_networks_address_is_no_machines(address: str) -> None:
    decoded = read(text({"wg0.toml": HUB.replace("172.27.0.1/16", address)}))
    check(
        decoded.problems,
        _warning(3, "interface.addresses[0]", "stands for the whole network", "172.27.0.1/16"),
    )
