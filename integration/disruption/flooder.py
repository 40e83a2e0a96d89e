"""A process that sends UDP packets to one address as fast as it can, and counts what the kernel says.

`go` and `stop` on standard input; after each `stop` it prints how many it has sent and how many of them
failed for want of a peer (ENOKEY), and begins to count anew.
"""

from __future__ import annotations

import errno
import select
import socket
import sys

_AT_ONCE = 64


def main(address: str) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with open(0, "rb", buffering=0) as orders:
        while orders.readline():
            sent = nobody = 0
            while not select.select([orders], [], [], 0)[0]:
                nobody += sum(_nobody_there(sender, address) for _ in range(_AT_ONCE))
                sent += _AT_ONCE
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
