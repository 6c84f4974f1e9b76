"""A machine that is slow is not taken for one that hangs, and one that hangs still is.

Busy loops share the processors with it, so that it gets about a tenth of what it had
when the agent measured how slow it is; or all of it stands still, again and again.

What has to make a test here fail is in mutants.toml (tick(), steps, deadlines and
patience of the agent, a limit of the kit); so does a SILENCE of mmapkit.agent of 0.4
seconds.
"""

import os
import signal
import subprocess
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest

from mmapkit import agent
from mmapkit.case import read_case
from mmapkit.grammar import parse_program
from mmapkit.setup import ROOT
from mmapkit.verdict import Verdict

#: busy processes beside each processor's share of the machine
TIMES = 10

NODE = "/dev/memphys/fault"
CASES = [read_case(path) for path in sorted((ROOT / "selftests/cases").glob("*.case"))]

# More steps than any deadline has room for, and then a single one that is long.
LONG = """
mmap m0 - len=0x2000000 prot=r flags=private
digest m0
mmap m1 - len=0x2000000 prot=rw flags=private,populate
"""


def crowded(size):
    """Return a program of twelve processes that are all busy at once."""
    tasks = range(12)
    return "\n".join(
        (
            f"mmap m0 - len={size:#x} prot=rw flags=private",
            *(f"fork p{task}" for task in tasks[1:]),
            "together",
            *(f"p{task}: digest m0" for task in tasks),
            "end\n",
        )
    )


def pace(machine):
    """Return the seconds that something takes which is always the same."""
    return machine.bare("open", 2000, NODE, 0)


@pytest.fixture
def crowd(faulty):
    """Slow the machine down that there is already."""
    machine = faulty.machine
    before = pace(machine)
    busy = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"]
    with ExitStack() as undo:
        for _ in range(TIMES * len(os.sched_getaffinity(0))):
            # In sessions of their own: one of many processes has no more of a
            # processor than one of a single process (sched(7), autogroup).
            process = undo.enter_context(subprocess.Popen(busy, start_new_session=True))
            undo.callback(process.kill)
        # Or else there is nothing to be seen here. Others may have been busy before.
        assert pace(machine) > 1.2 * before
        yield


def test_slow_machine_is_not_taken_for_a_hang(faulty, crowd):
    began = faulty.machine
    for case in CASES:
        if not case.nodes or NODE in case.nodes:
            outcome = faulty.run(case.on(NODE))
            assert outcome == outcome.due, case.name
    assert faulty.machine is began


def test_slow_machine_may_take_long_for_what_is_much(faulty, crowd):
    began = faulty.machine
    outcome = faulty.run(parse_program(LONG))
    assert outcome == outcome.due
    # The model would compare each page with each.
    faulty.run_raw(parse_program(crowded(4 << 20)))
    assert faulty.machine is began


@contextmanager
def standing(pid, still, going):
    """Have a process stand still for some seconds after it has run for some."""
    over = threading.Event()

    def stop_and_go():
        # When it has ended, that is for the test to tell.
        with suppress(ProcessLookupError):
            while not over.wait(going):
                os.kill(pid, signal.SIGSTOP)
                over.wait(still)
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_machine_that_stands_still_now_and_then_is_not_taken_for_a_hang(
    faulty, monkeypatch
):
    """For longer than the deadline of a step, with most tasks in the midst of one."""
    # That the agent gets to speak in between is not what this is about.
    monkeypatch.setattr(agent, "SILENCE", 30.0)
    began = faulty.machine
    with standing(began.pid, 1.2 * began.hello.scale, 0.7):
        faulty.run_raw(parse_program(crowded(64 << 20)))
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
