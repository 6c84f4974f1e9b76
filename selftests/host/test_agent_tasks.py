"""Threads and blocks of the agent, as a process of this machine."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from mmapkit.agent import Mode
from mmapkit.content import pattern
from mmapkit.grammar import parse_program
from mmapkit.machine.local import LocalMachine
from mmapkit.program import Close, Program
from mmapkit.strategies import Shape, crowds
from mmapkit.verdict import Errno, Killed, NotReached, Ok, Value, Verdict

from .conftest import SIZE

THREADS = """
open f0 {path} rdwr
mmap m0 f0 off=0 len=0x2000 prot=rw flags=private
thread p1
p1: store m0 4 0x11
load m0 4
p1: open f1 {path} rdonly
p1: mmap m1 f1 off=0x1000 len=0x1000 prot=r flags=shared
load m1 8
pread f1 off=0 len=4
p1: fork p2
p2: store m0 4 0x22
p2: thread p3
p3: load m0 4
p1: load m0 4
p3: load m1+0x1000 1
p2: close f1
p1: wait p3
p2: wait p3
p3: load m0 4
wait p2
p1: wait p2
p2: load m0 4
close f1
p1: pread f1 off=0 len=1
p1: digest m0
thread p1
wait p1
wait p1
p1: load m0 4
thread p1
"""


def test_thread_shares_all_and_a_fork_of_one_nothing(machine, model, target):
    program = parse_program(THREADS.format(path=target.nodes[0].path))
    outcome = machine.run(program)
    assert outcome == model.run(program)
    told = [str(result) for result in outcome.results]
    content = int.from_bytes(pattern(8, 0, 0x1000), "little")
    assert told[:9] == [
        *("ok", "ok", "ok", "ok", "ok 0x11", "ok", "ok", f"ok {content:#x}"),
        f"ok ={pattern(4, 0, 0).hex()}",
    ]
    assert told[9:16] == [
        *("ok", "ok", "ok", "ok 0x22", "ok 0x11", "SIGSEGV m1+0x1000 MAPERR", "ok")
    ]
    assert told[16:24] == [*("void", "ok", "void", "void", "ok", "void", "ok", "EBADF")]
    assert told[25:] == ["void", "ok", "void", "void", "void"]


def test_process_takes_its_threads_with_it(machine):
    program = parse_program(
        "fork p1\np1: thread p2\np2: thread p3\nwait p1\np2: close f0\np3: close f0\n"
    )
    told = [str(result) for result in machine.run(program).results]
    assert told == ["ok", "ok", "ok", "ok", "void", "void"]


def test_end_of_a_program_ends_its_threads(machine):
    program = parse_program(
        "thread p1\np1: fork p2\np2: thread p3\np3: fork p4\np3: thread p5\n"
    )
    for mode in Mode:
        assert machine.run(program, mode).verdict is Verdict.OK
    pid = machine._process.pid
    assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""


# ---------------------------------------------------------------- blocks

COUNT = 40


def counting(task, mine, other):
    """Return operations that count up a word, and look at that of another task."""
    return "".join(
        f"p{task}: store m0+{mine} 8 {n}\np{task}: load m0+{other} 8\n"
        for n in range(1, COUNT + 1)
    )


RACE = "\n".join(
    (
        "open f0 {path} rdwr\nmmap m0 f0 off=0 len=0x1000 prot=rw flags=shared",
        "{make} p1\nstore m0 8 0\nstore m0+8 8 0",
        "{begin}\n" + counting(0, 0, 8) + counting(1, 8, 0) + "{end}",
    )
)


def overlaps(machine, text):
    """Return whether a task has seen another one in the midst of its operations."""
    outcome = machine.run(parse_program(text))
    assert outcome.verdict is Verdict.OK
    seen = [r.value for r in outcome.results if isinstance(r, Value)]
    assert len(seen) == 2 * COUNT
    assert seen[:COUNT] == sorted(seen[:COUNT])
    assert seen[COUNT:] == sorted(seen[COUNT:])
    return any(0 < value < COUNT for value in seen)


@pytest.mark.parametrize("make", ["thread", "fork"])
def test_tasks_of_a_block_overlap_and_others_do_not(machine, target, make):
    path = target.nodes[0].path
    block = RACE.format(path=path, make=make, begin="together", end="end")
    turns = RACE.format(path=path, make=make, begin="", end="")
    # One processor may be busy elsewhere for some of them.
    assert any(overlaps(machine, block) for _ in range(200))
    assert not any(overlaps(machine, turns) for _ in range(20))


def test_operations_of_a_block_without_their_task_are_void(machine):
    text = "together\np3: close f0\nclose f1\nend\ntogether\np1: close f0\nend\n"
    outcome = machine.run(parse_program(f"{text}close f2\n"))
    assert [str(r) for r in outcome.results] == ["void", "EBADF", "void", "EBADF"]


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_runs_blocks(machine, target, mode):
    program = parse_program(
        f"open f0 {target.nodes[0].path} rdwr\nfork p1\nthread p2\ntogether\n"
        "p0: close f1\np1: close f0\np2: mmap m0 f0 off=0 len=1 prot=r flags=shared\n"
        "p2: load m0 1\np1: close f0\nend\nload m0 1\n"
    )
    results = [str(r) for r in machine.run(program, mode).results]
    assert results[3:6] == ["EBADF", "ok", "ok"]
    assert results[6] == results[8]
    assert results[7] == "EBADF"


@pytest.mark.parametrize("make", ["thread", "fork"])
def test_hang_in_a_block_is_told_with_its_operation(machine, tmp_path, make):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = parse_program(
        f"{make} p1\ntogether\nclose f0\np1: close f1\np1: open f2 {fifo} rdonly\n"
        "p1: close f2\nclose f0\nend\nclose f3\n"
    )
    outcome = machine.run(program)
    assert outcome.verdict is Verdict.HANG
    assert outcome.stopped_at == 3
    done, none = Errno("EBADF"), NotReached()
    assert outcome.results == (Ok(), done, done, none, none, done, none)
    assert dict(outcome.evidence)["state"] == "S"


def test_two_that_hang_in_a_block_are_both_told(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    outcome = machine.run(
        parse_program(
            "thread p1\nfork p2\ntogether\np2: close f0\n"
            f"p1: open f0 {fifo} rdonly\np0: close f0\np2: open f2 {fifo} rdonly\nend\n"
        )
    )
    assert (outcome.verdict, outcome.stopped_at) == (Verdict.HANG, 3)
    assert ("beside", "p2 at operation 5, state S") in outcome.evidence


def dying(tmp_path, make):
    """Return a program one task of which waits, in a block, until it is killed."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    return parse_program(
        f"{make} p1\nfork p2\ntogether\np2: close f0\np1: open f0 {fifo} rdonly\n"
        "p0: close f0\np1: close f0\nend\nclose f1\n"
    )


