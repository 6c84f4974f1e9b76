"""The oracle: what Linux and a correct driver must do with a program.

Pure Python, no I/O. It answers with the result of every operation, and knows
every byte. Each rule names where it comes from: do_mmap() and the like are
functions of the kernel (mm/mmap.c, mm/mprotect.c, fs/read_write.c), read in
6.1, 6.12 and 7.3 and the same in all of them unless said otherwise.

Mappings lie apart, the agent sees to it, so each has an address space of its
own here: offsets in bytes from its start, pages counted from there.

This file leads each operation to its rule. A rule is a function, in one file with
those that it has to do with; it changes the state and returns the result. What
memory.py, mapping.py and state.py keep is there for all of them, and no rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import eq
from typing import NamedTuple, TypeVar

from mmapkit.errors import ModelError
from mmapkit.grades import ORDER
from mmapkit.model import (
    access,
    address_space,
    advice,
    files,
    lifetime,
    look,
    outside,
    processes,
    residence,
    surgery,
)
from mmapkit.model.blocks import Part, Run, Way, run_block
from mmapkit.model.covered import Covered
from mmapkit.model.mapping import Mapping
from mmapkit.model.memory import Memory
from mmapkit.model.races import Reach, reach
from mmapkit.model.state import State, Task
from mmapkit.program import (
    Close,
    Digest,
    Drop,
    Faults,
    Fill,
    Fork,
    Kpagecount,
    Kpageflags,
    Limit,
    Load,
    Madvise,
    Memfd,
    Mincore,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Msync,
    Munlock,
    Munmap,
    OnMapping,
    OnRange,
    Open,
    Operation,
    Pagemap,
    Peek,
    Poke,
    Pread,
    Program,
    Pwrite,
    Request,
    Rmmod,
    Smaps,
    Store,
    Thread,
    Userfault,
    Wait,
)
from mmapkit.target import Target
from mmapkit.verdict import Outcome, Result, Void

_Op = TypeVar("_Op", bound=Operation)

_Follow = Callable[[tuple[Result, ...]], "Expectation"]


@dataclass(frozen=True, slots=True)
class Left:
    """What a program leaves changed.

    pages: the offset of every page of the device that was written to, in bytes.
    nodes: paths of those whose object is another, or is gone. unloaded: so is the
    module.
    """

    pages: frozenset[int] = frozenset()
    nodes: frozenset[str] = frozenset()
    unloaded: bool = False

    def and_also(self, other: "Left") -> "Left":
        """Return what either leaves."""
        return Left(
            self.pages | other.pages,
            self.nodes | other.nodes,
            self.unloaded or other.unloaded,
        )


class Ending(NamedTuple):
    """An outcome, what the program leaves changed then, and what it has covered."""

    outcome: Outcome
    left: Left
    covered: Covered


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a program may come to, and what it leaves changed then.

    Without a block there is one outcome; changed and covered have something for each.
    follow: where Linux leaves something open, returns what is expected after what
    was seen.
    """

    outcomes: tuple[Outcome, ...]
    changed: tuple[Left, ...]
    covered: tuple[Covered, ...] = field(default=(), compare=False, repr=False)
    follow: _Follow | None = field(default=None, compare=False, repr=False)

    @property
    def outcome(self) -> Outcome:
        """The outcome; one that is allowed, where there are several."""
        return self.outcomes[0]

    @property
    def dirty(self) -> frozenset[int]:
        """Every page that may have been written to."""
        return reduce(Left.and_also, self.changed).pages

    def nearest(self, results: tuple[Result, ...]) -> Ending:
        """Return the outcome that is most like these results, and what goes with it.

        It has these very results, if that is allowed.
        """
        if self.follow is not None and results != self.outcome.results:
            return self.follow(results).nearest(results)

        def likeness(outcome: Outcome) -> int:
            return sum(map(eq, outcome.results, results))

        best = max(self.outcomes, key=likeness)
        left = (
            left
            for outcome, left in zip(self.outcomes, self.changed, strict=True)
            if outcome.results == best.results
        )
        covered = self.covered[self.outcomes.index(best)]
        return Ending(best, reduce(Left.and_also, left), covered)


class Model:
    """What a target has to do with programs."""

    def __init__(self, target: Target, *, strict: bool = False) -> None:
        """strict: what is legal and bad practice is a failure."""
        self.target = target
        self.strict = strict

    def expect(self, program: Program) -> Expectation:
        """Return what a program may come to, from the content of the target now.

        ModelError: the program asks for something that the model cannot know.
        """
        memory = Memory(self.target)
        ways = self._ways(program, memory, ())
        if not any(way.state.open for way in ways):
            return _expectation(ways)

        def follow(results: tuple[Result, ...]) -> Expectation:
            again = Memory(self.target, memory.content)
            return _expectation(self._ways(program, again, results))

        return _expectation(ways, follow)

    def _ways(
        self, program: Program, memory: Memory, seen: tuple[Result, ...]
    ) -> list[Way]:
        """Return all ways that a program can take; seen: what it came to, or ()."""
        state = State(self.target, memory, strict=self.strict)
        ways = [Way(state, {}, seen=seen)]
        ends = dict(program.blocks)
        index = 0
        while index < len(program):
            end = ends.get(index, index + 1)
            operations = program.operations[index:end]
            if index in ends:
                ways = run_block(ways, operations, index, _step, _parts, _reach)
            else:
                for way in ways:
                    way.step(operations[0], index, _step)
            index = end
        return ways

    def run(self, program: Program) -> Outcome:
        """Return the outcome that a program has to have; one of them, with blocks."""
        return self.expect(program).outcome


