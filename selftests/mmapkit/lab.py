"""A lab: a target on machines that are replaced when they are done for.

It keeps the promise that programs rely on: the memory of the target holds its
known content whenever a program begins. And it loses nothing: each program is
in the journal before it goes out.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from mmapkit.agent import Mode
from mmapkit.errors import ProgramTrouble
from mmapkit.grades import Grade
from mmapkit.journal import Journal
from mmapkit.machine import Machine, Machines
from mmapkit.model import Expectation, Left, Model
from mmapkit.model.covered import Covered
from mmapkit.program import Program, Ready, Rmmod
from mmapkit.report.text import where
from mmapkit.restore import pages_of, restoring
from mmapkit.tally import Tally
from mmapkit.target import Target
from mmapkit.text import format_operation, format_program
from mmapkit.verdict import Outcome, Verdict

#: of so many quick runs, one lets the process exit with all that it has
EXIT_EVERY = 8

#: machines that a program is tried on when they die of something else
TRIES = 3


@dataclass(frozen=True, slots=True)
class _Sent:
    """A program that is under way: its number in the journal, and since when."""

    program: Program
    text: str
    number: int
    since: float


class Lab:
    """Runs programs on a target, on one machine after the other."""

    def __init__(
        self,
        machines: Machines,
        read_target: Callable[[Machine], Target],
        journal: Journal | Path,
        report: Callable[[str], None] = lambda line: None,
        *,
        strict: bool = False,
    ) -> None:
        """read_target() is called with each new machine, and may set it up.

        journal: what several labs share, or the file for one of this lab's own.
        strict: what is legal and bad practice is a failure.
        """
        self._machines = machines
        self._read_target = read_target
        self._journal = Journal(journal) if isinstance(journal, Path) else journal
        self._report = report
        self._strict = strict
        self._model: Model | None = None
        # What may not be as programs have to find it.
        self._left = Left()
        # All pages whose content is the kit's to choose.
        self._pages: frozenset[int] = frozenset()
        self._number = 0
        self.programs = 0
        self.tally = Tally()
        #: what the last programs came to, for who asks what went wrong
        self.recent: deque[tuple[Program, Outcome]] = deque(maxlen=8)

    def _ready(self) -> Machine:
        """Return a machine whose target is known and holds its content."""
        machine, is_new = self._machines.current()
        if is_new:
            self._learn(machine)
        return machine

    def _learn(self, machine: Machine) -> None:
        """Read the target off a machine, and tell that what names stand for."""
        with ExitStack() as undo:
            undo.callback(self._machines.discard)
            target = self._read_target(machine)
            for name, value in target.symbols().items():
                machine.let(name, value)
            for ask, message in target.requests:
                machine.let_request(ask, message)
            undo.pop_all()
        self._take(target)
        self._left = Left(self._pages)
        self._journal.machine(machine.title, self._lets(target.requests))

    def _take(self, target: Target) -> None:
        self._model = Model(target, strict=self._strict)
        self._pages = frozenset(
            page
            for window in target.windows
            for page in pages_of(window, target.traits.page_size)
        )

    @property
    def machine(self) -> Machine:
        """The machine at hand; a fresh one when there is none."""
        return self._ready()

    @property
    def number(self) -> int:
        """The number of the last program, in the order of all labs of a journal."""
        return self._number

    @property
    def model(self) -> Model:
        """What the target has to do with programs, as read off the last machine.

        That machine may be gone; nothing boots to answer this but the first.
        """
        if self._model is None:
            self._ready()
        assert self._model is not None
        return self._model

    @property
    def target(self) -> Target:
        """The target, as read off the last machine."""
        return self.model.target

    def run(self, program: Program, *, quick: bool = False) -> Outcome:
        """Run a program from the known content of the target.

        The outcome that is due comes with it. quick: not in a process of its own
        each time; for thousands of programs.
        An operation that took the machine with it, and left no word, is found
        by running the program again step by step on a fresh one.
        """
        outcome = self._located(program, self._run(program, _mode(program, quick)))
        self.recent.append((program, outcome))
        return outcome

    def run_all(
        self, programs: Sequence[Program], *, quick: bool = False
    ) -> list[Outcome]:
        """Run programs one after the other, each as by run().

        The machine gets the next before it is done with one, and this process
        thinks while it works. After a program that does not do what it has to,
        the others run once more, from the known content.
        """
        machine = self._ready()
        outcomes = self._at_once(machine, programs, quick=quick)
        if outcomes:
            program = programs[len(outcomes) - 1]
            if self._excused(machine, outcomes[-1]):
                outcomes[-1] = self.run(program, quick=quick)
            else:
                outcomes[-1] = self._located(program, outcomes[-1])
        self.recent.extend(zip(programs, outcomes, strict=False))
        return outcomes + [self.run(p, quick=quick) for p in programs[len(outcomes) :]]

    def _located(self, program: Program, outcome: Outcome) -> Outcome:
        """Return an outcome that tells where the machine ended, if it did."""
        gone = outcome.verdict in (Verdict.PANIC, Verdict.LOST)
        if gone and outcome.stopped_at is None:
            again = self._run(program, Mode.STEP)
            if again.verdict in (Verdict.PANIC, Verdict.LOST):
                outcome = again
            elif again.verdict is not Verdict.OK:
                # It spins, this time on a processor that nobody else was on.
                outcome = replace(outcome, stopped_at=again.stopped_at)
        return outcome

    def run_raw(self, program: Program, *, quick: bool = False) -> Outcome:
        """Run a program that the model knows nothing of.

        For files of the kernel, and memory that changes by itself. The content
        of the target is whatever the last program left; results are the
        caller's to judge. MachineError when anything else than results came
        of it.
        """
        mode = _mode(program, quick)
        for machine in self._tries():
            self._left = self._left.and_also(self._whatever(program))
            outcome = self._receive(machine, self._send(machine, program, mode))
            if not self._excused(machine, outcome):
                break
        self.recent.append((program, outcome))
        if outcome.verdict is not Verdict.OK:
            raise self._trouble("in", outcome)
        return outcome

    def _tries(self) -> Iterator[Machine]:
        """Return machines for a program, as not each death of one is its doing."""
        return (self._ready() for _ in range(TRIES))

    def _excused(self, machine: Machine, outcome: Outcome) -> bool:
        reason = machine.excuse(outcome)
        if reason:
            self._report(f"{machine.title}: {reason}; the program goes to another")
        return bool(reason)

    def _run(self, program: Program, mode: Mode) -> Outcome:
        for machine in self._tries():
            self._restore(machine)
            expectation = self.model.expect(program)
            # Until it is known to have done what it had to, and nothing else.
            self._left = self._any_of(program)
            outcome = self._receive(machine, self._send(machine, program, mode))
            if not self._excused(machine, outcome):
                break
        due, left, covered = expectation.nearest(outcome.results)
        if outcome.results == due.results:
            self._left = left
            self._count(self._number, covered)
        return replace(outcome, due=due)

    def _count(self, number: int, covered: Covered) -> None:
        """Count what a program has covered that came to what was due."""
        self.tally.cover(covered)
        for grade, name, answer in covered:
            if grade == Grade.WARN.value:
                self._journal.warn(number, f"{name}: {answer}")

    def _at_once(
        self, machine: Machine, programs: Sequence[Program], *, quick: bool
    ) -> list[Outcome]:
        """Return outcomes up to the first that is not as it has to be.

        Or up to the first program that may take more away than can be put back
        while others are under way.
        """
        self._restore(machine)
        dirty, left = frozenset[int](), Left()
        flight: list[tuple[_Sent, Expectation, int]] = []
        for program in programs:
            expectation = self.model.expect(program)
            restoration = restoring(self.target, dirty)
            before = 0
            if len(restoration):
                machine.send(restoration, Mode.KEEP)
                before = 1
            sent = self._send(machine, program, _mode(program, quick))
            flight.append((sent, expectation, before))
            dirty = expectation.dirty
            self._left = self._any_of(program)
            if self._left.nodes or self._left.unloaded:
                break

        outcomes: list[Outcome] = []
        for sent, expectation, before in flight:
            if before:
                self._check_restored(machine.receive())
            outcome = self._receive(machine, sent)
            due, left, covered = expectation.nearest(outcome.results)
            outcomes.append(replace(outcome, due=due))
            if outcome == due:
                self._count(sent.number, covered)
            if outcome != due or not left.pages <= expectation.dirty:
                waiting = sum(1 + before for *_, before in flight[len(outcomes) :])
                for _ in range(waiting):
                    if outcome.verdict is not Verdict.OK:
                        break
                    outcome = machine.receive()
                return outcomes
        self._left = left
        return outcomes

    def _send(self, machine: Machine, program: Program, mode: Mode) -> _Sent:
        self.programs += 1
        text = format_program(program)
        self._number = self._journal.program(text, machine.title)
        machine.send(program, mode)
        return _Sent(program, text, self._number, time.monotonic())

    def _receive(self, machine: Machine, sent: _Sent) -> Outcome:
        outcome = machine.receive()
        self.tally.add(sent.program, outcome.results)
        lines = tuple(sent.text.splitlines())
        if outcome.verdict is not Verdict.OK:
            seconds = time.monotonic() - sent.since
            place = where(outcome.stopped_at, lines)
            self._report(
                f"program {sent.number}: {outcome.verdict.value}{place}, "
                f"told in {seconds:.1f} s"
            )
        notes = machine.title, *self._lets(self._told(sent.program))
        return replace(outcome, program=lines, notes=notes)

    def _told(self, program: Program) -> Iterator[tuple[Ready, bytes]]:
        """Return the messages of what a program asks for, as far as there are any."""
        asks = program.asks()
        return (told for told in self.target.requests if told[0] in asks)

    def _lets(self, requests: Iterable[tuple[Ready, bytes]]) -> Iterator[str]:
        """Return what the names in programs stand for, as people write it down."""
        for name, value in self.target_symbols().items():
            yield f"let {name} {value:#x}"
        for ask, message in requests:
            yield f"let {ask.change.value} {ask.path} ={message.hex()}"

    def target_symbols(self) -> dict[str, int]:
        """Return what the names in file offsets stand for on this machine."""
        assert self._model is not None
        return self._model.target.symbols()

    def reload(self) -> None:
        """Load the driver anew; whoever has unloaded it owes this to the lab.

        Memory that the target was in is the kernel's own by then.
        """
        machine = self._ready()
        machine.rmmod(self.target.module)
        machine.prepare()
        self._learn(machine)

    def close(self) -> None:
        """End the machine at hand."""
        self._machines.close()

    # ------------------------------------------------------------- content

    def _whatever(self, program: Program) -> Left:
        """Return what a program may leave that nobody knows the outcome of."""
        return Left(self._pages, frozenset(ask.path for ask in program.asks()))

    def _any_of(self, program: Program) -> Left:
        """Return the same of one whose driver may be gone, too."""
        unloads = any(isinstance(op, Rmmod) for op in program)
        return replace(self._whatever(program), unloaded=unloads)

    def _restore(self, machine: Machine) -> None:
        """Put everything back that is not as programs have to find it."""
        if self._left.unloaded:
            self.reload()
        elif self._left.nodes:
            self._renew(self._left.nodes)
        program = restoring(self.target, self._left.pages)
        if len(program):
            self._check_restored(machine.run(program, Mode.KEEP))
        self._left = Left()

    def _renew(self, paths: frozenset[str]) -> None:
        """Have the objects of some nodes made anew, and fill them."""
        before = self.target
        assert before.renew is not None
        self._take(before.renew(before, paths))

        def pages(target: Target) -> Iterator[int]:
            for window in target.windows:
                if window.path in paths:
                    yield from pages_of(window, target.traits.page_size)

        kept = self._left.pages.difference(pages(before))
        self._left = Left(kept.union(pages(self.target)))

    def _check_restored(self, outcome: Outcome) -> None:
        if outcome.verdict is not Verdict.OK:
            # What an earlier program did shows late: never a pass.
            raise self._trouble("while content was restored after", outcome)

    def _trouble(self, when: str, outcome: Outcome) -> ProgramTrouble:
        reasons = [finding.title for finding in outcome.findings]
        reasons += [text for _, text in outcome.evidence]
        return ProgramTrouble(
            outcome.verdict.value,
            f"{outcome.verdict.value} {when} program {self._number} of "
            f"{self._journal.path}: {'; '.join(reasons) or 'no reason told'}",
        )


def _mode(program: Program, quick: bool) -> Mode:
    """Choose by the program, so that a program always runs in the same way."""
    if not quick:
        return Mode.FRESH
    text = "".join(map(format_operation, program)).encode()
    return Mode.LAST if zlib.crc32(text) % EXIT_EVERY == 0 else Mode.KEEP
