"""How a prefix leaves a peer without a gap for those that stay: by name, or over a dummy peer. Pure.

It must never come to replacing the whole list: until the last one is in again, packets find no peer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from wgd.kinds.peer import PeerEdit
from wgd.values import replace

_SINCE = (6, 16)
"""The first Linux that removes a prefix by name (WGALLOWEDIP_F_REMOVE_ME); older ones refuse to."""


def by_name(release: str) -> bool:
    """Whether the kernel of this release (`uname -r`) can remove a prefix by name."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= _SINCE


def over_dummy(interface: str, edits: Sequence[PeerEdit]) -> list[PeerEdit]:
    """The same edits for a WireGuard that cannot: adding a prefix to another peer moves it there, so a dummy
    takes what goes, and is removed with it."""
    going = tuple(prefix for edit in edits if not edit.remove for prefix in edit.remove_allowed_ips)
    if not going:
        return list(edits)
    dummy = hashlib.sha256(f"wgd allowed IPs on their way out of {interface}".encode()).digest()
    kept = [replace(edit, remove_allowed_ips=()) for edit in edits]
    return [
        *(edit for edit in kept if edit != PeerEdit(edit.public_key, edit.name, only_existing=True)),
        PeerEdit(dummy, name="takes what is removed", add_allowed_ips=going),
        PeerEdit(dummy, remove=True),
    ]