def _expectation(ways: list[Way], follow: _Follow | None = None) -> Expectation:
    outcomes = (
        Outcome(
            tuple(way.results[index] for index in sorted(way.results)),
            order=way.order,
            allowed=len(ways),
        )
        for way in ways
    )
    left = (
        Left(
            way.state.memory.dirty,
            frozenset(way.state.objects),
            unloaded=not way.state.loaded,
        )
        for way in ways
    )
    if len(ways) > 1:
        for number, way in enumerate(ways):
            way.state.note(ORDER, "another" if number else "first")
    covered = tuple(way.state.covered for way in ways)
    return Expectation(tuple(outcomes), tuple(left), covered, follow)


def _reach(state: State, op: Operation, known: int) -> Reach:
    """Return what an operation of a block reaches for; known: see races.reach()."""
    length = 0
    if isinstance(op, OnMapping):
        mapping = state.tasks[op.proc].process.maps.get(op.map)
        length = 0 if mapping is None else _extent(mapping, op)
    return reach(state, op, length, known)


def _parts(op: Operation, block: Sequence[Operation]) -> tuple[Part, ...]:
    """Return what is atomic of an operation of a block."""
    match op:
        case Request():
            runs = (_living(op, part) for part in lifetime.PARTS)
            return tuple(Part(run, first=not n) for n, run in enumerate(runs))
        case Mmap() if any(isinstance(other, Request) for other in block):
            mmap = address_space.mmap_begin, address_space.mmap_end
            return tuple(Part(_living(op, part)) for part in mmap)
    return (Part(_step),)


def _living(op: _Op, part: Callable[[State, _Op], Result | None]) -> Run:
    """Return what does a part of an operation, if its task is there."""

    def run(state: State, _: Operation) -> Result | None:
        task = state.tasks.get(op.proc)
        if task is None or not task.alive:
            return Void()
        return part(state, op)

    return run


def _step(state: State, op: Operation) -> Result:
    """Do one operation by its rule."""
    task = state.tasks.get(op.proc)
    if task is None or not task.alive:
        return Void()
    process = task.process
    match op:
        case Fork():
            return processes.fork(state, task, op)
        case Thread():
            return processes.thread(state, task, op)
        case Wait():
            return processes.wait(state, op)
        case Drop():
            return processes.drop(task, op)
        case Faults():
            return look.faults(state, task)
        case Open():
            return files.open_file(state, task, op)
        case Close():
            return files.close_file(process, op)
        case Pread():
            return files.pread(state, process, op)
        case Pwrite():
            return files.pwrite(state, process, op)
        case Mmap():
            return address_space.mmap(state, process, op)
        case Memfd():
            return address_space.memfd(state, process, op)
        case Request():
            return lifetime.request(state, op)
        case Rmmod():
            return lifetime.rmmod(state, op)
        case Limit():
            return address_space.limit(state, process, op)
        case Mremap():
            mapping = process.maps.get(op.map)
            if mapping is None:
                return Void()
            return surgery.mremap(state, process, mapping, op)
        case OnMapping():
            mapping = process.maps.get(op.map)
            return Void() if mapping is None else _step_on(state, task, mapping, op)
    raise ModelError(f"the model has no rule for {op.word}")


def _step_on(state: State, task: Task, mapping: Mapping, op: OnMapping) -> Result:
    """Do one operation on a mapping that is there."""
    length = _extent(mapping, op)
    mapping.check(op.off, length)
    match op:
        case Munmap():
            return surgery.munmap(state, mapping, length, op)
        case Mprotect():
            return surgery.mprotect(state, mapping, length, op)
        case Madvise():
            return advice.madvise(state, mapping, length, op)
        case Mlock():
            return residence.mlock(state, mapping, length, op)
        case Munlock():
            return residence.munlock(state, mapping, length, op)
        case Mincore():
            return residence.mincore(state, mapping, length, op)
        case Pagemap():
            return look.pagemap(state, task, mapping, length, op)
        case Kpageflags():
            return look.kpageflags(state, task, mapping, length, op)
        case Kpagecount():
            return look.kpagecount(state, task, mapping, length, op)
        case Smaps():
            return look.smaps(state, mapping, op)
        case Userfault():
            raise ModelError("userfault: nobody knows when the program answers a fault")
        case Msync():
            return residence.msync(state, mapping, length, op)
        case Load():
            return access.load(state, mapping, op)
        case Store():
            return access.store(state, mapping, op)
        case Fill():
            return access.fill(state, mapping, length, op)
        case Digest():
            return access.digest(state, mapping, length, op)
        case Peek():
            return outside.peek(state, mapping, op)
        case Poke():
            return outside.poke(state, mapping, op)
    raise ModelError(f"the model has no rule for {op.word}")


def _extent(mapping: Mapping, op: OnMapping) -> int:
    """Return how many bytes an operation is about."""
    match op:
        case Load() | Store():
            return op.width
        case Smaps():
            return 1
        case Peek():
            return op.len
        case Poke():
            return len(op.data)
    assert isinstance(op, OnRange)
    length = op.len
    if length is None:
        length = mapping.size - op.off if 0 <= op.off < mapping.size else 0
    if isinstance(op, Fill | Digest):
        length -= length % op.width
    return length
