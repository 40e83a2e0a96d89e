"""Who may reach what on the mission's network, as a table, and the files that say so on the hub.

The gateway permits all that the table asks of it, so that it is the hub that decides.
"""

from __future__ import annotations

from typing import NamedTuple

HUB, ONE, TWO, CAMERA = "172.27.0.1", "172.27.0.2", "172.27.0.3", "10.11.12.7"
HUB6, ONE6, TWO6, CAMERA6 = "fd00:27::1", "fd00:27::2", "fd00:27::3", "fd00:cafe::7"
PRINTER, COPIER = "10.11.13.5", "10.11.13.14"
GUEST, OTHER_GUEST, NO_GUEST, DESK, GHOST = (
    "172.29.5.7",
    "172.29.5.8",
    "172.29.6.7",
    "192.168.9.2",
    "172.27.0.9",
)
BEYOND, NEIGHBOUR, OTHER, GATEWAY = "192.0.2.1", "198.51.100.1", "10.98.0.1", "10.0.0.3"
BEHIND_GHOST = "10.99.0.5"
SPOKE_1 = f'"{ONE}/32", "{ONE6}/128", "guests", "172.29.6.0/24", "192.168.9.0/24"'
SPOKE_2 = f'"{TWO}/32", "{TWO6}/128", "10.11.12.0/24", "fd00:cafe::/64", "10.11.13.0/24"'

WGD = '[networks]\nwebcams = ["10.11.12.0/24", "fd00:cafe::/64"]\nguests = ["172.29.5.0/24"]\nprinters = {}\n'
MAIN = f"""\
[interface]
role = "hub"
addresses = ["{HUB}/16", "{HUB6}/64"]
listen_port = 51820
forwarding = "rules"

[peers.spoke-1]
public_key = "{{spoke-1}}"
allowed_ips = [{SPOKE_1}]

[peers.spoke-2]
public_key = "{{spoke-2}}"
allowed_ips = [{SPOKE_2}]

[peers.ghost]
public_key = "{{ghost}}"
allowed_ips = ["{GHOST}/32", "10.99.0.0/24"]
enabled = false
"""


def rule(source: str, target: str, *ports: str, more: str = "") -> str:
    """One `[[forward]]`; words separated by spaces."""
    sides = ("[" + ", ".join(f'"{word}"' for word in words.split()) + "]" for words in (source, target))
    text = "[[forward]]\nfrom = {}\nto = {}\n".format(*sides)
    return text + (f"ports = {[*ports]}\n".replace("'", '"') if ports else "") + more


def entry(source: str, *ports: str) -> str:
    """One `[[input]]`."""
    return f'[[input]]\nfrom = ["{source}"]\n' + f"ports = {[*ports]}\n".replace("'", '"')


WEB = rule("spoke-1", "webcams", "tcp/80", "tcp/554")
ALARM = rule("webcams", "spoke-1", "tcp/8443")
NARROW = rule("spoke-1", "spoke-2", "udp/53", "icmp", "tcp/8000-8010")
GUESTS = rule("guests", "printers", "tcp/631", "udp/161") + rule("172.29.5.7/32", "spoke-2")
MANY = "".join(rule(f"172.29.5.{number}/32", "spoke-2", "udp/9000") for number in range(20, 33))
OUT = rule("guests", "internet", "tcp/443") + '[[masquerade]]\nout = "eth0"\nto = ["internet"]\n'
INPUT = entry("spoke-1", "tcp/22", "icmp") + entry("guests", "udp/53")
GONE = rule("spoke-1", "ghost") + rule("spoke-1", "10.99.0.0/24")

BEFORE: dict[str, str] = {
    "wgd.toml": WGD.format(f'["{PRINTER}/32"]'),
    "wg0.toml": MAIN.replace("enabled = false", "enabled = true"),
    "wg0.d/alarm.toml": ALARM,
    "wg0.d/peers.toml": rule("spoke-1", "spoke-2"),
    "wg0.d/desk.toml": rule("192.168.9.0/24", "webcams"),
    "wg0.d/gone.toml": GONE,
    "wg0.d/input.toml": entry("any", "tcp/22", "udp/53", "icmp", "tcp/8080"),
    "wg0.d/many.toml": MANY.replace("9000", "9001"),
}
EDITS: tuple[tuple[str, str | None], ...] = (
    ("wgd.toml", WGD.format('["10.11.13.0/28"]')),
    ("wg0.toml", MAIN),
    ("wg0.d/web.toml", WEB),
    ("wg0.d/alarm.toml", None),
    ("wg0.d/alarm.toml", ALARM),
    ("wg0.d/peers.toml", NARROW),
    ("wg0.d/desk.toml", None),
    ("wg0.d/guests.toml", GUESTS),
    ("wg0.d/out.toml", OUT),
    ("wg0.d/input.toml", INPUT),
    ("wg0.d/many.toml", MANY),
)
"""File by file what it becomes (None: it goes). Of one file, edits come in this order; of others in any."""


