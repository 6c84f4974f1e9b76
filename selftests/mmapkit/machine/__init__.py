"""Machines: give me an agent on a machine, and tell me how it ends.

A machine runs programs until the first that leaves doubt about its kernel;
then it is done for, and Machines hands out another.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from mmapkit.agent import Hello, Mode, Netlink, Told
from mmapkit.console import new_taints, scan
from mmapkit.errors import MachineLost, MmapkitError
from mmapkit.program import Program, Ready
from mmapkit.verdict import (
    Finding,
    NotReached,
    Outcome,
    Result,
    Verdict,
    parse_result,
)


class Machine(Protocol):
    """A machine with an agent on it."""

    @property
    def hello(self) -> Hello:
        """What the agent said of the machine."""

    @property
    def title(self) -> str:
        """The machine in one line, for people."""

    @property
    def host_files(self) -> dict[str, Path]:
        """Memory of the machine that is a file out here, by name."""

    def prepare(self) -> None:
        """Load the driver."""

    def let(self, name: str, value: int) -> None:
        """Give a name for file offsets of programs its value, in bytes."""

    def let_request(self, request: Ready, message: bytes) -> None:
        """Tell the message of a request that programs name."""

    def insmod(self, name: str, args: str = "") -> str:
        """Load a module that was built; "ok", or the name of an errno.

        MachineError when the kernel complains of it.
        """

    def module(self, name: str) -> str:
        """Return the path of a module that was built, for programs that load it."""

    def rmmod(self, name: str) -> str:
        """Unload a module; the same."""

    @property
    def said(self) -> tuple[str, ...]:
        """What the kernel said when a module was loaded or unloaded last."""

    def put(self, path: str, text: str) -> str:
        """Write a word to a file, as in /sys; "ok", or the name of an errno.

        MachineError when the kernel complains of it.
        """

    def bare(self, loop: str, count: int, path: str, off: int) -> float:
        """Return the seconds that count turns of a loop of system calls take."""

    def foreign(self, words: Sequence[str], seconds: int) -> tuple[str, ...]:
        """Run a test that somebody else wrote; as Agent.foreign()."""

    def netlink(self) -> Netlink:
        """Open a generic netlink socket on the machine."""

    def run(self, program: Program, mode: Mode = Mode.FRESH) -> Outcome:
        """Run a program. Whatever happens to the machine is in the outcome."""

    def send(self, program: Program, mode: Mode = Mode.FRESH) -> None:
        """Have a program run after those that were sent before; do not wait for it."""

    def receive(self) -> Outcome:
        """Return what came of the program that was sent first.

        Once that is not ok, the machine is done for, and others have no answer.
        """

    def excuse(self, outcome: Outcome) -> str:
        """Return why the end of the machine says nothing of the program; or ""."""

    def replay(
        self, cases: Iterable[Path], modules: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Return what the agent prints of cases when nobody listens to it but a user.

        On a machine like this one, with the driver loaded, and then these modules.
        """

    @property
    def usable(self) -> bool:
        """False once there is doubt about the kernel, or about the agent."""

    def close(self) -> None:
        """End the machine, however it is."""


def outcome_of(told: Told, taint_before: int, number: int) -> Outcome:
    """Return what a run comes to that the agent has seen to its end.

    number: that of the run. What an earlier one left behind may show only now:
    it counts, but says nothing of the operations of this one.
    """
    findings = scan(told.log)
    taints = new_taints(taint_before, told.taint)
    if taints and not findings:
        findings = (Finding("taint", f"taint bits set: {', '.join(taints)}"),)

    verdict = told.verdict
    stopped_at = told.stopped_at
    if not told.killable:
        verdict = Verdict.UNKILLABLE
    elif findings and verdict in (Verdict.OK, Verdict.KILLED):
        verdict = Verdict.SPLAT
        ours = (f.operation for f in findings if f.run == number)
        stopped_at = next(ours, stopped_at)
    return Outcome(told.results, verdict, stopped_at, told.evidence, findings, told.log)


def outcome_of_loss(
    program: Program,
    mode: Mode,
    number: int,
    err: MachineLost,
    console: tuple[str, ...],
) -> Outcome:
    """Return what a run comes to that took the machine with it.

    console: what the kernel said since the run began. A silent machine is sent
    an NMI so that it tells where it is, and panics of that, not by itself.
    """
    findings = scan(console)
    evidence = [("end", str(err))]
    if err.silent:
        asked = [f for f in findings if f.kind == "panic" and "NMI" in f.title]
        findings = tuple(f for f in findings if f not in asked)
        evidence += [("nmi", line) for finding in asked for line in finding.lines]
    ours = [f.operation for f in findings if f.run == number]
    panicked = any(f.kind in ("panic", "oops") for f in findings)
    results: list[Result] = [NotReached() for _ in program]
    for index, text in err.results.items():
        results[index] = parse_result(text)
    if not ours and mode is Mode.STEP:
        # Every operation before the one that was under way has been told.
        ours = [len(err.results)]
    return Outcome(
        tuple(results),
        Verdict.PANIC if panicked else Verdict.LOST,
        ours[0] if ours else None,
        tuple(evidence),
        findings,
        console,
    )


Report = Callable[[str], None]
Farewell = Callable[[Machine], tuple[Finding, ...]]


class Machines:
    """A supply of machines: one at a time, a fresh one when it is needed."""

    def __init__(
        self,
        start: Callable[[int], Machine],
        report: Report,
        farewell: Farewell = lambda machine: (),
    ) -> None:
        """start() gets the number of the machine, from 1 on.

        farewell() sees each machine that is still in its senses before it ends;
        what it finds belongs to no run, and is in found.
        """
        self._start = start
        self._report = report
        self._farewell = farewell
        self.found: list[Finding] = []
        self._numbers = itertools.count(1)
        self._machine: Machine | None = None
        self.started = 0

    def current(self) -> tuple[Machine, bool]:
        """Return a machine, and whether it is another than the last time."""
        if self._machine is not None and self._machine.usable:
            return self._machine, False
        self.close()
        number = next(self._numbers)
        machine = self._start(number)
        with ExitStack() as undo:
            undo.callback(machine.close)
            machine.prepare()
            undo.pop_all()
        self._machine = machine
        self.started += 1
        self._report(machine.title)
        return machine, True

    def discard(self) -> None:
        """Have the next one be a fresh one."""
        self.close()

    def close(self) -> None:
        """End the machine at hand, if there is one."""
        machine, self._machine = self._machine, None
        if machine is None:
            return
        with ExitStack() as undo:
            undo.callback(machine.close)
            if machine.usable:
                try:
                    self.found += self._farewell(machine)
                except MmapkitError as err:
                    self.found.append(Finding("farewell", str(err)))