def find_task(agent, name, deadline):
    """Return the number of the first task of a name, 0 when none comes.

    It is one of the agent's: others may run programs here at the same time, and
    theirs have the same names.
    """
    while time.monotonic() < deadline:
        for task in Path("/proc").glob("[0-9]*/task/[0-9]*"):
            with suppress(OSError):
                number = int(task.name)
                if (task / "comm").read_text() == name and os.getsid(number) == agent:
                    return number
    return 0


def kill_task(agent, name, deadline):
    """Send SIGKILL to the first task of an agent that has a name."""
    if task := find_task(agent, name, deadline):
        with suppress(ProcessLookupError):
            os.kill(task, signal.SIGKILL)


@pytest.mark.parametrize("make", ["thread", "fork"])
def test_death_in_a_block_ends_it(machine, tmp_path, make):
    program = dying(tmp_path, make)
    name = f"mp.{machine._session.runs + 1}.3\n"
    with ThreadPoolExecutor() as pool:
        agent = machine._process.pid
        pool.submit(kill_task, agent, name, time.monotonic() + 10)
        outcome = machine.run(program)
    assert outcome.verdict is Verdict.KILLED
    assert outcome.stopped_at == 3
    assert outcome.results[3] == Killed("SIGKILL")
    assert outcome.results[5:] == (NotReached(), NotReached())
    # A thread takes p0 along; of a process that is not p0 its result tells.
    signals = [text for key, text in outcome.evidence if key == "signal"]
    assert signals == (["SIGKILL"] if make == "thread" else [])


def test_agent_goes_on_after_a_hang_in_a_block(machine, tmp_path):
    machine.run(dying(tmp_path, "thread"))
    assert machine.run(Program((Close(0),))).results == (Errno("EBADF"),)


def test_agent_that_is_killed_in_a_run_takes_the_program_along(
    agent_file, machine, tmp_path
):
    """As one that is init of a machine takes that along: nobody waits for it."""
    name = f"mp.{machine._session.runs + 1}.3\n"
    agent = machine._process.pid

    def kill_agent():
        deadline = time.monotonic() + 10
        if worker := find_task(agent, name, deadline):
            os.kill(agent, signal.SIGKILL)
            while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
                os.sched_yield()
        return worker

    with ThreadPoolExecutor() as pool:
        killed = pool.submit(kill_agent)
        outcome = machine.run(dying(tmp_path, "thread"))
    assert outcome.verdict is Verdict.LOST
    # Another process of the program may still have the other end of the pipe.
    ends = ("the agent is gone", "the agent is silent")
    assert dict(outcome.evidence)["end"] in ends
    assert not machine.usable
    assert killed.result()
    assert not Path(f"/proc/{killed.result()}").exists()
    fresh = LocalMachine(agent_file, None, 0)
    assert fresh.run(Program((Close(0),))).results == (Errno("EBADF"),)
    fresh.close()


@given(program=crowds(["device"], Shape(window=None, size=SIZE)))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_on_a_file_come_to_what_the_model_allows(
    machine, model, target, program
):
    path = target.nodes[0].path
    Path(path).write_bytes(pattern(SIZE, 0, 0))
    program = program.retarget(lambda _: path)
    outcome = machine.run(program, Mode.KEEP)
    due, *_ = model.expect(program).nearest(outcome.results)
    assert outcome == due


def test_limit_leaves_what_the_agent_itself_needs(machine):
    """Of all threads, also those that were made just before."""
    program = parse_program(
        "memfd f0 0x3000\nmmap m0 f0 off=0 len=0x3000 prot=rw flags=shared\n"
        "thread p1\nlimit 0x1000\ndigest m0\np1: digest m0\np1: pread f0 off=0 len=1\n"
        "mmap m1 f0 off=0 len=0x2000 prot=rw flags=shared\n"
    )
    results = [str(result) for result in machine.run(program).results]
    assert results[4] == results[5]
    assert results[4].startswith("ok 12288 #")
    assert results[6:] == ["ok =00", "ENOMEM"]
