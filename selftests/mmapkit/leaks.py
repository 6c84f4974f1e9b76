"""What kmemleak has to say of a machine: memory that nobody points to any more."""

import re
import time

from mmapkit.console import task_of
from mmapkit.errors import MmapkitError
from mmapkit.files import read_text
from mmapkit.machine import Machine
from mmapkit.program import Mode, Offset, Open, Program, Pwrite
from mmapkit.verdict import Errno, Finding, Verdict

KMEMLEAK = "/sys/kernel/debug/kmemleak"

#: seconds that kmemleak gives an object to be pointed to (MSECS_MIN_AGE)
YOUNG = 5.0

_TITLE = re.compile(r"unreferenced object 0x[0-9a-f]+ \(size \d+\)")

# The first function of a backtrace that is not of the allocators.
_CALL = re.compile(
    r"^ +(?:\[<[0-9a-f]+>\] )?(?!.*(?:kmalloc|kmem|alloc_pages))(\S+\+\S+.*)"
)


def _write(machine: Machine, word: str) -> None:
    """Have kmemleak do something. That it finds leaks makes the run a splat."""
    data = word.encode()
    program = Program(
        (Open(0, KMEMLEAK, Mode.WRONLY), Pwrite(0, Offset(0), len(data), data=data))
    )
    outcome = machine.run(program)
    refused = [r for r in outcome.results if isinstance(r, Errno)]
    leaky = all(finding.kind == "leak" for finding in outcome.findings)
    if refused or outcome.verdict not in (Verdict.OK, Verdict.SPLAT) or not leaky:
        told = [finding.title for finding in outcome.findings]
        told += [f"{key} {text}" for key, text in outcome.evidence]
        raise MmapkitError(
            f"kmemleak {word}: {outcome.verdict.value} {refused} {'; '.join(told)}"
        )


def parse(text: str) -> tuple[Finding, ...]:
    """Return a finding for each object in the text of kmemleak's file."""
    reports: list[list[str]] = []
    for line in text.splitlines():
        if _TITLE.match(line):
            reports.append([])
        if reports:
            reports[-1].append(line)
    findings = []
    for lines in reports:
        calls = (match[1] for line in lines if (match := _CALL.match(line)))
        title = f"{lines[0].rstrip(':')}, {next(calls, 'from nowhere known')}"
        run, operation = task_of(lines)
        findings.append(Finding("leak", title, tuple(lines), run, operation))
    return tuple(findings)


def check(machine: Machine) -> tuple[Finding, ...]:
    """Return what has leaked on a machine until now.

    The last scan is one that no object is too young for. There are two at
    least: what is being moved about may be missed by one.
    """
    began = time.monotonic()
    _write(machine, "scan")
    while time.monotonic() < began + YOUNG:
        _write(machine, "scan")
    _write(machine, "scan")
    return parse(read_text(machine, KMEMLEAK))
