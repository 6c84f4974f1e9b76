"""Each faulty method gets the verdict that is its own, and the run goes on.

The programs are those of the suite; only the node is another. A method that
was caught leaves a machine behind that nobody trusts any more: the next program
runs on a fresh one, and has to come out right on the reference method. Loops, hangs
and ends of machines are in test_hangs.py.
"""

import os
import signal

import pytest

from mmapkit.errors import MachineError
from mmapkit.grammar import parse_program
from mmapkit.verdict import Data, Errno, NotReached, Ok, Value, Verdict

QUESTION = """
open f0 /dev/memphys/{method} rdonly
mmap m0 f0 off=arena len=0x6000 prot=rw flags=private
load m0 4
load m0+0x1000 4
load m0+0x2000 4
load m0+0x3000 4
load m0+0x4000 4
load m0+0x5000 4
munmap m0
"""

SHARED = """
open f0 /dev/memphys/{method} rdwr
mmap m0 f0 off=arena+0x4000 len=0x4000 prot=rw flags=shared
store m0 4 0xa5
munmap m0
"""

#: what no program of this file needs, and a slow machine does in half a second
MANY_FAULTS = 1000


def run(lab, text, method):
    """Return what the program comes to, and what it has to come to."""
    outcome = lab.run(parse_program(text.format(method=method)))
    return outcome, outcome.due


def evidence(outcome):
    return dict(outcome.evidence)


@pytest.fixture(autouse=True)
def _goes_on(faulty):
    """After each method, a program comes out right."""
    yield
    actual, expected = run(faulty, QUESTION, "fault")
    assert actual == expected


def test_original_maps_five_pages_and_loops_on_the_sixth(faulty):
    outcome, expected = run(faulty, QUESTION, "original")
    assert outcome.verdict is Verdict.RETRY_LOOP
    assert outcome.stopped_at == 7
    assert outcome.results[:7] == expected.results[:7]
    assert outcome.results[7:] == (NotReached(), NotReached())
    assert int(evidence(outcome)["faults"]) > MANY_FAULTS


def test_warning_is_a_splat_with_the_operation(faulty):
    outcome, expected = run(faulty, SHARED, "warn")
    assert outcome.verdict is Verdict.SPLAT
    assert outcome.stopped_at == 2
    assert outcome.results == expected.results
    assert outcome.findings[0].kind == "warning"


def test_swapped_pages_are_seen_in_the_contents(faulty):
    outcome, expected = run(faulty, QUESTION, "swapped")
    assert outcome.verdict is Verdict.OK
    assert outcome.results[2:4] == expected.results[3:1:-1]
    assert outcome != expected


def test_shared_prot_lets_a_private_store_reach_memory(faulty):
    text = """
    open f0 /dev/memphys/{method} rdwr
    mmap m0 f0 off=arena len=0x1000 prot=rw flags=private
    store m0 8 0xa5
    pread f0 off=arena len=8
    """
    outcome, expected = run(faulty, text, "shared-prot")
    assert outcome.results[3].data[0] == 0xA5
    assert expected.results[3].data[0] != 0xA5
    assert outcome != expected


def test_shared_prot_lets_a_read_only_mapping_be_written(faulty):
    text = """
    open f0 /dev/memphys/{method} rdwr
    mmap m0 f0 off=arena len=0x1000 prot=r flags=shared
    store m0 8 0xa5
    """
    outcome, expected = run(faulty, text, "shared-prot")
    assert outcome.results[2] == Ok()
    assert str(expected.results[2]) == "SIGSEGV m0+0x0 ACCERR"


# Two threads and another process, on pages that nobody has touched.
RACE = """
open f0 /dev/memphys/{method} rdwr
mmap m0 f0 off=arena len=0x2000 prot=rw flags=shared
thread p1
fork p2
TOGETHER
p0: load m0 4
p1: load m0{other} 4
p2: load m0{other} 4
END
"""


@pytest.mark.parametrize(("method", "other"), [("busy", ""), ("unlocked", "+0x1000")])
def test_race_is_seen_in_blocks_and_nowhere_else(faulty, method, other):
    text = RACE.format(method=method, other=other)
    turns = parse_program(text.replace("TOGETHER", "").replace("END", ""))
    block = parse_program(text.replace("TOGETHER", "together").replace("END", "end"))
    for _ in range(3):
        outcome = faulty.run(turns)
        assert outcome == outcome.due
    # One processor may be busy elsewhere for some of them.
    outcomes = (faulty.run(block) for _ in range(20))
    wrong = next(outcome for outcome in outcomes if outcome != outcome.due)
    assert wrong.verdict is Verdict.OK
    if method == "busy":
        assert "SIGBUS m0+0x0 ADRERR" in map(str, wrong.results)
    else:
        assert all(isinstance(result, Value) for result in wrong.results[4:])


