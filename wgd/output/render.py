"""The status value (`wgd.output.report`) as a text that a person enjoys reading. Pure, and quick to import.

What matters comes first: one line that says whether all is well. Colour never says what words do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgd.output.findings import SHOWN, findings
from wgd.output.terminal import (
    BOLD,
    DIM,
    GREEN,
    RED,
    YELLOW,
    Cell,
    Column,
    Page,
    age,
    plain,
    several,
    size,
    table,
)

Value = Mapping[str, Any]

LIVE = 180
"""Seconds after its last handshake that a WireGuard session can carry packets."""
MANY = 40
"""An interface with more peers shows only those that deserve attention, unless all are asked for."""

INTERFACE_STATES = {
    "in sync": ("in sync", GREEN),
    "drift": ("differs from its file", YELLOW),
    "conflict": ("conflict", RED),
    "frozen": ("frozen", YELLOW),
    "held": ("left alone", RED),
    "disabled": ("disabled", DIM),
}
PEER_STATES = {
    "in sync": ("", DIM),
    "missing": ("not in the kernel", YELLOW),
    "drift": ("differs", YELLOW),
    "leftover": ("not in the files", YELLOW),
    "foreign": ("not in the files, left alone", DIM),
    "blocked": ("waits", RED),
    "conflict": ("conflict", RED),
    "held": ("", DIM),
    "disabled": ("disabled", DIM),
    "expired": ("expired", DIM),
}
DROPPED = {"forward": "on their way through", "input": "to this machine"}
PEER_COLUMNS = (
    Column("peer", least=12),
    Column("handshake"),
    Column("endpoint", least=21, drop=1),
    Column("received", drop=2, right=True),
    Column("sent", drop=3, right=True),
    Column("allowed IPs", luxury=True),
    Column(""),
)


def render_status(value: Value, now: float, page: Page, *, whole: bool = True, sorted_: bool = False) -> str:
    """The status as text. `now`: seconds since the epoch. Without `whole` an interface with many peers is
    told in short: of peers that are `sorted_` on purpose the first ones, else those worth telling of."""
    lines = [*_headline(value, now, page)]
    for interface in value["interfaces"]:
        shown = _shown(interface["peers"], whole, sorted_)
        lines += ["", *_interface(interface, shown, now, page)]
    if fenced := value.get("fenced"):
        why = "that devices which forward only for wgd would have let go elsewhere"
        lines += ["", page.wrap(f"{several(fenced, 'packet')} dropped {why}", "", "  ")]
    return "\n".join(lines + findings(value, page, now))


def render_result(value: Value, now: float, page: Page) -> str:
    """The status without its interfaces: how a pass ended."""
    return "\n".join((*_headline(value, now, page), *findings(value, page, now)))


def summary(value: Value, listed: int | None = None) -> str:
    """All in a few words: `in sync: 2 interfaces, 5 peers`, or what is not. `listed`: how many peers the
    files list (None: the value tells)."""
    if value["in_sync"]:
        return f"in sync: {_extent(value, listed)}"
    errors = sum(problem["severity"] == "error" for problem in value["problems"])
    counted = [
        "the files are not in force" if gone_back(value.get("trial")) else "",
        several(len(value["drift"]), "difference") if value["drift"] else "",
        several(len(value["conflicts"]), "conflict") if value["conflicts"] else "",
        several(errors, "error") + " in the files" if errors else "",
    ]
    return ", ".join(filter(None, counted)) or "not in sync"


def _extent(value: Value, listed: int | None = None) -> str:
    interfaces = value["interfaces"]
    if listed is None:
        listed = sum(peer["name"] is not None for interface in interfaces for peer in interface["peers"])
    return f"{several(len(interfaces), 'interface')}, {several(listed, 'peer')}"


def _headline(value: Value, now: float, page: Page) -> Iterable[str]:
    if not value["in_sync"]:
        said, codes = f"✗ {summary(value)}", (BOLD, RED)
    elif value["interfaces"]:
        said, codes = "✓ everything in sync", (BOLD, GREEN)
    else:
        said, codes = "✓ nothing to look after: no file names an interface", (BOLD, GREEN)
    more = [_extent(value), _source(value, now)] if value["interfaces"] else [_source(value, now)]
    line = " · ".join((said, *more))
    if page.width is None or len(line) <= page.width:
        yield page.paint(said, *codes) + page.paint(line[len(said) :], DIM)
    else:
        yield page.paint(said, *codes)
        yield from (page.paint(f"  {text}", DIM) for text in more)
    warned = [*trial_lines(value.get("trial"), now), *_daemon(value)]
    yield from (page.paint(page.wrap(f"! {text}", "", "  "), YELLOW) for text in warned)


def gone_back(trial: Value | None) -> bool:
    """Whether the accepted copies are in force, whatever the files say."""
    return trial is not None and trial["state"] == "returned"


def trial_lines(trial: Value | None, now: float) -> list[str]:
    """How the files are on trial, and what to type."""
    if trial is None:
        return []
    given, left = _span(trial["timeout"] or 0), _span((trial["until"] or now) - now)
    told = {
        "armed": f"trial: what is saved next is kept for {given}, and then goes back unless somebody types "
        "`wgd confirm` (which now ends the trial)",
        "running": f"trial: what the files say goes back in {left}, unless somebody types `wgd confirm`",
        "returned": "trial: nobody confirmed in time, so the files are NOT in force: the machine is as last "
        "confirmed. Mend the files, or `wgd try` them again",
        "confirmed": "trial: confirmed; it ends as soon as the accepted copies can be written",
        "refused": "trial: there is none",
    }
    why = [f"trial: {trial['refused']}"] if trial["refused"] else []
    return [told[trial["state"]], *why]


def _span(seconds: float) -> str:
    """A time that somebody waits for, by the second as long as that matters."""
    return f"{max(0, round(seconds))} s" if seconds < 120 else age(seconds)


def _source(value: Value, now: float) -> str:
    old = now - value["time"]
    when = f"{age(old)} ago" if old >= 1 else "just now"
    return f"seen by the daemon {when}" if "pass" in value else f"read from the kernel {when}"


def _daemon(value: Value) -> Iterable[str]:
    """What is wrong with the daemon; `daemon` is what `wgd status` found out about it."""
    daemon = value.get("daemon") or {"state": "runs"}
    if daemon["state"] == "hangs":
        silent = age(daemon["silent"])
        yield (
            f"the daemon (process {daemon['pid']}) has not reported for {silent}: it hangs, or cannot write "
            "(see its log)"
        )
    elif daemon["state"] == "dead":
        yield "the daemon is not running: nothing is mended by itself (systemctl start wgd)"


def _shown(peers: Sequence[Value], whole: bool, sorted_: bool) -> Sequence[Value]:
    if whole or len(peers) <= MANY:
        return peers
    return peers[:SHOWN] if sorted_ else _remarkable(peers)


def _interface(value: Value, shown: Sequence[Value], now: float, page: Page) -> Iterable[str]:
    state, code = INTERFACE_STATES[value["state"]]
    if value["frozen"] and value["state"] != "frozen":
        state += ", frozen"
    yield f"{page.paint(plain(value['name']), BOLD)}  {page.paint(state, code)}"
    traits = page.wrap("\N{NO-BREAK SPACE}· ".join(_traits(value)), "  ", "  ")  # no line begins with a dot
    yield page.paint(traits.replace("\N{NO-BREAK SPACE}", " "), DIM)
    if value["public_key"]:
        yield page.paint(f"  public key {value['public_key']}", DIM)
    if dropped := [
        f"{number:,} {DROPPED[where]}" for where, number in value.get("dropped", {}).items() if number
    ]:
        yield page.wrap(f"packets that its rules dropped: {', '.join(dropped)}", "  ", "    ")
    peers = value["peers"]
    if not peers:
        yield page.paint("  no peers", DIM)
        return
    yield ""
    yield from table(PEER_COLUMNS, [_peer(peer, now) for peer in shown], page)
    if len(shown) < len(peers):
        yield page.paint(page.wrap(_rest(value, len(peers) - len(shown), now), "  ", "  "), DIM)


def _traits(value: Value) -> Iterable[str]:
    if value["backend"] is None:
        yield "not in the kernel"
    if value["addresses"]:
        yield ", ".join(value["addresses"])
    if value["listen_port"]:
        yield f"port {value['listen_port']}"
    if value["mtu"]:
        yield f"MTU {value['mtu']}"
    if value["role"] == "hub":
        yield "hub"
    if value["backend"]:
        yield f"{value['backend']} WireGuard"


def _peer(peer: Value, now: float) -> Sequence[Cell]:
    name = plain(peer["name"]) if peer["name"] is not None else peer["public_key"][:12] + "…"
    state, code = PEER_STATES[peer["state"]]
    if (stripped := peer.get("stripped")) and not state:
        state = f"{stripped['endpoint']} stripped {age(now - stripped['at'])} ago"
    elif not state and peer["state"] == "in sync":
        state, code = _contact(peer["last_handshake"], now)
    return (
        Cell(name, () if peer["name"] is not None else (DIM,)),
        _handshake(peer["last_handshake"], now),
        Cell(plain(peer["endpoint"] or "–")),
        Cell(size(peer["received"])),
        Cell(size(peer["sent"])),
        Cell(_few(peer["allowed_ips"]), (DIM,)),
        Cell(state, (code,)),
    )


def _contact(last: float | None, now: float) -> tuple[str, str]:
    """Whether the peer was ever there, and can be there now: WireGuard drops older sessions."""
    if not last:
        return "never seen", RED
    return ("no session", YELLOW) if now - last >= LIVE else ("", DIM)


def _handshake(last: float | None, now: float) -> Cell:
    if not last:
        return Cell("never", (RED,))
    old = now - last
    return Cell(f"{age(old)} ago", (GREEN,) if old < LIVE else (YELLOW,))


def _few(prefixes: Sequence[str]) -> str:
    if len(prefixes) <= 3:
        return ", ".join(prefixes)
    return f"{', '.join(prefixes[:2])} and {len(prefixes) - 2:,} more"


def _remarkable(peers: Sequence[Value]) -> Sequence[Value]:
    """Those with a state worth telling, then those heard from most recently."""
    odd = [peer for peer in peers if PEER_STATES[peer["state"]][0]][:SHOWN]
    calm = [peer for peer in peers if not PEER_STATES[peer["state"]][0]]
    calm.sort(key=lambda peer: -(peer["last_handshake"] or 0))
    return odd + calm[: max(SHOWN - len(odd), 5)]


def _rest(value: Value, left_out: int, now: float) -> str:
    heard = [peer["last_handshake"] for peer in value["peers"] if peer["last_handshake"]]
    live = sum(now - last < LIVE for last in heard)
    return (
        f"… and {left_out:,} more. Of all {len(value['peers']):,}, {live:,} were heard from in the last "
        f"{age(LIVE)}, {len(heard) - live:,} before that, {len(value['peers']) - len(heard):,} never. "
        f"`wgd status {value['name']}` lists them."
    )
