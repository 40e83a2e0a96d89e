"""One run of the bench on the kernel it finds itself on; its last line is the findings as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from integration.bench.locked import SMALL, lock
from integration.bench.rounds import HOME, Findings, Round
from integration.namespaces import NoNamespaces, isolate

SIZES = (10, 100, 1000, 10_000, 50_000)


def main(sizes: Sequence[int]) -> int:
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    began = time.monotonic()
    if max(sizes) > SMALL:
        lock()
    findings = run(sizes)
    print(
        json.dumps(
            {
                "kernel": os.uname().release,
                "seconds": round(time.monotonic() - began),
                "samples": findings.samples.json(),
                "idle": [one.json() for one in findings.idle],
                "pages": [one.json() for one in findings.pages],
                "left_out": findings.left_out,
            }
        )
    )
    return 0


def run(sizes: Sequence[int]) -> Findings:
    """A round for each size, the home's first."""
    findings = Findings()
    with tempfile.TemporaryDirectory() as scratch:
        for peers in dict.fromkeys((HOME, *sizes)):
            with ExitStack() as ending:
                Round(peers, findings, Path(scratch), ending).run()
    return findings


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]] or SIZES))