@pytest.mark.parametrize(
    ("method", "verdict"),
    [("nopage", Verdict.RETRY_LOOP), ("sleep", Verdict.HANG)],
)
def test_task_of_a_block_that_never_ends_is_told_with_its_operation(
    faulty, method, verdict
):
    text = """
    open f0 /dev/memphys/fault rdwr
    open f1 /dev/memphys/{method} rdwr
    mmap m0 f0 off=arena len=0x1000 prot=rw flags=shared
    mmap m1 f1 off=arena+0x1000 len=0x1000 prot=rw flags=shared
    fork p1
    together
    p0: load m0 4
    p1: load m0 4
    p1: load m1 4
    p1: load m0 4
    p0: load m0+8 4
    end
    load m0 4
    """
    outcome, expected = run(faulty, text, method)
    assert (outcome.verdict, outcome.stopped_at) == (verdict, 7)
    assert outcome.results[:7] == expected.results[:7]
    assert outcome.results[7:9] == (NotReached(), NotReached())
    assert outcome.results[9] == expected.results[9]
    assert outcome.results[10] == NotReached()


READ = """
open f0 /dev/memphys/{method} rdwr
mmap m0 f0 off=arena len=0x4000 prot=rw flags=shared
store m0+0x2000 8 0xa5
peek m0+0x2000 len=16 via={way}
"""


def by_way(lab, text, way):
    """Return a program with a way of the kernel; another for one it does not know."""
    known = lab.target.traits.cross_memory or way != "readv"
    return text.replace("{way}", way if known else "splice")


def test_pages_marked_as_io_are_refused_to_the_kernel_alone(faulty):
    """Not to vmsplice() of 6.1, whose fast GUP takes what has a PTE."""
    outcome, expected = run(faulty, by_way(faulty, READ, "readv"), "page-io")
    assert outcome.verdict is Verdict.OK
    assert outcome.results[:3] == expected.results[:3]
    assert isinstance(expected.results[3], Data)
    assert outcome.results[3] == Errno("EFAULT")


#: the sixth page of this one loops, the others do not: see QUESTION
LOOPING = """
open f0 /dev/memphys/{method} rdwr
mmap m0 f0 off=arena len=0x6000 prot=rw flags=shared
load m0 4
peek m0+0x5000 len=8 via={way}
munmap m0
"""


@pytest.mark.parametrize("way", ["mem", "ptrace"])
def test_page_that_is_asked_for_for_ever_is_a_retry_loop(faulty, way):
    """__get_user_pages() looks again, and at signals, each time."""
    outcome, _ = run(faulty, LOOPING.replace("{way}", way), "original")
    assert outcome.verdict is Verdict.RETRY_LOOP
    assert outcome.stopped_at == 3
    assert int(evidence(outcome)["faults"]) > MANY_FAULTS


def test_reference_method_raises_no_alarm_beside_faulty_ones(faulty):
    outcome, expected = run(faulty, SHARED, "remap")
    assert outcome == expected
    assert isinstance(run(faulty, QUESTION, "remap")[0].results[2], Value)


def test_killed_machine_is_lost_and_replaced(faulty):
    machine = faulty.machine
    os.kill(machine.pid, signal.SIGKILL)
    outcome = machine.run(parse_program(SHARED.format(method="remap")))
    assert outcome.verdict is Verdict.LOST
    assert faulty.machine is not machine


def test_machine_that_dies_between_programs_is_no_pass(faulty):
    run(faulty, SHARED, "remap")
    os.kill(faulty.machine.pid, signal.SIGKILL)
    with pytest.raises(MachineError, match="lost while content was restored"):
        run(faulty, SHARED, "remap")


def test_silent_machine_is_lost_and_replaced(faulty):
    """The machine stands still, which nothing inside of it can tell."""
    machine = faulty.machine
    os.kill(machine.pid, signal.SIGSTOP)
    outcome = machine.run(parse_program(SHARED.format(method="remap")))
    assert outcome.verdict is Verdict.LOST
    assert evidence(outcome)["end"] == "the agent is silent"
    assert faulty.machine is not machine
