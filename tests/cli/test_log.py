from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Wgd
from tests.output.test_history import ENTRY, NOW
from wgd.cli.log import since
from wgd.errors import UsageError
from wgd.sources.historyfile import append


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90s", NOW - 90), ("2h", NOW - 7200), ("7d", NOW - 604800), ("1970-01-01T00:00Z", 0)],
)
def test_since(text: str, wanted: float) -> None:
    assert since(text, NOW) == wanted


@pytest.mark.parametrize("text", ["yesterday", "2", "2w", "-1h"])
def test_since_what(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        since(text, NOW)


def test_the_command(wgd: Wgd, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wgd("log") == 0
    assert capsys.readouterr().out == "nothing was changed\n"
    append(root / "state", ENTRY)
    append(root / "state", ENTRY | {"time": time.time(), "why": ["now"]})
    assert wgd("log", "--since", "1h") == 0
    said = capsys.readouterr().out
    assert "now" in said and "wg0.toml" not in said
    assert wgd("log", "--json") == 0 and '"saved: wg0.toml"' in capsys.readouterr().out
