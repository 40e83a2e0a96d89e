"""The network as the files tell it: who is where, what lies behind whom, who may reach whom. Pure.

As text, as Mermaid, or as SVG; all three say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from wgd.config.document import Config, Interface, Peer
from wgd.output.terminal import BOLD, DIM, GREEN, Page, width
from wgd.prefixes import Prefix, within
from wgd.values import value

HERE = "this machine"


@value
class Member:
    """A peer: its addresses in the tunnel, what lies behind it, and what else is to be said of it."""

    name: str
    addresses: str
    behind: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@value
class Arrow:
    """Who may open connections to whom, and how."""

    source: str
    target: str
    how: str = ""


@value
class Net:
    """One interface."""

    name: str
    traits: tuple[str, ...]
    members: tuple[Member, ...]
    arrows: tuple[Arrow, ...]


def nets(config: Config, now: float) -> tuple[Net, ...]:
    """What there is to draw; `now`: seconds since the epoch, for `expires`."""
    return tuple(_net(interface, now) for _, interface in sorted(config.interfaces.items()))


def _net(interface: Interface, now: float) -> Net:
    traits = [*map(str, interface.addresses), str(interface.role)]
    if interface.listen_port:
        traits.append(f"port {interface.listen_port}")
    if not interface.enabled:
        traits.append("disabled")
    names = {prefix: name for name, ranges in interface.networks.items() for prefix in ranges}
    members = tuple(_member(peer, interface, names, now) for peer in interface.peers)
    return Net(interface.name, tuple(traits), members, tuple(_arrows(interface)))


def _member(peer: Peer, interface: Interface, names: Mapping[Prefix, str], now: float) -> Member:
    own = [one for one in peer.allowed_ips if within(one, interface.own_networks)]
    behind = tuple(
        f"{names[one]} {one}" if one in names else str(one) for one in peer.allowed_ips if one not in own
    )
    notes = []
    if peer.endpoint:
        every = f", every {peer.persistent_keepalive} s" if peer.persistent_keepalive else ""
        notes.append(f"called at {peer.endpoint}{every}")
    if not peer.enabled:
        notes.append("disabled")
    elif not peer.active(now):
        notes.append("expired")
    return Member(peer.name, ", ".join(one.short for one in own), behind, tuple(notes))


def _arrows(interface: Interface) -> Iterator[Arrow]:
    for rule in interface.forwards:
        devices = [f"in by {rule.incoming}"] if rule.incoming else []
        devices += [f"out by {rule.outgoing}"] if rule.outgoing else []
        yield Arrow(str(rule.source), str(rule.target), ", ".join([*map(str, rule.ports), *devices]))
    for door in interface.inputs:
        yield Arrow(str(door.source), HERE, ", ".join(map(str, door.ports)))
    for masquerade in interface.masquerades:
        yield Arrow(interface.name, str(masquerade.target), f"with the address of {masquerade.out}")


# As text.


def as_text(drawn: Sequence[Net], page: Page) -> str:
    """A tree for each interface, and below it its arrows."""
    return "\n\n".join("\n".join(_text(net, page)) for net in drawn)


def _text(net: Net, page: Page) -> Iterator[str]:
    yield f"{page.paint(net.name, BOLD)}  {page.paint(' · '.join(net.traits), DIM)}"
    most = max((width(member.name) for member in net.members), default=0)
    for number, member in enumerate(net.members, 1):
        last = number == len(net.members)
        pad = " " * (most - width(member.name))
        notes = page.paint("  ".join(member.notes), DIM)
        line = f"{'└─' if last else '├─'} {page.paint(member.name, BOLD)}{pad}  {member.addresses}  {notes}"
        yield line.rstrip()
        trunk = "   " if last else "│  "
        for place, behind in enumerate(member.behind, 1):
            yield f"{trunk}{'└─' if place == len(member.behind) else '├─'} {behind}"
    if net.arrows:
        yield ""
    widest = max((width(arrow.source) for arrow in net.arrows), default=0)
    for arrow in net.arrows:
        pad = " " * (widest - width(arrow.source))
        line = f"{arrow.source}{pad} {page.paint('─▶', GREEN)} {arrow.target}"
        yield f"{line}  {page.paint(arrow.how, DIM)}".rstrip()


# As Mermaid.


def as_mermaid(drawn: Sequence[Net]) -> str:
    """A flowchart; tunnels are lines, permitted connections dotted arrows."""
    lines = ["flowchart LR"]
    for number, net in enumerate(drawn):
        lines += _mermaid(net, f"i{number}")
    return "\n".join(lines)


def _mermaid(net: Net, own: str) -> Iterator[str]:
    ids = {HERE: own, net.name: own}
    yield f"  {own}[{_label(HERE, net.name, *net.traits)}]"
    for number, member in enumerate(net.members):
        ids[member.name] = here = f"{own}p{number}"
        yield f"  {here}({_label(member.name, member.addresses, *member.notes)})"
        yield f"  {own} --- {here}"
        for place, behind in enumerate(member.behind):
            name = f"{here}b{place}"
            ids.setdefault(behind.partition(" ")[0], name)
            yield f"  {name}[/{_label(*behind.split(' '))}/]"
            yield f"  {here} --- {name}"
    for arrow in net.arrows:
        ends = []
        for words in (arrow.source, arrow.target):
            if words not in ids:
                ids[words] = f"{own}w{len(ids)}"
                yield f"  {ids[words]}>{_label(words)}]"
            ends.append(ids[words])
        how = f"|{_label(arrow.how)}|" if arrow.how else ""
        yield f"  {ends[0]} -.->{how} {ends[1]}"


def _label(*texts: str) -> str:
    return '"' + "<br/>".join(escape(text, {'"': "#quot;"}) for text in texts if text) + '"'


# As SVG.

_ROW, _BOX, _GAP, _CHAR, _EDGE = 26, 20, 60, 7.3, 16
_STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#222}rect{fill:#fff;stroke:#888}"
    ".here{fill:#e8f0fe;stroke:#3b6fd4}.peer{fill:#eef7ee;stroke:#4a9a4a}.off{opacity:.45}"
    "path{fill:none;stroke:#aaa;stroke-width:1.5}.how{fill:#666}"
)


@value
class _Box:
    """A text in a frame, by its row and the class of its looks."""

    row: float
    text: str
    looks: str


def as_svg(drawn: Sequence[Net]) -> str:
    """Three columns: this machine, its peers, what lies behind them; below, who may reach whom."""
    body: list[str] = []
    top, right = float(_EDGE), 0.0
    for net in drawn:
        lines, wide, top = _svg(net, top)
        body += lines
        right = max(right, wide)
    size = f'width="{right + _EDGE:.0f}" height="{top:.0f}" viewBox="0 0 {right + _EDGE:.0f} {top:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *body, "</svg>"])


def _svg(net: Net, top: float) -> tuple[list[str], float, float]:
    """The lines of one interface, how far it reaches to the right, and where the next may begin."""
    peers, behind, links, rows = _placed(net)
    here = [_Box(max(0.0, (rows - 1) / 2), f"{net.name}  {'  '.join(net.traits)}", "here")]
    columns, left, right = [], float(_EDGE), 0.0
    for boxes in (here, peers, behind):
        columns.append((left, left + _wide(boxes)))
        right = left + _wide(boxes) if boxes else right
        left += _wide(boxes) + _GAP
    lines = [_line(columns[0][1], here[0].row, columns[1][0], peer.row, top) for peer in peers]
    lines += [_line(columns[1][1], peers[a].row, columns[2][0], behind[b].row, top) for a, b in links]
    for boxes, (start, end) in zip((here, peers, behind), columns, strict=True):
        lines += [text for box in boxes for text in _box(box, start, end - start, top)]
    bottom = top + max(rows, 1) * _ROW + _EDGE
    lines += [_rule(arrow, bottom + number * 18 + 4) for number, arrow in enumerate(net.arrows)]
    ends = (_EDGE + _CHAR * width(f"{one.source} → {one.target}  {one.how}") for one in net.arrows)
    return lines, max([right, *ends]), bottom + len(net.arrows) * 18 + _EDGE


def _placed(net: Net) -> tuple[list[_Box], list[_Box], list[tuple[int, int]], int]:
    """The peers, what lies behind them, which of these belong together, and how many rows they take."""
    peers: list[_Box] = []
    behind: list[_Box] = []
    links: list[tuple[int, int]] = []
    row = 0
    for member in net.members:
        rows = max(1, len(member.behind))
        off = " off" if {"disabled", "expired"} & {*member.notes} else ""
        texts = (member.name, member.addresses, *member.notes)
        peers.append(_Box(row + (rows - 1) / 2, "  ".join(filter(None, texts)), f"peer{off}"))
        for place, text in enumerate(member.behind):
            links.append((len(peers) - 1, len(behind)))
            behind.append(_Box(row + place, text, f"behind{off}"))
        row += rows
    return peers, behind, links, row


def _rule(arrow: Arrow, y: float) -> str:
    how = f'  <tspan class="how">{escape(arrow.how)}</tspan>' if arrow.how else ""
    return f'<text x="{_EDGE}" y="{y:.0f}">{escape(arrow.source)} → {escape(arrow.target)}{how}</text>'


def _wide(boxes: Iterable[_Box]) -> float:
    return max((_CHAR * width(box.text) + 16 for box in boxes), default=0.0)


def _box(box: _Box, left: float, wide: float, top: float) -> Iterator[str]:
    y = top + box.row * _ROW
    yield f'<rect class="{box.looks}" x="{left:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{_BOX}" rx="5"/>'
    off = ' class="off"' if "off" in box.looks else ""
    yield f'<text{off} xml:space="preserve" x="{left + 8:.1f}" y="{y + 14:.1f}">{escape(box.text)}</text>'


def _line(x1: float, row1: float, x2: float, row2: float, top: float) -> str:
    y1, y2 = (top + row * _ROW + _BOX / 2 for row in (row1, row2))
    middle = (x1 + x2) / 2
    return f'<path d="M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"/>'
