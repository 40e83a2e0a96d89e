"""A broken file counts as its accepted copy; the rest goes on; what is deleted stays deleted."""

from hypothesis import given
from hypothesis import strategies as st

from tests.config.support import NOW, key, read, secret, text
from wgd.config.accept import Settled, settle
from wgd.config.decode import Files, decode
from wgd.config.keys import KeyFileError
from wgd.errors import Problem
from wgd.model import Secret


def _main(n: int, lines: str = "") -> str:
    return f'[interface]\naddresses = ["10.{n}.0.1/16"]\nlisten_port = {n + 1}\n{lines}\n'


def _peer(name: str, address: str) -> str:
    return f'[peers.{name}]\npublic_key = "{key(name)}"\nallowed_ips = ["{address}"]\n'


BROKEN = "[interface"
ACCEPTED = {
    "wg0.toml": _main(0),
    "wg0.d/a.toml": _peer("a", "10.0.0.2"),
    "wg0.d/b.toml": _peer("b", "10.0.0.3"),
    "wg1.toml": _main(1) + _peer("c", "cams"),
    "wgd.toml": '[networks]\ncams = "192.0.2.0/24"\n',
}


def _settle(changes: dict[str, str | None], accepted: dict[str, str] = ACCEPTED) -> Settled:
    files = {file: content for file, content in {**accepted, **changes}.items() if content is not None}
    return settle(text(files), text(accepted), read)


def _peers(settled: Settled, name: str) -> list[str]:
    return [peer.name for peer in settled.config.interfaces[name].peers]


def test_sound_files_count_as_they_are() -> None:
    settled = _settle({"wg0.d/c.toml": _peer("c", "10.0.0.4")})
    assert _peers(settled, "wg0") == ["a", "b", "c"]
    assert set(settled.files_in_force) == {*ACCEPTED, "wg0.d/c.toml"}
    assert not settled.problems and not settled.frozen and not settled.held


def test_a_broken_main_file_freezes_all_of_its_interface_and_nothing_else() -> None:
    settled = _settle({"wg0.toml": BROKEN, "wg0.d/a.toml": None, "wg1.toml": _main(1, "mtu = 1300")})
    assert settled.frozen == {"wg0"}
    assert _peers(settled, "wg0") == ["a", "b"]
    assert settled.config.interfaces["wg1"].mtu == 1300
    assert [problem.file for problem in settled.problems] == ["wg0.toml"]
    assert settled.files_in_force["wg0.toml"] == ACCEPTED["wg0.toml"].encode()


def test_a_broken_drop_in_counts_as_its_copy_and_others_can_be_revoked() -> None:
    settled = _settle({"wg0.d/a.toml": BROKEN, "wg0.d/b.toml": None, "wg0.d/c.toml": _peer("c", "10.0.0.4")})
    assert _peers(settled, "wg0") == ["a", "c"]
    assert not settled.frozen


def test_a_new_broken_drop_in_does_not_count() -> None:
    settled = _settle({"wg0.d/c.toml": BROKEN, "wg0.toml": _main(0, "mtu = 1300")})
    assert _peers(settled, "wg0") == ["a", "b"]
    assert settled.config.interfaces["wg0"].mtu == 1300
    assert "wg0.d/c.toml" not in settled.files_in_force
    assert [problem.file for problem in settled.problems] == ["wg0.d/c.toml"]


def test_a_new_broken_interface_is_held() -> None:
    settled = _settle({"wg2.toml": BROKEN, "wg2.d/x.toml": _peer("x", "10.2.0.2")})
    assert settled.held == settled.config.held == {"wg2"}
    assert set(settled.config.interfaces) == {"wg0", "wg1"}
    assert set(settled.files_in_force) == set(ACCEPTED)


def test_the_drop_in_that_came_last_is_to_blame_for_a_clash() -> None:
    """Whichever of the two is named first in the alphabet."""
    for file in ("wg0.d/0.toml", "wg0.d/z.toml"):
        settled = _settle({file: _peer("z", "10.0.0.2")})
        assert _peers(settled, "wg0") == ["a", "b"]
        assert not settled.frozen


def test_the_interface_that_changed_is_to_blame_for_a_clash() -> None:
    for changed, other in (("wg0", "wg1"), ("wg1", "wg0")):
        settled = _settle({f"{changed}.toml": _main(int(other[2]), "mtu = 1300")})
        assert settled.frozen == {changed}
        assert settled.config.interfaces[changed].mtu is None


def test_wgd_toml_that_breaks_an_interface_counts_as_its_copy() -> None:
    for content in (BROKEN, "", None, '[networks]\ncams = "10.0.0.2/32"\n'):
        settled = _settle({"wgd.toml": content})
        assert _peers(settled, "wg1") == ["c"]
        assert not settled.frozen and not settled.held
        assert settled.files_in_force["wgd.toml"] == ACCEPTED["wgd.toml"].encode()


