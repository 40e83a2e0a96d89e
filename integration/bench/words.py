"""The names of what is measured and of who is measured, as the table prints them."""

from __future__ import annotations

START = "starting a process (`true`)"
NOTHING = "nothing to do: all read and compared"
TELLING = "nothing to do: CPU in all, with telling it"
EDIT = "one peer gets another address"
KEEPALIVE = "one peer gets another keepalive"
ADD = "one peer added"
REMOVE = "one peer removed"
REST = "after a new address: CPU until all is looked at again"
THOUSAND = "1,000 peers get other addresses"
COLD = "from nothing, until the kernel has all"
READY = "from nothing, until all is looked at again"
RESTART = "daemon starts, all is right already"
DRIFT = "somebody removes a route: until it is back"
STATUS, CHECK, PLAN = "`wgd status`", "`wgd check`", "`wgd plan`"
ELEMENT = "one address in the nftables table changed, the call alone"

ONE_FILE = "wgd, one file"
DROP_INS = "wgd, drop-ins"
SCRIPT = "script"
HAND = "by hand"
READERS = "wg, ip, nft list"
QUICK = "wg-quick"
STRIP = "strip, syncconf"
NETWORKD = "networkd"
PYROUTE2 = "pyroute2"

OURS = (ONE_FILE, DROP_INS)
WHOM = (*OURS, SCRIPT, HAND, READERS, QUICK, STRIP, NETWORKD, PYROUTE2)
"""In the order of the columns."""
