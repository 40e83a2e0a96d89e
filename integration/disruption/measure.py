"""One run of the bench on the kernel it finds itself on; its last line is the findings as JSON."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from integration.disruption import trace
from integration.disruption.arena import HOSTS, Arena, Result
from integration.disruption.contest import FULL, QUICK, Contest, Scale, edit_at_random
from integration.disruption.flood import flood
from integration.disruption.operations import named
from integration.disruption.table import Findings
from integration.disruption.tools import CONF
from integration.disruption.wgd_tool import WgdTool
from integration.kernel import has_wireguard
from integration.namespaces import NoNamespaces, isolate


def main() -> int:
    """Its words: "quick" or "full", and the part of a tool's name, if any, that is to be measured alone."""
    scale, only = (QUICK if sys.argv[1] == "quick" else FULL), "".join(sys.argv[2:])
    try:
        isolate()
    except NoNamespaces as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        try:
            findings = run(scale, only, Path(scratch))
        except Exception:
            for log in sorted(Path(scratch).glob("*.log")):
                print(f"{log.stem}'s log ends:\n{log.read_text()[-2000:]}", file=sys.stderr)
            raise
    print(json.dumps({"markdown": findings.markdown(), **findings.json()}))
    return 0


def run(scale: Scale, only: str, scratch: Path) -> Findings:
    """Everything, in the order in which it is printed."""
    started = time.monotonic()
    in_kernel = has_wireguard()
    with ExitStack() as ending:
        contest = Contest(scratch, ending, only)
        tools = [arena.tool.name for arena in contest.arenas]
        findings = Findings("in the kernel" if in_kernel else "in wireguard-go", tools)
        for result in contest.idle(scale.idle):
            findings.results.append(_told(result))
        for result in contest.operations(scale):
            findings.results.append(_told(result))
        for arena in contest.quick:
            count = scale.edits if isinstance(arena.tool, WgdTool) else scale.edits_by_hand
            print(f"{count} random edits by {arena.tool.name}", file=sys.stderr, flush=True)
            findings.edits[arena.tool.name] = edit_at_random(arena, count)
        if shutil.which("strace"):
            findings.traces = [_traced(arena, scratch) for arena in contest.quick]
        else:
            findings.missing.append("No trace of messages: strace is not installed.")
    if not in_kernel:
        findings.missing.append("No flood: only the kernel's WireGuard says that there is no peer (ENOKEY).")
    elif not only:
        findings.floods = flood(scratch, scale.floods)
    findings.seconds = time.monotonic() - started
    return findings


def _told(result: Result) -> Result:
    """So that whoever waits sees that it goes on."""
    losses = result.losses
    print(
        f"{result.host}: {result.operation}: {result.tool}: {losses.lost} of {losses.sent} lost,"
        f" done after {result.took * 1000:.0f} ms",
        file=sys.stderr,
        flush=True,
    )
    return result


def _traced(arena: Arena, scratch: Path) -> trace.Trace:
    if isinstance(arena.tool, WgdTool):
        return _traced_daemon(arena, arena.tool, scratch)
    return _traced_by_hand(arena, scratch)


def _traced_daemon(arena: Arena, tool: WgdTool, scratch: Path) -> trace.Trace:
    """Both daemons again, each through the whole round of operations, started under strace."""
    found = trace.Trace("wgd, all operations on both hosts")
    for name in HOSTS:
        host, folder = arena.host(name), scratch / f"strace-{name}"
        arena.change(name, arena.base[name])
        tool.stop(host)
        tool.start(host, *trace.strace(folder))
        for operation in named(arena.base[name]):
            arena.change(name, operation.step(arena.wishes[name]))
        tool.restart(host)
        found += trace.read(found.who, folder)
    return found


def _traced_by_hand(arena: Arena, scratch: Path) -> trace.Trace:
    folder = scratch / "strace-by-hand"
    host = arena.host("hub-1")
    host.write("/run/by-hand/stripped.conf", host.run("wg-quick", "strip", CONF), mode=0o600)
    host.run(*trace.strace(folder), "wg", "syncconf", "wg0", "/run/by-hand/stripped.conf")
    return trace.read("wg syncconf, once, of the file as it is", folder)


if __name__ == "__main__":
    sys.exit(main())
