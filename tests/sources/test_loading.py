"""Loading again after edits gives exactly what loading everything for the first time gives."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.config.support import key
from tests.configs import private_key
from wgd.config.keys import write_key
from wgd.sources.files import ConfigFiles, Directories, Loaded

NOW = 1_900_000_000.0
MAIN = '[interface]\nrole = "{role}"\naddresses = ["10.{n}.0.1/16"]\nlisten_port = {port}\n{more}\n'


def _peer(name: str, whose: str, allowed: str, more: str) -> str:
    text = f'[peers.{name}]\npublic_key = "{key(whose)}"\nallowed_ips = [{allowed}]\n'
    return f"{text}{more}\n"


mains = st.builds(
    MAIN.format,
    role=st.sampled_from(("hub", "spoke", "hub")),
    n=st.sampled_from((0, 0, 1)),
    port=st.sampled_from((51820, 51821)),
    more=st.sampled_from(
        ("", "", "", "enabled = false", 'forwarding = "unmanaged"', "mtu = 1200", "fwmark = 1", "bad = 1")
    ),
)
allowed_ips = st.sampled_from(
    ("10.0.0.2/32", "10.0.0.3/32", "10.0.0.1/32", "10.0.0.0/24", "10.1.0.4/32", "10.5.0.0/16")
) | st.sampled_from(("10.5.5.0/24", "fd00::2/128", "lan", "cams"))
settings_of_peers = st.sampled_from(("", "# more", "\n")) | st.sampled_from(
    (
        "enabled = false",
        "routes = false",
        "expires = 2030-03-17T17:46:39Z",
        "expires = 2030-03-17T17:46:50Z",
        'preshared_key_file = "keys/p.psk"',
        'endpoint = "x.org:1"',
        'endpoint = "10.0.0.3:51820"',
        'endpoint = "10.5.5.5:51820"\npersistent_keepalive = 25',
    )
)
peers = st.builds(
    _peer,
    name=st.sampled_from("abcdefgh"),
    whose=st.sampled_from("abcdefgh"),
    allowed=st.lists(allowed_ips.map('"{}"'.format), max_size=2).map(", ".join),
    more=settings_of_peers,
) | st.builds(
    lambda n, more: _peer(f"p{n}", f"p{n}", f'"10.0.1.{n}/32"', more), st.integers(0, 30), settings_of_peers
)
words = st.sampled_from(['"a"', '"b"', '"lan"', '"any"', '"10.0.0.2/32"', '"10.9.0.0/16"', '"none"'])
rules = st.builds(
    "[[forward]]\nfrom = [{}]\nto = [{}]\n{}\n".format,
    words,
    words,
    st.sampled_from(["", "", 'out = "lo"', 'in = "away"', 'out = "wg0"']),
)
others = st.sampled_from(
    (
        '[networks]\nlan = ["10.9.0.0/16"]\n',
        '[networks]\ncams = ["10.11.12.0/24"]\n',
        '[[masquerade]]\nout = "lo"\nto = ["any"]\n',
        "broken\n",
        "# so\n",
    )
)
parts = st.one_of(peers, peers, peers, rules, rules, others)
files = st.lists(parts, max_size=3).map("".join)

DROP_INS = tuple(f"wg{n}.d/{name}.toml" for n in (0, 1) for name in "abc")
edits = st.one_of(
    st.tuples(st.sampled_from(("wg0.toml", "wg1.toml")), st.builds("{}{}".format, mains, files)),
    *[st.tuples(st.sampled_from(DROP_INS), files)] * 4,
    st.tuples(st.sampled_from(DROP_INS), st.none()),
    st.tuples(st.sampled_from(("wg0.toml", "wg1.toml", "wgd.toml")), st.none()),
    st.tuples(st.just("wgd.toml"), others),
    st.tuples(st.just("keys/p.psk"), st.sampled_from((key("p"), key("q"), None))),
)
steps = st.lists(
    st.tuples(
        st.lists(edits, max_size=2),
        st.sampled_from((0.0, 0.0, 0.0, 3.0, 20.0, -30.0)),  # how much later
        st.booleans(),  # whether events told
        st.booleans(),  # whether what was loaded is accepted
    ),
    min_size=1,
    max_size=10,
)


Step = tuple[list[tuple[str, str | None]], float, bool, bool]


def _save(directory: Path, name: str, content: str | None) -> None:
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.write_text(content)
    path.chmod(0o640)


def _directories(root: Path) -> Directories:
    (root / "etc").mkdir()
    for name in ("wg0", "wg1"):
        write_key(root / f"etc/keys/{name}.key", private_key(name))
    return Directories(root / "etc", root / "run", root / "state")


def _told(changed: set[str]) -> frozenset[str] | None:
    return None if any(name.startswith("keys/") for name in changed) else frozenset(changed)


def _afresh(directories: Directories, accepted: Loaded, grown: ConfigFiles) -> ConfigFiles:
    """One that knows nothing but what was accepted and since when a file is gone."""
    fresh = ConfigFiles(directories)
    fresh._accepted, fresh._gone_since = accepted.files, dict(grown._gone_since)
    return fresh


ALONE = ("wg0.toml", '[interface]\naddresses = ["10.0.0.1/16"]\n')


@given(steps)
@example([([ALONE], 0.0, False, True), ([("wg0.toml", None)], 0.0, True, True), ([ALONE], 0.0, True, True)])
def test_any_edits_load_as_if_for_the_first_time(steps: list[Step]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        directories = _directories(root)
        grown, accepted, now = ConfigFiles(directories), Loaded(), NOW
        for edited, later, told, accepting in steps:
            for name, content in edited:
                _save(directories.config, name, content)
            now += later
            touched = _told({name for name, _ in edited}) if told else None
            fresh = _afresh(directories, accepted, grown)
            loaded, expected = grown.load(now, now, touched), fresh.load(now, now)
            assert loaded == expected
            assert list(loaded.files) == list(expected.files)
            assert grown.load(now, now, frozenset()) is loaded
            if accepting:
                grown.accept(loaded)
                accepted = loaded
    finally:
        shutil.rmtree(root)
