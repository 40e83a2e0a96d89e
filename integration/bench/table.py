"""The findings as Markdown. It lays out everything, and judges only by the targets' limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from integration.bench import words
from integration.bench.idle import Idle
from integration.bench.pages import Pages
from integration.bench.samples import Figure, Samples, ratio
from integration.bench.targets import Verdict, verdicts

_AGAINST = {
    words.NOTHING: words.READERS,
    words.TELLING: words.READERS,
    words.STATUS: words.READERS,
    words.CHECK: words.READERS,
    words.PLAN: words.READERS,
    words.ELEMENT: words.HAND,
}
"""With whom wgd is compared; the script where nothing is said."""

PAGES_FROM = 1000
"""Peers below which it says nothing."""
_IN_SHORT = (
    words.NOTHING,
    words.EDIT,
    words.ADD,
    words.REMOVE,
    words.THOUSAND,
    words.COLD,
    words.READY,
    words.DRIFT,
)

NOTES = """\
- Each figure is a median in milliseconds, in brackets half of all samples (of fewer than four: all). wgd
  and the others take turns in one run. *net* is without the starting of processes, which is measured in the
  same round with `true`; what a tool starts inside is its own way of doing things, and stays.
- The hub has a /32 of its own, so that every peer needs a route; every peer's address is named in a rule of
  its own. In the files of the others the same addresses stand in a set of nftables.
- *wgd, one file* has all peers in `wg0.toml`; *wgd, drop-ins* a file for each peer and its rule.
- An edit of wgd's is timed from the rename of the saved file until the kernel has told of the route and of
  the address in the rules, as an onlooker of another process hears it, and the log of the peer; then `wg`
  is asked whether it is true. Taken off is the time that wgd waits for a save to end: 100 ms exactly. A
  drop-in is removed by saving it empty: if its file went, wgd would wait five seconds for it to come back.
- The script is an expert's: `wg syncconf` with the whole file, `ip -batch` and `nft -f` with what differs,
  and it is told for nothing what that is. *by hand* types `wg set`, `ip` and `nft` for that one peer.
- *from nothing*: wgd from its start, with Python, until the last change is made, as it tells after each; the
  script makes link, peers, routes and rules. Then wgd looks at all of it again, keeps what was accepted and
  tells the service manager that it is ready, which the script has no word for: that is a row of its own.
- *nothing to do* is wgd's own account of a pass that an event of the kernel woke; the others list the same
  to nowhere and compare nothing. The CPU row is its whole process's, with what the pass tells.
- With 50,000 peers in a user-mode kernel, wgd's memory is locked: such a kernel ends a process of more than
  some 300 MiB otherwise. So whole stacks and arenas count as resident there.
- *memory touched for the first time*: the kernel gives a page when it is first touched, which a user-mode
  kernel does through two more switches of the host's; natively it is 0.1 to 3 µs. wgd's pages are counted
  until it rests: of an edit, also what it does after the kernel has it.
