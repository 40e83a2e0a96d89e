"""`make bench-disruption`: runs the bench on a kernel with WireGuard, prints the table and keeps it.

`--quick` does a little of everything, `--only NAME` measures one tool. `--here` takes this kernel as it is:
without WireGuard of its own, that is wireguard-go. The table stands in build/ afterwards, as Markdown and as
JSON; a whole one in docs/disruption.md, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from integration.kernel import LANE, findings, has_wireguard

AT_MOST = 5400
"""Seconds for a whole run; a full one takes about half of that."""
FOLDER, DOCUMENT = Path("build"), Path("docs/disruption.md")
TITLE = """\
# What a running connection notices

One whole run of `make bench-disruption`, as it printed it.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="integration.disruption", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of everything, in some minutes")
    parser.add_argument("--here", action="store_true", help="this kernel, or wireguard-go on it")
    parser.add_argument("--only", default="", help="tools with this in their name, such as networkd")
    options = parser.parse_args()
    scale = "quick" if options.quick else "full"
    measure = [sys.executable, "-m", "integration.disruption.measure", scale, options.only]
    if not options.here and not has_wireguard():
        measure.insert(0, LANE)
    found = findings(measure, {"SECONDS_AT_MOST": str(AT_MOST)})
    if found is None:
        return 1
    FOLDER.mkdir(exist_ok=True)
    markdown = found.pop("markdown")
    (FOLDER / "disruption.md").write_text(markdown)
    (FOLDER / "disruption.json").write_text(json.dumps(found, indent=1) + "\n")
    if not options.quick and not options.only:
        DOCUMENT.write_text(TITLE + markdown)
    print(markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
