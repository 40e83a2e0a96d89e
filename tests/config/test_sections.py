"""Every key of every section: what it refuses, where, and what it says; and what it accepts."""

import datetime
from ipaddress import ip_address, ip_interface

import pytest

from tests.config.support import Expected, check, key, read, text
from wgd.config.document import (
    MTU_AUTO,
    Endpoint,
    Forwarding,
    Interface,
    PortRange,
    Role,
)
from wgd.prefixes import Prefix

PEER = f'public_key = "{key("a")}"\nallowed_ips = ["172.27.0.2/32"]\n'


def _interface(line: str) -> str:
    return f'[interface]\naddresses = ["172.27.0.1/16"]\nlisten_port = 51820\n{line}\n'


def _peer(line: str, *without: str) -> str:
    lines = [own for own in PEER.splitlines() if own.split(" ")[0] not in without]
    return _interface("") + "\n".join(["[peers.a]", line, *lines]) + "\n"


def _rule(line: str, *without: str) -> str:
    lines = [own for own in ('from = ["a"]', 'to = ["10.11.12.0/24"]') if own.split(" ")[0] not in without]
    return _peer("") + "\n".join(["[[forward]]", line, *lines]) + "\n"


def _masquerade(line: str, *without: str) -> str:
    lines = [own for own in ('out = "eth0"', 'to = ["10.11.12.0/24"]') if own.split(" ")[0] not in without]
    return _rule("") + "\n".join(["[[masquerade]]", line, *lines]) + "\n"


def _input(line: str, *without: str) -> str:
    lines = [own for own in ('from = ["a"]',) if own.split(" ")[0] not in without]
    return _peer("") + "\n".join(["[[input]]", line, *lines]) + "\n"


INTERFACE = {
    "unknown key": (
        "lisen_port = 1",
        "lisen_port",
        "unknown key in [interface]",
        "did you mean listen_port?",
    ),
    "far from any key": ("zzz = 1", "zzz", "unknown key", "known here: role, addresses"),
    "of another section": ('endpoint = "a:1"', "endpoint", "unknown key", "endpoint belongs in [peers.NAME]"),
    "wg-quick's spelling": ("ListenPort = 1", "ListenPort", "unknown key", "did you mean listen_port?"),
    "wg-quick's command": ('PostUp = "x"', "PostUp", "unknown key", "wgd runs no commands"),
    "key in the file": (
        f'PrivateKey = "{key("x")}"',
        "PrivateKey",
        "unknown key",
        "file of its own: private_key_file",
    ),
    "nearly addresses": ('Address = "x"', "Address", "unknown key", "did you mean addresses?"),
    "table": ('table = "off"', "table", "is not supported yet", "later version"),
    "dns": ('dns = ["10.0.0.1"]', "dns", "is not supported yet", "later version"),
    "dns_search": ('dns_search = "x"', "dns_search", "is not supported yet", "later version"),
    "netns": ('netns = "x"', "netns", "is not supported yet", "later version"),
    "role": ('role = "server"', "role", 'found "server", expected "hub" or "spoke"', ""),
    "role of another type": ("role = 1", "role", "found 1, expected", ""),
    "key file": (
        "private_key_file = 1",
        "private_key_file",
        "found 1, expected the name of a key file",
        "quotes",
    ),
    "no key file": ('private_key_file = ""', "private_key_file", "found an empty string", ""),
    "key for key file": (
        f'private_key_file = "{key("x")}"',
        "private_key_file",
        "looks like the key itself",
        "file of its own",
    ),
    "zero byte": ('private_key_file = "a\\u0000"', "private_key_file", "zero byte", ""),
    "mtu too small": ("mtu = 575", "mtu", "found 575, expected a number from 1280 to 65535", ""),
    "mtu too large": ("mtu = 65536", "mtu", "found 65536", ""),
    "mtu as text": ('mtu = "1420"', "mtu", 'found "1420"', "write 1420, without quotes"),
    "mtu true": ("mtu = true", "mtu", "found true", ""),
    "fwmark": (
        "fwmark = 4294967296",
        "fwmark",
        "found 4294967296, expected a number from 0 to 4294967295",
        "",
    ),
    "fwmark as text": ('fwmark = "0xca6c"', "fwmark", "found", "write 0xca6c, without quotes"),
    "huge fwmark": ("fwmark = 0x" + "f" * 5000, "fwmark", "found a number of more than 64 bits", ""),
    "strip_after without a hub": ("strip_after = 60", "strip_after", "is for a hub", 'add role = "hub"'),
    "clamp_mss as number": ("clamp_mss = 1360", "clamp_mss", "expected true or false", ""),
    "another chain": (
        'foreign = "ufw"',
        "foreign",
        'expected "docker-user" or "iptables-forward"',
        "",
    ),
    "nothing to open": ('foreign = "docker-user"', "foreign", "no rules about what passes", "[[forward]]"),
    "nothing to close": ("fail_closed = true", "fail_closed", "no rules about what passes", "[[forward]]"),
    "strip_after as text": (
        'strip_after = "9 min"',
        "strip_after",
        'found "9 min", expected a number of seconds from 0 to',
        "",
    ),
    "adopt": ('adopt = "yes"', "adopt", 'found "yes", expected true or false', "write true, without quotes"),
    "enabled": ("enabled = 0", "enabled", "found 0, expected true or false", "write false"),
    "enabled array": ("enabled = [true]", "enabled", "found an array, expected true or false", ""),
    "forwarding": ('forwarding = "on"', "forwarding", 'expected "rules" or "unmanaged"', ""),
}


