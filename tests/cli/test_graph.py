"""`wgd graph` in its three forms: they say the same, and what a browser or a program reads is well formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Wgd
from tests.configs import HUB, NOW, SEED, SPOKE_2, config, interface, peer, side
from wgd.config.document import Config, Input, PortRange
from wgd.output.graph import as_mermaid, as_svg, as_text, nets
from wgd.output.terminal import Page

CROWD = config(
    replace(
        HUB,
        peers=(*HUB.peers, replace(peer("phone", "172.27.0.9/32"), enabled=False)),
        inputs=(Input(side("any"), (PortRange("tcp", 22, 22),)),),
    ),
    replace(interface("wg1", "172.28.0.1/16"), enabled=False),
)


def test_the_hub_as_text() -> None:
    assert as_text(nets(CROWD, NOW), Page()).splitlines() == [
        "wg0  172.27.0.1/16 · hub · port 51820",
        "├─ spoke-1  172.27.0.2",
        "├─ spoke-2  172.27.0.3",
        "│  └─ webcams 10.11.12.0/24",
        "└─ phone    172.27.0.9  disabled",
        "",
        "spoke-1 ─▶ webcams  tcp/80, tcp/554",
        "any     ─▶ this machine  tcp/22",
        "",
        "wg1  172.28.0.1/16 · spoke · disabled",
    ]


def test_a_gateway_as_text() -> None:
    assert as_text(nets(config(SPOKE_2), NOW), Page()).splitlines() == [
        "wg0  172.27.0.3/16 · spoke",
        "└─ hub-1  172.27.0.0/16  called at 198.51.100.15:51820, every 25 s",
        "",
        "hub-1 ─▶ webcams",
        "wg0   ─▶ webcams  with the address of wlp0s0f0",
    ]


def test_mermaid() -> None:
    assert as_mermaid(nets(SEED["hub-1"], NOW)).splitlines() == [
        "flowchart LR",
        '  i0["this machine<br/>wg0<br/>172.27.0.1/16<br/>hub<br/>port 51820"]',
        '  i0p0("spoke-1<br/>172.27.0.2")',
        "  i0 --- i0p0",
        '  i0p1("spoke-2<br/>172.27.0.3")',
        "  i0 --- i0p1",
        '  i0p1b0[/"webcams<br/>10.11.12.0/24"/]',
        "  i0p1 --- i0p1b0",
        '  i0p0 -.->|"tcp/80, tcp/554"| i0p1b0',
    ]


@pytest.mark.parametrize("drawn", [CROWD, SEED["spoke-1"], SEED["spoke-2"], Config()])
def test_the_three_forms_say_the_same(drawn: Config) -> None:
    found = nets(drawn, NOW)
    words = {word for net in found for one in net.members for word in (one.name, one.addresses, *one.behind)}
    words |= {
        word for net in found for arrow in net.arrows for word in (arrow.source, arrow.target, arrow.how)
    }
    words |= {word for net in found for word in (net.name, *net.traits)}
    svg = "".join(ET.fromstring(as_svg(found)).itertext())
    mermaid = as_mermaid(found).replace("<br/>", " ")
    for word in words:
        assert word in as_text(found, Page()) and word in mermaid and word in svg, word


def boxes(text: str) -> list[tuple[float, ...]]:
    names = ("x", "y", "width", "height")
    rects = (one for one in ET.fromstring(text).iter() if one.tag.endswith("rect"))
    return [tuple(float(rect.attrib[name]) for name in names) for rect in rects]


@pytest.mark.parametrize("drawn", [CROWD, SEED["spoke-2"]])
def test_in_the_picture_nothing_lies_over_another_or_outside(drawn: Config) -> None:
    picture = as_svg(nets(drawn, NOW))
    found = boxes(picture)
    _, _, wide, high = map(float, ET.fromstring(picture).attrib["viewBox"].split())
    for number, (x, y, w, h) in enumerate(found):
        assert x >= 0 and y >= 0 and x + w <= wide and y + h <= high
        for x2, y2, w2, h2 in found[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_every_name_of_a_mermaid_node_is_made_before_it_is_used() -> None:
    made: set[str] = set()
    for line in as_mermaid(nets(CROWD, NOW)).splitlines()[1:]:
        if link := re.match(r"  (\w+) (?:---|-\.->(?:\|[^|]*\|)?) (\w+)$", line):
            assert {*link.groups()} <= made, line
        else:
            made.add(re.match(r"  (\w+)[\[(>]", line)[1])  # type: ignore[index]


def test_the_command(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wgd("graph") == 0 and "└─ phone" in capsys.readouterr().out
    assert wgd("graph", "--svg") == 0 and capsys.readouterr().out.startswith("<svg")
    assert wgd("graph", "--mermaid", "wg0") == 0 and "flowchart" in capsys.readouterr().out
    assert wgd("graph", "wg9") == 2
    (root / "etc/wg1.toml").write_text("nonsense")
    capsys.readouterr()
    assert wgd("graph") == 2
    told = capsys.readouterr()
    assert "phone" in told.out and "wgd check" in told.err
