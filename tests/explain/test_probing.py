"""What came back of something that was sent, and what that says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from errno import ECONNREFUSED, EMSGSIZE, ENETUNREACH
from ipaddress import ip_address

import pytest

from tests.configs import key
from tests.explain.support import CAMERA, machine, text
from wgd.config.scalars import port_range
from wgd.explain.leg import leg
from wgd.explain.probing import CIRCLES, FORBIDDEN, NO_WAY, PROBED, Attempt, Heard
from wgd.explain.steps import Mark, Step, taken

CAMERAS, HUBS = ip_address(CAMERA), ip_address("172.27.0.1")
ANSWER, NOTHING = Heard(by=CAMERAS), Heard()


@dataclass(frozen=True)
class Case:
    """`ago`: of the last handshake, 0 for never; `sent` and `received` while it was tried."""

    diagnosis: str
    says: str
    first: Heard = NOTHING
    full: Heard | None = None
    port: str = ""
    knocked: Heard | None = NOTHING
    ago: float = 10.0
    sent: int = 296
    received: int = 0
    moved: bool = False
    mark: Mark = Mark.WRONG


RIGHT = Mark.RIGHT
CASES = {
    "answered": Case("", "10.11.12.7 answers; 296 B went to hub-1", ANSWER, knocked=None, mark=RIGHT),
    "answered, large too": Case("", "a packet of 1420 bytes, too", ANSWER, ANSWER, mark=RIGHT),
    "answered by who does not listen": Case(
        "", "nobody listens on tcp/81", Heard(CAMERAS, errno=ECONNREFUSED), port="tcp/81", mark=RIGHT
    ),
    "not even sent": Case("this-machine-sends-nothing", "ENETUNREACH", Heard(errno=ENETUNREACH)),
    "wrong port": Case("nobody-listens-there", "hub-1", knocked=Heard(errno=ECONNREFUSED)),
    "the hub has no peer for it": Case("peer-knows-no-way", "10.11.12.0/24", Heard(HUBS, NO_WAY)),
    "a rule of somebody rejects": Case("somebody-forbids-it", "--from 172.27.0.2", Heard(HUBS, FORBIDDEN)),
    "a loop": Case("packets-go-in-circles", "--from 172.27.0.2", Heard(HUBS, CIRCLES)),
    "wrong key": Case("calls-stay-unanswered", "must listen on that port", ago=0),
    "was there once": Case("calls-stay-unanswered", "must listen on that port", ago=900),
    "the hub is there": Case("address-stays-silent", "--from 172.27.0.2"),
    "large ones are lost": Case("large-packets-are-lost", "mtu = 1280", ANSWER, NOTHING),
    "large ones are not even sent": Case(
        "large-packets-are-lost", "mtu = 1280", ANSWER, Heard(errno=EMSGSIZE)
    ),
    "one key on two machines": Case(
        "peer-moved-meanwhile", "wgd genkey wg0", ANSWER, ANSWER, moved=True, mark=Mark.UNKNOWN
    ),
}


def attempted(case: Case) -> Step:
    here = machine("spoke-1")
    here.heard("hub-1", ago=case.ago, received=0, sent=0)
    before = here.kernel._peers["wg0", key("hub-1")]
    if case.moved:
        before = replace(before, endpoint=("198.51.100.77", 40000))
    here.heard("hub-1", ago=case.ago, received=case.received, sent=case.sent)
    after = leg(here.sight(), CAMERAS)
    port = port_range(case.port) if case.port else None
    attempt = Attempt(after, port, case.first, case.full, 1420, case.knocked, before)
    ((step, _),) = taken(PROBED, attempt, frozenset())
    return step


@pytest.mark.parametrize("name", CASES)
def test_what_came_back_is_told(name: str) -> None:
    case = CASES[name]
    step = attempted(case)
    assert (step.mark, step.diagnosis) == (case.mark, case.diagnosis)
    assert case.says in f"{step.fact} {text(step)}"


def test_each_diagnosis_has_its_case() -> None:
    (stage,) = PROBED
    known = {diagnosis.__name__.replace("_", "-") for diagnosis in stage.diagnoses}
    assert known == {case.diagnosis for case in CASES.values() if case.diagnosis}