- A removed route is timed from the kernel's word that it went to its word that it is back.
- pyroute2 runs inside the benchmark's process; importing it (a quarter of a second natively) is not counted.
- `wg-quick`, systemd-networkd and pyroute2's changes stop at 1,000 peers, pyroute2's reading at 10,000:
  then they take minutes. networkd and pyroute2 do nothing for nftables here, `wg-quick strip` and `wg
  syncconf` nothing for routes either."""


def markdown(
    head: str,
    samples: Samples,
    idle: Sequence[Idle],
    waits: Mapping[str, Sequence[float]],
    left_out: Sequence[str] = (),
    pages: Sequence[Pages] = (),
) -> str:
    """The whole page. `waits`: how long a person waits for a command on a small machine; `left_out`: what
    could not be measured."""
    failed = "\n".join(f"- Not measured: {what}" for what in left_out)
    judged = targets(verdicts(samples, idle))
    parts = (head, judged, failed, *_questions(samples), _idle(idle), _pages(pages), commands(waits), NOTES)
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(samples: Samples, idle: Sequence[Idle], peers: int) -> str:
    """For the README: medians at one number of peers, of wgd and of whom it is compared with."""
    rows = [_short(samples, what, peers) for what in _IN_SHORT]
    still = {one.who: one for one in idle if one.peers == peers}
    if still:
        cells = [
            f"{still[who].cpu * 100:.1f} %, {still[who].own:.0f} MiB" if who in still else "–"
            for who in words.OURS
        ]
        rows.append(["nothing happens: share of a processor, memory of its own", *cells, "–"])
    return table([f"ms, with {peers:,} peers", *words.OURS, "script, or listing all"], rows)


def _short(samples: Samples, what: str, peers: int) -> list[str]:
    theirs = samples.figure(what, _AGAINST.get(what, words.SCRIPT), peers)
    cells = ["–" if one is None else _ms(one.median) for one in _ours(samples, what, peers)]
    if theirs is None:
        return [what, *cells, "–"]
    return [what, *cells, f"{_ms(theirs.median)}, without starting processes {_ms(theirs.net)}"]


def _ours(samples: Samples, what: str, peers: int) -> list[Figure | None]:
    return [samples.figure(what, who, peers) for who in words.OURS]


def targets(found: Iterable[Verdict]) -> str:
    """Which were met."""
    rows = [
        [
            one.what,
            f"≤ {_limit(one)}",
            _value(one.value, one.unit),
            _value(one.net, one.unit) if one.net is not None else "",
            "✓" if one.met else "✗",
        ]
        for one in found
    ]
    head = ["target", "limit", "as measured", "net", ""]
    return "## Targets\n\n" + table(head, rows) if rows else ""


def _limit(one: Verdict) -> str:
    if one.unit == "×" and one.most < 1:
        return f"1/{1 / one.most:.0f}"
    return _value(one.most, one.unit)


def _value(value: float, unit: str) -> str:
    if unit == "×" and 0 < value < 0.1:
        return f"1/{1 / value:.0f}"
    return f"{value:.2f} {unit}"


def _questions(samples: Samples) -> Iterable[str]:
    for what in dict.fromkeys(case.what for case in samples.times):
        yield f"## {what[0].upper()}{what[1:]}\n\n" + _question(samples, what)


def _question(samples: Samples, what: str) -> str:
    """A row for each who was measured, then how each of wgd's compares; a column for each size."""
    sizes = samples.sizes()
    whom = [who for who in words.WHOM if any(case[:2] == (what, who) for case in samples.times)]
    rows = [[who, *(_cell(samples.figure(what, who, peers)) for peers in sizes)] for who in whom]
    against = _AGAINST.get(what, words.SCRIPT)
    if against in whom:
        ours = [who for who in whom if who in words.OURS]
        rows += [[f"{who} / {against}", *_compared(samples, what, who, against)] for who in ours]
    return table(["ms", *(f"{peers:,} peers" for peers in sizes)], rows)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    net = f", net {_ms(figure.net)}" if figure.net != figure.median else ""
    return f"**{_ms(figure.median)}** ({_ms(figure.low)}–{_ms(figure.high)}){net}"


def _compared(samples: Samples, what: str, who: str, against: str) -> Iterator[str]:
    """As measured, and net where that is another figure."""
    for peers in samples.sizes():
        mine, theirs = (samples.figure(what, one, peers) for one in (who, against))
        values = (ratio(mine, theirs), ratio(mine, theirs, net=True))
        found = [f"{_value(value, '×')}" for value in values if value is not None]
        yield ", net ".join(dict.fromkeys(found))


def _idle(idle: Sequence[Idle]) -> str:
    rows = [
        [
            one.who,
            f"{one.peers:,}",
            f"{one.cpu * 100:.2f} %",
            f"{one.seconds:.0f} s, {one.passes} passes" if one.passes else "reckoned from one pass",
            f"{one.resident:.0f}",
            f"{one.own:.0f}",
            "" if one.proportional is None else f"{one.proportional:.0f}",
            _each(one, idle),
        ]
        for one in idle
    ]
    head = [
        "nothing happens",
        "peers",
        "of one processor",
        "over",
        "resident, MiB",
        "its own, MiB",
        "share, MiB",
        "own, KiB a peer",
    ]
    return "## Idle\n\n" + table(head, rows) if rows else ""


def _pages(pages: Sequence[Pages]) -> str:
    """How much of a time is the kernel's giving of memory."""
    rows = [
        [
            one.what,
            one.who,
            f"{one.peers:,}",
            f"{one.faults:,.0f}",
            f"{one.each:.1f}",
            _ms(one.faults * one.each / 1000),
            _ms(one.took),
        ]
        for one in pages
        if one.peers >= PAGES_FROM
    ]
    head = ["memory touched for the first time", "who", "peers", "pages", "µs each", "ms of it", "ms in all"]
    return "## Memory touched for the first time\n\n" + table(head, rows) if rows else ""


def _each(one: Idle, idle: Sequence[Idle]) -> str:
    """What a peer more costs, against the smallest of the same layout."""
    least = min((other for other in idle if other.who == one.who), key=lambda other: other.peers)
    more = one.peers - least.peers
    return f"{(one.own - least.own) * 1024 / more:.1f}" if more >= 100 else ""


def commands(waits: Mapping[str, Sequence[float]]) -> str:
    """How long a person waits."""
    rows = []
    for name, times in waits.items():
        ordered = sorted(times)
        rows.append([name, *(f"{ms:.0f}" for ms in (ordered[len(ordered) // 2], ordered[0], ordered[-1]))])
    return "## The command line\n\n" + table(["ms", "median", "least", "most"], rows) if rows else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
