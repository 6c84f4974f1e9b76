"""Programs get shorter as long as they show what they have shown."""

from dataclasses import replace

import pytest
from hypothesis import given

from mmapkit.errors import ModelError
from mmapkit.grammar import parse_program
from mmapkit.program import FailNth, Fill, Load, Program, Request, Store
from mmapkit.shrink import shrink, without
from mmapkit.simpler import simpler
from mmapkit.text import format_program
from mmapkit.verdict import NotReached, Ok, Outcome, Value, Verdict

from .test_grammar import PROGRAMS

PROGRAM = parse_program(
    "open f0 /dev/x rdwr\nmmap m0 f0 off=0 len=0x2000 prot=rw flags=shared\n"
    "fill m0\nstore m0 4 1\nthread p1\nstore m0+0x1000 4 2\nload m0 4\n"
    "together\np0: load m0+4 4\np1: load m0+8 4\nend\nmunmap m0\n"
)


def runner(wrong, verdict=Verdict.OK):
    """Return what runs programs that come out wrong, or not, and a list of them."""
    tried = []

    def run(program):
        tried.append(program)
        due = Outcome(tuple(Ok() for _ in program))
        if not wrong(program):
            return replace(due, due=due)
        at = next((i for i, op in enumerate(program) if isinstance(op, Load)), 0)
        results = list(due.results)
        results[at] = Value(1) if verdict is Verdict.OK else NotReached()
        stopped = None if verdict is Verdict.OK else at
        return Outcome(tuple(results), verdict, stopped, due=due)

    return run, tried


def has(*kinds):
    return lambda program: all(any(isinstance(o, k) for o in program) for k in kinds)


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.RETRY_LOOP, Verdict.PANIC])
def test_operations_that_do_not_matter_go(verdict):
    run, _ = runner(has(Fill, Load), verdict)
    program, outcome = shrink(run, PROGRAM, run(PROGRAM), 10)
    assert format_program(program) == "fill m0\nload m0 4\n"
    assert outcome.verdict is verdict


def test_arguments_get_simpler_when_nothing_more_can_go():
    def wrong(program):
        big = any(isinstance(o, Fill) and o.len and o.len > 0x2800 for o in program)
        return big and any(isinstance(o, Store) and o.value > 1 for o in program)

    run, _ = runner(wrong)
    whole = parse_program(
        "mmap m0 - len=0x8000 prot=r flags=private,populate\nload m0 4\nfork p1\n"
        "p1: fill m0+0x1234 len=0x7000 width=2 seed=9 order=shuffled\n"
        "mprotect m0+0x2000 len=0x3000 prot=rw\nstore m0+0x5ffe 4 0xdeadbeef\n"
    )
    program, _ = shrink(run, whole, run(whole), 10)
    assert format_program(program) == "fill m0 len=0x3000\nstore m0 4 0xef\n"


@given(PROGRAMS)
def test_simpler_operations_are_in_the_language_and_come_to_an_end(program):
    for op in program:
        if isinstance(op, Request | FailNth):
            continue
        steps = 0
        while other := next(simpler(op), None):
            assert parse_program(format_program(Program((other,)))) == Program((other,))
            op, steps = other, steps + 1
            assert steps < 200


def test_what_was_not_reached_goes_first():
    run, tried = runner(has(Load), Verdict.HANG)
    shrink(run, PROGRAM, run(PROGRAM), 10)
    assert len(tried[1]) == 7
    assert tried[1].blocks == ()


def test_block_stays_whole_around_what_is_left():
    shorter = without(PROGRAM, 2, 6)
    assert format_program(shorter).splitlines()[2:] == [
        *("load m0 4", "together", "  p0: load m0+0x4 4", "  p1: load m0+0x8 4", "end"),
        "munmap m0",
    ]
    assert without(PROGRAM, 7, 9).blocks == ()


def test_other_verdict_is_not_what_was_found():
    run, _ = runner(has(Store, Load))
    found = replace(run(PROGRAM), verdict=Verdict.SPLAT)
    assert shrink(run, PROGRAM, found, 10) == (PROGRAM, found)


def test_program_that_nobody_can_judge_is_passed_over():
    good, _ = runner(has(Load))

    def run(program):
        if not has(Fill)(program):
            raise ModelError("nobody knows")
        return good(program)

    program, _ = shrink(run, PROGRAM, run(PROGRAM), 10)
    assert format_program(program) == "fill m0\nload m0 4\n"


def test_nothing_is_tried_when_the_time_is_over():
    run, tried = runner(has(Load))
    found = run(PROGRAM)
    tried.clear()
    program, _ = shrink(run, PROGRAM, found, 0)
    assert len(tried) == 1
    assert len(program) == 7
