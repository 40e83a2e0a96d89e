"""What the status value says is not as it should be, as text: the second half of a drift report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from wgd.output.terminal import BOLD, DIM, GREEN, RED, YELLOW, Page, age, clip, plain, several

Value = Mapping[str, Any]

SHOWN = 20
"""How many of a long list are shown."""
RECENT, RECENT_FOR = 3, 86400
"""How many of the last repairs are shown, and for how many seconds they are worth telling."""
LONGEST = 100
"""Cells for a value that differs: a peer may have a thousand allowed IPs."""
VERBS = {"create": ("+ missing", GREEN), "update": ("~ differs", YELLOW), "delete": ("- left over", RED)}
KIND_WORDS = {
    "nftables": ("chain",),
    "device": ("WireGuard setting",),
    "address": ("address", "addresses"),
    "policy": ("routing rule",),
    "passage": ("rule of iptables", "rules of iptables"),
}
"""Kinds that a person calls something else, with plurals where needed."""


def findings(value: Value, page: Page, now: float = 0.0) -> list[str]:
    """What differs, conflicts, failed, is foreign, and what is wrong with the files and the network; and what
    was repaired. `now`: seconds since the epoch, which only repairs and fights need."""
    fights = [(fight, now) for fight in value.get("fights", ())]
    repaired = [(one, now) for one in value.get("repairs", ()) if now - one["time"] < RECENT_FOR]
    sections: tuple[tuple[str, Callable[[Any, Page], Iterable[str]], Sequence[Any]], ...] = (
        ("differs from the files", _change, value["drift"]),
        ("conflicts, left alone", _conflict, value["conflicts"]),
        ("waits until a conflict is solved", _blocked, [value["blocked"]] if value["blocked"] else []),
        ("somebody keeps changing it back", _fight, fights),
        ("failed", outcome_lines, value["failures"]),
        ("another firewall drops what wgd permits", _obstacle, value.get("obstacles", ())),
        ("foreign, left alone", _foreign, value["foreign"]),
        ("in the files", tell_problem, value["problems"]),
        ("stays as it is until its files are mended", _unmended, list(_broken(value))),
        ("warnings", _warning, [*map(_opened, value["opens"]), *value["warnings"]]),
        ("repaired lately", _repair, repaired[: -RECENT - 1 : -1]),
    )
    lines = []
    for title, tell, found in sections:
        if found:
            lines += ["", page.paint(title, BOLD)]
            lines += [line for one in found[:SHOWN] for line in tell(one, page)]
        lines += _rest(found, page)
    return lines


def _rest(found: Sized, page: Page) -> Iterator[str]:
    """How many are not shown."""
    if len(found) > SHOWN:
        yield page.paint(f"  … and {len(found) - SHOWN:,} more", DIM)


def _opened(name: str) -> str:
    return f"OPENS: what is forwarded through {name} will no longer be restricted"


def _change(change: Value, page: Page) -> Iterable[str]:
    verb, code = VERBS[change["verb"]]
    fields = "; ".join(map(_field, change["fields"]))
    what = plain(f"{_object(change)}" + (f": {fields}" if fields else ""))
    text = page.wrap(f"{verb:<11}  {what}", "  ", " " * 15)
    yield text.replace(verb, page.paint(verb, code), 1)


def _field(field: Value) -> str:
    have, want = (clip(field[side], LONGEST) for side in ("have", "want"))
    return f"{field['field']} is {have}, should be {want}"


def _object(value: Value) -> str:
    """`peer spoke-1 on wg0`: the kind, unless the label says it by itself."""
    return called(value["object"], value["label"])


def called(kind: str, label: str) -> str:
    """What a person calls an object: its kind, unless the label says it by itself, and the label."""
    return label if kind in ("nftables", "device", "policy", "passage") else f"{kind} {label}"


def _conflict(conflict: Value, page: Page) -> Iterable[str]:
    yield page.paint(page.wrap(f"! {plain(conflict['reason'])}"), RED)
    if conflict["hint"]:
        yield page.wrap(f"hint: {plain(conflict['hint'])}", "    ", "          ")


def outcome_lines(outcome: Value, page: Page) -> Iterable[str]:
    """The commands of one op, and why they did not work, if so."""
    commands = outcome["commands"]
    for command in commands[:SHOWN]:
        yield f"  {plain(command)}"
    yield from _rest(commands, page)
    if outcome["error"]:
        yield page.paint(page.wrap(f"failed: {plain(outcome['error'])}", "    ", "      "), RED)
    elif outcome["skipped"]:
        yield page.paint(
            page.wrap(f"skipped: it needs {plain(outcome['skipped'])}", "    ", "      "), YELLOW
        )


def _fight(fight: tuple[Value, float], page: Page) -> Iterable[str]:
    value, now = fight
    by = f", {value['by']}" if value["by"] else ""
    then = f"next try in {age(value['next'] - now)}" if value["next"] else "now as it should be"
    yield page.paint(page.wrap(plain(f"! fight: {value['what']}{by}; {then}")), YELLOW)


def _repair(repair: tuple[Value, float], page: Page) -> Iterable[str]:
    value, now = repair
    yield page.wrap(plain(f"{age(now - value['time'])} ago: {value['what']}"))


def _blocked(blocked: Sequence[Value], page: Page) -> Iterable[str]:
    numbers = Counter(str(ref["object"]) for ref in blocked)
    yield page.wrap(
        ", ".join(several(number, *KIND_WORDS.get(kind, (kind,))) for kind, number in numbers.items())
    )


def _foreign(foreign: Value, page: Page) -> Iterable[str]:
    yield page.wrap(plain(_object(foreign)))


def tell_problem(problem: Value, page: Page, indent: str = "  ") -> Iterable[str]:
    """One problem of the files: where, what was found and expected, and what to type instead."""
    where = f"{problem['file']}:{problem['line']}" if problem["line"] else problem["file"]
    key = f"{problem['key']}: " if problem["key"] else ""
    code = RED if problem["severity"] == "error" else YELLOW
    words = plain(f"{where}: {problem['severity']}: {key}{problem['message']}")
    text = page.wrap(words, indent, f"{indent}    ")
    yield text.replace(problem["severity"], page.paint(problem["severity"], code), 1)
    if problem["hint"]:
        yield page.wrap(f"hint: {plain(problem['hint'])}", f"{indent}    ", f"{indent}          ")


def _broken(value: Value) -> Iterable[Value]:
    return (one for one in value["interfaces"] if one["frozen"] or one["state"] == "held")


def _obstacle(obstacle: Value, page: Page) -> Iterable[str]:
    """The commands each in a line of their own, so that they can be copied."""
    does = "drops" if obstacle["certain"] else "may drop"
    path = f"from {obstacle['from']} to {obstacle['to'] or 'this host'}"
    text = f"! {obstacle['owner']} {does} {', '.join(obstacle['what'])} {path}: {obstacle['by']}"
    yield page.paint(page.wrap(plain(f"{text} (chain {obstacle['chain']})")), YELLOW)
    if obstacle["commands"]:
        yield "    to open it:"
    yield from (f"      {plain(command)}" for command in obstacle["commands"])
    if obstacle["option"]:
        yield f"    or write {plain(obstacle['option'])} in [interface]: wgd keeps such rules there"


def _unmended(interface: Value, page: Page) -> Iterable[str]:
    why = "runs as its files were last accepted"
    if not interface["frozen"]:
        why = "nothing of it is touched, since no accepted copy of its files can be used either"
    yield page.wrap(plain(f"{interface['name']}: {why}"))


def _warning(text: str, page: Page) -> Iterable[str]:
    yield page.wrap(f"! {plain(text)}")
