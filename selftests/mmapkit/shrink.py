"""Makes a program that shows something shorter and simpler, while it still shows it.

hypothesis shrinks what it has drawn, but has no clock, and a program that takes a
machine down costs a fresh one each time. This takes operations away, many at
first, then one by one, until the time is over.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from mmapkit.errors import MmapkitError
from mmapkit.program import Program
from mmapkit.simpler import simpler
from mmapkit.verdict import Outcome


def without(program: Program, start: int, end: int) -> Program:
    """Return a program without the operations from start to before end."""
    operations = program.operations[:start] + program.operations[end:]

    def moved(index: int) -> int:
        return index - max(0, min(index, end) - start)

    blocks = ((moved(first), moved(last)) for first, last in program.blocks)
    return Program(operations, tuple((a, b) for a, b in blocks if a < b))


def alarming(outcome: Outcome) -> bool:
    """Tell whether an outcome is another than was due."""
    return outcome.due is not None and outcome != outcome.due


def shrink(
    run: Callable[[Program], Outcome], program: Program, found: Outcome, seconds: float
) -> tuple[Program, Outcome]:
    """Return the shortest program that still came to the verdict that was found.

    Of results that differ, any difference will do. The program is what it was
    when it does not come to it again. seconds: after so many no further try is
    begun.
    """
    end = time.monotonic() + seconds
    program, found = _cut(run, program, found)
    while True:
        program, found = _fewer(run, program, found, end)
        before = program
        program, found = _simpler(run, program, found, end)
        if program == before:
            return program, found


def _fewer(
    run: Callable[[Program], Outcome], program: Program, found: Outcome, end: float
) -> tuple[Program, Outcome]:
    """Take operations away, half of them at first."""
    size = len(program)
    while size:
        start = 0
        while start < len(program) and time.monotonic() < end:
            shorter = without(program, start, start + size)
            outcome = _tried(run, shorter, found)
            if outcome is None:
                start += size
            else:
                program, found = shorter, outcome
        size = min(size, len(program) + 1) // 2
    return program, found


def _simpler(
    run: Callable[[Program], Outcome], program: Program, found: Outcome, end: float
) -> tuple[Program, Outcome]:
    """Make arguments simpler, those of one operation after the other."""
    index = 0
    while index < len(program):
        operations = program.operations
        for op in simpler(operations[index]):
            if time.monotonic() >= end:
                return program, found
            changed = (*operations[:index], op, *operations[index + 1 :])
            other = replace(program, operations=changed)
            outcome = _tried(run, other, found)
            if outcome is not None:
                program, found = other, outcome
                break
        else:
            index += 1
    return program, found


def _tried(
    run: Callable[[Program], Outcome], program: Program, found: Outcome
) -> Outcome | None:
    """Return what a program comes to, if it is what was found."""
    try:
        outcome = run(program)
    except MmapkitError:
        # The model does not know, or the machine is not to be had.
        return None
    same = outcome.verdict is found.verdict and alarming(outcome)
    return outcome if same else None


def _cut(
    run: Callable[[Program], Outcome], program: Program, found: Outcome
) -> tuple[Program, Outcome]:
    """Take away what comes behind the place where a program stopped, or differed."""
    last = found.stopped_at
    if last is None and found.due is not None:
        pairs = zip(found.results, found.due.results, strict=True)
        last = next((i for i, (came, due) in enumerate(pairs) if came != due), None)
    if last is None or last + 1 >= len(program):
        return program, found
    behind = next((b for a, b in program.blocks if a <= last < b), last + 1)
    shorter = without(program, behind, len(program))
    outcome = _tried(run, shorter, found)
    return (program, found) if outcome is None else (shorter, outcome)