@pytest.mark.parametrize(("line", "name", "message", "hint"), INTERFACE.values(), ids=INTERFACE)
def test_interface(line: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": _interface(line)}))
    check(decoded.problems, Expected(4, f"interface.{name}", message, hint))
    assert decoded.broken_interfaces == decoded.config.held == {"wg0"}
    assert key("x") not in "".join(map(str, decoded.problems))


PORTS = {
    "0": "found 0",
    "65536": "found 65536",
    '"51820"': 'found "51820"',
    "true": "found true",
    "1.5": "found 1.5",
}


@pytest.mark.parametrize(("value", "message"), PORTS.items(), ids=PORTS)
def test_listen_port(value: str, message: str) -> None:
    decoded = read(text({"wg0.toml": f"[interface]\naddresses = []\nlisten_port = {value}\n"}))
    check(
        decoded.problems,
        Expected(3, "interface.listen_port", f"{message}, expected a UDP port from 1 to 65535"),
    )


ADDRESSES = {
    "bare": (
        '["172.27.0.1"]',
        "[0]",
        "found 172.27.0.1 without prefix length",
        "172.27.0.1/32 for the address alone",
    ),
    "no address": ('["hub"]', "[0]", 'found "hub", expected an address with its prefix length', ""),
    "no text": ("[1]", "[0]", "found 1, expected an address", ""),
    "prefix too long": ('["172.27.0.1/33"]', "[0]", 'found "172.27.0.1/33"', "from 0 to 32"),
    "IPv6 prefix too long": ('["fd00::1/129"]', "[0]", "found", "from 0 to 128"),
    "netmask": ('["172.27.0.1/255.255.0.0"]', "[0]", "found", "prefix length"),
    "leading zero": ('["172.27.0.01/16"]', "[0]", "found", "leading zeros"),
    "three numbers": ('["172.27.1/16"]', "[0]", "found", "four numbers"),
    "two in one": ('["172.27.0.1/16, fd00::1/64"]', "[0]", "found", "its own quotes"),
    "blanks": ('[" 172.27.0.1/16"]', "[0]", "blanks around it", "remove the blanks"),
    "zone": ('["fe80::1%eth0/64"]', "[0]", "found", "from % on"),
    "multicast": ('["224.0.0.1/24"]', "[0]", "which no interface", ""),
    "unspecified": ('["0.0.0.0/8"]', "[0]", "which no interface", ""),
    "loopback": ('["::1/128"]', "[0]", "which no interface", ""),
    "no array": (
        '"172.27.0.1/16"',
        "",
        'found "172.27.0.1/16", expected an array',
        'addresses = ["172.27.0.1/16"]',
    ),
    "table": ("{}", "", "found a table, expected an array", 'like ["172.27.0.1/16"]'),
    "twice": ('["172.27.0.1/16", "172.27.0.1/24"]', "[1]", "172.27.0.1 stands here twice", "keep one"),
}


@pytest.mark.parametrize(("value", "name", "message", "hint"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses(value: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": f"[interface]\naddresses = {value}\n"}))
    check(decoded.problems, Expected(2, f"interface.addresses{name}", message, hint))


PEERS = {
    "unknown key": ("endpiont = 1", "endpiont", "unknown key in [peers.NAME]", "did you mean endpoint?"),
    "wg-quick's spelling": ("AllowedIPs = 1", "AllowedIPs", "unknown key", "did you mean allowed_ips?"),
    "secret in the file": (
        f'PresharedKey = "{key("x")}"',
        "PresharedKey",
        "unknown key",
        "preshared_key_file",
    ),
    "misspelt secret": (f'preshared = "{key("x")}"', "preshared", "unknown key", ""),
    "no port": ('endpoint = "198.51.100.15"', "endpoint", "without a port", "198.51.100.15:51820"),
    "bracketed, no port": ('endpoint = "[fd00::1]"', "endpoint", "without a port", "[fd00::1]:51820"),
    "port 0": ('endpoint = "hub:0"', "endpoint", 'found the port "0"', ""),
    "port too large": ('endpoint = "hub:65536"', "endpoint", "expected a port from 1 to 65535", ""),
    "port no number": ('endpoint = "hub:x"', "endpoint", 'found the port "x"', ""),
    "IPv6 without brackets": ('endpoint = "2001:db8::1:51820"', "endpoint", "found", "[2001:db8::1]:51820"),
    "bare IPv6": ('endpoint = "2001:db8::1"', "endpoint", "found", "[2001:db8::1]:51820"),
    "no IPv6 in brackets": (
        'endpoint = "[hub]:1"',
        "endpoint",
        "expected an IPv6 address in the brackets",
        "",
    ),
    "zone": ('endpoint = "[fe80::1%eth0]:1"', "endpoint", "zone (%) is not supported yet", ""),
    "not an address": ('endpoint = "300.1.1.1:1"', "endpoint", "whose address is not valid", ""),
    "not one machine": ('endpoint = "0.0.0.0:1"', "endpoint", "address of one machine", ""),
    "scheme": ('endpoint = "udp://hub:1"', "endpoint", "found", "leave udp:// out"),
    "no host name": ('endpoint = "my hub:1"', "endpoint", 'found "my hub:1"', ""),
    "empty label": ('endpoint = "hub..org:1"', "endpoint", "found", ""),
    "no host": ('endpoint = ":1"', "endpoint", "found", ""),
    "endpoint a number": ("endpoint = 51820", "endpoint", "found 51820, expected an endpoint", "quotes"),
    "keepalive": (
        "persistent_keepalive = 65536",
        "persistent_keepalive",
        "a number of seconds from 0 to 65535",
        "",
    ),
    "keepalive negative": ("persistent_keepalive = -1", "persistent_keepalive", "found -1", ""),
    "keepalive as text": (
        'persistent_keepalive = "25"',
        "persistent_keepalive",
        "found",
        "write 25, without",
    ),
    "keepalive true": ("persistent_keepalive = true", "persistent_keepalive", "found true", ""),
    "routes": ('routes = "off"', "routes", "expected true or false", "write false"),
    "enabled": ("enabled = 1", "enabled", "found 1, expected true or false", "write true"),
    "no offset": (
        "expires = 2030-01-31T12:00:00",
        "expires",
        "without offset",
        "2030-01-31T12:00:00Z for UTC",
    ),
    "a date": ("expires = 2030-01-31", "expires", "found the date 2030-01-31", "2030-01-31T00:00:00Z"),
    "a time": ("expires = 12:00:00", "expires", "found a time", ""),
    "date as text": ('expires = "2030-01-31T12:00:00Z"', "expires", "found", "without quotes"),
    "key for key file": (
        f'preshared_key_file = "{key("x")}"',
        "preshared_key_file",
        "looks like the key",
        "",
    ),
}


@pytest.mark.parametrize(("line", "name", "message", "hint"), PEERS.values(), ids=PEERS)
def test_peer(line: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": _peer(line)}))
    check(decoded.problems, Expected(6, f"peers.a.{name}", message, hint))
    assert key("x") not in "".join(map(str, decoded.problems))


KEYS = {
    "number": ("1", "found 1, expected a public key: 44 characters"),
    "empty": ('""', "found an empty string"),
    "short": (f'"{key("x")[:-2]}="', "found 43 characters that are no key"),
    "blank after it": (f'"{key("x")} "', "found 45 characters that are no key"),
    "not base64": (f'"{"!" + key("x")[1:]}"', "found 44 characters that are no key"),
    "31 bytes": ('"' + "A" * 41 + 'A=="', "found 44 characters that are no key"),
    "spare bits": ('"' + "A" * 42 + 'B="', "found 44 characters that are no key"),
    "not ASCII": ('"' + "ä" * 43 + '="', "found 44 characters that are no key"),
    "zeros": ('"' + "A" * 43 + '="', "32 zero bytes"),
}


@pytest.mark.parametrize(("value", "message"), KEYS.values(), ids=KEYS)
def test_public_key(value: str, message: str) -> None:
    decoded = read(text({"wg0.toml": _peer(f"public_key = {value}", "public_key")}))
    check(decoded.problems, Expected(6, "peers.a.public_key", message))
    assert key("x")[1:40] not in "".join(map(str, decoded.problems))


ALLOWED = {
    "host bits": ('["10.11.12.7/24"]', "[0]", "host bits set, expected a network", "write 10.11.12.0/24"),
    "all": ('["0.0.0.0/0"]', "[0]", "0.0.0.0/0 (all addresses) is not supported yet", "name the networks"),
    "all of IPv6": ('["::/0"]', "[0]", "::/0 (all addresses) is not supported yet", ""),
    "not a CIDR": ('["10.11.12/24"]', "[0]", 'found "10.11.12/24", expected a network', "four numbers"),
    "inverse mask": ('["10.0.0.0/0.0.0.255"]', "[0]", "found", "prefix length"),
    "number": ("[10]", "[0]", "found 10, expected a network like 10.11.12.0/24, or a name", "quotes"),
    "second of two": ('["10.0.0.0/8", "x/y"]', "[1]", 'found "x/y"', ""),
    "any": ('["any"]', "[0]", '"any" as an allowed IP is not supported yet', "say which"),
    "no array": ('"10.0.0.0/8"', "", "expected an array", 'allowed_ips = ["10.0.0.0/8"]'),
}


@pytest.mark.parametrize(("value", "name", "message", "hint"), ALLOWED.values(), ids=ALLOWED)
def test_allowed_ips(value: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": _peer(f"allowed_ips = {value}", "allowed_ips")}))
    check(decoded.problems, Expected(6, f"peers.a.allowed_ips{name}", message, hint))


MISSING = {
    "addresses": ("[interface]\n", Expected(1, "interface", "addresses is missing", "addresses = [")),
    "public_key": (_peer("", "public_key"), Expected(5, "peers.a", "public_key is missing", "wgd pubkey")),
    "allowed_ips": (
        _peer("", "allowed_ips"),
        Expected(5, "peers.a", "allowed_ips is missing", "allowed_ips = ["),
    ),
    "from": (_rule("", "from"), Expected(9, "forward[0]", "from is missing", "who may open")),
    "to": (_rule("", "to"), Expected(9, "forward[0]", "to is missing", "where connections may go")),
    "out": (_masquerade("", "out"), Expected(13, "masquerade[0]", "out is missing", "eth0")),
    "from of input": (_input("", "from"), Expected(9, "input[0]", "from is missing", "to this machine")),
    "to of masquerade": (_masquerade("", "to"), Expected(13, "masquerade[0]", "to is missing", '["any"]')),
}


@pytest.mark.parametrize(("content", "expected"), MISSING.values(), ids=MISSING)
def test_missing(content: str, expected: Expected) -> None:
    check(read(text({"wg0.toml": content})).problems, expected)


NETWORKS = {
    "host bits": ('cams = ["10.11.12.7/24"]', "cams[0]", "host bits", "10.11.12.0/24"),
    "host bits, alone": ('cams = "10.11.12.7/24"', "cams", "host bits", "10.11.12.0/24"),
    "all": ('cams = "0.0.0.0/0"', "cams", "not supported yet", '"any"'),
    "empty": ("cams = []", "cams", "found an empty array", "address range"),
    "number": ("cams = 10", "cams", "found 10, expected an array", ""),
    "name inside": ('cams = ["lan"]', "cams[0]", 'found "lan", expected a network', ""),
    "any": ('any = "10.0.0.0/8"', "any", '"any" is reserved', ""),
    "address for name": ('"10.0.0.1" = "10.0.0.0/8"', '"10.0.0.1"', "reads as an address", ""),
    "blank in name": ('"my cams" = "10.0.0.0/8"', '"my cams"', "cannot be a name", ""),
}


@pytest.mark.parametrize(("line", "name", "message", "hint"), NETWORKS.values(), ids=NETWORKS)
def test_networks(line: str, name: str, message: str, hint: str) -> None:
    decoded = read(text({"wg0.toml": _interface("") + f"[networks]\n{line}\n"}))
    check(decoded.problems, Expected(6, f"networks.{name}", message, hint))


RULES = {
    "unknown key": (_rule("port = 80"), 10, "forward[0].port", "unknown key in [[forward]]", "ports"),
    "no ports": (_rule("ports = []"), 10, "forward[0].ports", "empty array", "leave ports out"),
    "port number": (_rule("ports = [80]"), 10, "forward[0].ports[0]", "found 80", '"tcp/80" or "udp/80"'),
    "port text": (_rule('ports = ["80"]'), 10, "forward[0].ports[0]", 'found "80"', '"tcp/80"'),
    "swapped": (_rule('ports = ["80/tcp"]'), 10, "forward[0].ports[0]", "found", '"tcp/80"'),
    "protocol alone": (_rule('ports = ["tcp"]'), 10, "forward[0].ports[0]", "found", "tcp/1-65535"),
    "ICMPv6": (_rule('ports = ["icmpv6"]'), 10, "forward[0].ports[0]", "found", "both versions"),
    "port 0": (_rule('ports = ["tcp/0"]'), 10, "forward[0].ports[0]", "from 1 to 65535", ""),
    "port too large": (_rule('ports = ["tcp/65536"]'), 10, "forward[0].ports[0]", "from 1 to 65535", ""),
    "range backwards": (_rule('ports = ["tcp/9-8"]'), 10, "forward[0].ports[0]", "ends before", "tcp/8-9"),
    "ports as text": (_rule('ports = "tcp/80"'), 10, "forward[0].ports", "expected an array", '["tcp/80"]'),
    "empty from": (_rule("from = []", "from"), 10, "forward[0].from", "empty array", "who may open"),
    "from as text": (_rule('from = "a"', "from"), 10, "forward[0].from", "expected an array", 'from = ["a"]'),
    "host bits": (_rule('to = ["10.0.0.1/8"]', "to"), 10, "forward[0].to[0]", "host bits", "10.0.0.0/8"),
    "all": (_rule('to = ["0.0.0.0/0"]', "to"), 10, "forward[0].to[0]", "not supported yet", '"any"'),
    "device too long": (_rule('in = "sixteen-letters-"'), 10, "forward[0].in", "16 characters", ""),
    "device with slash": (_rule('out = "eth0/1"'), 10, "forward[0].out", "letters, digits", ""),
    "device reserved": (_rule('out = "all"'), 10, "forward[0].out", "reserved", ""),
    "device number": (_rule("out = 0"), 10, "forward[0].out", "expected the name of a network device", ""),
    "its own device": (_rule('in = "wg0"'), 10, "forward[0].in", "is wg0 itself", "delete it"),
    "masquerade into itself": (
        _masquerade('out = "wg0"', "out"),
        14,
        "masquerade[0].out",
        "is wg0 itself",
        "",
    ),
    "no device of an input": (_input('in = "eth0"'), 10, "input[0].in", "unknown key", "[[forward]]"),
    "no port of an input": (_input("ports = []"), 10, "input[0].ports", "empty array", "leave ports out"),
    "the internet is not behind it": (
        _input('from = ["a", "internet"]', "from"),
        10,
        "input[0].from[1]",
        "expected who is behind wg0",
        '"any"',
    ),
    "no single address": (
        _masquerade('snat = "10.0.0.0/8"'),
        14,
        "masquerade[0].snat",
        "expected one address",
        'write "10.0.0.0"',
    ),
    "no address": (_masquerade('snat = "eth0"'), 14, "masquerade[0].snat", "expected one address", ""),
    "nobody's address": (_masquerade('snat = "127.0.0.1"'), 14, "masquerade[0].snat", "could answer", ""),
    "the other IP version": (
        _masquerade('snat = "2001:db8::7"'),
        14,
        "masquerade[0].snat",
        "10.11.12.0/24 in `to` is IPv4",
        "a [[masquerade]] of its own",
    ),
    "an address that is called otherwise": (
        _masquerade('source = "10.0.0.7"'),
        14,
        "masquerade[0].source",
        "unknown key",
        "did you mean snat?",
    ),
    "masquerade's key": (_masquerade('from = ["a"]'), 14, "masquerade[0].from", "unknown key", "[[forward]]"),
}


@pytest.mark.parametrize(("content", "line", "name", "message", "hint"), RULES.values(), ids=RULES)
def test_rules(content: str, line: int, name: str, message: str, hint: str) -> None:
    check(read(text({"wg0.toml": content})).problems, Expected(line, name, message, hint))


def _only(content: str) -> Interface:
    decoded = read(text({"wg0.toml": content}))
    assert decoded.problems == ()
    return decoded.config.interfaces["wg0"]


def test_every_interface_key_is_read() -> None:
    interface = _only(
        """
        [interface]
        role = "hub"
        addresses = ["172.27.0.1/16", "fd00:27::1/64"]
        listen_port = 1
        mtu = "auto"
        fwmark = 0xca6c
        adopt = true
        enabled = false
        forwarding = "rules"
        clamp_mss = false
        fail_closed = true
        log_drops = true
        """
    )
    assert (interface.clamp_mss, interface.fail_closed, interface.log_drops) == (False, True, True)
    assert interface.role is Role.HUB
    assert interface.addresses == (ip_interface("172.27.0.1/16"), ip_interface("fd00:27::1/64"))
    assert (interface.listen_port, interface.mtu, interface.fwmark) == (1, MTU_AUTO, 0xCA6C)
    assert (interface.adopt, interface.enabled, interface.forwarding) == (True, False, Forwarding.RULES)


def test_defaults() -> None:
    interface = _only(_peer(""))
    assert (interface.role, interface.mtu, interface.fwmark) == (Role.SPOKE, None, 0)
    assert (interface.clamp_mss, interface.fail_closed, interface.log_drops) == (None, False, False)
    assert (interface.adopt, interface.enabled, interface.forwarding) == (False, True, Forwarding.UNMANAGED)
    peer = interface.peers[0]
    assert (peer.endpoint, peer.persistent_keepalive, peer.preshared_key, peer.expires) == (
        None,
        0,
        None,
        None,
    )
    assert peer.routes and peer.enabled


def test_one_rule_makes_forwarding_a_matter_of_rules() -> None:
    assert _only(_rule("")).forwarding is Forwarding.RULES


ENDPOINTS = {
    "198.51.100.15:51820": Endpoint("198.51.100.15", 51820),
    "[2001:db8:0::1]:1": Endpoint("2001:db8::1", 1),
    "hub-1.example.org:65535": Endpoint("hub-1.example.org", 65535),
    "hub.:1": Endpoint("hub.", 1),
}


@pytest.mark.parametrize(("written", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_endpoints(written: str, endpoint: Endpoint) -> None:
    assert _only(_peer(f'endpoint = "{written}"')).peers[0].endpoint == endpoint


def test_every_peer_key_is_read() -> None:
    lines = 'preshared_key_file = "keys/a.psk"\nroutes = false\nenabled = false\n'
    lines += "expires = 2030-01-31 12:00:00+01:00"
    peer = _only(_peer(lines + "\npersistent_keepalive = 25")).peers[0]
    assert peer.preshared_key is not None
    assert (peer.routes, peer.enabled, peer.persistent_keepalive) == (False, False, 25)
    assert peer.expires == datetime.datetime(2030, 1, 31, 11, tzinfo=datetime.UTC)


def test_a_bare_address_is_that_address_alone() -> None:
    peer = _only(_peer('allowed_ips = ["172.27.0.2", "fd00::2"]', "allowed_ips")).peers[0]
    assert peer.allowed_ips == (Prefix.parse("172.27.0.2/32"), Prefix.parse("fd00::2/128"))


def test_a_rule() -> None:
    rule = _only(_rule('ports = ["tcp/80", "udp/5000-5010", "icmp"]\nin = "eth0"\nout = "eth1"')).forwards[0]
    assert rule.ports == (PortRange("tcp", 80, 80), PortRange("udp", 5000, 5010), PortRange("icmp"))
    assert (rule.incoming, rule.outgoing) == ("eth0", "eth1")
    assert rule.source.peers == ("a",)
    assert rule.target.networks == (Prefix.parse("10.11.12.0/24"),)


def test_an_input() -> None:
    rule = _only(_input('ports = ["tcp/22"]')).inputs[0]
    assert (rule.source.peers, rule.ports) == (("a",), (PortRange("tcp", 22, 22),))


def test_a_masquerade() -> None:
    masquerade = _only(_masquerade("")).masquerades[0]
    assert (masquerade.out, str(masquerade.target), masquerade.snat) == ("eth0", "10.11.12.0/24", None)
    assert _only(_masquerade('snat = "10.0.0.7"')).masquerades[0].snat == ip_address("10.0.0.7")