class Row(NamedTuple):
    """One packet, and whether the rules permit it. `barred`: it would not arrive without them either."""

    name: str
    sender: str
    source: str
    target: str
    what: str
    passes: bool
    sort: str = "whole"
    about: str = ""
    barred: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The hosts that see it if it passes, the last of which is meant."""
        way = ("spoke-2",) if self.sender == "camera" else ()
        if self.target in (CAMERA, CAMERA6, PRINTER, COPIER):
            return (*way, "spoke-2", "camera")
        if self.target == GATEWAY:
            return ("spoke-2", "spoke-1")
        where = {"spoke-1": (ONE, ONE6, GUEST, OTHER_GUEST, DESK), "spoke-2": (TWO, TWO6)}
        where |= {"hub-1": (HUB, HUB6, OTHER), "internet": (BEYOND, GHOST, BEHIND_GHOST)}
        return (*way, *(host for host, own in where.items() if self.target in own))


def from_one(name: str, target: str, what: str, passes: bool, sort: str = "whole", source: str = "") -> Row:
    """A packet of spoke-1's own, or (`source`) of somebody behind it."""
    own = ONE6 if ":" in target else ONE
    return Row(name, "spoke-1", source or own, target, what, passes, sort)


REQUESTS: tuple[Row, ...] = (
    # a peer and what is behind another
    from_one("web", CAMERA, "tcp/80", True),
    from_one("another port of the list", CAMERA, "tcp/554", True),
    from_one("a port beside it", CAMERA, "tcp/81", False),
    from_one("the port in another protocol", CAMERA, "udp/80", False),
    from_one("ping where ports are listed", CAMERA, "icmp", False),
    from_one("another protocol where ports are listed", CAMERA, "47", False),
    from_one("web in IPv6", CAMERA6, "tcp/80", True),
    from_one("another port in IPv6", CAMERA6, "tcp/81", False),
    from_one("the other protocol in IPv6", CAMERA6, "udp/554", False),
    from_one("ping in IPv6 where ports are listed", CAMERA6, "icmp", False),
    from_one("what is behind a peer is not the peer", CAMERA, "udp/53", False),
    from_one("a network that no rule gives to a peer", PRINTER, "tcp/631", False),
    # peer to peer
    from_one("a narrowed rule's port", TWO, "udp/53", True),
    from_one("a narrowed rule's ping", TWO, "icmp", True),
    from_one("what it permitted before", TWO, "tcp/22", False),
    from_one("the first port of a range", TWO, "tcp/8000", True),
    from_one("inside a range", TWO, "tcp/8005", True),
    from_one("the last port of a range", TWO, "tcp/8010", True),
    from_one("before a range", TWO, "tcp/7999", False),
    from_one("behind a range", TWO, "tcp/8011", False),
    from_one("the range in the other protocol", TWO, "udp/8005", False),
    from_one("a peer in IPv6", TWO6, "udp/53", True),
    from_one("a peer's ping in IPv6", TWO6, "icmp", True),
    from_one("a peer in IPv6, another port", TWO6, "udp/54", False),
    Row("the other direction of a rule", "spoke-2", TWO, ONE, "udp/53", False),
    Row("the other direction's ping", "spoke-2", TWO, ONE, "icmp", False),
    Row("the other direction in IPv6", "spoke-2", TWO6, ONE6, "udp/53", False),
    # cameras
    Row("a camera's alarm, granted again", "camera", CAMERA, ONE, "tcp/8443", True),
    Row("a camera's alarm in IPv6", "camera", CAMERA6, ONE6, "tcp/8443", True),
    Row("a camera at another port", "camera", CAMERA, ONE, "tcp/8444", False),
    Row("a camera's ping", "camera", CAMERA, ONE, "icmp", False),
    Row("a camera to another's address", "camera", CAMERA, GUEST, "tcp/8443", False),
    Row("a camera to the hub", "camera", CAMERA, HUB, "tcp/8443", False),
    Row("a camera to the hub's ssh", "camera", CAMERA, HUB, "tcp/22", False),
    Row("a printer as if it were a camera", "camera", PRINTER, ONE, "tcp/8443", False),
    # a range behind a peer, revoked
    from_one("revoked web", CAMERA, "tcp/80", False, source=DESK),
    from_one("revoked, everything else", CAMERA, "udp/9", False, source=DESK),
    from_one("never granted", TWO, "udp/53", False, source=DESK),
    # named groups, and one of their members
    from_one("a group", PRINTER, "tcp/631", True, source=GUEST),
    from_one("a group's other protocol", PRINTER, "udp/161", True, source=OTHER_GUEST),
    from_one("a group that became wider", COPIER, "tcp/631", True, source=GUEST),
    from_one("a group's other port", PRINTER, "tcp/9100", False, source=GUEST),
    from_one("who is not in the group", PRINTER, "tcp/631", False, source=NO_GUEST),
    from_one("a group elsewhere", CAMERA, "tcp/80", False, source=GUEST),
    from_one("one member more: everything", TWO, "99", True, source=GUEST),
    from_one("one member more: TCP", TWO, "tcp/1", True, source=GUEST),
    from_one("the other members less", TWO, "tcp/1", False, source=OTHER_GUEST),
    from_one("one of many in a set", TWO, "udp/9000", True, source="172.29.5.25"),
    from_one("what those of the set could before", TWO, "udp/9001", False, source="172.29.5.25"),
    from_one("one beside the set", TWO, "udp/9000", False, source="172.29.5.40"),
    # out of the network
    from_one("the internet", BEYOND, "tcp/443", True, source=GUEST),
    from_one("the internet at another port", BEYOND, "tcp/80", False, source=GUEST),
    from_one("the internet for somebody else", BEYOND, "tcp/443", False),
    from_one("a disabled peer", GHOST, "tcp/80", False)._replace(barred=True),
    from_one("what is behind it, never in plaintext", BEHIND_GHOST, "tcp/80", False),
    # the hub itself
    from_one("ssh", HUB, "tcp/22", True),
    from_one("the hub's ping", HUB, "icmp", True),
    from_one("ssh in IPv6", HUB6, "tcp/22", True),
    from_one("what was let in before", HUB, "tcp/8080", False),
    from_one("a group's DNS", HUB, "udp/53", True, source=GUEST),
    from_one("a group's ssh", HUB, "tcp/22", False, source=GUEST),
    from_one("another address of the hub", OTHER, "tcp/8080", False),
    from_one("another address of the hub, where permitted", OTHER, "tcp/22", True),
    Row("another peer's ssh", "spoke-2", TWO, HUB, "tcp/22", False),
    # sources that are not the sender's
    Row("a peer as another", "spoke-2", ONE, HUB, "tcp/22", False, barred=True),
    Row("a peer as a guest", "spoke-2", GUEST, HUB, "udp/53", False, barred=True),
    Row("a peer as a camera of another", "spoke-1", CAMERA, TWO, "udp/53", False, barred=True),
    Row("a peer as nobody", "spoke-1", "172.27.99.9", HUB, "tcp/22", False, barred=True),
    Row("a neighbour as a peer", "internet", ONE, TWO, "udp/53", False),
    Row("a neighbour as a guest", "internet", GUEST, TWO, "tcp/1", False),
    Row("a neighbour as himself", "internet", NEIGHBOUR, TWO, "udp/53", False, barred=True),
    Row("a neighbour as a camera", "internet", CAMERA, ONE, "tcp/8443", False),
    Row("a neighbour as one of a set", "internet", "172.29.5.25", TWO, "udp/9000", False),
    # fragments
    from_one("fragments, permitted", TWO, "udp/53", True, "fragments"),
    from_one("fragments, forbidden", TWO, "udp/54", False, "fragments"),
    from_one("tiny fragments, permitted", TWO, "tcp/8000", True, "tiny"),
    from_one("tiny fragments, forbidden", TWO, "tcp/22", False, "tiny"),
    from_one("the last fragment of nothing", TWO, "udp/53", False, "last")._replace(barred=True),
)


