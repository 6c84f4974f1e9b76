"""The measurements: what a machine does, and how fast there is one.

A lab asks its supply for one machine only, so none boots in reserve beside it.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from hypothesis import given, settings

from bench.table import Group, Row
from mmapkit.agent import Mode
from mmapkit.errors import MachineError
from mmapkit.grammar import parse_program
from mmapkit.lab import Lab
from mmapkit.machine import Machine
from mmapkit.program import Program
from mmapkit.setup import Supply
from mmapkit.strategies import programs
from mmapkit.targets.memphys import read_target
from mmapkit.text import format_program
from mmapkit.verdict import Verdict

_METHODS = ("remap", "fault")
_HANGING = {
    "nopage": Verdict.RETRY_LOOP,
    "retry": Verdict.RETRY_LOOP,
    "sleep": Verdict.HANG,
    "stuck": Verdict.UNKILLABLE,
}

#: runs in a sample: of the fixed program, and with and without an operation
_FIXED, _PAIRS = 200, 5

# The same programs each time.
_PROFILE = settings(max_examples=1000, derandomize=True, database=None, deadline=None)

_OPEN = "open f0 /dev/memphys/{} rdwr\n"
_MMAP = "mmap m0 f0 off=arena len={} prot=rw flags=shared\n"
_PAGE, _PMD, _ARENA = map(_MMAP.format, (0x1000, 0x200000, 0x400000))

# Loop of the agent's own, and the same system calls as operations.
_CALLS = (
    ("open, close", "open", f"close f0\n{_OPEN.format('fault')}", 240),
    ("mmap, munmap of a page", "mmap", f"{_PAGE}munmap m0\n", 240),
    (
        "mprotect, twice",
        "mprotect",
        "mprotect m1 len=0x1000 prot=r\nmprotect m1 len=0x1000 prot=rw\n",
        240,
    ),
    ("pread of 64 bytes", "pread", "pread f0 off=arena len=64\n", 480),
)

_PROGRAM = parse_program(f"""{_OPEN.format("fault")}{_MMAP.format(0x6000)}
store m0 8 0xa5
load m0 8
fill m0+0x1000 len=0x1000 seed=1
digest m0 len=0x2000
mprotect m0 len=0x1000 prot=r
store m0 8 0xa5
load m0+0x5000 4
pread f0 off=arena+0x3000 len=64
munmap m0
""")

# Name, what comes first, text of the operation, how often it is there, MiB it reads.
_OPERATIONS = (
    ("load, 8 bytes", f"{_PAGE}load m0 8\n", "load m0 8\n", 480, 0),
    ("store, 8 bytes", f"{_PAGE}load m0 8\n", "store m0 8 0xa5\n", 480, 0),
    ("mmap, munmap of a page", "", f"{_PAGE}munmap m0\n", 240, 0),
    ("mmap, munmap of 2 MiB", "", f"{_PMD}munmap m0\n", 20, 0),
    ("mmap, fill, munmap of 2 MiB", "", f"{_PMD}fill m0\nmunmap m0\n", 4, 0),
    ("digest, width 8", f"{_ARENA}digest m0\n", "digest m0\n", 8, 4),
    ("digest, width 1", f"{_ARENA}digest m0\n", "digest m0 width=1\n", 2, 4),
    ("pread", "", "pread f0 off=arena len=0x400000\n", 8, 4),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Takes repeat samples of everything."""

    supply: Supply
    journal: Path
    repeat: int
    report: Callable[[str], None]

    def lab(self) -> closing[Lab]:
        """Return a lab; leaving it ends its machine."""
        return closing(Lab(self.supply.machines(), read_target, self.journal))

    def on_one_machine(self, lab: Lab) -> list[Group]:
        """Measure programs and operations."""
        _check(lab, _PROGRAM)
        whole: dict[str, Callable[[], float]] = {
            f"fixed, {mode.name}": partial(_fixed, lab.machine, mode)
            for mode in (Mode.KEEP, Mode.LAST, Mode.FRESH)
        }
        whole["generated"] = partial(_generated, partial(_check, lab))
        drawn: list[Program] = []
        _generated(drawn.append)
        for count in (1, 10):
            name = f"the same, nothing in between, {count} at a time"
            whole[name] = partial(_replayed, lab.machine, drawn, count)
        whole["generated, by the model only"] = partial(_generated, lab.model.run)
        whole["generated, written only"] = partial(_generated, format_program)
        rows = [self._row(name, "programs/s", rate) for name, rate in whole.items()]
        operations = []
        for name, first, text, count, mib in _OPERATIONS:
            both = []
            for opening in map(_OPEN.format, _METHODS):
                less = parse_program(opening + first)
                more = parse_program(opening + first + text * count)
                _check(lab, more)
                both.append(partial(_added, lab.machine, less, more, count, mib))
            operations.append(self._row(name, "MiB/s" if mib else "us", *both))
        title = "Operations, one more in a program"
        return [
            Group("Programs", rows),
            Group(title, operations, _METHODS),
            Group("System calls", self._calls(lab), ("in a loop", "operations")),
        ]

    def _calls(self, lab: Lab) -> list[Row]:
        """Measure what an operation costs beside its system call."""
        path = "/dev/memphys/fault"
        first = _OPEN.format("fault") + _PAGE.replace("m0", "m1")
        arena = lab.target.symbols()["arena"]
        rows = []
        for name, loop, text, count in _CALLS:
            less, more = map(parse_program, (first, first + text * count))
            _check(lab, more)
            bare = partial(_bare, lab.machine, loop, count, path, arena)
            added = partial(_added, lab.machine, less, more, count, 0)
            rows.append(self._row(name, "us", bare, added))
        return rows

    def on_fresh_machines(self) -> list[Group]:
        """Measure until a target is read, and until the verdict on a hang."""
        ready = self._row("ready, target read", "s", self._start)
        verdicts = [
            self._row(f"{method}: {due.value}", "s", partial(self._verdict, method))
            for method, due in _HANGING.items()
        ]
        title = "Verdicts, from the program's start"
        return [Group("Machines", [ready]), Group(title, verdicts)]

    def _row(self, name: str, unit: str, *measures: Callable[[], float]) -> Row:
        # Kinds take turns: a busy host is unfair to all of them.
        self.report(f"measuring {name}")
        turns = [[measure() for measure in measures] for _ in range(self.repeat)]
        return Row(name, unit, [*zip(*turns, strict=True)])

    def _start(self) -> float:
        began = monotonic()
        with self.lab() as lab:
            _ = lab.target
            return monotonic() - began

    def _verdict(self, method: str) -> float:
        program = parse_program(f"{_OPEN.format(method)}{_PAGE}store m0 4 0xa5\n")
        with self.lab() as lab:
            machine = lab.machine
            if (answer := machine.insmod("memphys_faulty", "disposable=1")) != "ok":
                raise MachineError(f"insmod memphys_faulty: {answer}")
            return _timed(machine, program, Mode.FRESH, _HANGING[method])


