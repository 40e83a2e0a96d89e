"""What is asked about, and what was observed for it: the arguments of all diagnoses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

from wgd.config.document import Config, PortRange
from wgd.firewalls.walk import Ruleset
from wgd.model import State
from wgd.values import field, value

IPAddress = IPv4Address | IPv6Address

UNICAST, LOCAL = "unicast", "local"


@value
class Lookup:
    """A question for the kernel's routing. With `incoming`, a device, it is about a packet from `source` that
    came in there and is to go on; `mark` as on WireGuard's own packets."""

    address: IPAddress
    mark: int = 0
    incoming: str = ""
    source: IPAddress | None = None


@value
class Way:
    """The kernel's answer. `kind` is UNICAST, LOCAL (this machine itself) or another sort of route; `source`
    is what a packet from here would say; `mtu` the route's own, 0 for none. `errno`: no packet goes there."""

    kind: str = ""
    device: str = ""
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    mtu: int = 0
    errno: int = 0

    @property
    def leads(self) -> bool:
        """To another machine."""
        return not self.errno and self.kind == UNICAST


@value
class Asked:
    """About packets to `address`; of this machine itself, or (`source`) those that come from there. `port`
    None: whichever."""

    address: IPAddress
    source: IPAddress | None = None
    port: PortRange | None = None


@value
class Sight:
    """One look at the machine. `route` answers questions about routing; `filters`: device ("all" too) → its
    rp_filter; `ruleset`: the rules of other firewalls. `unseen`: kinds of objects that could not be read.
    `saved`: when a file was saved last, in seconds since the epoch. `mended`: a daemon runs. `broken`:
    interfaces whose files cannot be used as they are. `answered`: source and target, as numbers, of forwarded
    connections that were answered and not translated."""

    config: Config
    state: State
    route: Callable[[Lookup], Way]
    filters: Mapping[str, int] = field(default_factory=dict)
    ruleset: Ruleset = field(default_factory=Ruleset)
    unseen: frozenset[str] = frozenset()
    saved: float = 0.0
    mended: bool = False
    broken: frozenset[str] = frozenset()
    answered: frozenset[tuple[int, int]] = frozenset()