def answer(name: str, row: str, passes: bool, sort: str = "reply", what: str = "", about: str = "") -> Row:
    """What the target of a packet sends back: `about` that one, or (`about`) another that never came."""
    asked = next(one for one in REQUESTS if one.name == row)
    sender = asked.path[-1]
    to = GATEWAY if sender == "camera" and asked.target == CAMERA else asked.source
    return Row(name, sender, asked.target, to, what or asked.what, passes, sort, about or row)


ANSWERS: tuple[Row, ...] = (
    answer("a reply", "a narrowed rule's port", True),
    answer("a reply through masquerading", "web", True),
    answer("a reply in IPv6", "a peer in IPv6", True),
    answer("an answer to a ping", "a narrowed rule's ping", True),
    answer("a reply of TCP", "inside a range", True),
    answer("a reply to a member's TCP", "one member more: TCP", True),
    answer("a reply from another port", "a narrowed rule's port", False, what="udp/5353"),
    answer(
        "a reply to what never came",
        "a narrowed rule's port",
        False,
        what="udp/53",
        about="what it permitted before",
    ),
    answer("an error about what came", "the last port of a range", True, "error"),
    answer("too big, about what came", "the first port of a range", True, "too big"),
    answer("an error in IPv6", "a peer in IPv6", True, "error"),
    answer("an error about what never came", "before a range", False, "error"),
)
