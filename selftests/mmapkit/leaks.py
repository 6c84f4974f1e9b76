"""What kmemleak has to say of a machine: memory that nobody points to any more."""

import re

from mmapkit.console import task_of
from mmapkit.errors import MachineError, MachineLost
from mmapkit.files import read_text
from mmapkit.machine import Machine
from mmapkit.verdict import Finding

KMEMLEAK = "/sys/kernel/debug/kmemleak"

#: seconds that kmemleak gives an object to be pointed to (MSECS_MIN_AGE)
YOUNG = 5.0

_TITLE = re.compile(r"unreferenced object 0x[0-9a-f]+ \(size \d+\)")

# The first function of a backtrace that is not of the allocators.
_CALL = re.compile(
    r"^ +(?:\[<[0-9a-f]+>\] )?(?!.*(?:kmalloc|kmem|alloc_pages))(\S+\+\S+.*)"
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


def _uptime(machine: Machine) -> float:
    """Return the machine's own idea of the seconds, which may be long ones."""
    return float(read_text(machine, "/proc/uptime").split()[0])


def _scan(machine: Machine) -> MachineError | None:
    """Have kmemleak look; returns what the kernel says to what it finds."""
    try:
        answer = machine.put(KMEMLEAK, "scan")
    except MachineLost:
        raise
    except MachineError as err:
        return err
    if answer != "ok":
        raise MachineError(f"{KMEMLEAK} does not scan: {answer}")
    return None


def check(machine: Machine) -> tuple[Finding, ...]:
    """Return what has leaked on a machine until now.

    The last scan is one that no object is too young for. There are two at
    least: one takes the sum of an object, the next sees that nothing changed it.
    """
    began = _uptime(machine)
    said = [_scan(machine)]
    while _uptime(machine) < began + YOUNG:
        said.append(_scan(machine))
    said.append(_scan(machine))
    found = parse(read_text(machine, KMEMLEAK))
    # The kernel says so when it finds leaks; without any it is something else.
    complaint = next((err for err in said if err), None)
    if complaint and not found and "suspected memory leaks" not in str(complaint):
        raise complaint
    return found