def _check(lab: Lab, program: Program) -> None:
    if lab.run(program, quick=True) != lab.model.run(program):
        raise MachineError("a program came out wrong; tox -e selftest says more")


def _timed(machine: Machine, program: Program, mode: Mode, due: Verdict) -> float:
    began = monotonic()
    verdict = machine.run(program, mode).verdict
    seconds = monotonic() - began
    if verdict is not due:
        raise MachineError(f"{program[0]}: {verdict.value}, {due.value} was due")
    return seconds


def _fixed(machine: Machine, mode: Mode) -> float:
    runs = (_timed(machine, _PROGRAM, mode, Verdict.OK) for _ in range(_FIXED))
    return _FIXED / sum(runs)


def _generated(use: Callable[[Program], object]) -> float:
    used = []

    @_PROFILE
    @given(program=programs([f"/dev/memphys/{method}" for method in _METHODS]))
    def each(program: Program) -> None:
        used.append(use(program))

    began = monotonic()
    each()
    return len(used) / (monotonic() - began)


def _replayed(machine: Machine, drawn: list[Program], count: int) -> float:
    # Each operation may fail here: nobody restores the content.
    began = monotonic()
    for start in range(0, len(drawn), count):
        some = drawn[start : start + count]
        for program in some:
            machine.send(program, Mode.KEEP)
        for _ in some:
            if machine.receive().verdict is not Verdict.OK:
                raise MachineError("a program took its machine along")
    return len(drawn) / (monotonic() - began)


def _bare(machine: Machine, loop: str, count: int, path: str, off: int) -> float:
    # Microseconds a turn; the quickest loop counts, as in _added().
    seconds = min(machine.bare(loop, count, path, off) for _ in range(_PAIRS))
    return 1e6 * seconds / count


def _added(
    machine: Machine, less: Program, more: Program, count: int, mib: int
) -> float:
    # What one operation adds, in microseconds, or MiB/s; the quickest runs count.
    without, whole = (
        min(_timed(machine, program, Mode.KEEP, Verdict.OK) for _ in range(_PAIRS))
        for program in (less, more)
    )
    if whole <= without:
        raise MachineError("the host is too busy to measure an operation")
    seconds = (whole - without) / count
    return mib / seconds if mib else 1e6 * seconds
