"""A machine that is slow is not taken for one that hangs, and one that hangs still is.

Busy loops share the processors with it, so that it gets about a tenth of what it had
when the agent measured how slow it is.
"""

import os
import subprocess
from contextlib import ExitStack

import pytest

from mmapkit.case import read_case
from mmapkit.grammar import parse_program
from mmapkit.setup import ROOT
from mmapkit.verdict import Verdict

#: busy processes beside each processor's share of the machine
TIMES = 10

NODE = "/dev/memphys/fault"
CASES = [read_case(path) for path in sorted((ROOT / "selftests/cases").glob("*.case"))]


@pytest.fixture
def crowd(faulty):
    """Slow the machine down that there is already."""
    _ = faulty.machine
    busy = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"]
    with ExitStack() as undo:
        for _ in range(TIMES * len(os.sched_getaffinity(0))):
            process = undo.enter_context(subprocess.Popen(busy))
            undo.callback(process.kill)
        yield


def test_slow_machine_is_not_taken_for_a_hang(faulty, crowd):
    began = faulty.machine
    for case in CASES:
        if not case.nodes or NODE in case.nodes:
            outcome = faulty.run(case.on(NODE))
            assert outcome == outcome.due, case.name
    assert faulty.machine is began


@pytest.mark.parametrize(
    ("method", "verdict"),
    [
        ("nopage", Verdict.RETRY_LOOP),
        ("retry", Verdict.RETRY_LOOP),
        ("sleep", Verdict.HANG),
    ],
)
def test_hang_of_a_slow_machine_has_the_same_verdict(faulty, crowd, method, verdict):
    outcome = faulty.run(
        parse_program(
            f"open f0 /dev/memphys/{method} rdwr\n"
            "mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared\n"
            "store m0 4 0xa5\n"
        )
    )
    assert (outcome.verdict, outcome.stopped_at) == (verdict, 2)
