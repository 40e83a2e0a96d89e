"""A process that sends UDP packets to one address without end, and counts what the kernel says.

It wakes by the clock, before all others: on one processor an ordinary process would wait until whoever edits
the peer has done, and never meet the gap between two messages of one edit.

`go` and `stop` on standard input; after each `stop` it prints how many it has sent and how many of them
failed for want of a peer (ENOKEY), and begins to count anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import time

_AT_ONCE = 16
_PAUSE = 0.0001


def main(address: str) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.suppress(PermissionError):  # an ordinary user may not; several processors do without
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with open(0, "rb", buffering=0) as orders:
        while orders.readline():
            sent = nobody = 0
            while not select.select([orders], [], [], 0)[0]:
                nobody += sum(_nobody_there(sender, address) for _ in range(_AT_ONCE))
                sent += _AT_ONCE
                time.sleep(_PAUSE)
            orders.readline()
            print(sent, nobody, flush=True)


def _nobody_there(sender: socket.socket, address: str) -> bool:
    try:
        sender.sendto(b"x", (address, 9))
    except OSError as error:
        if error.errno == errno.ENOKEY:
            return True
        if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
            raise
    return False


if __name__ == "__main__":
    main(sys.argv[1])
