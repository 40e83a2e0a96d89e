"""The mission's three hosts as wgd's own files: what a person would write, with the keys of one lab."""

from __future__ import annotations

from collections.abc import Mapping

HUB_ENDPOINT = "198.51.100.15:51820"
HOSTS = ("hub-1", "spoke-1", "spoke-2")

HUB_1 = """\
[interface]
role = "hub"
addresses = ["172.27.0.1/16"]
listen_port = 51820

[networks]
webcams = ["10.11.12.0/24"]

[peers.spoke-1]
public_key = "{spoke-1}"
allowed_ips = ["172.27.0.2/32"]

[peers.spoke-2]
public_key = "{spoke-2}"
allowed_ips = ["172.27.0.3/32", "webcams"]

[[forward]]
from = ["spoke-1"]
to = ["spoke-2", "webcams"]
"""

SPOKE_1 = f"""\
[interface]
addresses = ["172.27.0.2/16"]

[networks]
webcams = ["10.11.12.0/24"]

[peers.hub-1]
public_key = "{{hub-1}}"
endpoint = "{HUB_ENDPOINT}"
persistent_keepalive = 25
allowed_ips = ["172.27.0.0/16", "webcams"]
"""

SPOKE_2 = f"""\
[interface]
addresses = ["172.27.0.3/16"]

[networks]
webcams = ["10.11.12.0/24"]

[peers.hub-1]
public_key = "{{hub-1}}"
endpoint = "{HUB_ENDPOINT}"
persistent_keepalive = 25
allowed_ips = ["172.27.0.0/16"]

[[forward]]
from = ["hub-1"]
to = ["webcams"]

[[masquerade]]
out = "wlp0s0f0"
to = ["webcams"]
"""

_TEXTS = {"hub-1": HUB_1, "spoke-1": SPOKE_1, "spoke-2": SPOKE_2}


def seed_config(host: str, public_keys: Mapping[str, str]) -> str:
    """/etc/wgd/wg0.toml of one of HOSTS; `public_keys` by host name."""
    return _TEXTS[host].format(**public_keys)
