"""Who else looks after interfaces, as their files show: wg-quick, systemd-networkd, NetworkManager.

A hint only: it asks nobody, never waits, and what cannot be read is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from wgd.config.document import Config
from wgd.model import State
from wgd.rivals import Rival

NETWORKD_FILES = tuple(f"{top}/systemd/network" for top in ("etc", "run", "usr/local/lib", "usr/lib"))
KEYFILES = tuple(f"{top}/NetworkManager/system-connections" for top in ("etc", "run"))


def among(config: Config, seen: State) -> tuple[Rival, ...]:
    """Who else looks after the interfaces of the files."""
    links = seen.of("link")
    names = [interface.name for interface in config.enabled()]
    return rivals({name: links[name].index if name in links else 0 for name in names})


def rivals(interfaces: Mapping[str, int], root: Path = Path("/")) -> tuple[Rival, ...]:
    """Who else looks after these interfaces, given by name with their index (0: not there)."""
    return tuple(
        rival
        for name, index in interfaces.items()
        for find in (_wg_quick, _networkd, _network_manager)
        for rival in find(name, index, root)
    )


def _wg_quick(name: str, index: int, root: Path) -> Iterator[Rival]:
    unit = f"wg-quick@{name}.service"
    enabled = any(os.path.lexists(wants / unit) for wants in _listed(root / "etc/systemd/system", ".wants"))
    active = os.path.lexists(root / "run/systemd/units" / f"invocation:{unit}")
    if enabled or active:
        sign = " and ".join(word for word, holds in (("active", active), ("enabled", enabled)) if holds)
        remedy = f"`systemctl disable wg-quick@{name}`, without --now, which would take it down"
        yield Rival(name, unit, sign, remedy)


def _networkd(name: str, index: int, root: Path) -> Iterator[Rival]:
    state = _settings(root / "run/systemd/netif/links" / str(index))
    file = state.get("NETWORK_FILE", "") if state.get("ADMIN_STATE") != "unmanaged" else ""
    if not file and (root / "run/systemd/netif/state").exists():
        files = (file for folder in NETWORKD_FILES for file in _listed(root / folder, ".netdev"))
        file = next((f"/{one.relative_to(root)}" for one in files if _settings(one).get("Name") == name), "")
    if file:
        yield Rival(name, "systemd-networkd", file, "remove that file, then `networkctl reload`")


def _network_manager(name: str, index: int, root: Path) -> Iterator[Rival]:
    remedy = f"`nmcli device set {name} managed no`, and no connection for {name}"
    if _settings(root / "run/NetworkManager/devices" / str(index)).get("managed") == "true":
        yield Rival(name, "NetworkManager", "it manages the device", remedy)
        return
    files = (file for folder in KEYFILES for file in _listed(root / folder, ".nmconnection"))
    mine = next((file for file in files if _settings(file).get("interface-name") == name), None)
    if mine is not None:
        yield Rival(name, "NetworkManager", f"/{mine.relative_to(root)}", remedy)


def _listed(folder: Path, suffix: str) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.suffix == suffix)
    except OSError:
        return []


def _settings(file: Path) -> dict[str, str]:
    """`KEY=value` lines, whatever their section; the first of a name counts."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return {}
    found = re.findall(r"^[ \t]*([\w-]+)[ \t]*=[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return dict(reversed(found))
