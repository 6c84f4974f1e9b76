"""A drawn program of 30 operations shrinks to its cause: operations, then arguments."""

from dataclasses import replace

import pytest
from hypothesis import find, settings

from mmapkit.agent import Mode
from mmapkit.errors import ModelError
from mmapkit.lab import Lab
from mmapkit.machine import Machines
from mmapkit.program import Munmap, OnMapping
from mmapkit.shrink import alarming, shrink
from mmapkit.strategies import Shape
from mmapkit.strategies.surgery import surgery
from mmapkit.text import format_program
from mmapkit.verdict import Digested, Ok, Value

from .labs import FakeMachine
from .test_model_lifetime import SIZE, TARGET

SHAPE = Shape(window=None, size=SIZE)

#: what a program has at first, at least
LONG = 28


class Forgetful(FakeMachine):
    """Where a part of a mapping is gone, what is read of the rest is wrong."""

    def run(self, program, mode=Mode.FRESH):
        outcome = super().run(program, mode)
        results, cut = list(outcome.results), set()
        for index, (op, result) in enumerate(zip(program, results, strict=True)):
            if isinstance(op, Munmap) and result == Ok():
                cut.add((op.proc, op.map))
            elif isinstance(op, OnMapping) and (op.proc, op.map) in cut:
                if isinstance(result, Value):
                    results[index] = Value(result.value ^ 1)
                elif isinstance(result, Digested):
                    results[index] = replace(result, crc=result.crc ^ 1)
        return replace(outcome, results=tuple(results))


@pytest.fixture
def lab(tmp_path):
    machines = Machines(lambda n: Forgetful(n, target=TARGET), lambda line: None)
    with_journal = Lab(machines, lambda machine: TARGET, tmp_path / "journal")
    yield with_journal
    with_journal.close()


def test_program_of_30_operations_shrinks_to_its_cause(lab):
    first = []

    def alarms(program):
        try:
            outcome = lab.run(program, quick=True)
        except ModelError:
            return False
        if not alarming(outcome) or (not first and len(program) < LONG):
            return False
        first.append(program)
        return True

    drawn = find(
        surgery(["/dev/lazy"], SHAPE),
        alarms,
        settings=settings(settings.get_profile("gate"), max_examples=3000),
    )
    assert len(first[0]) >= LONG
    # Two files and three mappings are there at first, whatever comes then.
    assert format_program(drawn).splitlines() == [
        "open f0 /dev/lazy rdwr",
        "open f1 /dev/lazy rdwr",
        "mmap m0 f0 off=0 len=0x4000 prot=rw flags=shared",
        "mmap m1 f1 off=0 len=0x4000 prot=rw flags=shared",
        "mmap m2 - len=0x4000 prot=r flags=private",
        *("munmap m1+0x1000", "load m1 8"),
    ]

    def least(program):
        shorter, outcome = shrink(lab.run, program, lab.run(program), 60)
        assert alarming(outcome)
        return format_program(shorter).splitlines()

    opening = [
        "open f1 /dev/lazy rdwr",
        "mmap m1 f1 off=0 len=0x2000 prot=rw flags=shared",
    ]
    assert least(drawn) == [*opening, "munmap m1+0x1000", "load m1 8"]
    assert least(first[0]) == [*opening, "munmap m1 len=0x1000", "load m1+0x1000 4"]
