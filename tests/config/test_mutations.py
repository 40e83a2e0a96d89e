"""A thousand damaged examples: each is refused at the right place, or means what it says.

Ten classes of damage, a hundred cases each, the same every time. A damage returns the new text and, where
it can be known, the line an error must stand on and whether there must be one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.config.rewrite import rewritten
from tests.config.support import ETC, read
from wgd.errors import Problem, Severity

EXAMPLES = {name: (ETC / name / "wg0.toml").read_bytes() for name in ("hub", "spoke", "gateway")}
EACH = 100


class Damaged(NamedTuple):
    """`line` 0: anywhere; `refused` None: as it comes."""

    content: bytes
    line: int = 0
    refused: bool | None = None


class Example:
    """The lines of an example, and dice."""

    def __init__(self, content: bytes, dice: random.Random) -> None:
        self.lines, self.dice = content.decode().splitlines(), dice

    def pick(self, pattern: str) -> int:
        """The index of some line that matches."""
        fitting = [index for index, line in enumerate(self.lines) if re.match(pattern, line)]
        return self.dice.choice(fitting) if fitting else -1

    def with_line(self, index: int, *lines: str) -> bytes:
        return "\n".join([*self.lines[:index], *lines, *self.lines[index + 1 :], ""]).encode()


def delete_line(example: Example) -> Damaged:
    return Damaged(example.with_line(example.pick(r"[\w\[]")))


def duplicate_line(example: Example) -> Damaged:
    """The second of two is one too many; of two headers of a rule the first has nothing below it."""
    index = example.pick(r"[\w\[]")
    line = example.lines[index]
    return Damaged(example.with_line(index, line, line), index + (1 if line.startswith("[[") else 2), True)


def swap_characters(example: Example) -> Damaged:
    index = example.pick(r"[\w\[]")
    line = example.lines[index]
    code = len(line.partition(" #")[0])
    at = example.dice.choice([at for at in range(code - 1) if line[at] != line[at + 1]])
    return Damaged(example.with_line(index, line[:at] + line[at + 1] + line[at] + line[at + 2 :]))


def change_type(example: Example) -> Damaged:
    index = example.pick(r"(?!addresses)\w+ = ")
    key = example.lines[index].split(" = ")[0]
    value = example.dice.choice(["-1", "true", "2.5", '"?"', "[[]]", "{ a = 1 }", "2030-01-01", "[true]"])
    return Damaged(example.with_line(index, f"{key} = {value}"), index + 1, True)


def set_host_bits(example: Example) -> Damaged:
    index = example.pick(r"(allowed_ips|webcams) = ")
    line = re.sub(r"0/(16|24)", rf"{example.dice.randrange(1, 256)}/\1", example.lines[index])
    line = re.sub(r"/32", f"/{example.dice.randrange(1, 31)}", line)
    return Damaged(example.with_line(index, line), index + 1, True)


def corrupt_key(example: Example) -> Damaged:
    index = example.pick(r"public_key = ")
    before, key, after = example.lines[index].split('"')
    at = example.dice.randrange(1, 42)
    wrong = example.dice.choice(["", "!", "--", "é", " ", "_", "AA", "\\u0041A", "="])
    return Damaged(
        example.with_line(index, f'{before}"{key[:at]}{wrong}{key[at + 1 :]}"{after}'), index + 1, True
    )


def rename_key(example: Example) -> Damaged:
    index = example.pick(r"(?!webcams)\w+ = ")
    key, value = example.lines[index].split(" = ", 1)
    at = example.dice.randrange(len(key))
    new = example.dice.choice(
        [key[:at] + key[at + 1 :], key + "s", key.upper(), key.replace("_", "-") + "-", f"x.{key}"]
    )
    return Damaged(example.with_line(index, f"{new} = {value}"), index + 1, True)


def damage_header(example: Example) -> Damaged:
    index = example.pick(r"\[(?!\[)")
    header, blank, comment = example.lines[index].partition(" ")
    name = header.strip("[]")
    open_or_closed = [
        header[1:],
        header[:-1],
        f"[{header}]",
        f"[{header}",
        f"{header}]",
        header.replace("[", "{"),
    ]
    misnamed = [f"[x{name}]", f"[{name}.]", f"[.{name}]", f"[{name.upper()}]", f"[{name} x]", f"[x.{name}]"]
    new = example.dice.choice([*open_or_closed, *misnamed, f"({name})", f"{header} = 1"])
    return Damaged(example.with_line(index, new + blank + comment), index + 1, True)


def leave_range(example: Example) -> Damaged:
    index = example.pick(
        r"(listen_port|persistent_keepalive|endpoint|allowed_ips|addresses|webcams|ports = .*\d) ?"
    )
    line = example.lines[index].split("#")[0].rstrip()
    numbers = [found for found in re.finditer(r"(?<=[/:])\d+|(?<== )\d+", line)]
    number = example.dice.choice(numbers)
    wrong = example.dice.choice(["65536", "-1", "99999999999999999999", "70000"])
    return Damaged(
        example.with_line(index, line[: number.start()] + wrong + line[number.end() :]), index + 1, True
    )


def damage_encoding(example: Example) -> Damaged:
    whole = example.with_line(len(example.lines))
    index = example.pick(r"")
    at = example.dice.randrange(len(example.lines[index]) + 1)
    before = len("\n".join([*example.lines[:index], ""]).encode()) + at

    def with_bytes(inserted: bytes) -> Damaged:
        return Damaged(whole[:before] + inserted + whole[before:], index + 1, True)

    return example.dice.choice(
        [
            with_bytes(bytes([example.dice.randrange(128, 256)])),
            with_bytes(b"\0"),
            with_bytes(b"\xed\xa0\x80"),
            with_bytes(b"\x1b"),
            Damaged(b"\xef\xbb\xbf" + whole, 1, True),
            Damaged(whole.decode().encode("utf-16"), 1, True),
            Damaged(whole.replace(b"\n", b"\r\n"), 0, False),
        ]
    )


CLASSES: tuple[Callable[[Example], Damaged], ...] = (
    delete_line,
    duplicate_line,
    swap_characters,
    change_type,
    set_host_bits,
    corrupt_key,
    rename_key,
    damage_header,
    leave_range,
    damage_encoding,
)


def _judge(damaged: Damaged) -> None:
    decoded = read({"wg0.toml": damaged.content})
    errors = [problem for problem in decoded.problems if problem.severity is Severity.ERROR]
    shown = damaged.content.decode(errors="replace") + "\n" + "\n".join(map(str, decoded.problems))
    assert damaged.refused in (None, bool(errors)), shown
    if errors:
        assert decoded.config.interfaces == {} and decoded.config.held == {"wg0"}
        _judge_places(damaged, errors, shown)
    else:
        interface = decoded.config.interfaces["wg0"]
        assert read({"wg0.toml": rewritten(interface)}).config.interfaces["wg0"] == interface, shown


def _judge_places(damaged: Damaged, errors: list[Problem], shown: str) -> None:
    rows = damaged.content.decode(errors="replace").split("\n")
    for problem in errors:
        assert problem.file == "wg0.toml"
        assert problem.line <= len(rows) and (problem.line or problem.message == "[interface] is missing"), (
            shown
        )
    if damaged.line:
        keys = [problem.key for problem in errors if problem.line == damaged.line]
        assert keys, f"{damaged.line}\n{shown}"
        name = re.match(r"([\w-]+)(?:\.\w+)? = ", rows[damaged.line - 1])
        assert not name or any(key == "" or name[1] in key for key in keys), f"{name}\n{shown}"


@pytest.mark.parametrize("damage", CLASSES, ids=lambda damage: damage.__name__)
def test_damage(damage: Callable[[Example], Damaged]) -> None:
    names = list(EXAMPLES)
    for number in range(EACH):
        content = EXAMPLES[names[number % 3]]
        example = Example(content, random.Random(f"{damage.__name__} {number}"))
        damaged = damage(example)
        assert damaged.content != content
        _judge(damaged)


@pytest.mark.parametrize("content", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_are_accepted_without_a_word(content: bytes) -> None:
    decoded = read({"wg0.toml": content})
    assert decoded.problems == ()
    interface = decoded.config.interfaces["wg0"]
    assert read({"wg0.toml": rewritten(interface)}).config.interfaces["wg0"] == interface


def test_the_examples_belong_together() -> None:
    """The hub's key on both spokes, and another on the hub for each."""
    hub, spoke, gateway = (
        read({"wg0.toml": content}).config.interfaces["wg0"] for content in EXAMPLES.values()
    )
    assert spoke.peers[0].public_key == gateway.peers[0].public_key
    assert len({peer.public_key for peer in (*hub.peers, spoke.peers[0])}) == 3