def test_wgd_toml_that_nobody_needs_may_go() -> None:
    settled = _settle({"wgd.toml": None, "wg1.toml": _main(1)})
    assert "wgd.toml" not in settled.files_in_force and not settled.problems


def test_a_deleted_drop_in_that_a_rule_names_freezes_its_interface() -> None:
    rule = '[[forward]]\nfrom = ["a"]\nto = ["b"]\n'
    settled = _settle({"wg0.d/b.toml": None}, {**ACCEPTED, "wg0.toml": _main(0) + rule})
    assert settled.frozen == {"wg0"}
    assert _peers(settled, "wg0") == ["a", "b"]


def test_a_deleted_interface_is_gone_whatever_its_drop_ins_say() -> None:
    settled = _settle({"wg0.toml": None, "wg0.d/a.toml": BROKEN})
    assert set(settled.config.interfaces) == {"wg1"}
    assert not settled.held and not settled.frozen
    assert "wg0.toml" not in settled.files_in_force


def test_unreadable_files_count_as_their_copies() -> None:
    for file in ("wg0.toml", "wg0.d", "wg0.d/a.toml"):
        files: dict[str, bytes | Problem] = dict(text(ACCEPTED))
        del files["wg0.d/b.toml"]
        files[file] = Problem(file, 0, "", "cannot be read")
        settled = settle(files, text(ACCEPTED), read)
        assert "a" in _peers(settled, "wg0")
        assert settled.frozen == (set() if file == "wg0.d/a.toml" else {"wg0"})


def test_a_key_that_is_gone_holds_its_interface_and_keeps_the_copies() -> None:
    def read_key(file: str, private: bool) -> Secret:
        if file == "keys/wg0.key":
            raise KeyFileError("is missing", missing=True)
        return secret(file, private)

    files = {**ACCEPTED, "wgd.toml": ACCEPTED["wgd.toml"] + 'lan = "10.9.0.0/16"\n'}
    settled = settle(text(files), text(ACCEPTED), lambda some: decode(some, read_key, NOW))
    assert settled.held == {"wg0"} and set(settled.config.interfaces) == {"wg1"}
    assert settled.files_in_force == text(files)
    assert [problem.file for problem in settled.problems] == ["wg0.toml"]


CONTENTS = {
    "wg0.toml": (_main(0), _main(0, "mtu = 1300"), _main(1), BROKEN, "", _main(0) + _peer("a", "lan")),
    "wg0.d/a.toml": (_peer("a", "10.0.0.2"), _peer("a", "10.0.0.3"), BROKEN, _peer("a", "cams"), _main(3)),
    "wg0.d/b.toml": (_peer("b", "10.0.0.3"), _peer("a", "10.0.0.4"), '[networks]\nlan = "10.0.9.0/24"\n'),
    "wg1.toml": (_main(1), _main(0), _main(1) + _peer("c", "cams"), BROKEN, _main(1, 'netns = "x"')),
    "wgd.toml": ('[networks]\ncams = "192.0.2.0/24"\n', '[networks]\nlan = "10.0.0.3"\n', BROKEN, ""),
    "all.toml": (_main(4),),
}

directories = st.fixed_dictionaries(
    {}, optional={file: st.sampled_from(contents).map(str.encode) for file, contents in CONTENTS.items()}
)


@given(directories, directories)
def test_properties(files: Files, before: Files) -> None:
    accepted = settle(before, {}, read).files_in_force
    settled = settle(files, accepted, read)
    again = read(settled.files_in_force)
    for name, interface in settled.config.interfaces.items():
        assert again.config.interfaces.get(name) == interface, "what is in force decodes to what counts"
    assert settled.held.isdisjoint(settled.config.interfaces)
    claimed = {file.removesuffix(".toml") for file in files if file.startswith("wg") and "/" not in file} - {
        "wgd"
    }
    assert settled.held | set(settled.config.interfaces) == claimed, "claimed interfaces are used or held"
    assert settled.frozen <= set(settled.config.interfaces)
    for file in accepted.keys() - files.keys():
        gone = file not in settled.files_in_force
        assert gone or file == "wgd.toml" or file.split(".")[0] in settled.frozen | settled.held
    if not read(files).broken:
        assert settled.files_in_force == files and not settled.held


@given(directories, st.sampled_from(["wg0", "wg1"]), st.binary(max_size=30))
def test_an_unchanged_interface_is_untouched_by_what_happens_to_another(
    before: Files, name: str, content: bytes
) -> None:
    accepted = settle(before, {}, read)
    if name not in accepted.config.interfaces:
        return
    other = {"wg0": "wg1", "wg1": "wg0"}[name]
    files = {**accepted.files_in_force, f"{other}.toml": content}
    assert (
        settle(files, accepted.files_in_force, read).config.interfaces[name]
        == accepted.config.interfaces[name]
    )
