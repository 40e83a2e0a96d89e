"""Only what differs is sent to a device: a port that is sent again rebinds the socket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.configs import HUB, config, machine, private_key, run
from wgd.config.document import Interface
from wgd.kinds.device import Device, DeviceKind, DeviceSet
from wgd.model import Secret

KIND = DeviceKind()
KEY = private_key("wg0")
WANT = Device("wg0", KEY, 51820, 7)

DIFFERENCES = (
    ("the same", WANT, WANT, ()),
    ("any port will do", replace(WANT, listen_port=None), replace(WANT, listen_port=40000), ()),
    ("port", WANT, replace(WANT, listen_port=40000), ("listen_port",)),
    ("another key", WANT, replace(WANT, private_key=private_key("x")), ("private_key",)),
    ("no key", WANT, replace(WANT, private_key=None), ("private_key",)),
    ("fwmark", WANT, replace(WANT, fwmark=0), ("fwmark",)),
    ("the public key follows", WANT, replace(WANT, public_key=b"p"), ()),
)


@pytest.mark.parametrize(
    ("want", "have", "fields"), [d[1:] for d in DIFFERENCES], ids=[d[0] for d in DIFFERENCES]
)
def test_differences(want: Device, have: Device, fields: tuple[str, ...]) -> None:
    assert tuple(field for field, _, _ in KIND.differences(want, have)) == fields


Sent = tuple[Secret | None, int | None, int | None]
EDITS: tuple[tuple[str, Interface, Sent], ...] = (
    ("port", replace(HUB, listen_port=51821), (None, 51821, None)),
    ("fwmark", replace(HUB, fwmark=5), (None, None, 5)),
    ("key", replace(HUB, private_key=private_key("new")), (private_key("new"), None, None)),
)


@pytest.mark.parametrize(("after", "sent"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_edit_sends_that_alone(after: Interface, sent: Sent) -> None:
    kernel = machine()
    run(kernel, config(HUB))
    report = run(kernel, config(after))
    (op,) = [outcome.op for outcome in report.outcomes]
    assert report.converged and isinstance(op, DeviceSet)
    assert (op.private_key, op.listen_port, op.fwmark) == sent


def test_a_port_that_nobody_asked_for_stays() -> None:
    kernel, spoke = machine(), replace(HUB, listen_port=None)
    run(kernel, config(HUB))
    assert run(kernel, config(spoke)).outcomes == ()
